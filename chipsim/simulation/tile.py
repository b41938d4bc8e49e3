"""`TileServer`: one tile executing the MVMs of its block (rules T12 to T15)."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from typing import TYPE_CHECKING

from chipsim.simulation.durations import MvmPhases
from chipsim.simulation.gate import Gate
from chipsim.simulation.interconnect import Flow, Interconnect
from chipsim.simulation.timeline import Span

if TYPE_CHECKING:
    from chipsim.simulation.neuron import NeuronServer


class TileServer:
    """A tile. Each quantity is computed as soon as everything that it depends on is known.

    Attributes
    ----------
    loads, integrates, drains : int
        How many of each are known, over all inputs; ``drains`` counts finished MVMs.
    flow, done_gate : Flow, Gate or None
        Where partial sums go: over links, or straight to the unit beside the tile.
    busy : int
        Time in which the array or the ADC worked, ps.
    releases : array of int or None
        End of each load, where a bounded buffer must know.
    """

    __slots__ = (
        "_active", "_adc_free", "_array_free", "_banks", "_convert_end", "_drain_end", "_drain_free", "_integrate_end",
        "_load_end", "_load_free", "busy", "done_gate", "drains", "flow", "gate", "integrates", "interconnect", "layer", "loads", "name",
        "neuron", "on_release", "on_start", "phases", "releases", "sample_and_hold", "slots", "trace", "traced_inputs",
    )  # fmt: skip

    def __init__(
        self, name: str, layer: str, gate: Gate, phases: MvmPhases, banks: int, sample_and_hold: bool,
        interconnect: Interconnect,
    ) -> None:  # fmt: skip
        self.name, self.layer, self.gate, self.phases = name, layer, gate, phases
        self.sample_and_hold, self.interconnect = sample_and_hold, interconnect
        self._banks = banks
        self.neuron: NeuronServer | None = None
        self.flow: Flow | None = None
        self.done_gate: Gate | None = None
        self.slots = 0
        self.loads = self.integrates = self.drains = self.busy = 0
        self._load_free = self._array_free = self._adc_free = self._drain_free = 0
        self._load_end, self._integrate_end = [0] * banks, [0] * banks
        self._convert_end, self._drain_end = [0] * banks, [0] * banks
        self._active = False
        self.releases: array[int] | None = None
        self.on_release: list[Callable[[], None]] = []
        self.on_start: Callable[[int, int], None] | None = None
        self.trace: Callable[[Span], None] | None = None
        self.traced_inputs = 0
        gate.notify = self.advance

    def advance(self) -> None:
        """Compute all that is known by now."""
        if self._active:
            return
        self._active = True
        while self._load() | self._integrate() | self._drain():
            pass
        self._active = False

    def _load(self) -> bool:
        m, banks, gate = self.loads, self._banks, self.gate
        if m - self.integrates >= banks:
            return False
        positions = gate.positions
        input, position = divmod(m, positions)
        index = input % gate.window * positions + position
        if gate.remaining[index]:
            return False
        start = max(gate.take(index, position), self._load_free, self._integrate_end[m % banks])
        end = start + self.phases.load_ps
        self._load_end[m % banks] = self._load_free = end
        self.loads = m + 1
        if not position and self.on_start is not None:
            self.on_start(input, start)
        if input < self.traced_inputs:
            self._record("load", m, start, end)
        if self.releases is not None:
            self.releases.append(end)
            for wake in self.on_release:
                wake()
        return True

    def _integrate(self) -> bool:
        m, banks = self.integrates, self._banks
        if m >= self.loads or m - self.drains >= banks:
            return False
        slot = m % banks
        start = max(self._load_end[slot], self._array_free, self._drain_end[slot])
        sampled = start + self.phases.integrate_ps
        if self.phases.convert_ps:
            convert = max(sampled, self._adc_free)
            end = convert + self.phases.convert_ps
        else:
            convert = end = sampled
        self.busy += end - max(start, self._adc_free)
        self._array_free = convert if self.sample_and_hold else end
        self._adc_free = self._convert_end[slot] = end
        self._integrate_end[slot] = sampled
        self.integrates = m + 1
        if m < self.traced_inputs * self.gate.positions:
            self._record("mvm", m, start, end)
        return True

    def _drain(self) -> bool:
        m, banks = self.drains, self._banks
        if m >= self.integrates:
            return False
        slot, place, neuron = m % banks, 0, self.neuron
        if neuron is not None:
            if m - neuron.done >= self.slots:
                return False
            place = neuron.ends[m % self.slots]
        start = max(self._convert_end[slot], self._drain_free, place)
        end = start + self.phases.drain_ps
        self._drain_end[slot] = self._drain_free = end
        self.drains = m + 1
        if m < self.traced_inputs * self.gate.positions:
            self._record("drain", m, start, end)
        input, position = divmod(m, self.gate.positions)
        if self.flow is not None:
            self.interconnect.send(self.flow, input, position, end)
        elif self.done_gate is not None:
            self.done_gate.receive(input, position, end)
        return True

    def _record(self, activity: str, m: int, start: int, end: int) -> None:
        if self.trace is not None:
            input, position = divmod(m, self.gate.positions)
            self.trace(Span(self.name, activity, self.layer, input, position, start, end))
