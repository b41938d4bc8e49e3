"""`Scan`: its steps are as many as its inputs are long, so that they are written out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from network_models import assert_like_reference, model_bytes, node, normal, read_and_check
from onnx import TensorProto, helper, numpy_helper

from chipsim.errors import ModelError, UnsupportedOperatorError
from chipsim.network.edges import edges
from chipsim.network.layers import DigitalLayer, ViewLayer
from chipsim.network.onnx_reader import read_onnx

W, R = normal(4, 6), normal(6, 6, seed=1) / 3
RNN = [
    node("MatMul", "a w", "p"),
    node("MatMul", "h r", "q"),
    node("Add", "p q", "s"),
    node("Tanh", "s", "k"),
    node("Neg", "s", "seen"),
]
WEIGHTS = {"w": W, "r": R, "first": np.zeros((1, 6), np.float32)}


def body(nodes: Sequence[onnx.NodeProto], inputs: str, outputs: str) -> onnx.GraphProto:
    """Of a Scan; sizes are left out."""
    return helper.make_graph(
        list(nodes),
        "body",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in inputs.split()],
        [onnx.ValueInfoProto(name=name) for name in outputs.split()],
    )


def scan(inputs: str, outputs: str, inner: onnx.GraphProto, **attributes: Any) -> onnx.NodeProto:
    given = ["" if name == "-" else name for name in inputs.split()]
    made = ["" if name == "-" else name for name in outputs.split()]
    return helper.make_node("Scan", given, made, "scan", body=inner, **attributes)


def rnn(inputs: str = "first x", outputs: str = "last y", **attributes: Any) -> onnx.NodeProto:
    return scan(inputs, outputs, body(RNN, "h a", "k seen"), num_scan_inputs=1, **attributes)


@pytest.mark.parametrize("opset", [9, 11, 13, 21])
def test_the_weights_of_all_steps_stand_on_tiles_once(opset: int) -> None:
    content = model_bytes([rnn(scan_input_axes=[1])], ("N", 5, 4), WEIGHTS, ("last", "y"), opset)
    network = read_and_check(content, batch=2)
    assert network.macs_on_tiles == network.macs
    assert len({layer.shares or layer.name for layer in network.matrix_layers}) == 2


def test_each_step_reads_its_own_position_which_costs_nothing() -> None:
    """So that the first step begins when the first position is there."""
    for axes, shape in (([1], ("N", 5, 4)), ([0], (5, "N", 4)), ([0], (5, 1, 4))):
        content = model_bytes([rnn(scan_input_axes=axes, scan_input_directions=[1])], shape, WEIGHTS, ("last", "y"))
        layers = read_onnx(content, "net").layers
        assert layers["x"].channels_last
        steps = [layer.picks for layer in layers.values() if isinstance(layer, ViewLayer) and layer.picks is not None]
        assert steps == [(4,), (3,), (2,), (1,), (0,)]
        assert not [layer for layer in layers.values() if getattr(layer, "operator", "") == "Gather"]


def test_a_convolution_that_reads_the_same_input() -> None:
    """It waits for all of its positions, since these are not its own."""
    nodes = [rnn(scan_input_axes=[1]), node("Conv", "x kernel", "y2", pads=[1, 1])]
    content = model_bytes(nodes, ("N", 5, 4), WEIGHTS | {"kernel": normal(2, 5, 3)}, ("y", "y2"))
    network = read_and_check(content)
    edge = next(edge for edge in edges(network) if (edge.producer, edge.consumer) == ("x", "y2"))
    assert set(edge.need.tolist()) == {5}


@pytest.mark.parametrize("turned", [(0, 0), (1, 0), (0, 1), (1, 1)])
@pytest.mark.parametrize("axis", [0, 1, 2, -1])
def test_directions_and_axes_of_what_comes_out(turned: tuple[int, int], axis: int) -> None:
    loop = rnn(
        scan_input_axes=[-2],
        scan_input_directions=turned[:1],
        scan_output_axes=[axis],
        scan_output_directions=turned[1:],
    )
    read_and_check(model_bytes([loop], ("N", 5, 4), WEIGHTS, ("last", "y"), 17), batch=1)


def test_several_states_and_inputs_each_along_its_own_axis() -> None:
    inner = body(
        [node("Mul", "c h", "d"), *RNN[:4], node("Add", "d b", "e"), node("Sub", "k b", "o")], "c h b a", "e k o d"
    )
    loop = scan(
        "c0 first b x", "c last extra y", inner, num_scan_inputs=2, scan_input_axes=[2, 1], scan_input_directions=[1, 0]
    )
    nodes = [node("Transpose", "x", "t", perm=[0, 2, 1]), node("MatMul", "u t", "b"), loop]
    weights = WEIGHTS | {"u": normal(6, 4, seed=3), "c0": normal(1, 6, seed=4)}
    read_and_check(model_bytes(nodes, ("N", 5, 4), weights, ("c", "last", "y"), 17), batch=2)


def test_values_from_outside_and_weights_inside() -> None:
    inner = body([node("MatMul", "a inside", "p"), node("Add", "p bias", "s"), node("Add", "s h", "k")], "h a", "k s")
    inner.initializer.append(numpy_helper.from_array(W, "inside"))
    nodes = [
        node("ReduceMean", "x axes", "m", keepdims=0),
        node("MatMul", "m w", "bias"),
        scan("first x", "last y", inner, num_scan_inputs=1, scan_input_axes=[1]),
    ]
    network = read_and_check(model_bytes(nodes, ("N", 5, 4), WEIGHTS | {"axes": np.array([1])}, ("last", "y"), 18))
    assert len({layer.shares or layer.name for layer in network.matrix_layers}) == 2


def test_a_scan_within_a_loop_within_a_branch() -> None:
    steps = rnn("g x", "n extra", scan_input_axes=[1])
    for value in steps.attribute[0].g.output:  # onnxruntime wants to know them
        value.CopyFrom(helper.make_tensor_value_info(value.name, TensorProto.FLOAT, [1, 6]))
    turn = helper.make_graph(
        [steps, node("Identity", "go", "on")],
        "turn",
        [
            helper.make_tensor_value_info("i", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
            helper.make_tensor_value_info("g", TensorProto.FLOAT, None),
        ],
        [onnx.ValueInfoProto(name="on"), onnx.ValueInfoProto(name="n")],
    )
    loop = helper.make_node("Loop", ["two", "", "first"], ["z"], "loop", body=turn)
    choice = helper.make_node(
        "If", ["yes"], ["y"], "if",
        then_branch=body([loop], "", "z"), else_branch=body([node("Neg", "first", "z")], "", "z"),
    )  # fmt: skip
    weights = WEIGHTS | {"two": np.array(2), "yes": np.array(True)}
    network = read_and_check(model_bytes([choice], ("N", 3, 4), weights, ("y",), 18))
    assert len({layer.shares or layer.name for layer in network.matrix_layers}) == 2


def test_what_a_scan_of_constants_gives_is_a_constant() -> None:
    inner = body([node("Add", "h a", "k"), node("Identity", "k", "s")], "h a", "k s")
    loop = scan("zero w", "last sums", inner, num_scan_inputs=1)
    nodes = [loop, node("MatMul", "x sums", "y")]
    network = read_and_check(model_bytes(nodes, ("N", 4), {"w": W, "zero": np.zeros(6, np.float32)}, opset=17))
    np.testing.assert_allclose(network.matrix_layers[0].matrices[0].weights, np.cumsum(W, axis=0), rtol=1e-6)
    assert not [layer for layer in network.layers.values() if isinstance(layer, DigitalLayer)]


@pytest.mark.parametrize("sizes", [(5, 1, 4), (5, "N", 4)])
def test_what_goes_along_axis_0_has_its_batch_on_the_next(sizes: tuple[int | str, ...]) -> None:
    content = model_bytes([rnn()], sizes, WEIGHTS, ("last", "y"))
    network = read_onnx(content, "net")
    assert network.input_shape == (5, 4)
    assert any("its batch on axis 1" in note for note in network.notes)
    x = normal(3, 5, 4)
    assert_like_reference(network, x)
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    expected = session.run(["y"], {"x": x[:1].transpose(1, 0, 2)})[0]
    session = onnxruntime.InferenceSession(network.model_bytes(), providers=["CPUExecutionProvider"])
    np.testing.assert_allclose(session.run(["y"], {"x": x[:1]})[0], expected, rtol=1e-5)


@pytest.mark.parametrize("opset", [12, 17])
def test_a_model_without_a_batch_gets_one(opset: int) -> None:
    weights = WEIGHTS | {"first": np.zeros(6, np.float32)}
    content = model_bytes([rnn()], (5, 4), weights, ("last", "y"), opset)
    network = read_onnx(content, "net")
    assert network.input_shape == (5, 4)
    assert "here, in data and in --shape axis 0 is one: input 'x'" in network.notes[0]
    x = normal(3, 5, 4)
    assert_like_reference(network, x)
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    expected = session.run(["y"], {"x": x[0]})[0]
    session = onnxruntime.InferenceSession(network.model_bytes(), providers=["CPUExecutionProvider"])
    np.testing.assert_allclose(session.run(["y"], {"x": x[:1]})[0], expected, rtol=1e-5)


@pytest.mark.parametrize("directions", [[0], [1]])
def test_opset_8_has_a_batch_of_its_own(directions: list[int]) -> None:
    state = {"first": np.zeros((1, 1, 6), np.float32)}
    loop = rnn("- first x", directions=directions)
    network = read_and_check(model_bytes([loop], (1, 5, 4), WEIGHTS | state, ("last", "y"), 8), batch=2)
    assert network.macs_on_tiles == network.macs > 0


def test_lengths_of_opset_8_are_refused() -> None:
    loop = rnn("n first x")
    weights = WEIGHTS | {"first": np.zeros((1, 1, 6), np.float32), "n": np.array([3])}
    with pytest.raises(UnsupportedOperatorError, match=r"'scan' \(Scan\) is given how long sequences are; .* opset 9"):
        read_onnx(model_bytes([loop], (1, 5, 4), weights, ("last", "y"), 8), "net")


def test_inputs_of_different_lengths() -> None:
    inner = body([node("Add", "h a", "k"), node("Mul", "k b", "s")], "h a b", "k s")
    loop = scan("first x w", "last y", inner, num_scan_inputs=2, scan_input_axes=[1, 0])
    with pytest.raises(ModelError, match=r"'scan' \(Scan\) goes along inputs of 5, 4 steps"):
        read_onnx(model_bytes([loop], ("N", 5, 6), WEIGHTS, ("last", "y")), "net")


def test_more_steps_than_anybody_means() -> None:
    content = model_bytes([rnn(scan_input_axes=[1])], ("N", 20_000, 4), WEIGHTS, ("last", "y"))
    with pytest.raises(ModelError, match="takes 20,000 steps, and 10,000 are most"):
        read_onnx(content, "net")
