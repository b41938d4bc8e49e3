"""`DramChannel`, the server that everything outside the chip goes through, and `Halves` of a double buffer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Literal

from simpy.events import Event

from chipsim.architecture.spec import Dram
from chipsim.simulation.core.clock import COMPLETION, Clock
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

    Parameters
    ----------
    clock : Clock
    dram : Dram
    shared : bool
        Whether requests can meet here: if one process makes them all, each waits for the one before, and its end is
        known at once.

    Attributes
    ----------
    busy_ps : int
    bytes : Counter of (str, {"read", "write"})
        By layer and direction.
    """

    def __init__(self, clock: Clock, dram: Dram, shared: bool) -> None:
        self.clock, self.dram, self.shared = clock, dram, shared
        self.latency_ps = to_ps(dram.latency)
        self.free_ps = self.busy_ps = 0
        self.bytes: Counter[tuple[str, Direction]] = Counter()
        self._durations: dict[int, int] = {}

    def request(self, key: int, layer: str, direction: Direction, size: int, bursts: int = 1) -> Event:
        """Ask for ``size`` > 0 bytes in so many transfers; the event happens when the last byte is there.

        Requests of the same picosecond are served by ``key``, the lowest first.
        """
        self.bytes[(layer, direction)] += size
        if size not in self._durations:
            self._durations[size] = duration_ps(size, self.dram.bandwidth)
        duration = bursts * self.latency_ps + self._durations[size]
        if not self.shared:
            return self.clock.timeout(self._occupy(duration))
        done = self.clock.event()
        self.clock.at(int(self.clock.now), _REQUEST + key, partial(self._serve, done, duration))
        return done

    def _occupy(self, duration: int) -> int:
        """Hold the channel from when it is free; return the time until the end."""
        now = int(self.clock.now)
        self.free_ps = max(self.free_ps, now) + duration
        self.busy_ps += duration
        return self.free_ps - now

    def _serve(self, done: Event, duration: int, _: Event) -> None:
        self.clock.at(int(self.clock.now) + self._occupy(duration), COMPLETION, trigger(done))


class Halves:
    """Counts what one process hands to another: free halves of a double buffer, or pieces that are ready.

    Examples
    --------
    >>> clock = Clock()
    >>> halves = Halves(clock, 1)
    >>> halves.take() is None
    True
    >>> waiting = halves.take()
    >>> halves.give()
    >>> waiting.triggered
    True
    """

    def __init__(self, clock: Clock, free: int) -> None:
        self.clock, self.free = clock, free
        self._waiting: Event | None = None

    def take(self) -> Event | None:
        """One of them: None if there is one, else the event to wait for. Only one process may take."""
        if self.free:
            self.free -= 1
            return None
        self._waiting = self.clock.event()
        return self._waiting

    def give(self) -> None:
        """Give one back."""
        if self._waiting is not None:
            waiting, self._waiting = self._waiting, None
            waiting.succeed()
        else:
            self.free += 1
