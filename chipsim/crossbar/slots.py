"""How MVMs are laid out in BLAS calls of one fixed size: `calls`, and the scratch space `Bench`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True)
class Bench:
    """Scratch space of one call, so that one `ReadPath` can serve several threads."""

    codes: Floats
    outputs: Floats
    sigma: Floats
    work: Floats

    @classmethod
    def of(cls, slots: int, matrix: Floats) -> Bench:
        """Lay out zeros for products of ``slots`` vectors with a matrix (rows, columns), in its data type."""
        rows, columns = matrix.shape
        shapes = ((slots, rows), (slots, columns), (slots, columns), (slots, max(rows, columns)))
        return cls(*(np.zeros(shape, dtype=matrix.dtype) for shape in shapes))

    def scratch(self, like: Floats) -> Floats:
        """Uninitialised memory with another array's shape."""
        return self.work.reshape(-1)[: like.size].reshape(like.shape)


def calls(count: int, first_mvm: int, slots: int) -> Iterator[tuple[slice, slice]]:
    """Cut MVMs into BLAS calls: which inputs each takes, and the slots where they stand.

    Examples
    --------
    >>> list(calls(count=3, first_mvm=2, slots=4))
    [(slice(0, 2, None), slice(2, 4, None)), (slice(2, 3, None), slice(0, 1, None))]
    """
    start = 0
    while start < count:
        slot = (first_mvm + start) % slots
        stop = min(count, start + slots - slot)
        yield slice(start, stop), slice(slot, slot + stop - start)
        start = stop
