"""`Term`: one of the things that an activity starts after, and what it is called as a cause of waiting."""

from __future__ import annotations

from typing import NamedTuple

from chipsim.simulation.core.timeline import Span
from chipsim.simulation.explaining.traced_run import Arrival, Leg

INPUT, PORT, REGISTER, ARRAY, ADC = "input not there", "port busy", "register busy", "array busy", "ADC busy"
PLACE, LINK, UNIT, SPACE = "no place for partial sums", "link busy", "unit busy", "buffer full"
FAR, MEMORY = "spilled data not there", "memory busy"
ADMISSION, ARRIVAL = "admission", "arrival"
BATCH, WRITTEN = "batch not through the round before", "tiles not written"
TILE, TURN = "tile busy", "no turn to write"
OWN_SERVER = frozenset({PORT, ARRAY, ADC, LINK, UNIT, MEMORY})
"""Causes by which an activity waits for what its own server did before."""
CAUSES = (
    INPUT, FAR, PORT, REGISTER, ARRAY, ADC, PLACE, LINK, UNIT, MEMORY, SPACE, ADMISSION, ARRIVAL, BATCH, WRITTEN,
    TILE, TURN,
)  # fmt: skip


class Term(NamedTuple):
    """One of the things that an activity starts after.

    Attributes
    ----------
    cause : str
        What is waited for, one of `CAUSES`.
    time_ps : int
        From when on it is no hindrance.
    span : Span or None
        The activity that it comes from; None for what comes from outside.
    at_ps : int
        The moment of that activity, its start, its end or one between: ``time_ps`` less the legs.
    legs : tuple of Leg
        Between the two.
    """

    cause: str
    time_ps: int
    span: Span | None = None
    at_ps: int = 0
    legs: tuple[Leg, ...] = ()


NOTHING_MORE = Term(INPUT, 0)
"""The operands of a position that needs nothing but what positions before it needed, too."""


def until(cause: str, span: Span | None, at_ps: int | None = None) -> list[Term]:
    """One term: the end of an activity, or a moment of it; nothing where there was none."""
    if span is None:
        return []
    at = span.end_ps if at_ps is None else at_ps
    return [Term(cause, at, span, at)]


def arrived(arrival: Arrival) -> Term:
    """The term of operands: when the last of them is there."""
    return Term(INPUT, arrival.time_ps, *arrival)
