"""`PeriodicRegime`: once the state of a machine has come back, what follows is known (rules T50 to T53, T101).

Streams that have reached their period are simulated with fewer inputs: whole periods are left out, and `Jump` then puts
these back into every time and count.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from chipsim.simulation.core.clock import Call
from chipsim.simulation.core.jump import Jump, Simulated
from chipsim.simulation.core.origin import Origin, Origins
from chipsim.simulation.periodic.counted import are_finished, counted, known_ahead_ps
from chipsim.simulation.periodic.machine_state import owners_of, progress_of, state_of
from chipsim.simulation.periodic.member import Member, reason_for_all
from chipsim.simulation.periodic.recurrence import Recurrence, Seen
from chipsim.simulation.periodic.tie_spread import TieSpread
from chipsim.simulation.units.host import HostSink

ASKED = "asked for"
TIES = "what is left out might decide ties between networks"
"""Reasons for never leaving anything out."""
BEFORE_EVERYTHING = -1
"""Priority of looking at the state: right after the event in which an input was done."""


class TiesOpenError(Exception):
    """What was left out may matter for who comes first in a picosecond: all inputs are to be simulated."""


class PeriodicRegime:
    """Looks at the state when an input is done, and shortens the streams once it has come back.

    Parameters
    ----------
    members : sequence of Member
        All networks on the chip.
    never : str or None
        Why never to jump, whatever comes.
    """

    def __init__(self, members: Sequence[Member], never: str | None = None) -> None:
        self._members, self._machines = members, [member.machine for member in members]
        self._clock = members[0].machine.clock
        for member in members:
            member.why = never or reason_for_all(member.machine, member.stream, member.kept)
        self._watching = any(member.why is None for member in members)
        self._asked = self._counted = False
        self._counts: list[tuple[int, list[int]]] = []  # of each jump: periods, and what one adds
        self._owners = owners_of(self._machines) if len(members) > 1 and self._watching else None
        self._spread = TieSpread(
            lambda: [len(member.sink.done) for member in members],
            [member.stream.in_flight for member in members],
            lambda number: members[number].runs,
        )
        self._pace = 0
        self._recurrence = self._afresh()
        if self._watching:
            self._set_pace()

    def note(self, number: int) -> None:
        """Call when an input of a network is done: the state is looked at when the event that did it is over."""
        if self._owners is not None and not self._note_ahead():
            return
        if not self._watching or self._asked:
            return
        if not self._members[self._pace].admits:
            self._set_pace()
        if number == self._pace and self._watching:
            self._asked = True
            self._clock.at(self._clock._now, BEFORE_EVERYTHING, self._look)

    @property
    def skipped_ps(self) -> int:
        """Time that was left out so far."""
        return sum(jump.time_ps for jump in self._members[0].jumps)

    def skipped(self, number: int) -> int:
        """Inputs of a network that were left out so far."""
        return sum(jump.inputs for jump in self._members[number].jumps)

    def complete(self, number: int) -> Simulated:
        """Put in what was left out, times of inputs and counts of servers, and say what was not; call at the end."""
        if not self._counted:
            self._counted = True
            for place, (server, name) in enumerate(counted(self._machines) if self._counts else ()):
                more = sum(times * each[place] for times, each in self._counts)
                setattr(server, name, getattr(server, name) + more)
        member = self._members[number]
        sink, simulated = member.sink, len(member.sink.done)
        if not self.skipped(number) and not member.jumps:
            return Simulated(simulated, None, member.why or "no state came back early enough")
        arrivals = member.stream.arrivals_ps
        for jump in reversed(member.jumps):
            sink.done = jump.complete(sink.done, jump.done)
            sink.admitted = jump.complete(sink.admitted, jump.admitted)
            if arrivals is None:
                sink.released = jump.complete(sink.released, jump.admitted)
        if arrivals is not None:
            sink.released = list(arrivals[: len(sink.done)])
        if not self.skipped(number):
            return Simulated(simulated, None, member.why or "no state came back early enough")
        period = next(jump.period for jump in member.jumps if jump.inputs)
        return Simulated(simulated, period, None)

    def _note_ahead(self) -> bool:
        """Note by how much networks are ahead of each other; False where nothing else is to be done."""
        if self._counts and self._spread.is_open():
            raise TiesOpenError
        if self._recurrence.first is not None:
            self._spread.note()
        return self._watching

    def _afresh(self) -> Recurrence:
        return Recurrence(lambda: progress_of(self._machines, self._sinks, self._origins()), self._see)

    @property
    def _sinks(self) -> list[HostSink]:
        return [member.sink for member in self._members]

    def _set_pace(self) -> None:
        """The slowest network that goes on says when states are looked at; none is left, none is looked at."""
        going_on = [number for number, member in enumerate(self._members) if member.admits and member.why is None]
        self._recurrence, self._watching = self._afresh(), bool(going_on)
        self._pace = max(going_on, key=lambda number: self._members[number].interval_ps, default=0)

    def _origins(self) -> Origin:
        now, done = self._clock._now, [len(member.sink.done) for member in self._members]
        if self._owners is None:
            return Origin(now, done[0])
        return Origins(now, done[0], tuple(Origin(now, each) for each in done), self._owners)

    def _look(self, call: Call) -> None:  # noqa: ARG002
        self._asked = False
        if any(member.runs and (member.why is not None or not member.admits) for member in self._members):
            self._wait_for_others()
            return
        origin = self._origins()
        inputs = origin.each[self._pace].input
        before = self._recurrence.first
        if self._recurrence.look(inputs):
            self._jump_if_settled(origin.each)
        elif self._recurrence.first is not before:
            self._spread.begin()

    def _wait_for_others(self) -> None:
        """Nothing is left to be left out; or some network goes on without an end that could be seen ahead."""
        if not any(member.admits for member in self._members):
            self._watching = False
        elif self._recurrence.first is not None:
            self._recurrence = self._afresh()

    def _see(self) -> Seen:
        counts = [getattr(server, name) for server, name in counted(self._machines)]
        origin = self._origins()
        ahead = max(known_ahead_ps(machine) for machine in self._machines) - origin.now_ps
        state = state_of(self._machines, self._sinks, origin)
        admitted = tuple(len(member.sink.admitted) for member in self._members)
        return Seen(origin.each, admitted, state, counts, max(ahead, 0))

    def _jump_if_settled(self, now: tuple[Origin, ...]) -> None:
        first, again, pace = self._recurrence.first, self._recurrence.again, self._pace
        assert first is not None
        assert again is not None
        each = [later.input - earlier.input for earlier, later in zip(first.origins, again.origins, strict=True)]
        period_ps = again.origins[0].now_ps - first.origins[0].now_ps
        passed, rest = divmod(now[pace].input - first.origins[pace].input, each[pace])
        settled = math.ceil(max(first.ahead_ps, again.ahead_ps) / period_ps) + 1
        left = [
            (member.sink.inputs - len(member.sink.admitted)) // period
            for member, period in zip(self._members, each, strict=True)
            if period
        ]
        if rest or passed < settled or not min(left) or not self._kept_are_finished():
            return
        if not self._spread.keeps(each):
            self._recurrence.compare_with(self._see(), now[pace].input)
            self._spread.begin()
            return
        self._leave_out(min(left), each, period_ps, first, again)

    def _leave_out(self, times: int, each: Sequence[int], period_ps: int, first: Seen, again: Seen) -> None:
        for number, member in enumerate(self._members):
            if not member.keeps_step(first.admitted[number], again.admitted[number], period_ps):
                member.why = "inputs come out of step with the period"
                self._set_pace()
                return
        counts = [later - earlier for earlier, later in zip(first.counts, again.counts, strict=True)]
        self._counts.append((times, counts))
        for number, (member, period) in enumerate(zip(self._members, each, strict=True)):
            sink = member.sink
            jump = Jump(len(sink.done), len(sink.admitted), period, period_ps, times)
            member.jumps.append(jump)
            sink.shorten(jump.inputs, jump.time_ps)
            self._spread.skipped[number] += jump.inputs
        self._watching = self._owners is not None  # when one network is done, the others may come back again
        self._recurrence = self._afresh()

    def _kept_are_finished(self) -> bool:
        """No server works on the inputs any more whose spans are kept."""
        return all(not member.runs or are_finished(member.machine, member.kept) for member in self._members)


class Share:
    """One network's part of a regime."""

    def __init__(self, regime: PeriodicRegime, number: int) -> None:
        self._regime, self._number = regime, number

    def note(self) -> None:
        """See `PeriodicRegime.note`."""
        self._regime.note(self._number)

    @property
    def skipped(self) -> int:
        """Inputs that were left out so far."""
        return self._regime.skipped(self._number)

    @property
    def skipped_ps(self) -> int:
        """Time that was left out so far."""
        return self._regime.skipped_ps

    def complete(self) -> Simulated:
        """See `PeriodicRegime.complete`."""
        return self._regime.complete(self._number)
