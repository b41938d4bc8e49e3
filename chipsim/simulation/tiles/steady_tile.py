"""`SteadyTile`: a tile whose MVMs all take equally long, in one phase between load and drain (rules T12 to T15).

An MVM that comes when the tile is idle waits for nothing inside: when it began says when each of its phases was, and
is all that has to be noted of it. Only where one does wait is it worked out what the one before still held.
"""

from __future__ import annotations

from collections.abc import Callable

from chipsim.simulation.core.durations import MvmPhases
from chipsim.simulation.core.in_order_gate import InOrderGate
from chipsim.simulation.core.origin import Origin, State
from chipsim.simulation.core.timeline import InTurn, SpanColumn
from chipsim.simulation.links.interconnect import Interconnect
from chipsim.simulation.tiles.tile import TileServer
from chipsim.simulation.tiles.tile_trace import SteadyTrace, TileTrace


class SteadyTile(TileServer):
    """A tile whose MVMs have no conversion of their own and do not differ."""

    __slots__ = ("_before_drain_ps", "_idle_from", "_interval_ps", "_latency_ps", "_note_whole", "_through")

    def __init__(
        self, name: str, layer: str, gate: InOrderGate, phases: MvmPhases, banks: int, sample_and_hold: bool,
        interconnect: Interconnect,
    ) -> None:  # fmt: skip
        super().__init__(name, layer, gate, phases, banks, sample_and_hold, interconnect)
        self._before_drain_ps = phases.load_ps + phases.integrate_ps
        self._latency_ps = self._before_drain_ps + phases.drain_ps
        if banks > 1:  # who comes so much later finds everything idle
            self._interval_ps = max(phases.load_ps, phases.integrate_ps, phases.drain_ps)
        else:
            self._interval_ps = phases.integrate_ps + max(phases.load_ps, phases.drain_ps)
        self._idle_from, self._through = 0, -1
        self._note_whole: Callable[[int], None] | None = None

    @property
    def busy(self) -> int:
        """Time in which the array worked so far, ps."""
        return self.integrates * self._integrate_ps

    def _trace_of(self, order: InTurn, keep: Callable[[SpanColumn], None]) -> TileTrace:
        trace = SteadyTrace(self.name, self.layer, order, keep, self._load_ps, self._integrate_ps, self._drain_ps)
        self._note_whole = trace.whole
        return trace

    def state(self, origin: Origin) -> State:
        """Progress and times (rule T50)."""
        self._look_back()
        return super().state(origin)

    def advance(self) -> None:
        """Compute all that is known by now.

        Of an MVM that nothing makes wait inside is noted when it began (``_through``); `_look_back` finds out the rest.
        """
        if self._active:
            return
        self._active = True
        gate, places = self.gate, self.places
        if self.drains == self.loads:
            left = gate.left
            while left <= 0:
                start, m = gate.times[left - 1] if left else gate.latest, self.loads
                if places is not None and m - places.done >= places.count:
                    break  # it is not known when there is a place for its sums
                drain = start + self._before_drain_ps
                if start < self._idle_from or (
                    places is not None and places.last > drain and places.ends[m % places.count] > drain
                ):
                    start, loaded, end = self._in_turn(m, start)
                else:
                    self._through, self._idle_from = start, start + self._interval_ps
                    loaded, end = start + self._load_ps, start + self._latency_ps
                    if m < self._traced_mvms and self._note_whole is not None:
                        self._note_whole(start)
                self.loads = self.integrates = self.drains = m + 1
                position = self._position
                if not position and self.on_start is not None:
                    self.on_start(m // self._positions, start)
                position += 1
                if position == self._positions:
                    position = 0
                self._position = position
                gate.left = left + gate.expected[position]  # `Arriving.take`, without the call
                if self._note_release is not None:
                    self._note_release(loaded)
                    for wake in self.on_release:
                        wake()
                if self.unit is not None:
                    self.unit.take(end)
                else:
                    self._hand_over(m, end)
                left = gate.left
            else:
                self._active = False
                return
        self._look_back()
        self._go_on()
        self._idle_from = self._drain_free
        self._active = False

    def _in_turn(self, m: int, start: int) -> tuple[int, int, int]:
        """Let an MVM, which could start at a time, wait where the one before is: when it starts, is loaded and ends."""
        self._look_back()
        slot, places = m % self._banks, self.places
        start = max(start, self._load_free, self._integrate_end[slot])
        loaded = self._load_free = self._load_end[slot] = start + self._load_ps
        integrate = max(loaded, self._array_free, self._drain_end[slot])
        done = integrate + self._integrate_ps
        self._array_free = self._adc_free = self._integrate_end[slot] = self._convert_end[slot] = done
        drain = max(done, self._drain_free, 0 if places is None else places.ends[m % places.count])
        end = self._drain_free = self._drain_end[slot] = self._idle_from = drain + self._drain_ps
        if m < self._traced_mvms and self._trace is not None:
            self._trace.load(m, start, loaded)
            self._trace.integrate(m, integrate, done)
            self._trace.drain(m, drain, end)
        return start, loaded, end

    def _look_back(self) -> None:
        """Until when everything was busy with the last MVM that went straight through."""
        if self._through < 0:
            return
        slot = (self.loads - 1) % self._banks
        self._load_free = self._load_end[slot] = self._through + self._load_ps
        done = self._through + self._before_drain_ps
        self._array_free = self._adc_free = self._integrate_end[slot] = self._convert_end[slot] = done
        self._drain_free = self._drain_end[slot] = self._through + self._latency_ps
        self._through = -1
