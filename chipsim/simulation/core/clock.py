"""`Clock`: SimPy's environment in integer picoseconds, and the events that drive the engine."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush, heappushpop
from itertools import repeat
from operator import length_hint
from typing import Any

import simpy
from simpy.events import Event

COMPLETION = 0
"""Priority of things that end: before every request of the same picosecond (rule T3)."""

EVENTS_PER_REPORT = 10_000
"""A few hundredths of a second of work."""

Callbacks = tuple[Callable[[Any], Any]]

Entry = tuple[Any, ...]
"""In the environment's queue: time, priority, number and event; what follows is the event's own."""


class Moment(Event):
    """An event without the parts that a SimPy process needs: made cheaply, and usable again once it has happened."""

    __slots__ = ("callbacks",)

    _ok = True

    __init__ = object.__init__


class Call(Moment):
    """A moment at which a function is called.

    Attributes
    ----------
    payload : object
        What the call is about.
    """

    payload: Any


class Clock(simpy.Environment):
    """Integer picoseconds.

    A moment's callback may return one `Entry` that the queue takes up in place of the moment, which is quicker than
    putting it there first.

    Attributes
    ----------
    events : int
        How many happened.
    queue : list of (int, int, int, Moment)
        The environment's own queue: time, priority, number. Hot paths push moments with callbacks here themselves.
    numbers : iterator of int
        The environment's own, which tell equals apart.

    Examples
    --------
    >>> clock, seen = Clock(), []
    >>> clock.at(7, COMPLETION, lambda call: seen.append((clock.now, call.payload)), "done")
    >>> clock.run_all()
    >>> seen, clock.events
    ([(7, 'done')], 1)
    """

    _now: int

    def __init__(self) -> None:
        super().__init__(initial_time=0)
        self.queue: list[Any] = self._queue
        self.numbers = self._eid
        self.events = 0

    def at(self, time_ps: int, priority: int, function: Callable[[Any], None], payload: Any = None) -> None:
        """Call a function, with the event, at a time; among equal times the lower priority first."""
        call = Call()
        call.payload = payload
        self.push(time_ps, priority, (function,), call)

    def push(self, time_ps: int, priority: int, callbacks: Callbacks, moment: Moment) -> None:
        """Let a moment happen at a time.

        The environment's own queue is written to directly: its ``schedule`` takes a delay, which would be
        added to a time that was subtracted a moment before.
        """
        moment.callbacks = callbacks  # type: ignore[assignment]
        heappush(self.queue, (time_ps, priority, next(self.numbers), moment))

    def pending(self) -> list[tuple[int, int, Moment]]:
        """Times, priorities and moments of everything that is to happen, in order."""
        return [(time, priority, moment) for time, priority, _, moment, *_ in sorted(self.queue)]

    def run_all(self, at_time: Callable[[int], None] | None = None) -> None:
        """Process every event there is: the environment's ``step``, without a call for each.

        Parameters
        ----------
        at_time : callable, optional
            Told the time in picoseconds, once in `EVENTS_PER_REPORT` events.
        """
        while self._queue:
            self._run_some(EVENTS_PER_REPORT)
            if at_time is not None:
                at_time(self._now)

    def step(self) -> None:
        """Process the next event."""
        if not self._queue:
            raise simpy.core.EmptySchedule
        self._run_some(1)

    def _run_some(self, most: int) -> None:
        """Process at most so many events."""
        queue: list[Any] = self._queue
        turns = repeat(None, most)
        entry: Entry | None = None
        try:
            for _ in turns:
                if entry is not None:
                    entry = heappushpop(queue, entry)
                elif queue:
                    entry = heappop(queue)
                else:
                    self.events -= 1
                    break
                self._now, event = entry[0], entry[3]
                callbacks: Any = event.callbacks
                if callbacks.__class__ is tuple:  # a moment's: it cannot fail, and nobody asks whether it is over
                    entry = callbacks[0](event)
                    continue
                entry = None
                event.callbacks = None
                for callback in callbacks:
                    callback(event)
                if not event._ok and not hasattr(event, "_defused"):
                    raise event._value
            if entry is not None:
                heappush(queue, entry)
        finally:
            self.events += most - length_hint(turns)
