"""A run of a network with two inputs, with data by name, values and a baseline."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import chipsim
from chipsim.errors import InputError


@pytest.fixture
def two(tmp_path: Path) -> tuple[str, str]:
    rng = np.random.default_rng(3)
    weights = {"p": rng.standard_normal((12, 5), np.float32), "q": rng.standard_normal((7, 5), np.float32)}
    nodes = [
        helper.make_node("MatMul", ["left", "p"], ["l"], "l"),
        helper.make_node("MatMul", ["right", "q"], ["r"], "r"),
        helper.make_node("Add", ["l", "r"], ["y"], "y"),
    ]
    inputs = [helper.make_tensor_value_info(n, TensorProto.FLOAT, ["N", s]) for n, s in (("left", 12), ("right", 7))]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 5])]
    graph = helper.make_graph(
        nodes, "two", inputs, outputs, [numpy_helper.from_array(v, n) for n, v in weights.items()]
    )
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), tmp_path / "two.onnx"
    )
    left, right = rng.standard_normal((80, 12)), rng.standard_normal((80, 7))
    labels = (left @ weights["p"] + right @ weights["q"]).argmax(axis=1)
    np.savez(tmp_path / "two.npz", left=left, right=right, y=labels)
    return str(tmp_path / "two.onnx"), str(tmp_path / "two.npz")


def test_values_times_and_the_baseline(two: tuple[str, str]) -> None:
    model, data = two
    result = chipsim.run("hermes64", model, data=data, baseline="edge_npu", programmings=1)
    found = result.data
    assert found["accuracy"]["reference"] == found["accuracy"]["ideal"] == 1.0
    assert found["accuracy"]["noisy"] > 0.7  # chance: 0.2
    assert found["network"]["input_shape"] == [19]
    assert found["network"]["macs_on_tiles"] == (12 + 7) * 5
    received = result.ledger[result.ledger["action"].eq("receive")]
    assert set(received["layer"]) == {"left", "right"}


def test_data_for_one_of_them(two: tuple[str, str], tmp_path: Path) -> None:
    np.savez(tmp_path / "one.npz", left=np.zeros((4, 12)))
    with pytest.raises(InputError, match="has no array 'right'"):
        chipsim.run("hermes64", two[0], data=str(tmp_path / "one.npz"))
