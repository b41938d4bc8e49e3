"""`NeuronServer`: adds partial sums and applies the activation for one slice of a layer (rules T14, T16)."""

from __future__ import annotations

from collections.abc import Callable

from chipsim.simulation.gate import Gate
from chipsim.simulation.sender import Outlet
from chipsim.simulation.tile import TileServer
from chipsim.simulation.timeline import Span


class NeuronServer:
    """The neuron unit of one slice.

    Attributes
    ----------
    columns : int
        Values per position.
    done : int
        Positions whose end is known, over all inputs.
    ends : list of int
        Ends of the last ``slots`` positions (a ring): places for partial sums are free from then on.
    """

    __slots__ = (
        "_active", "_free", "busy", "columns", "done", "ends", "gate", "latency", "layer", "name", "on_end",
        "outlet", "service", "slots", "tiles", "trace", "traced_inputs",
    )  # fmt: skip

    def __init__(
        self, name: str, layer: str, gate: Gate, columns: int, service: int, latency: int, slots: int, outlet: Outlet,
    ) -> None:  # fmt: skip
        self.name, self.layer, self.gate, self.outlet = name, layer, gate, outlet
        self.columns, self.service, self.latency, self.slots = columns, service, latency, slots
        self.ends = [0] * slots
        self.done = self.busy = self._free = 0
        self.tiles: list[TileServer] = []
        self._active = False
        self.on_end: Callable[[int, int], None] | None = None
        self.trace: Callable[[Span], None] | None = None
        self.traced_inputs = 0
        gate.notify = self.advance

    def trace_inputs(self, count: int, trace: Callable[[Span], None]) -> None:
        """Report every span of the first inputs."""
        self.trace, self.traced_inputs = trace, count

    def advance(self) -> None:
        """Compute all that is known by now."""
        if self._active:
            return
        self._active = True
        while self._serve():
            for tile in self.tiles:
                if tile.waits_for_place:
                    tile.advance()
        self._active = False

    def _serve(self) -> bool:
        gate, m = self.gate, self.done
        input, position = divmod(m, gate.positions)
        index = input % gate.window * gate.positions + position
        if gate.remaining[index]:
            return False
        space = self.outlet.space(input, position)
        if space is None:
            return False
        start = gate.take(index, position)
        if self._free > start:
            start = self._free
        if space > start:
            start = space
        end = self._free = start + self.service
        self.ends[m % self.slots] = end
        self.busy += self.service
        self.done = m + 1
        if position == gate.positions - 1 and self.on_end is not None:
            self.on_end(input, end)
        if input < self.traced_inputs and self.trace is not None:
            self.trace(Span(self.name, "neuron", self.layer, input, position, start, end))
        self.outlet.dispatch(input, position, end + self.latency)
        return True
