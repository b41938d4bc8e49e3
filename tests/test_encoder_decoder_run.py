"""A run of an encoder whose sequences have lengths of their own and of a decoder that begins with its last state."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

import chipsim
from chipsim.errors import ChipsimError, DataError

STEPS, DECODED, HIDDEN = 6, 4, 16


def weights(rng: np.random.Generator) -> dict[str, NDArray[Any]]:
    shapes = {"eW": (1, 64, 5), "eR": (1, 64, 16), "eB": (1, 128), "dW": (1, 48, 3), "dR": (1, 48, 16), "dB": (1, 96)}
    found = {name: 0.4 * rng.standard_normal(shape, np.float32) for name, shape in shapes.items()}
    return found | {"w": rng.standard_normal((HIDDEN, 4), np.float32), "first": np.array([0])}


@pytest.fixture
def pair(tmp_path: Path) -> tuple[str, dict[str, NDArray[Any]]]:
    """As PyTorch exports it: sequences have their batch on axis 1, lengths have no other axis."""
    rng = np.random.default_rng(0)
    nodes = [
        helper.make_node("Cast", ["lengths"], ["whole"], "whole", to=TensorProto.INT32),
        helper.make_node("LSTM", ["x", "eW", "eR", "eB", "whole"], ["", "h", "c"], "encoder", hidden_size=HIDDEN),
        helper.make_node("GRU", ["z", "dW", "dR", "dB", "", "h"], ["", "g"], "decoder", hidden_size=HIDDEN),
        helper.make_node("Squeeze", ["g", "first"], ["s"], "s"),
        helper.make_node("MatMul", ["s", "w"], ["y"], "y"),
    ]
    inputs = [
        helper.make_tensor_value_info("x", TensorProto.FLOAT, [STEPS, "N", 5]),
        helper.make_tensor_value_info("lengths", TensorProto.INT64, ["N"]),
        helper.make_tensor_value_info("z", TensorProto.FLOAT, [DECODED, "N", 3]),
    ]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 4])]
    stored = [numpy_helper.from_array(np.asarray(value), name) for name, value in weights(rng).items()]
    graph = helper.make_graph(nodes, "pair", inputs, outputs, stored)
    path = str(tmp_path / "pair.onnx")
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    data = {
        "x": rng.standard_normal((64, STEPS, 5), np.float32), "z": rng.standard_normal((64, DECODED, 3), np.float32),
        "lengths": rng.integers(0, STEPS + 1, 64),
    }  # fmt: skip
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    feeds = {name: values if name == "lengths" else values.swapaxes(0, 1) for name, values in data.items()}
    (scores,) = session.run(None, feeds)
    return path, data | {"y": scores.argmax(axis=1)}


def test_values_and_times(pair: tuple[str, dict[str, NDArray[Any]]], tmp_path: Path) -> None:
    model, data = pair
    np.savez(tmp_path / "pair.npz", **data)
    result = chipsim.run("hermes64", model, data=str(tmp_path / "pair.npz"), baseline="edge_npu", programmings=1)
    found = result.data
    assert found["accuracy"]["reference"] == found["accuracy"]["ideal"] == 1.0
    assert found["accuracy"]["noisy"] > 0.6  # chance: 0.25
    macs = STEPS * 64 * (5 + HIDDEN) + DECODED * 48 * (3 + HIDDEN) + HIDDEN * 4
    assert found["network"]["macs_on_tiles"] == found["network"]["macs"] == macs
    moved = result.ledger[result.ledger["action"].eq("receive")]
    assert set(moved["layer"]) == {"x", "lengths", "z"}


def test_synthetic_lengths_fit(pair: tuple[str, dict[str, NDArray[Any]]]) -> None:
    model, _ = pair
    found = chipsim.run("hermes64", model, programmings=1).data
    assert found["network"]["macs_on_tiles"] > 0


def test_a_length_beyond_the_last_step_is_refused(pair: tuple[str, dict[str, NDArray[Any]]], tmp_path: Path) -> None:
    model, data = pair
    data["lengths"][-1] = STEPS + 1
    np.savez(tmp_path / "pair.npz", **data)
    with pytest.raises(DataError, match=rf"pair.npz: 'lengths' holds {STEPS + 1}; .* from 0 to the {STEPS} steps"):
        chipsim.run("hermes64", model, data=str(tmp_path / "pair.npz"), programmings=1)


def test_rounds_on_a_small_chip_give_the_same_values(pair: tuple[str, dict[str, NDArray[Any]]], tmp_path: Path) -> None:
    model, data = pair
    np.savez(tmp_path / "pair.npz", **data)
    writing = (
        "tile.programming={pulse_time: 100 ns, pulse_energy: 10 pJ, verify_time: 300 ns, verify_energy: 5 pJ, "
        "step: 0.25, tolerance: 0.02, max_iterations: 4, write_heads: 2, tiles_in_parallel: 2}"
    )
    fields = ("grid.shape=[1,3]", "mapping.reload=true", writing)
    result = chipsim.run(
        "hermes64", model, data=str(tmp_path / "pair.npz"), overrides=fields, programmings=1, batch=8
    )  # fmt: skip
    assert result.data["accuracy"]["ideal"] == 1.0


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("lengths", np.full(64, 2.5), "'lengths' holds 2.5; .* in whole numbers"),
        ("lengths", np.full(64, "3"), "'lengths' does not hold numbers"),
        ("x", np.full((64, STEPS, 5), 3e38, np.float32), "layer encoder/input: calibration values: .* scale inputs"),
    ],
)
def test_data_that_no_sequence_has(
    pair: tuple[str, dict[str, NDArray[Any]]], tmp_path: Path, name: str, values: NDArray[Any], message: str
) -> None:
    model, data = pair
    np.savez(tmp_path / "pair.npz", **data | {name: values})
    with pytest.raises(ChipsimError, match=message):
        chipsim.run("hermes64", model, data=str(tmp_path / "pair.npz"), programmings=1)
