"""`Actor`: what works through its positions in order, each as soon as everything that it depends on is known."""

from __future__ import annotations

from collections.abc import Callable

from chipsim.simulation.core.origin import Origin, State
from chipsim.simulation.core.timeline import SpanColumn


class Actor:
    """Base of neuron units, digital layers and the two sides of the host.

    Attributes
    ----------
    on_start, on_end : callable (input, time), optional
        Told when the first position of an input starts and the last one ends.
    column, note : SpanColumn and callable (start), or None
        Take the spans of the first ``traced_inputs`` inputs.
    """

    __slots__ = ("_active", "column", "note", "on_end", "on_start", "traced_inputs")

    def __init__(self) -> None:
        self._active = False
        self.on_start: Callable[[int, int], None] | None = None
        self.on_end: Callable[[int, int], None] | None = None
        self.column: SpanColumn | None = None
        self.note: Callable[[int], None] | None = None
        self.traced_inputs = 0

    def keep(self, count: int, column: SpanColumn, keep: Callable[[SpanColumn], None]) -> None:
        """Note the times of the first inputs in a column."""
        self.column, self.note, self.traced_inputs = column, column.starts.append, count
        keep(column)

    def advance(self) -> None:
        """Compute all that is known by now; what a step sets off may call this again, and is seen by the next step."""
        if self._active:
            return
        self._active = True
        while self._step():
            pass
        self._active = False

    def _step(self) -> bool:
        """Compute the next position, if it is known; say whether the one after it may be, too."""
        raise NotImplementedError


class Places:
    """Room for partial sums at a neuron unit (rule T14).

    Attributes
    ----------
    count : int
        For each tile that sends.
    done : int
        Positions that the unit has finished, as far as known, over all inputs.
    ends : list of int
        Ends of the last ``count`` of them (a ring): the place of position m is free at the end of m - count.
    last : int
        End of the last one, 0 before there is one.
    """

    __slots__ = ("count", "done", "ends", "last")

    def __init__(self, count: int) -> None:
        self.count = count
        self.done = self.last = 0
        self.ends = [0] * count

    def state(self, origin: Origin, positions: int) -> State:
        """Progress, in positions of which an input has so many, and times (rule T50)."""
        return self.done - origin.input * positions, origin.ring(self.ends, self.done)

    def finish(self, end: int) -> None:
        """Note the end of the next position."""
        self.ends[self.done % self.count] = self.last = end
        self.done += 1
