"""`Loop`: the layers of one recurrent operator that depend on each other, and how values go round them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chipsim.network.cell_step import CellState
from chipsim.network.graph import Network
from chipsim.network.layers import GateLayer, MatrixLayer

Values = NDArray[np.float32]
StepFunction = Callable[[MatrixLayer, Values, int], Values]


@dataclass(frozen=True, slots=True)
class Loop:
    """The layers of one direction of an RNN, LSTM or GRU behind its input matrix.

    Attributes
    ----------
    recurrent : MatrixLayer
        Reads the state of the step before.
    state : GateLayer
    reset : GateLayer or None
    candidate : MatrixLayer or None
        Both of a GRU whose reset gate acts before the matrix.
    cell : GateLayer or None
        Gives an LSTM's cell.
    """

    recurrent: MatrixLayer
    state: GateLayer
    reset: GateLayer | None = None
    candidate: MatrixLayer | None = None
    cell: GateLayer | None = None

    @property
    def matrices(self) -> tuple[MatrixLayer, ...]:
        """Those that are computed step by step."""
        return (self.recurrent,) if self.candidate is None else (self.recurrent, self.candidate)

    @property
    def members(self) -> frozenset[str]:
        """Names of all its layers."""
        found = (self.recurrent, self.state, self.reset, self.candidate, self.cell)
        return frozenset(layer.name for layer in found if layer is not None)

    def run(self, sums: Values, multiply: StepFunction) -> tuple[dict[str, Values], dict[str, Values]]:
        """Walk all steps.

        Parameters
        ----------
        sums : ndarray of float32, shape (n, positions, columns)
            Of the input matrix, positions in raster order.
        multiply : callable (layer, values of shape (n, sequences, rows), step) -> shape (n, sequences, columns)
            One step of a matrix, bias included; steps count as they are walked.

        Returns
        -------
        outputs : dict of str to ndarray of float32, shape (n, positions, channels)
            Of the layers of gates, in raster order.
        read : dict of str to ndarray of float32, shape (n, positions, rows)
            What each matrix read, in the order of the walk.
        """
        rules = self.state.rules
        state = CellState.begin(rules, len(sums))
        steps = self.state.positions // rules.sequences
        by_step = sums.reshape(len(sums), steps, rules.sequences, -1)
        shape = (len(sums), steps, rules.sequences, rules.hidden)
        outputs = {layer.name: np.empty(shape, np.float32) for layer in (self.state, self.cell) if layer is not None}
        read = {layer.name: np.empty(shape, np.float32) for layer in self.matrices}
        for step in range(steps):
            time = steps - 1 - step if self.state.reverse else step
            read[self.recurrent.name][:, step] = state.hidden
            recurrent = multiply(self.recurrent, state.hidden, step)
            candidate = None
            if self.candidate is not None:
                gated = state.reset(by_step[:, time], recurrent)
                read[self.candidate.name][:, step] = gated
                candidate = multiply(self.candidate, gated, step)
            outputs[self.state.name][:, time] = state.step(by_step[:, time], recurrent, candidate, time)
            if self.cell is not None:
                outputs[self.cell.name][:, time] = state.cell
        flat = (len(sums), steps * rules.sequences, rules.hidden)
        return (
            {name: values.reshape(flat) for name, values in outputs.items()},
            {name: values.reshape(flat) for name, values in read.items()},
        )


def loops(network: Network) -> dict[str, Loop]:
    """All loops of a network, by the name of the layer that gives the state."""
    gates = [layer for layer in network.layers.values() if isinstance(layer, GateLayer)]
    matrices = network.matrix_layers
    found = {}
    for state in (layer for layer in gates if layer.part == "state"):
        own: Mapping[str, GateLayer] = {layer.part: layer for layer in gates if layer.state == state.name}
        reset = own.get("reset")
        found[state.name] = Loop(
            next(layer for layer in matrices if layer.delay and layer.inputs[0] == state.name),
            state,
            reset,
            None if reset is None else next(layer for layer in matrices if layer.inputs[0] == reset.name),
            own.get("cell"),
        )
    return found
