"""`Sites`: what topologies whose sites lie in rows and columns have in common."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

Site = int
Point = tuple[float, float]
_ASIDE = 0.45  # between two rows of tiles, in steps of one tile


@dataclass(frozen=True, slots=True)
class Sites:
    """Sites in rows and columns, numbered row by row, each with one router, the host beside the first."""

    rows: int
    columns: int

    @property
    def sites(self) -> int:
        """Number of sites."""
        return self.rows * self.columns

    @property
    def routers(self) -> int:
        """Number of routers: one for each site."""
        return self.rows * self.columns

    @property
    def host_site(self) -> Site:
        """The top left corner."""
        return 0

    def label(self, site: Site) -> str:
        """Row and column."""
        return f"{site // self.columns},{site % self.columns}"

    def coordinates(self, site: Site) -> Point:
        """(column, row)."""
        return float(site % self.columns), float(site // self.columns)

    def placement_order(self) -> list[Site]:
        """A snake: left to right, then right to left."""
        return [
            row * self.columns + (column if row % 2 == 0 else self.columns - 1 - column)
            for row in range(self.rows)
            for column in range(self.columns)
        ]

    def spread(self, count: int) -> list[Site]:
        """Evenly along the placement order."""
        return spread_evenly(self.placement_order(), count)


def spread_evenly(order: Sequence[Site], count: int) -> list[Site]:
    """``count`` of the sites, at even distances in a list of them.

    Examples
    --------
    >>> spread_evenly([0, 1, 2, 3, 7, 6, 5, 4], 2)
    [2, 5]
    """
    return [order[(2 * index + 1) * len(order) // (2 * count) % len(order)] for index in range(count)]


def both_ways(pairs: Iterable[tuple[Site, Site]]) -> list[tuple[Site, Site]]:
    """Each pair and its reverse, once, sorted.

    Examples
    --------
    >>> both_ways([(0, 1), (1, 0), (1, 2)])
    [(0, 1), (1, 0), (1, 2), (2, 1)]
    """
    return sorted({link for a, b in pairs for link in ((a, b), (b, a))})


def centre(points: Iterable[Point]) -> Point:
    """The middle of some points."""
    xs, ys = zip(*points, strict=True)
    return sum(xs) / len(xs), sum(ys) / len(ys)


def free_place(wanted: Point, taken: Iterable[Point]) -> Point:
    """The place that is wanted, or the nearest free one above it.

    Examples
    --------
    >>> free_place((1.0, 1.0), {(1.0, 1.0)})
    (1.0, 0.55)
    """
    x, y = wanted
    while (x, y) in taken:
        y -= _ASIDE
    return x, y
