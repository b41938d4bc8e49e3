"""`PeriodicRegime`: once the state of a machine has come back, what follows is known (rules T50 to T53).

A stream that has reached its period is simulated with fewer inputs: whole periods are left out, and `Jump` then puts
these back into every time and count.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from chipsim.simulation.building.machine import BufferUse, Machine
from chipsim.simulation.core.clock import Call
from chipsim.simulation.core.jump import Jump, Simulated
from chipsim.simulation.core.origin import Origin
from chipsim.simulation.periodic.machine_state import MachineState, progress_of, state_of
from chipsim.simulation.tiles.shared_block import SharedBlock
from chipsim.simulation.tiles.tile import TileServer
from chipsim.simulation.tiles.varying import VaryingTileServer
from chipsim.simulation.units.host import HostSink, Stream

BEFORE_EVERYTHING = -1
"""Priority of looking at the state: right after the event in which an input was done."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """A whole state, how far everything had been counted then, and how far ahead of it things were known."""

    origin: Origin
    admitted: int
    state: MachineState
    counts: list[int]
    ahead_ps: int


def reason_for_all(machine: Machine, stream: Stream, kept: int) -> str | None:
    """Why a stream cannot be cut short, as far as it is known before the run (rule T53)."""
    if any(isinstance(tile, VaryingTileServer) or _varies(tile) for tile in machine.tiles):
        return "the time of an MVM depends on its values"
    if stream.in_flight >= stream.inputs:
        return "all inputs are in flight at once"
    if stream.inputs <= kept + stream.in_flight:
        return "too few inputs"
    if stream.arrivals_ps is not None:
        firsts = stream.arrivals_ps[:: stream.batch]
        gaps = [later - earlier for earlier, later in pairwise(firsts)]
        if gaps and max(gaps) - min(gaps) > 1:
            return "inputs come at random"
    return None


def _varies(tile: TileServer) -> bool:
    """Whether a block on a shared tile has MVMs of different lengths."""
    return isinstance(tile, SharedBlock) and len(tile.lengths) > 1


class PeriodicRegime:
    """Looks at the state whenever an input is done, and shortens the stream once it has come back.

    Parameters
    ----------
    machine : Machine
    sink : HostSink
    stream : Stream
    kept : int
        First inputs that every server must have finished before the jump, as their spans are kept.
    exact_all : bool
        Never jump.
    """

    def __init__(self, machine: Machine, sink: HostSink, stream: Stream, kept: int, *, exact_all: bool) -> None:
        self.jump: Jump | None = None
        self._machine, self._sink, self._stream, self._kept = machine, sink, stream, kept
        self._why: str | None = "asked for" if exact_all else reason_for_all(machine, stream, kept)
        self._watching, self._asked = self._why is None, False
        self._known: dict[int, int] = {}  # hash of the quick part of a state: inputs done
        self._step = self._patience = 0
        self._first: _Seen | None = None
        self._again: _Seen | None = None

    def note(self) -> None:
        """Call when an input is done: the state is looked at when the event that did it is over."""
        if self._watching and not self._asked:
            self._asked = True
            self._machine.clock.at(self._machine.clock._now, BEFORE_EVERYTHING, self._look)

    @property
    def skipped(self) -> int:
        """Inputs that were left out so far."""
        return 0 if self.jump is None else self.jump.inputs

    @property
    def skipped_ps(self) -> int:
        """Time that was left out so far."""
        return 0 if self.jump is None else self.jump.time_ps

    def complete(self) -> Simulated:
        """Put in what was left out, times of inputs and counts of servers, and say what was not; call at the end."""
        jump, sink, simulated = self.jump, self._sink, len(self._sink.done)
        if jump is None:
            return Simulated(simulated, None, self._why or "no state came back early enough")
        sink.done = jump.complete(sink.done, jump.done)
        sink.admitted = jump.complete(sink.admitted, jump.admitted)
        arrivals = self._stream.arrivals_ps
        if arrivals is None:
            sink.released = jump.complete(sink.released, jump.admitted)
        else:
            sink.released = list(arrivals[: len(sink.done)])
        for (server, name), each in zip(_counted(self._machine), jump.counts, strict=True):
            setattr(server, name, getattr(server, name) + jump.times * each)
        return Simulated(simulated, jump.period, None)

    def _look(self, call: Call) -> None:  # noqa: ARG002
        self._asked = False
        if len(self._sink.admitted) >= self._sink.inputs:
            self._watching = False  # nothing is left to be left out
            return
        origin = Origin(self._machine.clock._now, len(self._sink.done))
        if self._again is not None:
            self._jump_if_settled(origin)
        elif self._first is not None:
            self._compare(self._first, origin)
        else:
            self._search(origin)

    def _search(self, origin: Origin) -> None:
        """Look whether the quick part of the state was there before."""
        found = hash(progress_of(self._machine, self._sink, origin))
        before = self._known.get(found)
        self._known[found] = origin.input
        if before is not None:
            self._step = origin.input - before
            self._first, self._patience = self._see(origin), 4 * self._step

    def _compare(self, first: _Seen, origin: Origin) -> None:
        """Look whether the whole state is again what it was; if not for long, compare with a later one."""
        passed = origin.input - first.origin.input
        if passed % self._step:
            return
        if progress_of(self._machine, self._sink, origin) == first.state.progress:
            seen = self._see(origin)
            if seen.state == first.state:
                self._again = seen
                self._jump_if_settled(origin)
                return
        if passed >= self._patience:
            self._first, self._patience = self._see(origin), 2 * self._patience

    def _see(self, origin: Origin) -> _Seen:
        counts = [getattr(server, name) for server, name in _counted(self._machine)]
        ahead = max((_last_ps(use) for use in self._machine.buffers), default=0) - origin.now_ps
        state = state_of(self._machine, self._sink, origin)
        return _Seen(origin, len(self._sink.admitted), state, counts, max(ahead, 0))

    def _jump_if_settled(self, origin: Origin) -> None:
        first, again, admitted = self._first, self._again, len(self._sink.admitted)
        assert first is not None
        assert again is not None
        period, period_ps = again.origin.input - first.origin.input, again.origin.now_ps - first.origin.now_ps
        passed, rest = divmod(origin.input - first.origin.input, period)
        settled = math.ceil(max(first.ahead_ps, again.ahead_ps) / period_ps) + 1
        times = (self._sink.inputs - admitted) // period
        if rest or passed < settled or not times or not self._kept_are_finished():
            return
        self._watching = False
        if not self._arrivals_keep_step(first.admitted, again.admitted, period_ps):
            self._why = "inputs come out of step with the period"
            return
        counts = [later - earlier for earlier, later in zip(first.counts, again.counts, strict=True)]
        self.jump = Jump(origin.input, admitted, period, period_ps, times, counts)
        self._sink.shorten(self.jump.inputs)

    def _kept_are_finished(self) -> bool:
        """No server works on the inputs any more whose spans are kept."""
        machine = self._machine
        servers = (
            *((tile.drains, tile.gate) for tile in machine.tiles),
            *((server.done, server.gate) for server in (*machine.neurons, *machine.digital)),
        )
        return all(done >= self._kept * gate.positions for done, gate in servers)

    def _arrivals_keep_step(self, first: int, again: int, period_ps: int) -> bool:
        """Arrivals repeat with the period, or inputs wait at the host for longer and longer."""
        arrivals = self._stream.arrivals_ps
        if arrivals is None:
            return True
        period, admitted = again - first, self._sink.admitted
        gaps = {later - earlier for earlier, later in zip(arrivals[first:], arrivals[first + period :], strict=False)}
        waited = all(admitted[input] > arrivals[input] for input in range(first, again))
        return gaps == {period_ps} or (waited and max(gaps) <= period_ps)


def _counted(machine: Machine) -> Iterator[tuple[Any, str]]:
    """Everything that only grows and is reported: objects, and names of their attributes."""
    for tile in machine.tiles:
        yield from ((tile, name) for name in ("loads", "drains", "busy"))
    for neuron in machine.neurons:
        yield neuron.places, "done"
    yield from ((writer, "written") for writer in machine.far_writers)
    yield from ((reader, "fetched") for reader in machine.far_readers)
    yield from ((traffic, "held") for traffic in (*machine.far_writers, *machine.far_readers))
    if machine.memory is not None:
        yield machine.memory, "busy"
    for layer in (*machine.digital, *machine.reductions):
        yield from ((layer, "busy"), (layer, "done"))
    for adder in machine.adders.values():
        yield adder, "busy"
    for unit in machine.units.values():
        yield unit, "busy"
    for flow in machine.interconnect.flows:
        yield flow, "packets"
        yield from ((hop, "waited") for hop in flow.hops)


def _last_ps(use: BufferUse) -> int:
    """The latest time that is known of a buffer."""
    return max(use.arrivals.latest(), use.releases[-1] if use.releases else 0)
