"""`Reads`: which indices of a producer each index of a consumer reads along one axis, in as many numbers as there are
reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Reads:
    """Along one axis.

    Attributes
    ----------
    touched : ndarray of int64, shape (consumer indices, reads)
        Producer indices, no two in a row alike; -1 for none. Rows that are all alike may be one row, broadcast.
    size : int
        Producer indices that there are.
    """

    touched: Indices
    size: int

    @property
    def last(self) -> Indices:
        """The last index that each consumer index reads, plus 1; 0 where it reads none; shape (consumer indices,)."""
        return np.broadcast_to(self._rows.max(axis=1) + 1, len(self.touched))

    @property
    def first(self) -> Indices:
        """The first index that each consumer index reads; `size` where it reads none; shape (consumer indices,)."""
        rows = self._rows
        return np.broadcast_to(rows.min(axis=1, where=rows >= 0, initial=self.size), len(self.touched))

    @property
    def any(self) -> NDArray[np.bool_]:
        """Which producer indices anyone reads, shape (size,)."""
        found = np.zeros(self.size + 1, np.bool_)  # the last is what -1 points to
        found[self._rows] = True
        return found[:-1]

    def read_by(self, asked: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Which producer indices some consumer indices read: shape (consumer indices, ...) to (size, ...)."""
        found = np.zeros((self.size + 1, *asked.shape[1:]), np.bool_)
        for consumers, producers in self._pairs():
            np.logical_or.at(found, producers, asked[consumers])
        return found[:-1]

    def count(self, chosen: Indices) -> Indices:
        """Sums over what each consumer index reads: shape (size, ...) to (consumer indices, ...)."""
        padded = np.concatenate([chosen, np.zeros((1, *chosen.shape[1:]), np.int64)])
        found = np.zeros((len(self.touched), *chosen.shape[1:]), np.int64)
        for consumers, producers in self._pairs():
            np.add.at(found, consumers, padded[producers])
        return found

    @property
    def _rows(self) -> Indices:
        return self.touched if self.touched.strides[0] else self.touched[:1]

    def _pairs(self) -> Sequence[tuple[Indices, Indices]]:
        """Who reads whom, in as few steps as there are consumer indices, or reads of each."""
        outputs, reads = self.touched.shape
        if outputs < reads:
            return [(np.full(reads, output), self.touched[output]) for output in range(outputs)]
        return [(np.arange(outputs), self.touched[:, read]) for read in range(reads)]


def read_by(axes: Sequence[Reads], asked: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which producer positions some consumer positions read, both in raster order over all axes.

    Examples
    --------
    >>> pool = Reads(np.array([[0, 1], [2, 3]]), 4)
    >>> read_by([pool, pool], np.array([False, False, True, False])).reshape(4, 4).astype(int).tolist()
    [[0, 0, 0, 0], [0, 0, 0, 0], [1, 1, 0, 0], [1, 1, 0, 0]]
    """
    found = asked.reshape([len(axis.touched) for axis in axes])
    for number, axis in enumerate(axes):
        found = np.moveaxis(axis.read_by(np.moveaxis(found, number, 0)), 0, number)
    return found.ravel()


def count_read(axes: Sequence[Reads], chosen: NDArray[np.bool_]) -> Indices:
    """How many of some producer positions each consumer position reads, both in raster order over all axes.

    Examples
    --------
    >>> pool = Reads(np.array([[0, 1], [2, 3]]), 4)
    >>> count_read([pool, pool], np.arange(16) < 3).tolist()
    [2, 1, 0, 0]
    """
    found = chosen.astype(np.int64).reshape([axis.size for axis in axes])
    for number, axis in enumerate(axes):
        found = np.moveaxis(axis.count(np.moveaxis(found, number, 0)), 0, number)
    return found.ravel()
