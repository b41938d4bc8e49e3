"""`Gate`: counts what has arrived for each position of a consumer, and says when the last of it did."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from chipsim.simulation.core.origin import Origin


class Gate:
    """Arrivals at one consumer.

    Parameters
    ----------
    positions : int
        Of the consumer, per input.
    window : int
        Inputs that can be under way at once.

    Attributes
    ----------
    remaining, latest : list of int, length window x positions
        For each position (a ring over inputs): packets still to come, and when the last one so far arrived.
    """

    __slots__ = ("_counts", "admitted", "expected", "latest", "notify", "positions", "remaining", "window")

    def __init__(self, positions: int, window: int) -> None:
        self.positions, self.window = positions, window
        self._counts = np.zeros(positions, np.int64)
        self.expected: list[int] = []
        self.remaining: list[int] = []
        self.latest: list[int] = []
        self.notify: Callable[[], None] = lambda: None
        self.admitted = False

    def expect(self, completed: NDArray[np.int64]) -> None:
        """Expect one more packet for each of these positions (one may be named several times)."""
        np.add.at(self._counts, completed, 1)

    def open(self) -> None:
        """Call once all expectations are known; a first position that expects nothing waits for the admission."""
        self.expected = self._counts.tolist()
        if not self.expected[0]:
            self.expected[0], self.admitted = 1, True
        self.remaining += self.expected * self.window
        self.latest += [0] * len(self.remaining)

    def state(self, origin: Origin) -> bytes:
        """What is still to come, and when what came was here (rule T50)."""
        first = origin.input % self.window * self.positions
        remaining = np.roll(np.array(self.remaining, np.int64), -first)
        latest = np.roll(np.array(self.latest, np.int64) - origin.now_ps, -first)
        return remaining.tobytes() + np.maximum(latest, 0).tobytes()

    def receive(self, input: int, position: int, time: int) -> None:
        """A packet that completes consumer ``position`` has its last byte here at ``time``, perhaps in the future."""
        index = input % self.window * self.positions + position
        if time > self.latest[index]:
            self.latest[index] = time
        self.remaining[index] -= 1
        if not self.remaining[index]:
            self.notify()

    def take(self, index: int, position: int) -> int:
        """Use a complete position up: return its time and make its place ready for a later input."""
        time = self.latest[index]
        self.latest[index] = 0
        self.remaining[index] = self.expected[position]
        return time


class EdgeSink:
    """Maps a producer's positions to the consumer's position that each completes.

    Attributes
    ----------
    arrive : callable (input, position, time)
        See `Sink`.
    """

    __slots__ = ("arrivals", "arrive", "completes", "gate")

    def __init__(self, gate: Gate, completes: Sequence[int], arrivals: Arrivals | None = None) -> None:
        self.gate, self.completes, self.arrivals = gate, completes, arrivals
        self.arrive = _receiver(gate, completes, arrivals)

    def arrive_all(self, input: int, positions: NDArray[np.int64], times: NDArray[np.int64]) -> None:
        """Receive many positions of an input at once: the same as one by one, where times never fall."""
        gate, total = self.gate, len(self.completes)
        if self.arrivals is not None:
            self.arrivals.positions.frombytes((input * total + positions).tobytes())
            self.arrivals.times.frombytes(times.tobytes())
        completed = np.asarray(self.completes, np.int64)[positions]
        first = input % gate.window * gate.positions
        latest = np.array(gate.latest[first : first + gate.positions], np.int64)
        np.maximum.at(latest, completed, times)
        gate.latest[first : first + gate.positions] = latest.tolist()
        left = np.array(gate.remaining[first : first + gate.positions], np.int64)
        left -= np.bincount(completed, minlength=gate.positions)
        gate.remaining[first : first + gate.positions] = left.tolist()
        gate.notify()


def _receiver(gate: Gate, completes: Sequence[int], arrivals: Arrivals | None) -> Callable[[int, int, int], None]:
    """What `Gate.receive` does, with nothing to look up; notes what arrives, where asked to."""
    remaining, latest, window, positions = gate.remaining, gate.latest, gate.window, gate.positions

    def arrive(input: int, position: int, time: int) -> None:
        index = input % window * positions + completes[position]
        if time > latest[index]:
            latest[index] = time
        left = remaining[index] = remaining[index] - 1
        if not left:
            gate.notify()

    if arrivals is None:
        return arrive
    note_position, note_time, total = arrivals.positions.append, arrivals.times.append, len(completes)

    def arrive_and_note(input: int, position: int, time: int) -> None:
        note_position(input * total + position)
        note_time(time)
        index = input % window * positions + completes[position]
        if time > latest[index]:
            latest[index] = time
        left = remaining[index] = remaining[index] - 1
        if not left:
            gate.notify()

    return arrive_and_note


class Arrivals:
    """What arrived in one buffer: producer positions, counted over all inputs, and when, in ps."""

    __slots__ = ("positions", "times")

    def __init__(self) -> None:
        self.positions, self.times = array("q"), array("q")


class Credit:
    """Space at one consumer for the positions of one producer (rules T19, T20).

    Parameters
    ----------
    capacity : int
        Positions.
    oldest : sequence of int
        Of the edge, per consumer position.
    producer_positions : int
        Per input.
    releases : array of int
        When the consumer freed the space of each of its positions so far, input after input; it grows.
    """

    __slots__ = ("capacity", "oldest", "producer_positions", "releases", "waiting")

    def __init__(self, capacity: int, oldest: Sequence[int], producer_positions: int, releases: array[int]) -> None:
        self.capacity, self.oldest, self.producer_positions = capacity, oldest, producer_positions
        self.releases = releases

    def time(self, input: int, position: int) -> int | None:
        """When there is space for a producer position; None while that is not known yet."""
        wanted = input * self.producer_positions + position - self.capacity + 1
        if wanted <= 0:
            return 0
        before, last = divmod(wanted - 1, self.producer_positions)
        # consumer positions that must be done, so that nothing older than `wanted` is needed
        done = before * len(self.oldest) + bisect_left(self.oldest, last + 1)
        if done == 0:
            return 0
        return self.releases[done - 1] if done <= len(self.releases) else None
