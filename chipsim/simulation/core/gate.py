"""`Gate`: counts what has arrived for each position of a consumer, and says when the last of it did."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from chipsim.simulation.core.origin import Origin
from chipsim.simulation.core.timeline import new_times

NEVER = np.iinfo(np.int64).max
"""Later than any time."""


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

    def expect(self, counts: Sequence[int] | NDArray[np.int64]) -> None:
        """Expect so many more packets for each position."""
        self._counts += counts

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

    Parameters
    ----------
    gate : Gate
        Of the consumer.
    completes : sequence of int
        For every position of the producer.
    arrivals : Arrivals, optional
        Notes what comes.
    in_order : bool
        What comes does so in the order of positions: `expect` is told which, and only times are noted.

    Attributes
    ----------
    arrive : callable (input, position, time)
        See `Sink`.
    """

    __slots__ = ("arrivals", "arrive", "completes", "gate", "times")

    def __init__(
        self, gate: Gate, completes: Sequence[int], arrivals: Arrivals | None = None, *, in_order: bool = False
    ) -> None:
        self.gate, self.completes, self.arrivals = gate, completes, arrivals
        self.times = new_times() if in_order and arrivals is not None else None
        self.arrive = _receiver(self)

    def expect(self, positions: NDArray[np.int64], expected: Sequence[int]) -> None:
        """Say which positions of an input come, in this order, and how many of them each consumer position takes."""
        self.gate.expect(expected)
        if self.arrivals is not None and self.times is not None:
            self.arrivals.expect(positions, self.times)

    def arrive_all(self, input: int, positions: NDArray[np.int64], times: NDArray[np.int64]) -> None:
        """Receive many positions of an input at once: the same as one by one, where times never fall."""
        gate, total = self.gate, len(self.completes)
        if self.times is not None:
            self.times.frombytes(times.tobytes())
        elif self.arrivals is not None:
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


def _receiver(sink: EdgeSink) -> Callable[[int, int, int], None]:
    """What `Gate.receive` does, with nothing to look up; notes what arrives, where asked to."""
    gate, completes, arrivals = sink.gate, sink.completes, sink.arrivals
    remaining, latest, window, positions = gate.remaining, gate.latest, gate.window, gate.positions

    def arrive(input: int, position: int, time: int) -> None:
        index = input % window * positions + completes[position]
        if time > latest[index]:
            latest[index] = time
        left = remaining[index] = remaining[index] - 1
        if not left:
            gate.notify()

    if sink.times is not None:
        note = sink.times.append

        def arrive_in_order(input: int, position: int, time: int) -> None:
            note(time)
            index = input % window * positions + completes[position]
            if time > latest[index]:
                latest[index] = time
            left = remaining[index] = remaining[index] - 1
            if not left:
                gate.notify()

        return arrive_in_order
    if arrivals is None:
        return arrive
    note_position, note_time, total = arrivals.positions.append, arrivals.times.append, len(completes)

    def arrive_and_note(input: int, position: int, time: int) -> None:
        note_position(input * total + position)
        note_time(time)
        arrive(input, position, time)

    return arrive_and_note


class Arrivals:
    """When producer positions arrived in one buffer, in ps.

    Attributes
    ----------
    positions, times : array of int
        Of what comes in no fixed order; positions count over all inputs.
    """

    __slots__ = ("_ways", "positions", "times")

    def __init__(self) -> None:
        self.positions, self.times = array("q"), new_times()
        self._ways: list[tuple[NDArray[np.int64], array[int]]] = []

    def expect(self, positions: NDArray[np.int64], times: array[int]) -> None:
        """Positions of an input that come one after the other, input after input: ``times`` grows, and never falls."""
        self._ways.append((positions, times))

    def first(self, producer_positions: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Positions that arrived, and when the first packet of each did; an input has ``producer_positions``."""
        found: list[tuple[NDArray[np.int64], array[int]]] = [
            (_input_after_input(order, len(noted), producer_positions), noted) for order, noted in self._ways if noted
        ]
        if self.positions:
            found.append((np.array(self.positions), self.times))
        if len(found) == 1 and not self.positions:
            return found[0][0], np.array(found[0][1], np.int64)
        count = max((int(positions.max()) + 1 for positions, _ in found), default=0)
        earliest = np.full(count, NEVER)
        for positions, times in found:
            np.minimum.at(earliest, positions, np.asarray(times, np.int64))
        arrived = np.flatnonzero(earliest < NEVER)
        return arrived, earliest[arrived]

    def latest(self) -> int:
        """The last time that is known, 0 if there is none."""
        last = [times[-1] for _, times in self._ways if times]
        return max(max(self.times, default=0), *last, 0)


def _input_after_input(order: NDArray[np.int64], count: int, positions: int) -> NDArray[np.int64]:
    """The first ``count`` of the positions of an input in ``order``, then of the next input; an input has so many."""
    if count <= len(order):
        return order[:count]
    return np.arange(count) // len(order) * positions + np.resize(order, count)


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
