"""RNN, LSTM and GRU on ideal tiles equal onnxruntime, whatever their attributes say."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sequence_models import (
    SUMS,
    assert_equals_onnxruntime,
    bench_of,
    model,
    network_of,
    node,
    recurrent_weights,
)

from chipsim.execution.functional import IDEAL
from chipsim.network.layers import MatrixLayer
from chipsim.network.reference import run_reference

FUNCTIONS = ["Relu", "Tanh", "Sigmoid", "Affine", "LeakyRelu", "ThresholdedRelu", "ScaledTanh", "HardSigmoid", "Elu"]
FUNCTIONS += ["Softsign", "Softplus"]
USUAL = {"RNN": 1, "GRU": 2, "LSTM": 3}


def exported(
    kind: str, steps: int, inputs: int, hidden: int, direction: str, rng: np.random.Generator, outputs: str,
    more: dict[str, np.ndarray] | None = None, **attributes: Any,
) -> bytes:  # fmt: skip
    """As PyTorch exports batch_first modules: the batch is moved to axis 1 and back."""
    directions = 2 if direction == "bidirectional" else 1
    weights = recurrent_weights(kind, "", inputs, hidden, directions, rng) | (more or {})
    operands = " ".join(
        name if name in weights else "-" for name in ("lengths", "h0", "c0", "P")[: 4 if kind == "LSTM" else 2]
    )
    names = ("Y", "Yh", "Yc")[: 3 if kind == "LSTM" else 2]
    results = " ".join(name if name in outputs.split() else "-" for name in names)
    nodes = [
        node("Transpose", "x", "t", perm=[1, 0, 2]),
        node(kind, f"t W R B {operands}", results, hidden_size=hidden, direction=direction, **attributes),
    ]
    return model(nodes, ("N", steps, inputs), weights, outputs.split())


@pytest.mark.parametrize("kind", SUMS)
@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
def test_every_direction_and_output(kind: str, direction: str) -> None:
    outputs = "Y Yh Yc" if kind == "LSTM" else "Y Yh"
    content = exported(kind, 5, 9, 6, direction, np.random.default_rng(1), outputs)
    network = assert_equals_onnxruntime(content)
    on_tiles = [layer for layer in network.layers.values() if isinstance(layer, MatrixLayer)]
    directions = 2 if direction == "bidirectional" else 1
    assert len(on_tiles) == directions * (3 if kind == "GRU" else 2)
    assert network.macs == network.macs_on_tiles == directions * 5 * SUMS[kind] * 6 * (9 + 6)


@st.composite
def attributes(draw: st.DrawFn, kind: str, directions: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if draw(st.booleans()):
        names = draw(
            st.lists(st.sampled_from(FUNCTIONS), min_size=USUAL[kind] * directions, max_size=USUAL[kind] * directions)
        )
        found["activations"] = names
        if draw(st.booleans()):  # a number for each function that takes one
            first = {"Affine", "LeakyRelu", "ThresholdedRelu", "ScaledTanh", "HardSigmoid", "Elu"}
            second = {"Affine", "ScaledTanh", "HardSigmoid"}
            found["activation_alpha"] = [0.3 + 0.1 * i for i, name in enumerate(names) if name in first]
            found["activation_beta"] = [0.2 + 0.1 * i for i, name in enumerate(names) if name in second]
    if draw(st.booleans()):
        found["clip"] = draw(st.sampled_from([0.3, 1.5]))
    if kind == "LSTM":
        found["input_forget"] = int(draw(st.booleans()))
    if kind == "GRU":
        found["linear_before_reset"] = int(draw(st.booleans()))
    return {key: value for key, value in found.items() if value != []}


@settings(max_examples=80)
@given(st.data())
def test_any_attributes(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(sorted(SUMS)))
    direction = data.draw(st.sampled_from(["forward", "reverse", "bidirectional"]))
    directions = 2 if direction == "bidirectional" else 1
    steps, inputs, hidden = (data.draw(st.integers(1, most)) for most in (5, 9, 8))
    rng = np.random.default_rng(data.draw(st.integers(0, 9)))
    more: dict[str, np.ndarray] = {}
    if data.draw(st.booleans()):
        more["h0"] = rng.standard_normal((directions, 1, hidden), np.float32)
    if kind == "LSTM" and data.draw(st.booleans()):
        more["c0"] = rng.standard_normal((directions, 1, hidden), np.float32)
    if kind == "LSTM" and data.draw(st.booleans()):
        more["P"] = rng.standard_normal((directions, 3 * hidden), np.float32)
    if data.draw(st.booleans()):
        more["lengths"] = np.array([data.draw(st.integers(1, steps))], np.int32)
    outputs = data.draw(st.sampled_from(["Y", "Yh", "Y Yh"] + ["Yc", "Y Yh Yc"] * (kind == "LSTM")))
    content = exported(
        kind, steps, inputs, hidden, direction, rng, outputs, more, **data.draw(attributes(kind, directions))
    )
    network = assert_equals_onnxruntime(content)
    assert network.macs == network.macs_on_tiles


def stacked(kind: str, batch_axis: int, ending: str, rng: np.random.Generator) -> bytes:
    """Two bidirectional layers as PyTorch exports them, with the batch on either axis."""
    steps, inputs, hidden = 4, 5, 6
    weights: dict[str, np.ndarray] = {"wide": np.array([0, 0, -1]), "zero": np.array([0]), "last": np.array(-1)}
    nodes = [node("Transpose", "x", "t", perm=[1, 0, 2])] if batch_axis == 0 else [node("Identity", "x", "t")]
    size, value = inputs, "t"
    for level in (0, 1):
        weights |= recurrent_weights(kind, f"l{level}", size, hidden, 2, rng)
        operands = f"{value} l{level}W l{level}R l{level}B"
        nodes.append(node(kind, operands, f"Y{level} H{level}", hidden_size=hidden, direction="bidirectional"))
        nodes.append(node("Transpose", f"Y{level}", f"p{level}", perm=[0, 2, 1, 3]))
        nodes.append(node("Reshape", f"p{level} wide", f"v{level}"))
        value, size = f"v{level}", 2 * hidden
    weights |= {"w": rng.standard_normal((2 * hidden, 3), np.float32), "b": rng.standard_normal(3, np.float32)}
    match ending:
        case "every step":
            nodes += [node("MatMul", "v1 w", "m"), node("Add", "b m", "y")]
        case "last step":
            axis = 0 if batch_axis else 1
            nodes += [node("Transpose", "v1", "back", perm=[1, 0, 2])] * (not batch_axis)
            nodes += [
                node("Gather", f"{'v1' if batch_axis else 'back'} last", "e", axis=axis),
                node("Gemm", "e w b", "y"),
            ]
        case "last states":
            weights |= {"one": np.array(1), "first": np.array(0)}
            nodes += [node("Gather", "H1 first", "f", axis=0), node("Gather", "H1 one", "g", axis=0)]
            nodes += [node("Concat", "f g", "e", axis=1), node("Gemm", "e w b", "y")]
    used = {name for each in nodes for name in each.input}
    shape = ("N", steps, inputs) if batch_axis == 0 else (steps, "N", inputs)
    return model(nodes, shape, {name: value for name, value in weights.items() if name in used}, ["y"])


@pytest.mark.parametrize("ending", ["every step", "last step", "last states"])
@pytest.mark.parametrize("batch_axis", [0, 1])
@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
def test_stacked_layers_as_pytorch_exports_them(kind: str, batch_axis: int, ending: str) -> None:
    """The batch is found wherever it is: values are those of onnxruntime with the whole batch at once."""
    content = stacked(kind, batch_axis, ending, np.random.default_rng(4))
    network = assert_equals_onnxruntime(content)
    assert network.input_shape == (4, 5)
    assert network.macs == network.macs_on_tiles
    assert bool(network.notes) == bool(batch_axis)
    x = np.random.default_rng(0).standard_normal((3, 4, 5), np.float32)
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    (together,) = session.run(None, {"x": x if batch_axis == 0 else x.swapaxes(0, 1)})
    together = together.swapaxes(0, 1) if ending == "every step" else together
    (alone,) = run_reference(network, x)
    np.testing.assert_allclose(alone.reshape(together.shape), together, rtol=0, atol=1e-5 * np.abs(together).max())


def test_words_on_axis_one() -> None:
    """A language model: an embedding, an LSTM, scores for every word; the file has the steps first."""
    rng = np.random.default_rng(6)
    weights = recurrent_weights("LSTM", "", 5, 7, 1, rng)
    weights |= {"table": rng.standard_normal((11, 5), np.float32), "w": rng.standard_normal((7, 11), np.float32)}
    weights["one"] = np.array([1])
    nodes = [
        node("Gather", "table x", "e"),
        node("LSTM", "e W R B", "Y", hidden_size=7),
        node("Squeeze", "Y one", "s"),
        node("MatMul", "s w", "y"),
    ]
    file = onnx.load_model_from_string(model(nodes, (6, "N"), weights, ["y"]))
    file.graph.input[0].type.tensor_type.elem_type = onnx.TensorProto.INT64
    network = network_of(file.SerializeToString())
    x = rng.integers(0, 11, (4, 6)).astype(np.float32)
    bench = bench_of(network, x)
    found = bench.program(IDEAL).run(x, network.outputs)[network.outputs[0]]
    session = onnxruntime.InferenceSession(file.SerializeToString(), providers=["CPUExecutionProvider"])
    (expected,) = session.run(None, {"x": x.T.astype(np.int64)})
    assert np.abs(found.reshape(4, 6, 11) - expected.swapaxes(0, 1)).max() <= 1e-5 * np.abs(expected).max()


@pytest.mark.parametrize("kind", SUMS)
@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
def test_several_sequences_in_one_example(kind: str, direction: str) -> None:
    """The operator's own batch, where it is no batch of the network: its sequences go round side by side."""
    rng, steps, sequences, inputs, hidden = np.random.default_rng(8), 4, 3, 5, 6
    directions = 2 if direction == "bidirectional" else 1
    weights = recurrent_weights(kind, "", inputs, hidden, directions, rng)
    weights["one"], weights["lengths"] = np.array([0]), np.array([2, 4, 1], np.int32)
    weights["h0"] = rng.standard_normal((directions, sequences, hidden), np.float32)
    outputs = "Y Yh Yc" if kind == "LSTM" else "Y Yh"
    nodes = [
        node("Squeeze", "x one", "t"),
        node(kind, "t W R B lengths h0", outputs, hidden_size=hidden, direction=direction),
    ]
    content = model(nodes, (1, steps, sequences, inputs), weights, outputs.split())
    network = assert_equals_onnxruntime(content)
    assert network.macs == network.macs_on_tiles
    for layer in network.matrix_layers:
        assert layer.positions == steps * sequences
        assert layer.delay in (0, sequences)
