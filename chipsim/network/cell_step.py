"""`CellState`: the state of recurrent cells, and one step of it, in float32."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chipsim.network.cell import CellRules, GateFunction

Values = NDArray[np.float32]


@dataclass(slots=True)
class CellState:
    """The state of several examples; make it with `begin`.

    Attributes
    ----------
    rules : CellRules
    hidden : ndarray of float32, shape (n, sequences, hidden)
        What the recurrent matrix reads next.
    cell : ndarray of float32, same shape
        Of an LSTM; zeros elsewhere.
    """

    rules: CellRules
    hidden: Values
    cell: Values

    @classmethod
    def begin(cls, rules: CellRules, examples: int) -> CellState:
        """The state before the first step."""
        shape = (examples, rules.sequences, rules.hidden)
        cell = np.zeros(shape[1:], np.float32) if rules.initial_cell is None else rules.initial_cell
        return cls(rules, np.broadcast_to(rules.initial, shape), np.broadcast_to(cell, shape))

    def reset(self, sums: Values, recurrent: Values) -> Values:
        """What a GRU's candidate matrix reads: the state times the reset gate.

        Parameters
        ----------
        sums, recurrent : ndarray of float32, shape (n, sequences, at least 2 * hidden)
            Of the input and the recurrent matrix.
        """
        size = self.rules.hidden
        gate = self._function(0)(self._clip(sums[..., size : 2 * size] + recurrent[..., size : 2 * size]))
        return gate * self.hidden

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
        match self.rules.kind:
            case "RNN":
                hidden, cell = self._function(0)(self._clip(sums + recurrent)), self.cell
            case "GRU":
                hidden, cell = self._gru(sums, recurrent, candidate), self.cell
            case "LSTM":
                hidden, cell = self._lstm(sums + recurrent)
        lengths = self.rules.lengths
        if lengths is None:
            self.hidden, self.cell = hidden, cell
            return hidden
        live = (time < lengths)[:, np.newaxis]
        self.hidden, self.cell = np.where(live, hidden, self.hidden), np.where(live, cell, self.cell)
        return np.where(live, hidden, np.float32(0))

    def _gru(self, sums: Values, recurrent: Values, candidate: Values | None) -> Values:
        size, clip = self.rules.hidden, self._clip
        update = self._function(0)(clip(sums[..., :size] + recurrent[..., :size]))
        if candidate is None:
            gate = self._function(0)(clip(sums[..., size : 2 * size] + recurrent[..., size : 2 * size]))
            candidate = gate * recurrent[..., 2 * size :]
        new = self._function(1)(clip(sums[..., 2 * size :] + candidate))
        return (1 - update) * new + update * self.hidden

    def _lstm(self, sums: Values) -> tuple[Values, Values]:
        i, o, f, c = np.split(sums, 4, axis=-1)
        peep = self.rules.peepholes
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
