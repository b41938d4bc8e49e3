"""`TileServer`: one tile executing the MVMs of its block (rules T12 to T15, T42)."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from typing import Protocol

from chipsim.mapping.plan import WHOLE
from chipsim.simulation.core.actor import Places
from chipsim.simulation.core.durations import MvmPhases
from chipsim.simulation.core.gate import Gate
from chipsim.simulation.core.in_order_gate import InOrderGate
from chipsim.simulation.core.origin import Origin, State
from chipsim.simulation.core.timeline import InTurn, SpanColumn
from chipsim.simulation.links.interconnect import Interconnect
from chipsim.simulation.links.packets import Flow
from chipsim.simulation.tiles.tile_trace import TileTrace


class OwnUnit(Protocol):
    """A neuron unit beside a tile."""

    gate: Gate

    def take(self, time: int) -> None:
        """The next sums of its tile are there at a time."""


class TileServer:
    """A tile. Each quantity is computed as soon as everything that it depends on is known.

    Attributes
    ----------
    loads, integrates, drains : int
        How many of each are known, over all inputs; ``drains`` counts finished MVMs.
    replica : Replica
        Which of the layer's positions are its own.
    flow, done_gate, unit : Flow, Gate, OwnUnit or None
        Where partial sums go: over links, or straight to the unit beside the tile, which may be one of a chain.
    worked : int
        Time in which the array or the ADC did, as far as it is added up as it goes, ps.
    releases : array of int or None
        End of each load, where a bounded buffer must know.
    """

    __slots__ = (
        "_active", "_adc_free", "_array_free", "_banks", "_convert_end", "_convert_ps", "_drain_end", "_drain_free",
        "_drain_ps", "_handover_ps", "_idle_ps", "_integrate_end", "_integrate_ps", "_load_end", "_load_free",
        "_load_ps", "_note_release", "_position", "_positions", "_trace", "_traced_mvms", "done_gate", "drains",
        "flow", "gate", "integrates", "interconnect", "layer", "loads", "name", "on_release", "on_start", "places",
        "releases", "replica", "sample_and_hold", "unit", "waits_for_place", "worked",
    )  # fmt: skip

    def __init__(
        self, name: str, layer: str, gate: InOrderGate, phases: MvmPhases, banks: int, sample_and_hold: bool,
        interconnect: Interconnect,
    ) -> None:  # fmt: skip
        self.name, self.layer, self.gate = name, layer, gate
        self._load_ps, self._integrate_ps = phases.load_ps, phases.integrate_ps
        self._convert_ps, self._drain_ps = phases.convert_ps, phases.drain_ps
        self._handover_ps, self._idle_ps = phases.handover_ps, phases.idle_ps
        self.sample_and_hold, self.interconnect = sample_and_hold, interconnect
        self._banks = banks
        self.replica = WHOLE
        self.places: Places | None = None
        self.flow: Flow | None = None
        self.done_gate: Gate | None = None
        self.unit: OwnUnit | None = None
        self._positions = gate.positions
        self.loads = self.integrates = self.drains = self.worked = 0
        self._load_free = self._array_free = self._adc_free = self._drain_free = 0
        self._load_end, self._integrate_end = [0] * banks, [0] * banks
        self._convert_end, self._drain_end = [0] * banks, [0] * banks
        self._active = self.waits_for_place = False
        self.releases: array[int] | None = None
        self._note_release: Callable[[int], None] | None = None
        self.on_release: list[Callable[[], None]] = []
        self.on_start: Callable[[int, int], None] | None = None
        self._trace: TileTrace | None = None
        self._traced_mvms = self._position = 0
        gate.notify = self.advance

    def note_releases(self, releases: array[int]) -> None:
        """Note there when space in a buffer is freed."""
        self.releases, self._note_release = releases, releases.append

    @property
    def busy(self) -> int:
        """Time in which the array or the ADC worked so far, ps."""
        return self.worked

    def trace_inputs(self, count: int, keep: Callable[[SpanColumn], None]) -> None:
        """Note every span of the first inputs."""
        self._trace = self._trace_of(InTurn(self.replica, count, self._positions), keep)
        self._traced_mvms = count * self._positions

    def _trace_of(self, order: InTurn, keep: Callable[[SpanColumn], None]) -> TileTrace:
        return TileTrace(self.name, self.layer, order, keep, converts=self._convert_ps > 0)

    def state(self, origin: Origin) -> State:
        """Progress and times (rule T50)."""
        first, loads = origin.input * self.gate.positions, self.loads
        free = (self._load_free, self._array_free, self._adc_free, self._drain_free)
        rings = (self._load_end, self._integrate_end, self._convert_end, self._drain_end)
        return (
            loads - first, self.integrates - first, self.drains - first, origin.after(free),
            *[origin.ring(ring, loads) for ring in rings],
            origin.still_to_come(self.releases) if self.releases is not None and self.on_release else (),
        )  # fmt: skip

    def advance(self) -> None:
        """Compute all that is known by now."""
        if self._active:
            return
        self._active = True
        self._go_on()
        self._active = False

    def _go_on(self) -> None:
        """Load, integrate and drain, each as long as it is known when."""
        gate, banks = self.gate, self._banks
        while True:
            if self.drains < self.integrates:
                if self._drain():
                    continue
                if self.integrates - self.drains >= banks:  # no register to integrate for: load at most
                    if gate.left > 0 or self.loads - self.integrates >= banks:
                        break
                    self._load()
                    continue
            if self.integrates < self.loads:
                self._integrate()
            elif gate.left > 0:
                break
            else:
                self._load()
                self._integrate()

    def _load(self) -> None:
        m, position = self.loads, self._position
        slot = m % self._banks
        start = max(self._take(), self._load_free, self._integrate_end[slot])
        end = start + self._load_ps
        self._load_end[slot] = self._load_free = end
        self.loads = m + 1
        if not position and self.on_start is not None:
            self.on_start(m // self._positions, start)
        if m < self._traced_mvms and self._trace is not None:
            self._trace.load(m, start, end)
        if self._note_release is not None:
            self._note_release(end)
            for wake in self.on_release:
                wake()

    def _take(self) -> int:
        """When all was here of the next position; the one after it is the next."""
        following = self._position + 1
        self._position = following = following if following < self._positions else 0
        return self.gate.take(following)

    def _integrate(self) -> None:
        m = self.integrates
        slot = m % self._banks
        start = self._load_end[slot]
        if self._array_free > start:
            start = self._array_free
        if self._drain_end[slot] > start:
            start = self._drain_end[slot]
        sampled = end = start + self._integrate_ps
        busy_from = start
        if self._convert_ps:
            if self._adc_free > end:
                end = self._adc_free
            if self._adc_free > start:
                busy_from = self._adc_free
            if self._handover_ps:
                end += self._handover_ps
                sampled = end - self._idle_ps
            end += self._convert_ps
        self.worked += end - busy_from
        self._array_free = end - self._convert_ps if self.sample_and_hold else end
        self._adc_free = self._convert_end[slot] = end
        self._integrate_end[slot] = sampled
        self.integrates = m + 1
        if m < self._traced_mvms and self._trace is not None:
            self._trace.integrate(m, start, sampled)
            if self._convert_ps:
                self._trace.convert(end - self._convert_ps - self._handover_ps, end)

    def _drain(self) -> bool:
        m, place, places = self.drains, 0, self.places
        if places is not None:
            if m - places.done >= places.count:
                self.waits_for_place = True
                return False
            self.waits_for_place = False
            place = places.ends[m % places.count]
        slot = m % self._banks
        start = self._convert_end[slot]
        if self._drain_free > start:
            start = self._drain_free
        if place > start:
            start = place
        end = self._drain_end[slot] = self._drain_free = start + self._drain_ps
        self.drains = m + 1
        if m < self._traced_mvms and self._trace is not None:
            self._trace.drain(m, start, end)
        self._hand_over(m, end)
        return True

    def _hand_over(self, m: int, end: int) -> None:
        """Send what came out on its way."""
        if self.unit is not None:
            self.unit.take(end)
            return
        input, position = divmod(m, self._positions)
        if self.flow is not None:
            replica = self.replica
            self.interconnect.send(self.flow, input, replica.number + position * replica.of, end)
        elif self.done_gate is not None:
            self.done_gate.receive(input, position, end)
