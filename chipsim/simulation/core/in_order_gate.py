"""`InOrderGate`: a gate whose packets come in the order of positions over every way, so that little is counted.

Its consumer takes its positions in order, too. Of a way it is enough to know how many packets are still to come until
the consumer's next position has all of them; the last one of these says when.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from chipsim.simulation.core.gate import Arrivals
from chipsim.simulation.core.origin import Origin
from chipsim.simulation.core.timeline import new_times


class Arriving:
    """What comes one after the other, and how much of it each position of a consumer takes.

    Attributes
    ----------
    times : array of int
        Of all that came so far, ps; they never fall.
    latest : int
        The last of them.
    expected : sequence of int, length positions
        How many each position takes, besides those of the positions before it.
    left : int
        How many are still to come until the next position has all; none where it is 0 or less, and then the last of
        its own is ``times[left - 1]``, which is ``latest`` where it is 0.
    """

    __slots__ = ("expected", "latest", "left", "times")

    def __init__(self, expected: Sequence[int]) -> None:
        self.times = new_times()
        self.latest = 0
        self.expected, self.left = expected, expected[0]

    def take(self, following: int) -> int:
        """Use up the next position, which has all: return when, 0 if nothing came yet; ``following`` is then next."""
        left = self.left
        self.left = left + self.expected[following]
        if not left:  # what came last is its last one
            return self.latest
        last = len(self.times) + left - 1
        return self.times[last] if last >= 0 else 0

    def state(self, origin: Origin) -> bytes:
        """What is still to come, and when what came and was not taken was here (rule T50)."""
        first = max(0, len(self.times) + self.left - 1)
        here = np.array(self.times[first:], np.int64) - origin.now_ps
        return np.array([self.left, *np.maximum(here, 0)], np.int64).tobytes()


class InOrderGate(Arriving):
    """Arrivals at a consumer that are in order over each of their ways.

    It counts complete positions itself, or where everything comes over one way, what comes there.

    Parameters
    ----------
    positions : int
        Of the consumer, per input.

    Attributes
    ----------
    admitted : bool
        The first position of an input expects nothing, and waits for the admission.
    """

    __slots__ = ("_ahead", "_counts", "_missing", "_ways", "admitted", "notify", "positions")

    def __init__(self, positions: int) -> None:
        super().__init__((1,))
        self.positions = positions
        self.notify: Callable[[], None] = lambda: None
        self.admitted = False
        self._ways: list[InOrderSink] = []
        self._counts: list[Arriving] = []
        self._ahead = self._missing = 0

    def add(self, way: InOrderSink) -> None:
        """Let one more way lead here."""
        self._ways.append(way)

    def open(self) -> None:
        """Call once all ways are known; a first position that expects nothing waits for the admission."""
        if not any(way.counts.left for way in self._ways):
            self.admitted = True
            InOrderSink(self, np.arange(1)).expect(np.zeros(1, np.int64), [1] + [0] * (self.positions - 1))
        if len(self._ways) == 1:
            [way] = self._ways
            self.times, self.expected, self.left = way.counts.times, way.counts.expected, way.counts.left
            way.lead_to_gate()
            return
        self.expected = [1] * self.positions
        for way in self._ways:
            way.lead_beside(self._has_all)
        self._counts = [way.counts for way in self._ways]
        self._missing = sum(counts.left > 0 for counts in self._counts)

    def receive(self, input: int, position: int, time: int) -> None:
        """An input is admitted at a time."""
        self._ways[-1].arrive(input, position, time)

    def state(self, origin: Origin) -> bytes:
        """What is still to come over every way (rule T50)."""
        return super().state(origin) + b"".join([counts.state(origin) for counts in self._counts])

    def _has_all(self) -> None:
        """One way has brought all that the next position takes: so may the others, and that for more positions."""
        self._missing -= 1
        before = self.left
        while not self._missing:
            self._ahead = ahead = self._ahead + 1 if self._ahead + 1 < self.positions else 0
            latest = missing = 0
            for counts in self._counts:
                time = counts.take(ahead)
                if time > latest:
                    latest = time
                if counts.left > 0:
                    missing += 1
            self._missing = missing
            self.times.append(latest)
            self.latest = latest
            self.left -= 1
        if before > 0 >= self.left:
            self.notify()


class InOrderSink:
    """One way to an `InOrderGate`.

    Parameters
    ----------
    gate : InOrderGate
    completes : ndarray of int64
        For every position of the producer, as of `EdgeSink`; for those who look back.
    arrivals : Arrivals, optional
        Told where times are noted.

    Attributes
    ----------
    counts : Arriving
        Of this way, or the gate where it is the only one.
    arrive : callable (input, position, time)
        See `Sink`.
    """

    __slots__ = ("_has_all", "arrivals", "arrive", "completes", "counts", "gate")

    def __init__(self, gate: InOrderGate, completes: NDArray[np.int64], arrivals: Arrivals | None = None) -> None:
        self.gate, self.completes, self.arrivals = gate, completes, arrivals
        self.counts: Arriving
        self.arrive: Callable[[int, int, int], None]
        self._has_all: Callable[[], None]

    def expect(self, positions: NDArray[np.int64], expected: Sequence[int]) -> None:
        """See `EdgeSink.expect`."""
        self.counts = Arriving(expected)
        self.gate.add(self)
        if self.arrivals is not None:
            self.arrivals.expect(positions, self.counts.times)

    def lead_to_gate(self) -> None:
        """Count at the gate itself, which nothing else leads to."""
        gate = self.gate
        self.counts, self._has_all = gate, gate.notify
        note, notify = gate.times.append, gate.notify

        def arrive(input: int, position: int, time: int) -> None:  # noqa: ARG001
            note(time)
            gate.latest = time
            left = gate.left = gate.left - 1
            if not left:
                notify()

        self.arrive = arrive

    def lead_beside(self, has_all: Callable[[], None]) -> None:
        """Count here, beside others, and tell of it when the next position has all."""
        counts, self._has_all = self.counts, has_all
        note = counts.times.append

        def arrive(input: int, position: int, time: int) -> None:  # noqa: ARG001
            note(time)
            counts.latest = time
            left = counts.left = counts.left - 1
            if not left:
                has_all()

        self.arrive = arrive

    def arrive_all(self, input: int, positions: NDArray[np.int64], times: NDArray[np.int64]) -> None:  # noqa: ARG002
        """See `EdgeSink.arrive_all`."""
        counts = self.counts
        counts.times.frombytes(times.tobytes())
        counts.latest = int(times[-1])
        before, counts.left = counts.left, counts.left - len(times)
        if before > 0 >= counts.left:
            self._has_all()
