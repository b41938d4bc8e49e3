"""`StreamedPercentile`: the percentile of magnitudes that come in parts, exact and in bounded memory.

Near the top only the largest values are kept (`Largest`). Where those would be too many, values are counted by the
upper halves of their bits, and in a second pass by the lower halves of those that matter (`Counted`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chipsim.crossbar.converters import check_finite
from chipsim.errors import InputError

MOST_KEPT = 32768
"""Values kept at most: about as many bytes as the counts of `Counted`."""

Magnitudes = NDArray[np.float32]


@dataclass(slots=True)
class Largest:
    """The ``keep`` largest of the values so far."""

    keep: int
    _kept: Magnitudes = field(default_factory=lambda: np.empty(0, np.float32))
    _waiting: list[Magnitudes] = field(default_factory=list)
    _many: int = 0
    _least: float = -1.0

    passes = 1

    def add(self, values: Magnitudes) -> None:
        """Look at more values; one as large as the least of enough others changes nothing."""
        larger = values[values > self._least]
        if len(larger):
            self._waiting.append(larger)
            self._many += len(larger)
        if self._many > MOST_KEPT:
            self._merge()

    def at(self, rank_from_top: int) -> np.float32:
        """The value of a rank, 0 for the largest."""
        self._merge()
        return np.float32(np.sort(self._kept)[-1 - rank_from_top])

    def _merge(self) -> None:
        both = np.concatenate([self._kept, *self._waiting])
        self._waiting.clear()
        self._many = 0
        if len(both) >= self.keep:
            both.partition(len(both) - self.keep)
            both = both[len(both) - self.keep :].copy()
            self._least = float(both[0])
        self._kept = both


@dataclass(slots=True)
class Counted:
    """How many values have which bits: those of floats that are not negative rise with the value.

    Attributes
    ----------
    count : int
        Values of one pass.
    ranks : tuple of int
        From the top, whose values will be asked for.
    """

    count: int
    ranks: tuple[int, ...]
    _upper: NDArray[np.int64] = field(default_factory=lambda: np.zeros(2**16, np.int64))
    _lower: dict[int, NDArray[np.int64]] = field(default_factory=dict)
    _seen: int = 0

    passes = 2

    def add(self, values: Magnitudes) -> None:
        """Count more values of the first or second pass."""
        bits = values.view(np.uint32)
        if self._seen < self.count:
            self._upper += np.bincount(bits >> 16, minlength=2**16)
        else:
            for half, counts in self._lower.items():
                counts += np.bincount(bits[bits >> 16 == half] & 0xFFFF, minlength=2**16)
        self._seen += len(bits)
        if self._seen == self.count:
            self._lower = {_found(self._upper, rank)[0]: np.zeros(2**16, np.int64) for rank in self.ranks}

    def at(self, rank_from_top: int) -> np.float32:
        """The value of a rank, 0 for the largest."""
        half, rank = _found(self._upper, rank_from_top)
        low, _ = _found(self._lower[half], rank)
        return np.uint32(half << 16 | low).view(np.float32)


class StreamedPercentile:
    """A percentile of magnitudes; every value is handed to `add` once in each pass.

    Parameters
    ----------
    count : int
        How many values there are.
    percentile : float
        From 0 to 100.

    Raises
    ------
    InputError
        If there are no values.

    Notes
    -----
    With the values v in rising order and h = (count - 1) percentile / 100, the result is v[h] where h is whole, else
    linear between its two neighbours: that of ``numpy.percentile``, bit by bit, however the values are cut into parts.

    Examples
    --------
    >>> found = StreamedPercentile(count=4, percentile=50)
    >>> for part in ([-4.0], [1.0, 2.0, -3.0]):
    ...     found.add(np.float32(part))
    >>> found.value()
    2.5
    """

    def __init__(self, count: int, percentile: float, most_kept: int = MOST_KEPT) -> None:
        if count < 1:
            raise InputError("a converter's range needs at least one calibration value")
        place = (count - 1) * (percentile / 100)
        low = min(math.floor(place), count - 1)
        self._count, self._seen, self._between = count, 0, place - low
        self._low, self._high = count - 1 - low, max(count - 2 - low, 0)  # ranks from the top
        kept = self._low + 1
        self._values = Largest(kept) if kept <= most_kept else Counted(count, (self._low, self._high))

    @property
    def passes(self) -> int:
        """How often all values have to be handed over: once or twice."""
        return self._values.passes

    def add(self, values: NDArray[np.floating[Any]]) -> None:
        """Take some of the values, of any shape and sign.

        Raises
        ------
        InputError
            If one is NaN or infinite.
        """
        check_finite(values, "calibration values")
        self._values.add(np.abs(values, dtype=np.float32).reshape(-1))
        self._seen += values.size

    def value(self) -> float:
        """The percentile, when all values were there."""
        if self._seen != self._count * self.passes:
            raise InputError(f"a percentile of {self._count} values in {self.passes} passes got {self._seen} in all")
        low, high = self._values.at(self._low), self._values.at(self._high)
        step = high - low
        if self._between < 0.5:
            return float(low + step * self._between)
        return float(high - step * (1 - self._between))


def _found(counts: NDArray[np.int64], rank_from_top: int) -> tuple[int, int]:
    """Index of the count that holds a rank, and the rank within it."""
    above = np.cumsum(counts[::-1])
    behind = int(np.searchsorted(above, rank_from_top, side="right"))
    return len(counts) - 1 - behind, rank_from_top - (int(above[behind - 1]) if behind else 0)
