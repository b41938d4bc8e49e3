"""`Annealer`: tiles of a chip exchanged until the bytes between them have short ways.

The cost is the sum over all pairs of bytes per input x hops: a quadratic assignment problem. Each step takes one item
and weighs all its possible places at once, each against its present one (who is there changes places with it), and
draws one of them with the probability that its cost has at the present temperature: a heat bath.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
COLDEST = 1e-4
"""Last temperature / first one."""
FEWEST_STEPS = 2000
SMALL = 1e-6
"""Byte-hops that are no gain but rounding."""


@dataclass(slots=True)
class Annealer:
    """Items on places, at most one on each; make it with `start`.

    Attributes
    ----------
    distance : ndarray of float64, shape (places, places)
        Hops from one place to another.
    pull : ndarray of float64, shape (items, items)
        Weight of the way from one item to another; none from an item to itself.
    fixed : ndarray of float64, shape (items, places)
        Cost of an item at a place because of what cannot be moved.
    place_of : ndarray of int64, shape (items,)
    item_at : ndarray of int64, shape (places,)
        -1 where there is none.
    cost : ndarray of float64, shape (items, places)
        Of an item at a place, all others staying where they are.
    """

    distance: Floats
    pull: Floats
    fixed: Floats
    place_of: Ints
    item_at: Ints
    cost: Floats

    @classmethod
    def start(cls, distance: Floats, pull: Floats, fixed: Floats, place_of: Ints) -> Annealer:
        """Items at the places where they are to begin."""
        item_at = np.full(len(distance), -1, np.int64)
        item_at[place_of] = np.arange(len(place_of))
        cost = fixed + pull @ distance[:, place_of].T + pull.T @ distance[place_of]
        return cls(distance, pull, fixed, place_of.copy(), item_at, cost)

    def total(self) -> float:
        """Weight x hops of all pairs, and what is fixed."""
        items = np.arange(len(self.place_of))
        between = (self.pull * self.distance[np.ix_(self.place_of, self.place_of)]).sum()
        return float(between + self.fixed[items, self.place_of].sum())

    def gains(self, item: int) -> Floats:
        """What the total grows by when an item goes to each place, shape (places,); zero at its own.

        Whoever is there goes to where the item was.
        """
        here = self.place_of[item]
        moved: Floats = self.cost[item] - self.cost[item, here]
        taken = np.flatnonzero(self.item_at >= 0)
        others = self.item_at[taken]
        both = self.pull[item, others] + self.pull[others, item]  # their way is in both their costs
        back_and_forth = self.distance[here, taken] + self.distance[taken, here]
        moved[taken] += self.cost[others, here] - self.cost[others, taken] + both * back_and_forth
        moved[here] = 0.0
        return moved

    def move(self, item: int, place: int) -> None:
        """Put an item on a place, and who is there on the item's."""
        here, other = int(self.place_of[item]), int(self.item_at[place])
        self._shift(item, here, place)
        if other >= 0:
            self._shift(other, place, here)
        self.place_of[item], self.item_at[place], self.item_at[here] = place, item, other
        if other >= 0:
            self.place_of[other] = here

    def anneal(self, rng: np.random.Generator, sweeps: int, hottest: float) -> None:
        """Cool down from a temperature, a step for each item in each sweep; end in the best local minimum seen."""
        steps = max(FEWEST_STEPS, sweeps * len(self.place_of))
        if not len(self.place_of) or hottest <= 0:
            return
        grown, least, best = 0.0, 0.0, self.place_of.copy()
        for step in range(steps):
            item = int(rng.integers(len(self.place_of)))
            temperature = hottest * COLDEST ** (step / steps)
            gains = self.gains(item)
            chances = np.exp(np.minimum(0.0, (gains.min() - gains)) / temperature).cumsum()
            place = int(np.searchsorted(chances, rng.random() * chances[-1], side="right"))
            if place == self.place_of[item]:
                continue
            grown += gains[place]
            self.move(item, place)
            if grown < least - SMALL:
                least, best = grown, self.place_of.copy()
        self._restart(best)
        self.descend()

    def descend(self) -> None:
        """Make the best move of every item in turn until none helps."""
        helped = True
        while helped:
            helped = False
            for item in range(len(self.place_of)):
                gains = self.gains(item)
                place = int(gains.argmin())
                if gains[place] < -SMALL:
                    self.move(item, place)
                    helped = True

    def temperature(self) -> float:
        """One at which most moves are tried: the mean of what they cost or gain."""
        found = []
        for item in range(0, len(self.place_of), max(1, len(self.place_of) // 64)):
            found.append(np.abs(self.gains(item)).mean())
        return float(np.mean(found)) if found else 0.0

    def _restart(self, place_of: Ints) -> None:
        fresh = Annealer.start(self.distance, self.pull, self.fixed, place_of)
        self.place_of, self.item_at, self.cost = fresh.place_of, fresh.item_at, fresh.cost

    def _shift(self, item: int, before: int, after: int) -> None:
        """All others' costs once an item is elsewhere."""
        to, away = self.pull[:, item], self.pull[item]
        for others, change in (
            (to, self.distance[:, after] - self.distance[:, before]),
            (away, self.distance[after] - self.distance[before]),
        ):
            near = np.flatnonzero(others)
            if len(near):
                self.cost[near] += np.outer(others[near], change)
