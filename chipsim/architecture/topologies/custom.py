"""`Custom`: sites joined by any list of links."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

from chipsim.architecture.link_spec import ALIKE, LinkChanges
from chipsim.architecture.topologies.edge_list import Link, check_links, feeders_from, successors
from chipsim.architecture.topologies.layout import Site, Sites, both_ways

if TYPE_CHECKING:
    from chipsim.architecture.spec import Grid

_MOST_KEPT = 256  # trees of routes, each with a number per site


@dataclass(frozen=True, slots=True)
class Custom(Sites):
    """Sites with links of one's own; packets take the fewest links, over lower numbers where several ways are as short.

    Attributes
    ----------
    pairs : tuple of (int, int)
        From each site to another, by number.
    directed : bool
        Whether packets go from the first to the second only.
    unlike : tuple of ((int, int), LinkChanges)
        Links that are not like the others, and how they differ.
    """

    pairs: tuple[Link, ...] = ()
    directed: bool = False
    unlike: tuple[tuple[Link, LinkChanges], ...] = ()
    _after: tuple[tuple[Site, ...], ...] = field(init=False, repr=False, compare=False)
    _order: tuple[int, ...] = field(init=False, repr=False, compare=False)
    _changes: dict[Link, LinkChanges] = field(init=False, repr=False, compare=False)
    _trees: dict[Site, array[int]] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        check_links(self.rows * self.columns, self.pairs, self.directed)
        after = successors(self.rows * self.columns, self.links())
        object.__setattr__(self, "_after", tuple(map(tuple, after)))
        object.__setattr__(self, "_order", tuple(_breadth_first(self._after)))
        changes = dict(self.unlike)
        if not self.directed:
            changes |= {(b, a): change for (a, b), change in self.unlike}
        object.__setattr__(self, "_changes", changes)

    @classmethod
    def from_grid(cls, grid: Grid) -> Custom:
        """The links of an architecture file."""
        return cls(*grid.shape, grid.pairs, grid.directed, grid.unlike)

    def label(self, site: Site) -> str:
        """The number, as in the list of links."""
        return str(site)

    def links(self) -> list[Link]:
        """As given, in both directions unless they are directed."""
        return sorted(self.pairs) if self.directed else both_ways(self.pairs)

    def link_changes(self, source: Site, target: Site) -> LinkChanges:
        """What the list says of a link; nothing of most."""
        return self._changes.get((source, target), ALIKE)

    def route(self, source: Site, target: Site) -> list[Site]:
        """The way that a breadth-first search from the source finds, lower numbers first.

        Examples
        --------
        >>> Custom(1, 4, ((0, 2), (0, 1), (1, 3), (2, 3))).route(0, 3)
        [0, 1, 3]
        """
        tree = self._trees.get(source)
        if tree is None:
            if len(self._trees) >= _MOST_KEPT:
                self._trees.clear()
            tree = self._trees[source] = array("i", feeders_from(source, self._after))
        path = [target]
        while path[-1] != source:
            path.append(tree[path[-1]])
        return path[::-1]

    def channels(self, route: Sequence[Site]) -> list[int]:
        """How often a route has turned upwards again after going down, seen from site 0.

        Sites are ordered breadth first from site 0. Links that go back in this order lead up, the others down. Routes
        that only go up, then down, cannot wait for each other in a circle; each further turn up takes another channel.

        Examples
        --------
        >>> Custom(1, 4, ((0, 1), (1, 2), (2, 3), (3, 0)), directed=True).channels([2, 3, 0, 1])
        [0, 1, 1]
        """
        found, was_down = [0], False
        for a, b in pairwise(route):
            down = self._order[b] > self._order[a]
            found.append(found[-1] + (was_down and not down))
            was_down = down
        return found[1:]

    def placement_order(self) -> list[Site]:
        """Depth first from site 0, lower numbers first."""
        order: dict[Site, None] = {}
        waiting = [0]
        while waiting:
            site = waiting.pop()
            if site not in order:
                order[site] = None
                waiting.extend(reversed(self._after[site]))
        return list(order)


def _breadth_first(after: Sequence[Sequence[Site]]) -> list[int]:
    """The place of each site in the order of a breadth-first search from site 0."""
    order = {0: 0}
    for site in (reached := [0]):
        for following in after[site]:
            if following not in order:
                order[following] = len(order)
                reached.append(following)
    return [order[site] for site in range(len(after))]
