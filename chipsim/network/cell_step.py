"""`CellState`: the state of recurrent cells, and one step of it, in float32."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chipsim.network.cell import CellRules, GateFunction
from chipsim.network.cell_operands import CellOperands

Values = NDArray[np.float32]

BEYOND_FLOAT32 = np.errstate(over="ignore", invalid="ignore")
"""What float32 cannot hold becomes infinite, as in ONNX Runtime: gates take it to their ends."""


@dataclass(slots=True)
class CellState:
    """The state of several examples; make it with `begin`.

    Attributes
    ----------
    rules : CellRules
    operands : CellOperands
    hidden : ndarray of float32, shape (n, sequences, hidden)
        What the recurrent matrix reads next.
    cell : ndarray of float32, same shape
        Of an LSTM; zeros elsewhere.
    """

    rules: CellRules
    operands: CellOperands
    hidden: Values
    cell: Values

    @classmethod
    def begin(cls, rules: CellRules, operands: CellOperands, examples: int) -> CellState:
        """The state before the first step."""
        shape = (examples, rules.sequences, rules.hidden)
        return cls(
            rules, operands, np.broadcast_to(operands.initial, shape), np.broadcast_to(operands.initial_cell, shape)
        )

    @BEYOND_FLOAT32
    def reset(self, sums: Values, recurrent: Values) -> Values:
        """What a GRU's candidate matrix reads: the state times the reset gate.

        Parameters
        ----------
        sums, recurrent : ndarray of float32, shape (n, sequences, at least 2 * hidden)
            Of the input and the recurrent matrix.
        """
        gate = self._gate(self._with_bias(sums, recurrent), 1)
        return gate * self.hidden

    @BEYOND_FLOAT32
    def step(self, sums: Values, recurrent: Values, candidate: Values | None, time: int) -> Values:
        """Go on to the next state.

        Parameters
        ----------
        sums, recurrent : ndarray of float32, shape (n, sequences, sums * hidden)
            Of the input and the recurrent matrix.
        candidate : ndarray of float32, shape (n, sequences, hidden), or None
            Of a GRU's candidate matrix, where it has one.
        time : int
            The step in raster order, which `CellRules.lengths` count.

        Returns
        -------
        ndarray of float32, shape (n, sequences, hidden)
            The operator's output: the new state, zero where a sequence has ended.
        """
        sums, recurrent = self._with_bias(sums, recurrent)
        match self.rules.kind:
            case "RNN":
                hidden, cell = self._function(0)(self._clip(sums + recurrent)), self.cell
            case "GRU":
                hidden, cell = self._gru(sums, recurrent, candidate), self.cell
            case "LSTM":
                hidden, cell = self._lstm(sums + recurrent)
        lengths = self.operands.lengths
        if lengths is None:
            self.hidden, self.cell = hidden, cell
            return hidden
        live = (time < lengths)[..., np.newaxis]
        self.hidden, self.cell = np.where(live, hidden, self.hidden), np.where(live, cell, self.cell)
        return np.where(live, hidden, np.float32(0))

    def held(self, state: Values) -> Values:
        """A state as it comes out at the end: that of a sequence without steps is zero."""
        lengths = self.operands.lengths
        return state if lengths is None else np.where((lengths > 0)[..., np.newaxis], state, np.float32(0))

    def _with_bias(self, sums: Values, recurrent: Values) -> tuple[Values, Values]:
        """Both sums with the biases that their matrices do not have."""
        before, after = self.operands.before, self.operands.after
        if before is None or after is None:
            return sums, recurrent
        columns = recurrent.shape[-1]
        if columns < after.shape[-1]:  # the reset gate acts before the candidate's matrix: its biases just add up
            before = np.concatenate([before[..., :columns], before[..., columns:] + after[..., columns:]], axis=-1)
        return sums + before, recurrent + after[..., :columns]

    def _gate(self, pair: tuple[Values, Values], number: int) -> Values:
        """One of a GRU's two gates, from its part of both sums."""
        part = slice(number * self.rules.hidden, (number + 1) * self.rules.hidden)
        return self._function(0)(self._clip(pair[0][..., part] + pair[1][..., part]))

    def _gru(self, sums: Values, recurrent: Values, candidate: Values | None) -> Values:
        size = self.rules.hidden
        update = self._gate((sums, recurrent), 0)
        if candidate is None:
            candidate = self._gate((sums, recurrent), 1) * recurrent[..., 2 * size :]
        new = self._function(1)(self._clip(sums[..., 2 * size :] + candidate))
        return (1 - update) * new + update * self.hidden

    def _lstm(self, sums: Values) -> tuple[Values, Values]:
        i, o, f, c = np.split(sums, 4, axis=-1)
        peep = self.operands.peepholes
        if peep is not None:
            i, f = i + peep[0] * self.cell, f + peep[2] * self.cell
        enter = self._function(0)(self._clip(i))
        keep = 1 - enter if self.rules.coupled else self._function(0)(self._clip(f))
        cell = keep * self.cell + enter * self._function(1)(self._clip(c))
        if peep is not None:
            o = o + peep[1] * cell
        return self._function(0)(self._clip(o)) * self._function(2)(cell), cell

    def _clip(self, values: Values) -> Values:
        limit = self.rules.clip
        return values if math.isinf(limit) else np.clip(values, np.float32(-limit), np.float32(limit))

    def _function(self, number: int) -> Callable[[Values], Values]:
        function = self.rules.functions[number]
        return lambda values: gate_values(function, values)


def gate_values(function: GateFunction, values: Values) -> Values:
    """A gate's function of each value, float32.

    Examples
    --------
    >>> gate_values(GateFunction("affine", 2.0, 1.0), np.float32([3.0])).tolist()
    [7.0]
    """
    alpha, beta = np.float32(function.alpha), np.float32(function.beta)
    match function.kind:
        case "affine":
            found = alpha * values + beta
        case "elu":
            found = np.where(values < 0, alpha * np.expm1(np.minimum(values, 0)), values)
        case "hardsigmoid":
            found = np.clip(alpha * values + beta, 0, 1)
        case "leakyrelu":
            found = np.where(values < 0, alpha * values, values)
        case "relu":
            found = np.maximum(values, 0)
        case "scaledtanh":
            found = alpha * np.tanh(beta * values)
        case "sigmoid":
            tail = np.exp(-np.abs(values))  # never overflows
            found = np.where(values >= 0, 1 / (1 + tail), tail / (1 + tail))
        case "softplus":
            found = np.maximum(values, 0) + np.log1p(np.exp(-np.abs(values)))
        case "softsign":
            found = values / (1 + np.abs(values))
        case "thresholdedrelu":
            found = np.where(values > alpha, values, 0)
        case _:
            found = np.tanh(values)
    return np.asarray(found, np.float32)
