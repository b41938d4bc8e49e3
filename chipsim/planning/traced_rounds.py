"""`trace_rounds`: a batch of inputs on its way through rounds, with what they and the tiles waited for (T87)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from chipsim.planning.rounds import Rounds
from chipsim.planning.writing import end_of, writes_of
from chipsim.simulation.explaining.critical_path import Segment, critical_path
from chipsim.simulation.explaining.terms import ADMISSION, ARRIVAL, BATCH, WRITTEN
from chipsim.simulation.explaining.traced_run import TracedRun
from chipsim.simulation.explaining.tracing import trace_run
from chipsim.simulation.explaining.waits import Wait, waits
from chipsim.simulation.explaining.writing import TracedLoading, trace_loading, writing_path, writing_waits
from chipsim.simulation.loading import Writes


@dataclass(frozen=True, slots=True)
class TracedRounds:
    """One batch.

    Attributes
    ----------
    runs : list of TracedRun
        Of each round, from its beginning on.
    loads : list of TracedLoading or None
        Writing before each; None where nothing is to be written.
    """

    runs: list[TracedRun]
    loads: list[TracedLoading | None]

    def writing_ps(self, number: int) -> int:
        """How long writing takes before a round."""
        load = self.loads[number]
        return end_of(None if load is None else load.loading)

    @property
    def begins_ps(self) -> list[int]:
        """When each round begins, after the first one did, ps."""
        found = [0]
        for number, run in enumerate(self.runs[:-1], start=1):
            found.append(found[-1] + run.outcome.makespan_ps + self.writing_ps(number))
        return found

    @property
    def period_ps(self) -> int:
        """From the beginning of a batch to that of the next one, ps."""
        return self.begins_ps[-1] + self.runs[-1].outcome.makespan_ps + self.writing_ps(0)


def trace_rounds(rounds: Rounds, inputs: int, writes: Mapping[str, Writes] | None) -> TracedRounds:
    """Simulate a batch with full trace.

    Parameters
    ----------
    rounds : Rounds
    inputs : int
        In the batch.
    writes : mapping of str to Writes, optional
        As for `chipsim.planning.reloading.simulate_rounds`.
    """
    loads = [
        trace_loading(each.loaded, writes_of(each.loaded, number, writes)) if each.loaded.layers else None
        for number, each in enumerate(rounds.rounds)
    ]
    return TracedRounds([trace_run(each.plan, inputs, inputs) for each in rounds.rounds], loads)


Part = tuple[int, list[Segment]]
"""Part of a path: the round from 0, which it is in or which tiles are written for, and its segments."""


def path_through_rounds(traced: TracedRounds, input: int) -> list[Part]:
    """The critical path of an input of the batch, from the beginning of the first round to its last byte.

    Parameters
    ----------
    traced : TracedRounds
    input : int
        From 0 in the batch.

    Notes
    -----
    Times count from the beginning of the first round. A round begins when its tiles are written, and they are written
    when the whole batch is through the round before: from there on the path is that of the input that was done last.
    Writing is for all inputs of the batch, so for this one, too.
    """
    found, mine = list[Part](), input
    for number in reversed(range(len(traced.runs))):
        run, begin = traced.runs[number], traced.begins_ps[number]
        path = critical_path(run, input)
        if number < len(traced.runs) - 1:
            path[-1] = replace(path[-1], cause=BATCH)
        found.append((number, _shifted(path, begin)))
        if number and (load := traced.loads[number]) is not None:
            found.append((number, _shifted(writing_path(load, mine), begin - traced.writing_ps(number))))
        if number:
            input = _last_of(traced.runs[number - 1])
    return found[::-1]


def cycle_of_rounds(traced: TracedRounds) -> list[Part]:
    """What recurs with every batch: the writing for the first round, then the path of the input that is done last."""
    last = _last_of(traced.runs[-1])
    found = path_through_rounds(traced, last)
    load = traced.loads[0]
    if load is None:
        return found
    return [(0, _shifted(writing_path(load, last), -traced.writing_ps(0))), *found]


def waits_in_rounds(traced: TracedRounds, *, written_before: bool) -> Iterator[tuple[int, list[Wait]]]:
    """How long work and servers waited, round after round, for one batch.

    Parameters
    ----------
    traced : TracedRounds
    written_before : bool
        Whether the first round's tiles were written in the run: not for its first batch.
    """
    for number, run in enumerate(traced.runs):
        load = traced.loads[number]
        of_writing = [] if load is None or not (number or written_before) else writing_waits(load)
        inside = [wait for wait in waits(run, run.outcome.inputs - 1) if wait.activity != "admit"]
        admitted = list(_admissions(traced, number, written_before=written_before))
        yield number, [*of_writing, *admitted, *inside]


def _admissions(traced: TracedRounds, number: int, *, written_before: bool) -> Iterator[Wait]:
    """Inputs are there when they are done in the round before; the first ones are admitted when a round begins."""
    if number:
        cause = BATCH if traced.loads[number] is None else WRITTEN
    else:
        cause = ARRIVAL if not written_before else ADMISSION if traced.loads[0] is None else WRITTEN
    found: dict[str, Wait] = {}
    begin = traced.begins_ps[number]
    for input, time in enumerate(traced.runs[number].outcome.admitted_ps):
        why = ADMISSION if time else cause
        there = 0 if not number else traced.begins_ps[number - 1] + traced.runs[number - 1].outcome.done_ps[input]
        wait = found.setdefault(why, Wait("", "host", "admit", why))
        wait.count += 1
        wait.work_ps += begin + time - there
    yield from found.values()


def _last_of(run: TracedRun) -> int:
    """The input that is done last."""
    done = run.outcome.done_ps
    return max(range(len(done)), key=lambda input: done[input])


def _shifted(path: Sequence[Segment], ps: int) -> list[Segment]:
    """Later by a time."""
    return [replace(segment, start_ps=segment.start_ps + ps, end_ps=segment.end_ps + ps) for segment in path]
