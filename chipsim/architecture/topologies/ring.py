"""`Ring`: all sites in one circle, laid out on the floor plan so that neighbours are near each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from chipsim.architecture.topologies.layout import Point, Site, both_ways, spread_evenly
from chipsim.architecture.topologies.torus import ring_channels, ring_route

if TYPE_CHECKING:
    from chipsim.architecture.spec import Grid


@dataclass(frozen=True, slots=True)
class Ring:
    """A ring with links in both directions; packets take the shorter one.

    Attributes
    ----------
    rows, columns : int
        Of the floor plan; the ring has rows x columns sites.
    """

    rows: int
    columns: int
    _places: tuple[Point, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_places", tuple(closed_walk(self.rows, self.columns)))

    @classmethod
    def from_grid(cls, grid: Grid) -> Ring:
        """The ring of an architecture file."""
        return cls(*grid.shape)

    @property
    def sites(self) -> int:
        """Number of sites."""
        return self.rows * self.columns

    @property
    def routers(self) -> int:
        """Number of routers: one for each site."""
        return self.sites

    @property
    def host_site(self) -> Site:
        """The first site."""
        return 0

    def label(self, site: Site) -> str:
        """The number."""
        return str(site)

    def coordinates(self, site: Site) -> Point:
        """Along a closed walk over the floor plan."""
        return self._places[site]

    def links(self) -> list[tuple[Site, Site]]:
        """Both directions between neighbours, the last and the first being neighbours too."""
        return both_ways((site, (site + 1) % self.sites) for site in range(self.sites) if self.sites > 1)

    def route(self, source: Site, target: Site) -> list[Site]:
        """The shorter way round; of two equal ways the one to higher numbers.

        Examples
        --------
        >>> Ring(1, 6).route(5, 2)
        [5, 0, 1, 2]
        """
        return ring_route(self.sites, source, target)

    def channels(self, route: Sequence[Site]) -> list[int]:
        """1 from the link between the last and the first site on, 0 before it."""
        return ring_channels(route)

    def placement_order(self) -> list[Site]:
        """Once round."""
        return list(range(self.sites))

    def spread(self, count: int) -> list[Site]:
        """Evenly round the ring."""
        return spread_evenly(self.placement_order(), count)


def closed_walk(rows: int, columns: int) -> list[Point]:
    """Places (x, y) of a ring's sites, each next to the one before and the last next to the first.

    The walk goes down in a snake and comes back up the first column; where neither rows nor columns are even
    there is no such walk, and the ring is folded into two rows.

    Examples
    --------
    >>> closed_walk(2, 3)
    [(0.0, 0.0), (1.0, 0.0), (2.0, 0.0), (2.0, 1.0), (1.0, 1.0), (0.0, 1.0)]
    """
    if min(rows, columns) == 1 or (rows % 2 and columns % 2):
        ahead = (rows * columns + 1) // 2
        back = rows * columns - ahead
        return [(float(x), 0.0) for x in range(ahead)] + [(float(x), 1.0) for x in reversed(range(back))]
    if rows % 2:
        return [(y, x) for x, y in closed_walk(columns, rows)]
    walk = [(0, 0)]
    for row in range(rows):
        snake = range(1, columns)
        walk += [(column, row) for column in (snake if row % 2 == 0 else reversed(snake))]
    walk += [(0, row) for row in reversed(range(1, rows))]
    return [(float(x), float(y)) for x, y in walk]
