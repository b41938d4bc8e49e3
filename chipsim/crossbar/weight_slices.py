"""`WeightSlices`: integer weights cut into cells of a few bits each.

``slices.integers(weights, largest)`` rounds weights, ``slices.levels(integers)`` gives what the cells of each slice
hold and ``slices.factors`` what one level of each slice counts: the integers are the weighted sum of the slices.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chipsim.crossbar.pairs import Weights, check_weights
from chipsim.errors import InputError, SpecError

MOST_WEIGHT_BITS = 16


@dataclass(frozen=True, slots=True)
class WeightSlices:
    """Encoding of weights as slices.

    Parameters
    ----------
    weight_bits : int
        Sign included, 2 to 16; integers run from -limit to limit = 2^(weight_bits-1) - 1.
    bits_per_cell : int
        Bits of one cell, from the lowest bits up; the last slice may have fewer.
    offset : bool
        False: each slice is an array of pairs of cells that hold the magnitude, G+ of positive, G- of negative
        weights. True: each slice has single cells that hold weight + 2^(weight_bits-1), and one unit column, whose
        cells all hold the level 1, gives what has to be taken off digitally.

    Examples
    --------
    >>> slices = WeightSlices(weight_bits=4, bits_per_cell=2, offset=True)
    >>> slices.factors
    (1, 4, -8)
    >>> [level.tolist() for level in slices.levels(np.array([[-7, 6]]))]
    [[[1.0, 2.0]], [[0.0, 3.0]], [[1.0]]]
    """

    weight_bits: int
    bits_per_cell: int
    offset: bool = False

    def __post_init__(self) -> None:
        if not 2 <= self.weight_bits <= MOST_WEIGHT_BITS:
            raise SpecError(f"weight bits ({self.weight_bits!r}) must be 2 to {MOST_WEIGHT_BITS}")
        if not 1 <= self.bits_per_cell <= self._bits:
            raise SpecError(f"bits per cell ({self.bits_per_cell!r}) must be 1 to {self._bits}, all of a weight")

    @property
    def _bits(self) -> int:
        return self.weight_bits if self.offset else self.weight_bits - 1

    @property
    def limit(self) -> int:
        """The largest integer weight."""
        return int(2 ** (self.weight_bits - 1) - 1)

    @property
    def largest_level(self) -> int:
        """What a cell at g_max holds."""
        return int(2**self.bits_per_cell - 1)

    @property
    def count(self) -> int:
        """Number of slices, the unit column apart."""
        return math.ceil(self._bits / self.bits_per_cell)

    @property
    def factors(self) -> tuple[int, ...]:
        """What one level of each slice counts; the unit column, where there is one, is last."""
        shifted = tuple(2 ** (self.bits_per_cell * index) for index in range(self.count))
        return (*shifted, -(2 ** (self.weight_bits - 1))) if self.offset else shifted

    def integers(self, weights: Weights, largest: NDArray[np.floating[Any]]) -> NDArray[np.int32]:
        """Round weights to integers, halves to even.

        Parameters
        ----------
        weights : ndarray of float, shape (rows, columns)
        largest : ndarray of float, shape (columns,)
            The weight of each column that becomes ``limit``.

        Returns
        -------
        ndarray of int32, shape (rows, columns)

        Raises
        ------
        InputError
            If the weights are not a finite matrix, or one is beyond its column's largest.
        """
        rounded = np.rint(check_weights(weights).astype(np.float64) / largest * self.limit)
        if (np.abs(rounded) > self.limit).any():
            column = int(np.argwhere(np.abs(rounded) > self.limit)[0][1])
            raise InputError(f"the scale of column {column} is too small for its weights; it must cover all row blocks")
        return np.asarray(rounded, dtype=np.int32)

    def levels(self, integers: NDArray[np.integer[Any]]) -> list[NDArray[np.float32]]:
        """What the cells of each slice hold.

        Parameters
        ----------
        integers : ndarray of int, shape (rows, columns)

        Returns
        -------
        list of ndarray of float32, shape (rows, columns)
            Whole numbers; of pairs, with the weight's sign. With ``offset`` the unit column is last, shape (rows, 1).
        """
        signs = 1 if self.offset else np.sign(integers)
        held = integers + 2 ** (self.weight_bits - 1) if self.offset else np.abs(integers)
        shifts = range(0, self._bits, self.bits_per_cell)
        found = [(((held >> shift) & self.largest_level) * signs).astype(np.float32) for shift in shifts]
        return [*found, np.ones((len(integers), 1), np.float32)] if self.offset else found
