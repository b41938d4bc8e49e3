"""A batch that one example holds itself: convolutions and recurrent operators over it stay on tiles."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from sequence_models import CLOSE, SUMS, assert_equals_onnxruntime, bench_of, model, node, recurrent_weights

from chipsim.execution.functional import IDEAL
from chipsim.network.layers import DigitalLayer, MatrixLayer
from chipsim.network.onnx_reader import read_onnx
from chipsim.onnx_backend import Backend

Array = NDArray[Any]
FRAMES = 3


def over_frames(operator: str, shape: tuple[int, ...], weights: Array, bias: Array, **attributes: Any) -> bytes:
    """An operator over the frames of one example, shape (channels, *sizes) each."""
    stored = {"frames": np.array([-1, *shape]), "w": weights, "b": bias}
    nodes = [node("Reshape", "x frames", "f"), node(operator, "f w b", "y", **attributes)]
    return model(nodes, ("N", FRAMES, *shape), stored, ["y"])


@settings(max_examples=60)
@given(st.data())
def test_any_convolution_over_frames(data: st.DataObject) -> None:
    axes, groups = data.draw(st.integers(1, 2)), data.draw(st.integers(1, 2))
    inside, outside = (groups * data.draw(st.integers(1, 2)) for _ in range(2))
    kernel, sizes, strides, dilations = (
        [data.draw(st.integers(1, most)) for _ in range(axes)] for most in (3, 6, 2, 2)
    )
    transposed = data.draw(st.booleans())
    attributes: dict[str, Any] = {"group": groups, "strides": strides, "dilations": dilations}
    if data.draw(st.booleans()):
        attributes["kernel_shape"] = kernel
    if transposed and data.draw(st.booleans()):
        attributes["output_padding"] = [stride - 1 for stride in strides]
    if data.draw(st.booleans()):
        attributes["pads"] = [data.draw(st.integers(0, 1)) for _ in range(2 * axes)]
    elif not transposed and max(dilations) == 1:
        attributes["auto_pad"] = data.draw(st.sampled_from(["SAME_UPPER", "SAME_LOWER", "VALID", "NOTSET"]))
    spans = [dilation * (k - 1) + 1 for k, dilation in zip(kernel, dilations, strict=True)]
    pads = np.reshape(attributes.get("pads", [0] * 2 * axes), (2, axes)).sum(axis=0)
    assume(np.all(pads < spans) if transposed else np.all(np.array(sizes) + pads >= spans))
    rng = np.random.default_rng(data.draw(st.integers(0, 9)))
    shape = (inside, outside // groups, *kernel) if transposed else (outside, inside // groups, *kernel)
    content = over_frames(
        "ConvTranspose" if transposed else "Conv", (inside, *sizes), rng.standard_normal(shape, np.float32),
        rng.standard_normal(outside, np.float32), **attributes,
    )  # fmt: skip
    network = assert_equals_onnxruntime(content)
    assert network.macs == network.macs_on_tiles > 0


def test_every_frame_is_convolved_with_the_same_tiles_and_then_an_lstm_goes_over_them() -> None:
    """As frameworks write layers that they distribute over time."""
    rng, frames, hidden = np.random.default_rng(1), 4, 6
    stored: dict[str, Array] = recurrent_weights("LSTM", "", 2 * 3 * 3, hidden, 1, rng)
    stored |= {"maps": np.array([-1, 1, 6, 6]), "w": rng.standard_normal((2, 1, 3, 3), np.float32)}
    stored |= {"b": rng.standard_normal(2, np.float32), "steps": np.array([frames, 1, 18])}
    nodes = [
        node("Reshape", "x maps", "f"),
        node("Conv", "f w b", "c", pads=[1, 1, 1, 1]),
        node("Relu", "c", "r"),
        node("MaxPool", "r", "p", kernel_shape=[2, 2], strides=[2, 2]),
        node("Reshape", "p steps", "s"),
        node("LSTM", "s W R B", "- Yh", hidden_size=hidden),
    ]
    network = assert_equals_onnxruntime(model(nodes, ("N", frames, 1, 6, 6), stored, ["Yh"]))
    assert network.macs == network.macs_on_tiles
    convolution = network.layers["c"]
    assert isinstance(convolution, MatrixLayer)
    assert convolution.positions == frames * 36
    assert convolution.macs == frames * 36 * 9 * 2


def test_what_begins_with_the_batch_is_read_as_ever() -> None:
    """One frame is one example: nothing is turned round."""
    rng = np.random.default_rng(2)
    stored = {"one": np.array([0, 2, 4, 4]), "w": rng.standard_normal((3, 2, 3, 3), np.float32)}
    nodes = [node("Reshape", "x one", "f"), node("Conv", "f w", "y")]
    network = assert_equals_onnxruntime(model(nodes, ("N", 32), stored, ["y"]))
    assert not any(isinstance(layer, DigitalLayer) for layer in network.layers.values())


def layout_zero(kind: str, names: list[str], stored: dict[str, Array], direction: str) -> onnxruntime.InferenceSession:
    """One operator of layout 0 in ONNX Runtime, which has no other; sequences and first states are its inputs."""
    operands = ["x", "W", "R", "B", "", "first"]
    one = helper.make_node(kind, operands, names, hidden_size=stored["R"].shape[-1], direction=direction)
    graph = helper.make_graph(
        [one],
        "plain",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ("x", "first")],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in names if name],
        [numpy_helper.from_array(stored[name], name) for name in ("W", "R", "B")],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    return onnxruntime.InferenceSession(made.SerializeToString(), providers=["CPUExecutionProvider"])


@pytest.mark.parametrize("kind", SUMS)
@pytest.mark.parametrize("direction", ["forward", "bidirectional"])
@pytest.mark.parametrize("state", ["constant", "data"])
def test_layout_one_with_several_sequences_is_layout_zero_turned_round(kind: str, direction: str, state: str) -> None:
    """ONNX Runtime has layout 0 alone, and is given everything turned round."""
    rng, steps, sequences, inputs, hidden = np.random.default_rng(3), 4, 3, 5, 6
    directions = 2 if direction == "bidirectional" else 1
    stored: dict[str, Array] = recurrent_weights(kind, "", inputs, hidden, directions, rng)
    names, stored["steps"] = ["Y", "Yh", "Yc"][: 2 + (kind == "LSTM")], np.array([sequences, steps, inputs])
    first = rng.standard_normal((sequences, directions, hidden), np.float32)
    given_values = {"x": rng.standard_normal((2, sequences, steps, inputs), np.float32)}
    if state == "data":
        given_values["h"], stored["flat"] = np.stack([first, 2 * first]), np.array(first.shape)
        nodes = [node("Reshape", "h flat", "first")]
    else:
        stored["first"], nodes = first, []
    nodes += [
        node("Reshape", "x steps", "s"),
        node(kind, "s W R B - first", " ".join(names), hidden_size=hidden, direction=direction, layout=1),
    ]
    graph = helper.make_graph(
        nodes,
        "layout",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", *value.shape[1:]])
         for name, value in given_values.items()],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in names],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in stored.items()],
    )  # fmt: skip
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    network = read_onnx(made.SerializeToString(), "layout")
    assert network.macs == network.macs_on_tiles > 0
    x = network.join_inputs(given_values)
    found = bench_of(network, x).program(IDEAL).run(x, network.outputs)
    session = layout_zero(kind, names, stored, direction)
    for example in range(2):
        states = given_values["h"][example] if state == "data" else first
        feeds = {"x": given_values["x"][example].swapaxes(0, 1), "first": states.swapaxes(0, 1)}
        for layer, values in zip(network.outputs, session.run(None, feeds), strict=True):
            expected = values.transpose([2, 0, 1, 3] if values.ndim == 4 else [1, 0, 2])
            got = found[layer][example].reshape(expected.shape)
            assert np.abs(got - expected).max() <= CLOSE * np.abs(expected).max()


def test_the_backend_keeps_layout_one_on_tiles_though_the_bias_is_data() -> None:
    rng = np.random.default_rng(4)
    stored = recurrent_weights("GRU", "", 5, 6, 1, rng)
    shapes = {"x": (3, 4, 5)} | {name: value.shape for name, value in stored.items()}
    graph = helper.make_graph(
        [helper.make_node("GRU", ["x", "W", "R", "B"], ["", "h"], hidden_size=6, layout=1)],
        "batchwise",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shapes.items()],
        [helper.make_tensor_value_info("h", TensorProto.FLOAT, (3, 1, 6))],
    )
    made: onnx.ModelProto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    x = rng.standard_normal((3, 4, 5), np.float32)
    prepared = Backend.prepare(made)
    (found,) = prepared.run([x, *stored.values()])
    assert prepared.held == ("W", "R")
    assert prepared.programmed is not None
    assert prepared.programmed.share_on_tiles == 1
    session = layout_zero("GRU", ["", "h"], stored, "forward")
    first = np.zeros((1, 3, 6), np.float32)
    (expected,) = session.run(None, {"x": x.swapaxes(0, 1), "first": first})
    np.testing.assert_allclose(found, expected.swapaxes(0, 1), rtol=0, atol=1e-5)
