"""RNN, LSTM and GRU on ideal tiles equal onnxruntime, whatever their attributes say."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sequence_models import SUMS, assert_equals_onnxruntime, model, node, recurrent_weights

from chipsim.network.layers import DigitalLayer, MatrixLayer

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
