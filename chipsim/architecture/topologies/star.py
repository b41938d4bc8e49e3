"""`Crossbar` and `Bus`: all sites around one switch, or around one medium that they share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from chipsim.architecture.topologies.layout import Point, Site, Sites, both_ways, centre, free_place

if TYPE_CHECKING:
    from chipsim.architecture.spec import Grid


@dataclass(frozen=True, slots=True)
class Crossbar(Sites):
    """One switch in the middle; each site has a link to it and one from it, and the host sits beside it."""

    @classmethod
    def from_grid(cls, grid: Grid) -> Crossbar:
        """The crossbar of an architecture file."""
        return cls(*grid.shape)

    @property
    def routers(self) -> int:
        """One for each site, and the switch."""
        return self.rows * self.columns + 1

    @property
    def host_site(self) -> Site:
        """The switch."""
        return self.rows * self.columns

    def label(self, site: Site) -> str:
        """Row and column, or ``switch``."""
        return "switch" if site == self.sites else _row_and_column(site, self.columns)

    def coordinates(self, site: Site) -> Point:
        """(column, row); the switch is in the middle."""
        if site < self.sites:
            return _column_and_row(site, self.columns)
        return _middle(self.rows, self.columns)

    def links(self) -> list[tuple[Site, Site]]:
        """From and to the switch."""
        return both_ways((site, self.sites) for site in range(self.sites))

    def route(self, source: Site, target: Site) -> list[Site]:
        """Over the switch.

        Examples
        --------
        >>> Crossbar(2, 2).route(0, 3)
        [0, 4, 3]
        """
        if source == target:
            return [source]
        if self.sites in (source, target):
            return [source, target]
        return [source, self.sites, target]


@dataclass(frozen=True, slots=True)
class Bus(Sites):
    """One medium for all: a link from every site to its beginning, one from its end to every site."""

    @classmethod
    def from_grid(cls, grid: Grid) -> Bus:
        """The bus of an architecture file."""
        return cls(*grid.shape)

    @property
    def routers(self) -> int:
        """One for each site, and the two ends of the bus."""
        return self.rows * self.columns + 2

    def label(self, site: Site) -> str:
        """Row and column, or ``bus in`` and ``bus out``."""
        if site < self.sites:
            return _row_and_column(site, self.columns)
        return "bus in" if site == self.sites else "bus out"

    def coordinates(self, site: Site) -> Point:
        """(column, row); the bus is in the middle."""
        if site < self.sites:
            return _column_and_row(site, self.columns)
        x, y = _middle(self.rows, self.columns)
        return (x - 0.1, y) if site == self.sites else (x + 0.1, y)

    def links(self) -> list[tuple[Site, Site]]:
        """To the bus, over it, and from it."""
        start, end = self.sites, self.sites + 1
        sites = range(self.sites)
        return sorted([*((site, start) for site in sites), (start, end), *((end, site) for site in sites)])

    def route(self, source: Site, target: Site) -> list[Site]:
        """Over the bus.

        Examples
        --------
        >>> Bus(2, 2).route(0, 3)
        [0, 4, 5, 3]
        """
        return [source] if source == target else [source, self.sites, self.sites + 1, target]


def _row_and_column(site: Site, columns: int) -> str:
    return f"{site // columns},{site % columns}"


def _column_and_row(site: Site, columns: int) -> Point:
    return float(site % columns), float(site // columns)


def _middle(rows: int, columns: int) -> Point:
    """The middle of the floor plan, where there is no tile."""
    taken = {(x, y) for x in ((columns - 1) // 2, columns // 2) for y in ((rows - 1) // 2, rows // 2)}
    return free_place(centre([(0, 0), (columns - 1, rows - 1)]), taken)
