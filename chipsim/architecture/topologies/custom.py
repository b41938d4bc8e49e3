"""`Custom`: sites joined by any list of links."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
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
    _changes: dict[Link, LinkChanges] = field(init=False, repr=False, compare=False)
    _trees: dict[Site, array[int]] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        check_links(self.rows * self.columns, self.pairs, self.directed)
        after = successors(self.rows * self.columns, self.links())
        object.__setattr__(self, "_after", tuple(map(tuple, after)))
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
