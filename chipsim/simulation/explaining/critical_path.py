"""`critical_path`: what an input's time went by, walked back from its last byte; `steady_cycle`: what sets the pace."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from chipsim.simulation.core.timeline import Span
from chipsim.simulation.explaining.causes import binding, completion
from chipsim.simulation.explaining.packet_terms import tail
from chipsim.simulation.explaining.terms import ARRIVAL, Term
from chipsim.simulation.explaining.traced_run import Leg, TracedRun

LAST_BYTE = "last byte at the host"
"""Cause of the last segment of a path."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of a critical path.

    Attributes
    ----------
    component, activity, layer, input, position
        What was going on; activity ``"latency"`` and ``"route"`` hold no server, ``"arrival"`` is waiting for an input
        to come.
    start_ps, end_ps : int
    cause : str
        Why the next segment begins only when this one ends.
    """

    component: str
    activity: str
    layer: str
    input: int
    position: int
    start_ps: int
    end_ps: int
    cause: str

    @property
    def ps(self) -> int:
        """Its length."""
        return self.end_ps - self.start_ps


@dataclass(frozen=True, slots=True)
class Cycle:
    """What recurs on the critical path of a steady stream: it sets the interval.

    Attributes
    ----------
    segments : list of Segment
        In order of time.
    inputs : int
        From one to the next it goes on by so many inputs.
    repeats : bool
        Whether the outputs of the run are so far apart, too: the stream is steady.
    admits : bool
        It goes through the admission of an input, which waits until an earlier one is done.
    """

    segments: list[Segment]
    inputs: int
    repeats: bool
    admits: bool

    @property
    def interval_ps(self) -> float:
        """Per input."""
        return (self.segments[-1].end_ps - self.segments[0].start_ps) / self.inputs


def critical_path(run: TracedRun, input: int) -> list[Segment]:
    """The critical path of an input, from the release of its batch to its last byte at the host.

    Parameters
    ----------
    run : TracedRun
    input : int

    Returns
    -------
    list of Segment
        In order of time, each from the end of the one before, the first one from the release.

    Notes
    -----
    Each activity began when the latest of the things that it starts after was there; the path goes back to that one.
    So there is no waiting on it: who waits for a busy server has on the path what the server was busy with, perhaps
    of other inputs.
    """
    release = run.outcome.released_ps[input]
    found = []
    for step in _walk(run, input):
        if step.segment is not None and step.segment.end_ps > release:
            found.append(replace(step.segment, start_ps=max(release, step.segment.start_ps)))
        if step.time_ps <= release:
            break
    return found[::-1]


def steady_cycle(run: TracedRun, input: int) -> Cycle | None:
    """What recurs on the critical path of an input late in a stream.

    Parameters
    ----------
    run : TracedRun
    input : int
        Where to begin.

    Returns
    -------
    Cycle or None
        None where the path reaches the first input or an arrival, and nothing has recurred.

    Notes
    -----
    The path is walked back until it comes to the same moment of the same activity on an earlier input. Where times
    repeat with the inputs, it then takes the same way again and again, and the time between the two, divided by the
    inputs between them, is the interval.
    """
    seen: dict[tuple[object, ...], tuple[int, int, int]] = {}
    back: list[Segment] = []
    admitted_at = -1  # segments until the last admission on the way back
    for step in _walk(run, input):
        if step.segment is not None:
            back.append(step.segment)
        span = step.span
        if span is None or run.networks[span.layer].tag:
            continue  # others count inputs of their own
        here = (*span[:3], span.position, span.flow, step.time_ps == span.start_ps, step.time_ps == span.end_ps)
        if here in seen and seen[here][0] > span.input:
            later, time, count = seen[here]
            inputs = later - span.input
            repeats = _repeats(run, input, inputs, time - step.time_ps)
            return Cycle(back[count:][::-1], inputs, repeats, admits=admitted_at >= count)
        if span.activity == "admit":
            admitted_at = len(back)
        seen.setdefault(here, (span.input, step.time_ps, len(back)))
    return None


def _repeats(run: TracedRun, input: int, inputs: int, ps: int) -> bool:
    done = run.outcome.done_ps
    return input >= inputs and done[input] - done[input - inputs] == ps


@dataclass(frozen=True, slots=True)
class _Step:
    """A step back: the segment that it takes, and the moment of the activity that it leads to, if it leads to one."""

    segment: Segment | None
    span: Span | None
    time_ps: int


def _walk(run: TracedRun, input: int) -> Iterator[_Step]:
    """Steps back from the completion of an input, to its very beginning."""
    span: Span = completion(run, input)
    time, cause = span.end_ps, LAST_BYTE
    while True:
        term = _hindrance(run, span, time)
        if term is None:  # the activity itself
            yield _Step(Segment(*span[:5], span.start_ps, time, cause), span, span.start_ps)
            time = span.start_ps
            continue
        cause = cause if span.activity == "done" else term.cause
        if term.span is None:
            if time:
                yield _Step(Segment(span.component, "arrival", *span[2:5], 0, time, ARRIVAL), None, 0)
            return
        for segment in _on_the_way(term.span, time, cause, term.legs):
            yield _Step(segment, None, segment.start_ps)
        span, time = term.span, term.at_ps
        yield _Step(None, span, time)


def _hindrance(run: TracedRun, span: Span, time_ps: int) -> Term | None:
    """What an activity's moment waited for; None where it is the activity itself that took until then."""
    if time_ps == span.start_ps:
        return binding(run, span)
    return tail(run, span) if time_ps == span.end_ps else None


def _on_the_way(span: Span, time_ps: int, cause: str, legs: tuple[Leg, ...]) -> Iterator[Segment]:
    """Segments of the legs from an activity to a moment, the last one first."""
    for leg in reversed(legs):
        begin = time_ps - leg.ps
        yield Segment(leg.component, leg.activity, span.layer, span.input, span.position, begin, time_ps, cause)
        time_ps = begin
