"""`ChainUnit`: one of several neuron units that hand partial sums on from row block to row block (rule T48).

Its tile's sums and those of the unit before come in the order of positions, and of either no more than there are places
(rule T14): rings hold what is not used yet, and nothing has to be counted for each position.
"""

from __future__ import annotations

from collections.abc import Callable

from chipsim.mapping.plan import WHOLE
from chipsim.simulation.core.actor import Actor, Places
from chipsim.simulation.core.gate import Gate
from chipsim.simulation.core.origin import Origin, State
from chipsim.simulation.core.timeline import InTurn, SpanColumn
from chipsim.simulation.links.interconnect import Interconnect
from chipsim.simulation.links.packets import Flow
from chipsim.simulation.links.sender import Outlet
from chipsim.simulation.tiles.tile import TileServer


class ChainUnit(Actor):
    """The neuron unit beside one tile of a chain.

    Attributes
    ----------
    gate : Gate
        Of its positions; nothing is counted there.
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
        The way to the unit after; None where that is this one again (rule T79).
    outlet : Outlet or None
        Where results go; of the last unit alone.
    waits_for_room : bool
        There is no space for what comes out.
    """

    __slots__ = (
        "_heads", "_heard", "_hop", "_input", "_latency", "_own", "_position", "_positions", "_send", "_tails",
        "_taken", "_tile", "after", "before", "columns", "flow", "gate", "interconnect", "layer", "name", "outlet",
        "places", "replica", "service", "tiles", "waits_for_room",
    )  # fmt: skip

    def __init__(
        self, name: str, tile: TileServer, gate: Gate, columns: int, times: tuple[int, int, int], slots: int,
        interconnect: Interconnect,
    ) -> None:  # fmt: skip
        super().__init__()
        self.name, self.layer, self.gate, self.columns = name, tile.layer, gate, columns
        self.service, self._latency, self._hop = times
        self.places, self._tile, self.interconnect = Places(slots), tile, interconnect
        self._send = interconnect.send
        self.tiles = [tile]
        self.before: ChainUnit | None = None
        self.after: ChainUnit | None = None
        self.flow: Flow | None = None
        self.outlet: Outlet | None = None
        self.replica = WHOLE
        self.waits_for_room = False
        self._taken = self._heard = self._input = self._position = 0
        self._positions = gate.positions
        self._own, self._heads, self._tails = [0] * slots, [0] * slots, [0] * slots

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
        order = InTurn(self.replica, count, self._positions)
        self.keep(count, SpanColumn(self.traced_as, "neuron", self.layer, order, lasts_ps=self.service), keep)

    def take(self, time: int) -> None:
        """The next sums of its own tile are there at a time."""
        taken, places = self._taken, self.places
        self._own[taken % places.count] = time
        self._taken = taken + 1
        if not self._active and (self.before is None or self._heard > places.done):
            self.advance()

    def arrive_stream(self, input: int, position: int, head: int, tail: int) -> None:  # noqa: ARG002
        """The first and the last of the next values of the unit before are there at these times."""
        heard, places, hop = self._heard, self.places, self._hop
        slot = heard % places.count
        self._heads[slot], self._tails[slot] = head + hop, tail + hop
        self._heard = heard + 1
        if self._taken > places.done and not self._active:
            self.advance()

    def state(self, origin: Origin) -> State:
        """Progress and times (rule T50)."""
        own, done = self.places.state(origin, self._positions), self.done
        heads, tails = ([ring[m % len(ring)] for m in range(done, self._heard)] for ring in (self._heads, self._tails))
        sums = [self._own[m % len(self._own)] for m in range(done, self._taken)]
        return own, origin.after((self.places.last, *sums)), origin.after(heads), origin.after(tails)

    def advance(self) -> None:  # noqa: C901 - an inner loop: each call less counts
        """Compute all that is known by now."""
        if self._active:
            return
        self._active = True
        places, before, after, outlet, tile = self.places, self.before, self.after, self.outlet, self._tile
        slots, service = places.count, self.service
        while True:
            m = places.done
            if m == self._taken or (before is not None and m == self._heard):
                break
            slot = m % slots
            start = self._own[slot]
            if places.last > start:
                start = places.last
            if after is not None:
                there = after.places
                if m - there.done >= there.count:
                    self.waits_for_room = True
                    break
                self.waits_for_room = False
                room = there.ends[m % there.count]
                if room > start:
                    start = room
            elif outlet is not None and outlet.credits:
                space = self._room(m, self._input, self._position)
                if space is None:
                    break
                if space > start:
                    start = space
            end = start + service
            if before is not None:
                if self._heads[slot] > start:
                    start = self._heads[slot]
                    end = start + service
                if self._tails[slot] > end:
                    end = self._wait_for_tail(self._input, end, slot)
            places.last = places.ends[slot] = end
            places.done = m + 1
            if self.note is not None and self._input < self.traced_inputs:
                self.note(start)
            self._hand_on(start, end)
            if tile.waits_for_place:
                tile.advance()
            if before is not None and before.waits_for_room:
                before.advance()
        self._active = False

    def _wait_for_tail(self, input: int, end: int, slot: int) -> int:
        """The sums of the unit before end only after its own work could have."""
        tail = self._tails[slot]
        if input < self.traced_inputs and self.column is not None:
            self.column.lengthen(tail - end)
        return tail

    def _room(self, m: int, input: int, position: int) -> int | None:
        """When there is space for what comes out, None while that is not known."""
        room: int | None = 0
        if self.after is not None:
            places = self.after.places
            room = None if m - places.done >= places.count else places.ends[m % places.count]
        elif self.outlet is not None and self.outlet.credits:
            room = self.outlet.space(input, self.replica.number + position * self.replica.of)
        self.waits_for_room = room is None
        return room

    def _wake(self) -> None:
        """A place has become free for the tile and for the unit before."""
        if self._tile.waits_for_place:
            self._tile.advance()
        if self.before is not None and self.before.waits_for_room:
            self.before.advance()

    def _hand_on(self, start: int, end: int) -> None:
        """Send what came out, and go on to the next position."""
        input, replica, position = self._input, self.replica, self._position
        if replica is not WHOLE:
            position = replica.number + position * replica.of
        self._position += 1
        if self._position == self._positions:
            self._input, self._position = input + 1, 0
            if self.after is None and self.on_end is not None:
                self.on_end(input, end)
        if self.flow is not None:
            self._send(self.flow, input, position, start, end)
        elif self.outlet is not None:
            self.outlet.dispatch(input, position, end + self._latency)
        elif self.after is not None:  # in the same unit: at the end, and no hop away
            self.after.arrive_stream(input, position, end - self._hop, end - self._hop)


class LoneUnit(ChainUnit):
    """The only unit of its chain: with unbounded buffers behind it, a result follows as soon as its sums are there."""

    __slots__ = ()

    def take(self, time: int) -> None:
        """The next sums of its tile are there at a time."""
        outlet, input, position = self.outlet, self._input, self._position
        if outlet is None or outlet.credits:
            super().take(time)
            return
        places = self.places
        m = places.done
        start = places.last if places.last > time else time
        places.last = places.ends[m % places.count] = end = start + self.service
        self._taken = places.done = m + 1
        if input < self.traced_inputs and self.note is not None:
            self.note(start)
        self._position = position + 1
        if self._position == self._positions:
            self._input, self._position = input + 1, 0
            if self.on_end is not None:
                self.on_end(input, end)
        replica = self.replica
        if replica is not WHOLE:
            position = replica.number + position * replica.of
        end += self._latency
        if outlet.guarded:  # `Outlet.dispatch`, without the call
            for flow in outlet.flows[position]:
                self._send(flow, input, position, end)
        else:
            outlet.dispatch(input, position, end)
