"""`Timeline`: what was busy when.

A traced run keeps a million spans. Servers note nothing but times, in `SpanColumn`s; `Span` objects are made of them
when somebody asks.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import product
from typing import NamedTuple

from chipsim.mapping.plan import Replica

INPUT = 1 << 32
"""More than any number of positions."""


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


def new_times() -> array[int]:
    """To note times in, ps: unsigned, which Python takes up twice as quickly as signed numbers."""
    return array("Q")


@dataclass(frozen=True, slots=True)
class InTurn:
    """(input, position) of all that a replica computes, of whose own positions an input has so many.

    Examples
    --------
    >>> list(InTurn(Replica(1, 3), inputs=2, positions=2))
    [(0, 1), (0, 4), (1, 1), (1, 4)]
    """

    replica: Replica
    inputs: int
    positions: int

    def __iter__(self) -> Iterator[tuple[int, int]]:
        first, every = self.replica.number, self.replica.of
        return product(range(self.inputs), range(first, first + every * self.positions, every))


@dataclass(slots=True)
class AsSent:
    """(input, position) of packets, in the order in which they were sent.

    Attributes
    ----------
    numbers : array of int
        Each as input x `INPUT` + position: numbers, not tuples, as a trace has hundreds of thousands.

    Examples
    --------
    >>> sent = AsSent()
    >>> sent.numbers.extend([0 * INPUT + 7, 1 * INPUT + 2])
    >>> list(sent)
    [(0, 7), (1, 2)]
    """

    numbers: array[int] = field(default_factory=new_times)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return (divmod(number, INPUT) for number in self.numbers)


@dataclass(slots=True)
class SpanColumn:
    """Spans of one component, activity and layer (and flow), in the order in which they happened.

    Attributes
    ----------
    order : iterable of (input, position)
        What each span is about; it may go on for longer than there are spans.
    starts, ends : array of int
        In ps; no ends where spans last equally long.
    lasts_ps : int or None
        How long each one lasts, but for ``longer``: by how much more some do, by their number.
    shift_ps : int
        Later than these times, and ``later``: by how much more some are, by their number.

    Examples
    --------
    >>> column = SpanColumn("tile(0,0)", "load", "conv", [(0, 0), (0, 1)], array("q", [3, 8]), array("q", [5, 9]))
    >>> [(span.position, span.start_ps, span.end_ps) for span in column.spans()]
    [(0, 3, 5), (1, 8, 9)]
    """

    component: str
    activity: str
    layer: str
    order: Iterable[tuple[int, int]]
    starts: array[int] = field(default_factory=new_times)
    ends: array[int] = field(default_factory=new_times)
    shift_ps: int = 0
    flow: int = -1
    lasts_ps: int | None = None
    longer: dict[int, int] = field(default_factory=dict)
    later: dict[int, int] = field(default_factory=dict)

    def spans(self) -> Iterator[Span]:
        """One by one."""
        component, activity, layer, flow = self.component, self.activity, self.layer, self.flow
        starts = self._moved(self.starts, self.shift_ps, self.later)
        if self.lasts_ps is None:
            ends = self._moved(self.ends, self.shift_ps, {})
        else:
            ends = self._moved(starts, self.lasts_ps, self.longer)
        for (input, position), start, end in zip(self.order, starts, ends, strict=False):
            yield Span(component, activity, layer, input, position, start, end, flow)

    def lengthen(self, more_ps: int) -> None:
        """The next span lasts longer than others."""
        self.longer[len(self.starts)] = more_ps

    @staticmethod
    def _moved(times: Iterable[int], by_ps: int, more: dict[int, int]) -> list[int]:
        """Times that are so much later, some of them by more."""
        moved = [time + by_ps for time in times]
        for number, more_ps in more.items():
            moved[number] += more_ps
        return moved


@dataclass(slots=True)
class Timeline:
    """Spans of a run.

    Attributes
    ----------
    stages : list of StageSpan
        For every layer and each of the first inputs.
    columns : list of SpanColumn
        The full trace of the first inputs, where asked for.
    busy_ps : dict of str to int
        Busy time of every component and link that did anything.
    """

    stages: list[StageSpan] = field(default_factory=list)
    columns: list[SpanColumn] = field(default_factory=list)
    busy_ps: dict[str, int] = field(default_factory=dict)
    _spans: list[Span] | None = field(default=None, repr=False, compare=False)

    @property
    def spans(self) -> list[Span]:
        """The full trace as single spans, made when it is first asked for."""
        if self._spans is None:
            self._spans = [span for column in self.columns for span in column.spans()]
        return self._spans
