"""`DramChannel`, the server that everything outside the chip goes through, and `Halves` of a double buffer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Literal

from simpy.events import Event

from chipsim.architecture.spec import Dram
from chipsim.simulation.clock import COMPLETION, Clock
from chipsim.units import duration_ps, to_ps

Direction = Literal["read", "write"]
_REQUEST = 2
"""Priority of the first request in the tie order: after everything else of the same picosecond."""


def trigger(event: Event) -> Callable[[Event], None]:
    """A callback that makes an event happen."""

    def callback(_: Event) -> None:
        event.succeed()

    return callback


class DramChannel:
    """Serves one transfer at a time, in the order of requests; each holds it for latency + bytes / bandwidth.

    Attributes
    ----------
    busy_ps : int
    bytes : Counter of (str, {"read", "write"})
        By layer and direction.
    """

    def __init__(self, clock: Clock, dram: Dram) -> None:
        self.clock, self.dram = clock, dram
        self.latency_ps = to_ps(dram.latency)
        self.free_ps = self.busy_ps = 0
        self.bytes: Counter[tuple[str, Direction]] = Counter()
        self._durations: dict[int, int] = {}

    def request(self, key: int, layer: str, direction: Direction, size: int) -> Event:
        """Ask for a transfer of ``size`` > 0 bytes; the event happens when its last byte is there.

        Requests of the same picosecond are served by ``key``, the lowest first.
        """
        done = self.clock.event()
        self.bytes[(layer, direction)] += size
        self.clock.at(int(self.clock.now), _REQUEST + key, partial(self._serve, done, size))
        return done

    def duration_ps(self, size: int) -> int:
        """Time that a transfer holds the channel."""
        if size not in self._durations:
            self._durations[size] = self.latency_ps + duration_ps(size, self.dram.bandwidth)
        return self._durations[size]

    def _serve(self, done: Event, size: int, _: Event) -> None:
        duration = self.duration_ps(size)
        self.free_ps = max(self.free_ps, int(self.clock.now)) + duration
        self.busy_ps += duration
        self.clock.at(self.free_ps, COMPLETION, trigger(done))


class Halves:
    """Counts what one process hands to another: free halves of a double buffer, or pieces that are ready.

    Examples
    --------
    >>> clock = Clock()
    >>> halves = Halves(clock, 1)
    >>> halves.take().triggered, (waiting := halves.take()).triggered
    (True, False)
    >>> halves.give()
    >>> waiting.triggered
    True
    """

    def __init__(self, clock: Clock, free: int) -> None:
        self.clock, self.free = clock, free
        self._waiting: Event | None = None

    def take(self) -> Event:
        """One of them; the event happens when there is one. Only one process may take."""
        event = self.clock.event()
        if self.free:
            self.free -= 1
            event.succeed()
        else:
            self._waiting = event
        return event

    def give(self) -> None:
        """Give one back."""
        if self._waiting is not None:
            waiting, self._waiting = self._waiting, None
            waiting.succeed()
        else:
            self.free += 1
