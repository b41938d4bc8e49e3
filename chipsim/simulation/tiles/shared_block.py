"""`SharedBlock`: a block on a tile that holds others, too (rules T70 to T72)."""

from __future__ import annotations

from typing import cast

from chipsim.simulation.core.clock import Call
from chipsim.simulation.core.durations import MvmPhases
from chipsim.simulation.core.gate import Gate
from chipsim.simulation.core.origin import Origin, State
from chipsim.simulation.links.interconnect import Interconnect
from chipsim.simulation.memories.far_reader import FarReader
from chipsim.simulation.tiles.mvm import Mvm, Planes, fold
from chipsim.simulation.tiles.shared_array import SharedArray
from chipsim.simulation.tiles.tile import TileServer


class SharedBlock(TileServer):
    """A block whose MVMs use servers that others use, too: each asks for them when everything else is there.

    Attributes
    ----------
    array : SharedArray
    asked : int
        MVMs that have entered, or are to at a known time, over all inputs.
    keys : tuple of int
        What its MVMs, an input and a position weigh in the tie order.
    lengths : list of Planes
        Of all MVMs alike (one entry), or one by one.
    folded : list of MvmPhases
        The same, as `fold` puts them together.
    load_ps, drain_ps : int
    far : FarReader or None
        Reads back what its buffer spills.
    fetching : Mvm or None
        That waits for it.
    """

    __slots__ = (
        "array", "asked", "drain_ps", "far", "fetching", "folded", "keys", "last_load_ps", "lengths", "load_ps",
    )  # fmt: skip

    gate: Gate  # type: ignore[assignment]  # what a memory gives back comes in no order

    def __init__(
        self, name: str, layer: str, gate: Gate, phases: MvmPhases, banks: int, sample_and_hold: bool,
        interconnect: Interconnect, array: SharedArray, lengths: list[Planes], keys: tuple[int, int, int],
        far: FarReader | None = None,
    ) -> None:  # fmt: skip
        super().__init__(name, layer, gate, phases, banks, sample_and_hold, interconnect)  # type: ignore[arg-type]
        self.array, self.lengths, self.keys = array, lengths, keys
        self.folded = [fold(planes, phases.load_ps, phases.drain_ps) for planes in lengths]
        self.load_ps, self.drain_ps = phases.load_ps, phases.drain_ps
        self.far, self.fetching = far, cast("Mvm | None", None)
        if far is not None:
            far.there = self._fetched
        self.asked = self.last_load_ps = 0

    def state(self, origin: Origin) -> State:
        """Progress and times, those of its array included (rule T50)."""
        first = origin.input * self.gate.positions
        counts = self.asked - first, self.loads - first, self.integrates - first, self.drains - first
        releases = self.releases if self.releases is not None and self.on_release else ()
        return (
            *counts,
            self.fetching is not None,
            origin.after((self.last_load_ps,)),
            origin.still_to_come(releases),
            self.array.state(origin),
        )

    def advance(self) -> None:
        """Let the next MVM enter once it is known when: operands, the load before, a place for its sums (rule T71)."""
        gate, m = self.gate, self.asked
        input, position = divmod(m, gate.positions)
        index = input % gate.window * gate.positions + position
        if self.loads < m or gate.remaining[index]:
            return
        place, places = 0, self.places
        if places is not None:
            self.waits_for_place = m - places.done >= places.count
            if self.waits_for_place:
                return
            place = places.ends[m % places.count]
        time = max(gate.take(index, position), self.last_load_ps, place, self.array.clock._now)
        self.asked += 1
        own = self.replica.number + position * self.replica.of
        block_key, input_key, position_key = self.keys
        key = 1 + block_key + input * input_key + own * position_key
        which = m if len(self.lengths) > 1 else 0
        mvm = Mvm(self, input, own, m, key, self.lengths[which], self.folded[which])
        if self.far is None or not self.far.sizes[own]:
            self.array.clock.at(time, key, self._enter, (input, own, mvm))
            return
        self.fetching = mvm
        self.far.ask(input, own, time)

    def _fetched(self, input: int, position: int, time: int) -> None:
        """What the buffer has spilled is to be back at a time."""
        mvm, self.fetching = self.fetching, None
        assert mvm is not None
        self.array.clock.at(time, mvm.key, self._enter, (input, position, mvm))

    def _enter(self, call: Call) -> None:
        self.array.enter(call.payload[2])

    def serve_load(self, call: Call) -> None:
        """An MVM has asked for the load port."""
        self.array.load(*call.payload[2:])

    def serve_convert(self, call: Call) -> None:
        """An MVM, or a plane of it, has asked for the converters."""
        self.array.convert(*call.payload[2:])

    def serve_drain(self, call: Call) -> None:
        """An MVM has asked for the output port."""
        self.array.drain(*call.payload[2:])

    def loaded(self, mvm: Mvm, start: int) -> None:
        """An MVM is loaded from a time on."""
        end = self.last_load_ps = mvm.load_end
        self.loads += 1
        if not mvm.number % self.gate.positions and self.on_start is not None:
            self.on_start(mvm.input, start)
        if mvm.number < self._traced_mvms and self._trace is not None:
            self._trace.load(mvm.number, start, end)
        if self._note_release is not None:
            self._note_release(end)
            for wake in self.on_release:
                wake()
        self.advance()

    def computed(self, mvm: Mvm) -> None:
        """It is known when an MVM is converted."""
        self.integrates += 1
        if mvm.number >= self._traced_mvms or self._trace is None:
            return
        if not mvm.planes[0][1]:
            self._trace.integrate(mvm.number, mvm.start, mvm.end)
            return
        self._trace.integrate(mvm.number, mvm.start, mvm.sampled)
        self._trace.convert(mvm.converted_from, mvm.end)

    def drained(self, mvm: Mvm, start: int, end: int) -> None:
        """An MVM's sums leave the tile between two times."""
        self.drains += 1
        if mvm.number < self._traced_mvms and self._trace is not None:
            self._trace.drain(mvm.number, start, end)
        if self.unit is not None:
            self.unit.take(end)
        elif self.done_gate is not None:
            self.done_gate.receive(mvm.input, mvm.number % self.gate.positions, end)
        elif self.flow is not None:  # the port to the router is asked for in the order of T3
            self.interconnect.clock.at(end, mvm.key, self._send, (mvm.input, mvm.position, end))

    def _send(self, call: Call) -> None:
        if self.flow is not None:
            self.interconnect.send(self.flow, *call.payload)
