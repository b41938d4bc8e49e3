"""`Loop`: the layers of one recurrent operator that depend on each other, and how values go round them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chipsim.network.cell import Role
from chipsim.network.cell_operands import CellOperands, Given
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
    held : GateLayer or None
        Gives the state that sequences keep.
    """

    recurrent: MatrixLayer
    state: GateLayer
    reset: GateLayer | None = None
    candidate: MatrixLayer | None = None
    cell: GateLayer | None = None
    held: GateLayer | None = None

    @property
    def matrices(self) -> tuple[MatrixLayer, ...]:
        """Those that are computed step by step."""
        return (self.recurrent,) if self.candidate is None else (self.recurrent, self.candidate)

    @property
    def members(self) -> frozenset[str]:
        """Names of all its layers."""
        return frozenset((*self.before, *(layer.name for layer in (self.cell, self.held) if layer is not None)))

    @property
    def before(self) -> tuple[str, ...]:
        """Names of those that come before the state or give it."""
        found = (self.recurrent, self.reset, self.candidate, self.state)
        return tuple(layer.name for layer in found if layer is not None)

    @property
    def operands(self) -> dict[Role, str]:
        """Layers that give operands which are data."""
        found = dict(self.state.operands)
        if len(self.recurrent.inputs) > 1:
            found["initial"] = self.recurrent.inputs[1]
        return found

    def run(self, sums: Values, given: Given, multiply: StepFunction, keep: Collection[str] = ()) -> LoopValues:
        """Walk all steps.

        Parameters
        ----------
        sums : ndarray of float32, shape (n, positions, columns)
            Of the input matrix, positions in raster order.
        given : mapping of role to ndarray, shape (n, *shape of the layer in `operands`)
        multiply : callable (layer, values of shape (n, sequences, rows), step) -> shape (n, sequences, columns)
            One step of a matrix, bias included; steps count as they are walked.
        keep : collection of str
            Matrices whose sums are among the outputs.
        """
        rules = self.state.rules
        steps = self.state.positions // rules.sequences
        operands = CellOperands.of(rules, given, steps, self.state.name)
        state = CellState.begin(rules, operands, len(sums))
        by_step = sums.reshape(len(sums), steps, rules.sequences, -1)
        found = LoopValues.empty(self, len(sums), keep)
        for step in range(steps):
            time = steps - 1 - step if self.state.reverse else step

            def product(layer: MatrixLayer, values: Values, step: int = step, time: int = time) -> Values:
                found.note_read(layer, step, values)
                made = multiply(layer, values, step)
                found.note(layer, time, made)
                return made

            recurrent, candidate = product(self.recurrent, state.hidden), None
            if self.reset is not None and self.candidate is not None:
                gated = state.reset(by_step[:, time], recurrent)
                found.note(self.reset, time, gated)
                candidate = product(self.candidate, gated)
            found.note(self.state, time, state.step(by_step[:, time], recurrent, candidate, time))
            if self.cell is not None:
                found.note(self.cell, time, state.held(state.cell))
            if self.held is not None:
                found.note(self.held, time, state.held(state.hidden))
        return found


@dataclass(frozen=True, slots=True)
class LoopValues:
    """What a loop has computed.

    Attributes
    ----------
    outputs : dict of str to ndarray of float32, shape (n, positions, channels)
        Of the layers of gates, and of matrices that were asked for, in raster order.
    read : dict of str to ndarray of float32, shape (n, positions, rows)
        What each matrix read, in the order of the walk.
    sequences : int
        Positions per step.
    """

    outputs: dict[str, Values]
    read: dict[str, Values]
    sequences: int

    @classmethod
    def empty(cls, loop: Loop, examples: int, keep: Collection[str]) -> LoopValues:
        """Room for the values of some examples."""
        layers = [layer for layer in (loop.state, loop.cell, loop.held, loop.reset) if layer is not None]
        asked = [layer for layer in loop.matrices if layer.name in keep]
        outputs = {
            layer.name: np.empty((examples, layer.positions, layer.channels), np.float32) for layer in (*layers, *asked)
        }
        read = {
            layer.name: np.empty((examples, layer.positions, layer.input_shape[0]), np.float32)
            for layer in loop.matrices
        }
        return cls(outputs, read, loop.state.rules.sequences)

    def note(self, layer: MatrixLayer | GateLayer, time: int, values: Values) -> None:
        """Keep what a layer gave at a step in raster order, if anybody asked."""
        if layer.name in self.outputs:
            self.outputs[layer.name][:, time * self.sequences : (time + 1) * self.sequences] = values

    def note_read(self, layer: MatrixLayer, step: int, values: Values) -> None:
        """Keep what a matrix read at a step of the walk."""
        self.read[layer.name][:, step * self.sequences : (step + 1) * self.sequences] = values


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
            own.get("held"),
        )
    return found
