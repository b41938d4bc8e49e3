"""`Clock`: SimPy's environment in integer picoseconds, and the events that drive the engine."""

from __future__ import annotations

from collections.abc import Callable

import simpy
from simpy.core import EmptySchedule
from simpy.events import Event

COMPLETION = 0
"""Priority of things that end: before every request of the same picosecond (rule T3)."""


class Call(Event):
    """A moment at which a function is called; lighter than a SimPy process."""

    def __init__(self, env: Clock, function: Callable[[Event], None]) -> None:
        self.env = env
        self.callbacks = [function]
        self._ok = True
        self._value = None


class Clock(simpy.Environment):
    """Integer picoseconds; `events` counts what happened.

    Examples
    --------
    >>> clock, seen = Clock(), []
    >>> clock.at(7, COMPLETION, lambda _: seen.append(clock.now))
    >>> clock.run_all()
    >>> seen, clock.events
    ([7], 1)
    """

    _now: int

    def __init__(self) -> None:
        super().__init__(initial_time=0)
        self.events = 0

    def at(self, time_ps: int, priority: int, function: Callable[[Event], None]) -> None:
        """Call a function at a time; among equal times the lower priority first."""
        self.schedule(Call(self, function), priority, time_ps - self._now)  # type: ignore[arg-type]

    def run_all(self) -> None:
        """Process every event there is."""
        step, count = self.step, self.events
        try:
            while True:
                step()
                count += 1
        except EmptySchedule:
            pass
        finally:
            self.events = count
