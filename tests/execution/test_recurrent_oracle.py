"""RNN, LSTM and GRU on ideal tiles equal onnxruntime, whatever their attributes say."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sequence_models import SUMS, assert_equals_onnxruntime, model, node, recurrent_weights

from chipsim.network.layers import MatrixLayer

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
