"""`NeuronServer`: adds partial sums and applies the activation for one slice of a layer (rules T14, T16)."""

from __future__ import annotations

from collections.abc import Callable

from chipsim.mapping.plan import WHOLE
from chipsim.simulation.core.actor import Actor, Places
from chipsim.simulation.core.gate import Gate
from chipsim.simulation.core.origin import Origin, State
from chipsim.simulation.core.timeline import InTurn, SpanColumn
from chipsim.simulation.links.sender import Outlet
from chipsim.simulation.tiles.tile import TileServer


class NeuronServer(Actor):
    """The neuron unit of one slice.

    Attributes
    ----------
    columns : int
        Values per position.
    replica : Replica
        Which of the layer's positions it computes.
    places : Places
        Room for partial sums; counts the positions done.
    tiles : list of TileServer
        That feed it.
    operands : int
        Times as many values as columns, that it adds for a position.
    """

    __slots__ = (
        "columns",
        "gate",
        "latency",
        "layer",
        "name",
        "operands",
        "outlet",
        "places",
        "replica",
        "service",
        "tiles",
    )

    def __init__(
        self, name: str, layer: str, gate: Gate, columns: int, service: int, latency: int, slots: int, outlet: Outlet
    ) -> None:
        super().__init__()
        self.name, self.layer, self.gate, self.outlet = name, layer, gate, outlet
        self.columns, self.service, self.latency = columns, service, latency
        self.places = Places(slots)
        self.tiles: list[TileServer] = []
        self.operands = 1
        self.replica = WHOLE
        gate.notify = self.advance

    @property
    def done(self) -> int:
        """Positions whose end is known, over all inputs."""
        return self.places.done

    @property
    def traced_as(self) -> str:
        """Name in spans."""
        return self.name

    @property
    def busy(self) -> int:
        """Service time so far, ps."""
        return self.places.done * self.service

    def trace_inputs(self, count: int, keep: Callable[[SpanColumn], None]) -> None:
        """Note every span of the first inputs."""
        order = InTurn(self.replica, count, self.gate.positions)
        self.keep(count, SpanColumn(self.traced_as, "neuron", self.layer, order, lasts_ps=self.service), keep)

    def state(self, origin: Origin) -> State:
        """Progress and times (rule T50)."""
        return self.places.state(origin, self.gate.positions), origin.after((self.places.last,))

    def _step(self) -> bool:
        gate = self.gate
        input, position = divmod(self.places.done, gate.positions)
        index = input % gate.window * gate.positions + position
        if gate.remaining[index]:
            return False
        of_layer = self.replica.number + position * self.replica.of
        space = self.outlet.space(input, of_layer)
        if space is None:
            return False
        start = gate.take(index, position)
        if self.places.last > start:
            start = self.places.last
        if space > start:
            start = space
        end = start + self.service
        self.places.finish(end)
        if position == gate.positions - 1 and self.on_end is not None:
            self.on_end(input, end)
        if input < self.traced_inputs and self.note is not None:
            self.note(start)
        self.outlet.dispatch(input, of_layer, end + self.latency)
        for tile in self.tiles:
            if tile.waits_for_place:
                tile.advance()
        following = index + 1 if index + 1 < len(gate.remaining) else 0
        return not gate.remaining[following]
