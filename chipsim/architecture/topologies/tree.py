"""`Tree`: sites are the leaves, switches the nodes above them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from chipsim.architecture.topologies.layout import Point, Site, both_ways, centre, free_place, spread_evenly

if TYPE_CHECKING:
    from chipsim.architecture.spec import Grid


@dataclass(frozen=True, slots=True)
class Tree:
    """A tree of switches over the sites, all of which are equally deep; the host sits beside the root.

    Attributes
    ----------
    rows, columns : int
        Of the floor plan; the tree has rows x columns leaves, in Z order, so that arity 2 gives an H-tree.
    arity : int
        Children of a switch.
    """

    rows: int
    columns: int
    arity: int = 2
    _firsts: tuple[Site, ...] = field(init=False, repr=False, compare=False)
    _places: tuple[Point, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_firsts", tuple(_first_of_levels(self.sites, self.arity)))
        object.__setattr__(self, "_places", tuple(self._lay_out()))

    @classmethod
    def from_grid(cls, grid: Grid) -> Tree:
        """The tree of an architecture file."""
        return cls(*grid.shape, grid.arity)

    @property
    def sites(self) -> int:
        """Number of leaves."""
        return self.rows * self.columns

    @property
    def routers(self) -> int:
        """Leaves and switches."""
        return self._firsts[-1] + 1

    @property
    def host_site(self) -> Site:
        """The root."""
        return self.routers - 1

    def label(self, site: Site) -> str:
        """The number of a leaf; level and number of a switch, such as ``switch 1.0``."""
        level = self._level(site)
        return str(site) if level == 0 else f"switch {level}.{site - self._firsts[level]}"

    def coordinates(self, site: Site) -> Point:
        """(x, y); a switch is in the middle of its children."""
        return self._places[site]

    def links(self) -> list[tuple[Site, Site]]:
        """Between each node and the one above, in both directions."""
        return both_ways((site, self._above(site)) for site in range(self.routers - 1))

    def route(self, source: Site, target: Site) -> list[Site]:
        """Up to the first switch above both, and down.

        Examples
        --------
        >>> Tree(1, 4).route(0, 1), Tree(1, 4).route(1, 2)
        ([0, 4, 1], [1, 4, 6, 5, 2])
        """
        up, down = [source], [target]
        while up[-1] != down[-1]:
            shorter = up if self._level(up[-1]) <= self._level(down[-1]) else down
            shorter.append(self._above(shorter[-1]))
        return up + down[-2::-1]

    def placement_order(self) -> list[Site]:
        """The leaves in order: children of one switch follow each other."""
        return list(range(self.sites))

    def spread(self, count: int) -> list[Site]:
        """Evenly over the leaves."""
        return spread_evenly(self.placement_order(), count)

    def _level(self, site: Site) -> int:
        return sum(site >= first for first in self._firsts) - 1

    def _above(self, site: Site) -> Site:
        level = self._level(site)
        return self._firsts[level + 1] + (site - self._firsts[level]) // self.arity

    def _lay_out(self) -> list[Point]:
        cells = [(x, y) for y in range(self.rows) for x in range(self.columns)]
        places = [(float(x), float(y)) for x, y in sorted(cells, key=lambda cell: _z_order(*cell))]
        taken = set(places)
        children: dict[Site, list[Point]] = {}
        for site in range(self.routers):
            if site >= self.sites:
                places.append(free_place(centre(children[site]), taken))
                taken.add(places[-1])
            if site < self.routers - 1:
                children.setdefault(self._above(site), []).append(places[site])
        return places


def _first_of_levels(leaves: int, arity: int) -> list[Site]:
    """Number of the first node of each level, leaves first."""
    firsts, width = [0], leaves
    while width > 1:
        firsts.append(firsts[-1] + width)
        width = -(-width // arity)
    return firsts


def _z_order(x: int, y: int) -> int:
    """The bits of x and y in turn, those of x the lower ones.

    Examples
    --------
    >>> [_z_order(x, y) for y in range(2) for x in range(2)]
    [0, 1, 2, 3]
    """
    return sum((x >> bit & 1) << 2 * bit | (y >> bit & 1) << 2 * bit + 1 for bit in range(17))
