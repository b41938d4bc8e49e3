"""`Torus`: a mesh whose rows and columns are closed to rings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from chipsim.architecture.topologies.layout import Site, Sites, both_ways

if TYPE_CHECKING:
    from chipsim.architecture.spec import Grid


@dataclass(frozen=True, slots=True)
class Torus(Sites):
    """A 2-D torus with dimension-order routing: first along the row, then along the column, each the shorter way."""

    @classmethod
    def from_grid(cls, grid: Grid) -> Torus:
        """The torus of an architecture file."""
        return cls(*grid.shape)

    def links(self) -> list[tuple[Site, Site]]:
        """Both directions between neighbours in a row or a column, the last and the first being neighbours too."""
        pairs: list[tuple[Site, Site]] = []
        for site in range(self.sites):
            row, column = divmod(site, self.columns)
            pairs.append((site, row * self.columns + (column + 1) % self.columns))
            pairs.append((site, (row + 1) % self.rows * self.columns + column))
        return both_ways((a, b) for a, b in pairs if a != b)

    def route(self, source: Site, target: Site) -> list[Site]:
        """The shorter way along the row, then along the column; of two equal ways the one to higher numbers.

        Examples
        --------
        >>> Torus(4, 4).route(0, 15)
        [0, 3, 15]
        >>> Torus(4, 4).route(0, 2)
        [0, 1, 2]
        """
        row, column = divmod(source, self.columns)
        target_row, target_column = divmod(target, self.columns)
        along = [row * self.columns + c for c in ring_route(self.columns, column, target_column)]
        return along + [r * self.columns + target_column for r in ring_route(self.rows, row, target_row)[1:]]

    def channels(self, route: Sequence[Site]) -> list[int]:
        """1 from the link on that closes a row or column, 0 before it.

        Examples
        --------
        >>> Torus(4, 4).channels([1, 0, 3, 15])
        [0, 1, 1]
        >>> Torus(4, 4).channels([1, 0, 3, 7])
        [0, 1, 0]
        """
        columns, rows = zip(*((site % self.columns, site // self.columns) for site in route), strict=True)
        along = next((index for index, row in enumerate(rows) if row != rows[0]), len(rows)) - 1
        return ring_channels(columns[: along + 1]) + ring_channels(rows[along:])


def ring_channels(route: Sequence[int]) -> list[int]:
    """1 from the link on that joins the last and the first of a ring, 0 before it.

    Examples
    --------
    >>> ring_channels([4, 5, 0, 1]), ring_channels([1, 0, 5])
    ([0, 1, 1], [0, 1])
    """
    crossed = [abs(b - a) > 1 for a, b in pairwise(route)]
    return [int(any(crossed[: index + 1])) for index in range(len(crossed))]


def ring_route(size: int, source: int, target: int) -> list[int]:
    """The shorter way round a ring; of two equal ways the one to higher numbers.

    Examples
    --------
    >>> ring_route(5, 1, 4), ring_route(4, 3, 1)
    ([1, 0, 4], [3, 0, 1])
    """
    ahead = (target - source) % size
    step, count = (1, ahead) if 2 * ahead <= size else (-1, size - ahead)
    return [(source + step * index) % size for index in range(count + 1)]
