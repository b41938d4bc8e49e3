"""An LSTM and a GRU as large as the Penn Treebank character model on the IBM HERMES chip (Le Gallo et al. 2023)."""

from __future__ import annotations

import numpy as np
import onnx

from chipsim.network.standard.building import GraphBuilder

EMBEDDED, HIDDEN, CHARACTERS, STEPS = 128, 504, 50, 32
"""128 x 2016, 504 x 2016 and 504 x 50 weights; the number of steps is an assumption."""


def lstm_ptb(seed: int, steps: int = STEPS, hidden: int = HIDDEN) -> onnx.ModelProto:
    """An LSTM over embedded characters, and a dense layer at every step.

    Parameters
    ----------
    seed : int
        Of the weights.
    steps : int
    hidden : int
    """
    return _network("lstm-ptb", "LSTM", 4, seed, steps, hidden)


def gru_ptb(seed: int, steps: int = STEPS, hidden: int = HIDDEN) -> onnx.ModelProto:
    """The same with a GRU whose reset gate acts after the matrix; parameters as for `lstm_ptb`."""
    return _network("gru-ptb", "GRU", 3, seed, steps, hidden, linear_before_reset=1)


def _network(
    name: str, operator: str, gates: int, seed: int, steps: int, hidden: int, **attributes: int
) -> onnx.ModelProto:
    build = GraphBuilder(name, seed)
    turned = build.node("Transpose", "characters", perm=[1, 0, 2])
    weights = build.weight(1, gates * hidden, EMBEDDED, fan_in=EMBEDDED, gain=1.0)
    recurrent = build.weight(1, gates * hidden, hidden, fan_in=hidden, gain=1.0)
    bias = build.constant(np.zeros((1, 2 * gates * hidden), np.float32))
    states = build.node(operator, turned, weights, recurrent, bias, hidden_size=hidden, **attributes)
    flat = build.node("Squeeze", states, build.constant(np.ones(1, np.int64)))
    back = build.node("Transpose", flat, perm=[1, 0, 2])
    logits = build.node("MatMul", back, build.weight(hidden, CHARACTERS, fan_in=hidden, gain=1.0))
    return build.model({"characters": ["N", steps, EMBEDDED]}, build.node("Add", logits, build.vector(CHARACTERS)))
