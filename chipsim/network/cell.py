"""`CellRules`: what a recurrent operator does to its gates' sums, besides its matrices.

Shapes: ``sequences`` of an operator run side by side (the operator's own batch for one example of the network, mostly
one), each with ``hidden`` values of state.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

CellKind = Literal["RNN", "LSTM", "GRU"]
Role = Literal["bias", "peepholes", "lengths", "initial", "initial_cell"]
"""What an operand of a recurrent operator may be besides its sequences and matrices."""
Values = NDArray[np.float32]

SUMS = {"RNN": 1, "LSTM": 4, "GRU": 3}
"""Sums per hidden value: RNN (i), LSTM (i, o, f, c), GRU (z, r, h), in ONNX's order."""


@dataclass(frozen=True, slots=True)
class GateFunction:
    """An activation of a gate, by ONNX's name in lower case, with its two numbers where it has any."""

    kind: str
    alpha: float = 0.0
    beta: float = 0.0


@dataclass(frozen=True, slots=True)
class CellRules:
    """One direction of an RNN, LSTM or GRU: its constants. What is data is an operand of its gate layers.

    Attributes
    ----------
    kind : {"RNN", "LSTM", "GRU"}
    functions : tuple of GateFunction
        RNN (f,), GRU (f, g), LSTM (f, g, h), as ONNX names them.
    hidden : int
        Size of the state.
    sequences : int
        Side by side; position p of the layers belongs to sequence p mod this number.
    initial : ndarray of float32, shape (sequences, hidden)
        State before the first position.
    initial_cell : ndarray of float32, shape (sequences, hidden), or None
        Of an LSTM's cell.
    peepholes : ndarray of float32, shape (3, hidden), or None
        Of an LSTM, for its gates i, o, f.
    clip : float
        Sums are limited to this magnitude.
    coupled : bool
        An LSTM's forget gate is one minus its input gate.
    linear_before_reset : bool
        A GRU's reset gate acts behind the recurrent matrix.
    lengths : ndarray of int64, shape (sequences,), or None
        Positions from there on change no state, and give zeros; None where all last to the end.
    """

    kind: CellKind
    functions: tuple[GateFunction, ...]
    hidden: int
    sequences: int
    initial: Values
    initial_cell: Values | None = None
    peepholes: Values | None = None
    clip: float = math.inf
    coupled: bool = False
    linear_before_reset: bool = False
    lengths: NDArray[np.int64] | None = None

    @property
    def sums(self) -> int:
        """Sums per hidden value that the matrices give together."""
        return SUMS[self.kind]
