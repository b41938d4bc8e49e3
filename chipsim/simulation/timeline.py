"""`Timeline`: what was busy when."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple


class Span(NamedTuple):
    """Something that a component did, in picoseconds; of a transfer also which of the chip's flows it belongs to."""

    component: str
    activity: str
    layer: str
    input: int
    position: int
    start_ps: int
    end_ps: int
    flow: int = -1


class StageSpan(NamedTuple):
    """From the first start to the last end of a layer's work on one input, in picoseconds."""

    layer: str
    input: int
    start_ps: int
    end_ps: int


@dataclass(slots=True)
class Timeline:
    """Spans of a run.

    Attributes
    ----------
    stages : list of StageSpan
        For every layer and each of the first inputs.
    spans : list of Span
        The full trace of the first inputs, where asked for.
    busy_ps : dict of str to int
        Busy time of every component and link that did anything.
    """

    stages: list[StageSpan] = field(default_factory=list)
    spans: list[Span] = field(default_factory=list)
    busy_ps: dict[str, int] = field(default_factory=dict)
