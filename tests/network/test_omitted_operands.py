"""An optional operand that a node leaves out stays out when later ones are data; lengths on a digital unit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from network_models import normal
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

import chipsim
from chipsim.errors import DataError
from chipsim.network.dataset import fit_data, load_data, synthetic_data
from chipsim.network.digital import evaluate
from chipsim.network.layers import DigitalLayer
from chipsim.network.zoo import load_network

STEPS, INPUTS, HIDDEN, COUNT = 6, 4, 16, 48
SIZES = {"x": (STEPS, 1, INPUTS), "w": (1, 4 * HIDDEN, INPUTS), "c": (1, 1, HIDDEN), "lengths": (1,)}


def saved(operands: str, folder: Path) -> tuple[str, dict[str, NDArray[Any]]]:
    """An LSTM whose weights are data, so that it stays on the digital unit, and data with ONNX Runtime's classes."""
    stored = {
        "r": 0.4 * normal(1, 4 * HIDDEN, HIDDEN), "k": normal(HIDDEN, 4), "first": np.array([0]),
        "whole": np.int32([4]),
    }  # fmt: skip
    given = ["" if name == "-" else name for name in operands.split()]
    nodes = [
        helper.make_node("LSTM", given, ["", "h"], "rec", hidden_size=HIDDEN),
        helper.make_node("Squeeze", ["h", "first"], ["s"], "s"),
        helper.make_node("MatMul", ["s", "k"], ["y"], "y"),
    ]
    names = [name for name in SIZES if name in given]
    types = {name: TensorProto.INT32 if name == "lengths" else TensorProto.FLOAT for name in names}
    graph = helper.make_graph(
        nodes, "net", [helper.make_tensor_value_info(name, types[name], SIZES[name]) for name in names],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, (1, 4))],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in stored.items()],
    )  # fmt: skip
    path = str(folder / "net.onnx")
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    data: dict[str, NDArray[Any]] = {name: normal(COUNT, *SIZES[name]) for name in names}
    if "lengths" in data:
        data["lengths"] = np.arange(COUNT, dtype=np.int32).reshape(COUNT, 1) % (STEPS + 1)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    scores = [session.run(None, {name: values[i] for name, values in data.items()})[0] for i in range(COUNT)]
    return path, data | {"y": np.concatenate(scores).argmax(axis=1)}


@pytest.mark.parametrize("operands", ["x w r - lengths", "x w r - whole - c", "x w r - - - c", "x w r - lengths - c"])
def test_operands_behind_an_omitted_one_keep_their_places(operands: str, tmp_path: Path) -> None:
    model, data = saved(operands, tmp_path)
    np.savez(tmp_path / "data.npz", **data)
    result = chipsim.run("hermes64", model, data=str(tmp_path / "data.npz"), programmings=1)
    assert result.data["accuracy"]["reference"] == result.data["accuracy"]["ideal"] == 1.0


def test_an_upper_bound_without_a_lower_one() -> None:
    layer = DigitalLayer("clip", ("x", "most"), (3,), "Clip", omitted=(1,))
    assert layer.positions_given == (0, 2)
    assert evaluate(layer, [np.float32([[-5, 0, 5]]), np.float32(2)]).tolist() == [[-5, 0, 2]]


def test_lengths_on_a_digital_unit_are_drawn_and_checked(tmp_path: Path) -> None:
    model, data = saved("x w r - lengths", tmp_path)
    network = load_network(model)
    assert any(isinstance(layer, DigitalLayer) and layer.operator == "LSTM" for layer in network.layers.values())
    drawn = network.split_inputs(synthetic_data(network, 200, 0).x)["lengths"]
    assert set(drawn.ravel().tolist()) == set(range(1, STEPS + 1))
    data["lengths"][3] = STEPS + 1
    np.savez(tmp_path / "data.npz", **data)
    with pytest.raises(DataError, match=f"'lengths' holds {STEPS + 1}; lengths of sequences go from 0 to the {STEPS}"):
        fit_data(load_data(str(tmp_path / "data.npz")), network)


def test_sums_beyond_float32_take_gates_to_their_ends_without_a_warning(tmp_path: Path) -> None:
    cell = helper.make_node("LSTM", ["x", "w", "r", "b"], ["", "h"], "rec", hidden_size=HIDDEN)
    weights = {"w": normal(1, 4 * HIDDEN, INPUTS), "r": normal(1, 4 * HIDDEN, HIDDEN), "k": normal(HIDDEN, 4)}
    nodes = [cell, helper.make_node("Squeeze", ["h", "first"], ["s"]), helper.make_node("MatMul", ["s", "k"], ["y"])]
    shapes = {"x": SIZES["x"], "b": (1, 8 * HIDDEN)}
    graph = helper.make_graph(
        nodes, "net", [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shapes.items()],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, (1, 4))],
        [numpy_helper.from_array(value, name) for name, value in {**weights, "first": np.array([0])}.items()],
    )  # fmt: skip
    path = str(tmp_path / "net.onnx")
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    x, b = normal(8, *shapes["x"]), np.full((8, *shapes["b"]), 3e38, np.float32)
    (score,) = onnxruntime.InferenceSession(path).run(None, {"x": x[0], "b": b[0]})
    assert np.isfinite(score).all()
    np.savez(tmp_path / "data.npz", x=x, b=b, y=np.full(8, score.argmax()))
    result = chipsim.run("hermes64", path, data=str(tmp_path / "data.npz"), programmings=1)
    assert result.data["accuracy"]["reference"] == result.data["accuracy"]["ideal"] == 1.0
