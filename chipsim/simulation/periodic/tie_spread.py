"""`TieSpread`: between which networks ties go the same way however many inputs each goes on by (rule T101)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations

Pair = tuple[int, int]
LATE = 3
"""Inputs by which what is still to be done may be behind the first input that is not (positions that nobody reads)."""


class TieSpread:
    """By how many inputs each network is ahead of each other one, and was at most and at least.

    Parameters
    ----------
    done : callable
        Inputs of each network that are done, as they are simulated.
    in_flight : sequence of int
        Of each network, at most.
    running : callable (number)
        Whether a network has inputs that are not done.

    Attributes
    ----------
    skipped : list of int
        Inputs of each network that were left out so far.
    """

    def __init__(self, done: Callable[[], list[int]], in_flight: Sequence[int], running: Callable[[int], bool]) -> None:
        self._done, self._in_flight, self._running = done, in_flight, running
        self._range: dict[Pair, tuple[int, int]] = {}
        self.skipped = [0] * len(in_flight)

    def begin(self) -> None:
        """Forget what was, and note what is."""
        self._range = {pair: (ahead, ahead) for pair, ahead in self._ahead()}

    def note(self) -> None:
        """Call whenever an input of any network is done."""
        known = self._range
        for pair, ahead in self._ahead():
            low, high = known.get(pair, (ahead, ahead))
            if not low <= ahead <= high:
                known[pair] = min(low, ahead), max(high, ahead)

    def keeps(self, inputs: Sequence[int]) -> bool:
        """Whether all ties go the same way if each network goes on by so many inputs, again and again.

        They do where two networks go on by as many; and where the one that goes on by more is so far ahead, for as
        long as has been looked, that of the other everything comes first.
        """
        return all(self._keeps(pair, inputs) for pair in self._range)

    def _keeps(self, pair: Pair, inputs: Sequence[int]) -> bool:
        first, second = pair
        low, high = self._range[pair]
        more = inputs[first] - inputs[second]
        spare = inputs[first] + inputs[second]
        if more > 0:
            return low >= self._apart(second) + spare
        return more == 0 or high <= -self._apart(first) - spare

    def is_open(self) -> bool:
        """Whether a tie might go another way than with all inputs: to be asked whenever one is done."""
        for (first, second), ahead in self._ahead():
            really = ahead + self.skipped[first] - self.skipped[second]
            if really == ahead:
                continue
            first_leads = min(ahead, really) >= self._apart(second)
            if not first_leads and max(ahead, really) > -self._apart(first):
                return True
        return False

    def _apart(self, behind: int) -> int:
        """By how much a network must be ahead so that everything of one behind it comes first."""
        return self._in_flight[behind] + LATE

    def _ahead(self) -> list[tuple[Pair, int]]:
        done = self._done()
        running = [number for number in range(len(done)) if self._running(number)]
        return [((first, second), done[first] - done[second]) for first, second in combinations(running, 2)]
