"""`ChainUnit`: one of several neuron units that hand partial sums on from row block to row block (rule T48)."""

from __future__ import annotations

from chipsim.mapping.plan import WHOLE
from chipsim.simulation.actor import Actor, Places
from chipsim.simulation.gate import Gate
from chipsim.simulation.interconnect import Interconnect
from chipsim.simulation.origin import Origin, State
from chipsim.simulation.packets import Flow
from chipsim.simulation.sender import Outlet
from chipsim.simulation.tile import TileServer
from chipsim.simulation.timeline import Span


class ChainUnit(Actor):
    """The neuron unit beside one tile of a chain.

    Attributes
    ----------
    columns : int
        Values per position.
    replica : Replica
        Which of the layer's positions it computes.
    places : Places
        Room for the sums of its own tile, and for those of the unit before; counts the positions done.
    tiles : list of TileServer
        Its own tile.
    before, after : ChainUnit or None
        The units that it takes sums from and hands them to.
    flow : Flow or None
        The way to the unit after.
    outlet : Outlet or None
        Where results go; of the last unit alone.
    """

    __slots__ = (
        "_free", "_hop", "_latency", "_tails", "after", "before", "busy", "columns", "flow", "gate", "interconnect",
        "layer", "name", "outlet", "places", "replica", "service", "tiles",
    )  # fmt: skip

    def __init__(
        self, name: str, tile: TileServer, gate: Gate, columns: int, times: tuple[int, int, int], slots: int,
        interconnect: Interconnect,
    ) -> None:  # fmt: skip
        super().__init__()
        self.name, self.layer, self.gate, self.columns = name, tile.layer, gate, columns
        self.service, self._latency, self._hop = times
        self.places, self.tiles, self.interconnect = Places(slots), [tile], interconnect
        self.before: ChainUnit | None = None
        self.after: ChainUnit | None = None
        self.flow: Flow | None = None
        self.outlet: Outlet | None = None
        self.busy = self._free = 0
        self.replica = WHOLE
        self._tails: dict[int, int] = {}
        gate.notify = self.advance

    @property
    def done(self) -> int:
        """Positions whose end is known, over all inputs."""
        return self.places.done

    def arrive_stream(self, input: int, position: int, head: int, tail: int) -> None:
        """The first and the last value of the unit before are there at these times."""
        own = (position - self.replica.number) // self.replica.of
        self._tails[input * self.gate.positions + own] = tail + self._hop
        self.gate.receive(input, own, head + self._hop)

    def state(self, origin: Origin) -> State:
        """Progress and times (rule T50)."""
        own, first = self.places.state(origin, self.gate.positions), origin.input * self.gate.positions
        tails = sorted(self._tails)
        return own, origin.after((self._free, *(self._tails[m] for m in tails))), tuple(m - first for m in tails)

    def _step(self) -> bool:
        gate, m = self.gate, self.places.done
        input, position = divmod(m, gate.positions)
        index = input % gate.window * gate.positions + position
        of_layer = self.replica.number + position * self.replica.of
        room = None if gate.remaining[index] else self._room(m, input, of_layer)
        if room is None:
            return False
        start = max(gate.take(index, position), self._free, room)
        end = self._free = max(start + self.service, self._tails.pop(m, 0))
        self.places.finish(end)
        self.busy += self.service
        if input < self.traced_inputs and self.trace is not None:
            self.trace(Span(self.name, "neuron", self.layer, input, of_layer, start, end))
        self._hand_on(input, position, of_layer, start, end)
        self._wake()
        following = index + 1 if index + 1 < len(gate.remaining) else 0
        return not gate.remaining[following]

    def _room(self, m: int, input: int, of_layer: int) -> int | None:
        """When there is space for what comes out, None while that is not known."""
        if self.after is None:
            return 0 if self.outlet is None else self.outlet.space(input, of_layer)
        places = self.after.places
        return None if m - places.done >= places.count else places.ends[m % places.count]

    def _hand_on(self, input: int, position: int, of_layer: int, start: int, end: int) -> None:
        if self.flow is not None:
            self.interconnect.send_stream(self.flow, input, of_layer, start, end)
            return
        if position == self.gate.positions - 1 and self.on_end is not None:
            self.on_end(input, end)
        if self.outlet is not None:
            self.outlet.dispatch(input, of_layer, end + self._latency)

    def _wake(self) -> None:
        """A place has become free for the tile and for the unit before."""
        for tile in self.tiles:
            if tile.waits_for_place:
                tile.advance()
        if self.before is not None:
            self.before.advance()
