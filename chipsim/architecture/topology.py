"""How routers are joined. `Topology` is all that the rest of chipsim knows of a network's shape."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from chipsim.architecture.spec import Grid

Site = int


class Topology(Protocol):
    """The routers of a chip, numbered from 0, and the deterministic way between any two.

    Routes from one site must form a tree (two of them that reach a router reach it by the same links), so
    that a multicast is the union of its routes.
    """

    @property
    def sites(self) -> int:
        """Number of routers."""

    def label(self, site: Site) -> str:
        """Coordinates for names, such as ``"2,3"``."""

    def coordinates(self, site: Site) -> tuple[float, float]:
        """(x, y) on the floor plan, in steps of one tile; y grows downwards."""

    def links(self) -> list[tuple[Site, Site]]:
        """Directed links between routers."""

    def route(self, source: Site, target: Site) -> list[Site]:
        """Routers from ``source`` to ``target``, both included."""

    def placement_order(self) -> list[Site]:
        """All sites such that neighbours in the list are near each other."""

    def spread(self, count: int) -> list[Site]:
        """``count`` sites spread over the chip, for units that are fewer than tiles."""

    @property
    def host_site(self) -> Site:
        """Where the host interface is attached."""


@dataclass(frozen=True, slots=True)
class Mesh:
    """A 2-D mesh with dimension-order (first x, then y) routing, which cannot deadlock."""

    rows: int
    columns: int

    @property
    def sites(self) -> int:
        """Number of routers."""
        return self.rows * self.columns

    @property
    def host_site(self) -> Site:
        """The top left corner."""
        return 0

    def label(self, site: Site) -> str:
        """Row and column."""
        return f"{site // self.columns},{site % self.columns}"

    def coordinates(self, site: Site) -> tuple[float, float]:
        """(column, row)."""
        return float(site % self.columns), float(site // self.columns)

    def links(self) -> list[tuple[Site, Site]]:
        """Both directions between horizontal and vertical neighbours."""
        right = [(s, s + 1) for s in range(self.sites) if (s + 1) % self.columns]
        down = [(s, s + self.columns) for s in range(self.sites - self.columns)]
        return sorted([(a, b) for a, b in right + down] + [(b, a) for a, b in right + down])

    def route(self, source: Site, target: Site) -> list[Site]:
        """First along the row, then along the column.

        Examples
        --------
        >>> Mesh(3, 3).route(0, 5)
        [0, 1, 2, 5]
        """
        row, column = divmod(source, self.columns)
        target_row, target_column = divmod(target, self.columns)
        path = [source]
        while column != target_column:
            column += 1 if target_column > column else -1
            path.append(row * self.columns + column)
        while row != target_row:
            row += 1 if target_row > row else -1
            path.append(row * self.columns + column)
        return path

    def placement_order(self) -> list[Site]:
        """A snake: left to right, then right to left."""
        return [
            row * self.columns + (column if row % 2 == 0 else self.columns - 1 - column)
            for row in range(self.rows)
            for column in range(self.columns)
        ]

    def spread(self, count: int) -> list[Site]:
        """Evenly along the snake.

        Examples
        --------
        >>> Mesh(8, 8).spread(2)
        [16, 48]
        """
        order = self.placement_order()
        return [order[(2 * index + 1) * self.sites // (2 * count) % self.sites] for index in range(count)]


def build_topology(grid: Grid) -> Topology:
    """The topology that an architecture asks for."""
    return Mesh(*grid.shape)
