"""How routers are joined. `Topology` is all that the rest of chipsim knows of a network's shape."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeGuard

from chipsim.architecture.grid_spec import Shape
from chipsim.architecture.link_spec import ALIKE, LinkChanges
from chipsim.architecture.topologies.layout import Site, Sites, both_ways
from chipsim.architecture.topologies.registry import find_topology
from chipsim.errors import SpecError

__all__ = [
    "Mesh", "Site", "Topology", "UnequalLinks", "VirtualChannels", "build_topology", "changes_of", "channels_of",
]  # fmt: skip


class Topology(Protocol):
    """The routers of a chip, numbered from 0, and the deterministic way between any two sites.

    The first `sites` routers have a tile beside them; those that follow, if any, are switches without one. Routes
    from one source must form a tree (two of them that reach a router reach it by the same links), so
    that a multicast is the union of its routes.
    """

    @property
    def sites(self) -> int:
        """Number of routers with a tile."""

    @property
    def routers(self) -> int:
        """Number of routers: sites, then switches."""

    def label(self, site: Site) -> str:
        """What a router's name says of it, such as ``"2,3"``; no two are equal."""

    def coordinates(self, site: Site) -> tuple[float, float]:
        """(x, y) on the floor plan, in steps of one tile; y grows downwards; no two routers are at one place."""

    def links(self) -> list[tuple[Site, Site]]:
        """Directed links between routers."""

    def route(self, source: Site, target: Site) -> list[Site]:
        """Routers from ``source`` to ``target``, both included; between sites and the host's router."""

    def placement_order(self) -> list[Site]:
        """All sites such that neighbours in the list are near each other."""

    def spread(self, count: int) -> list[Site]:
        """``count`` sites spread over the chip, for units that are fewer than tiles."""

    @property
    def host_site(self) -> Site:
        """The router beside the host interface, a site or a switch."""


class UnequalLinks(Protocol):
    """What a topology has beside that whose links are not all alike."""

    def link_changes(self, source: Site, target: Site) -> LinkChanges:
        """How the link from ``source`` to ``target`` differs from the others of the chip."""


def changes_of(topology: Topology, source: Site, target: Site) -> LinkChanges:
    """How a link differs from the others of the chip; no figure is given where it does not.

    Examples
    --------
    >>> changes_of(Mesh(1, 2), 0, 1).given
    {}
    """
    return topology.link_changes(source, target) if _has_unequal_links(topology) else ALIKE


def _has_unequal_links(topology: Topology) -> TypeGuard[UnequalLinks]:
    return hasattr(topology, "link_changes")


class VirtualChannels(Protocol):
    """What a topology has beside that whose routes could wait for each other in a circle on one channel."""

    def channels(self, route: Sequence[Site]) -> list[int]:
        """The virtual channel on each link of a route, from 0; the same wherever two routes of a source go together."""


def channels_of(topology: Topology, route: Sequence[Site]) -> list[int]:
    """The virtual channel on each link of a route; 0 where a topology says nothing.

    Examples
    --------
    >>> channels_of(Mesh(1, 3), [0, 1, 2])
    [0, 0]
    """
    if _has_channels(topology):
        return topology.channels(route)
    return [0] * (len(route) - 1)


def _has_channels(topology: Topology) -> TypeGuard[VirtualChannels]:
    return hasattr(topology, "channels")


@dataclass(frozen=True, slots=True)
class Mesh(Sites):
    """A 2-D mesh with dimension-order (first x, then y) routing."""

    @classmethod
    def from_grid(cls, grid: Shape) -> Mesh:
        """The mesh of an architecture file."""
        return cls(*grid.shape)

    def links(self) -> list[tuple[Site, Site]]:
        """Both directions between horizontal and vertical neighbours."""
        right = [(s, s + 1) for s in range(self.sites) if (s + 1) % self.columns]
        down = [(s, s + self.columns) for s in range(self.sites - self.columns)]
        return both_ways(right + down)

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


def build_topology(grid: Shape) -> Topology:
    """The topology that an architecture, or one level of it, asks for.

    Raises
    ------
    SpecError
        If there is none of that name, or it cannot be loaded.
    """
    entry = find_topology(grid.topology)
    try:
        make = entry.load()
    except (ImportError, AttributeError) as error:
        raise SpecError(f"topology '{entry.name}' cannot be loaded from '{entry.value}': {error}") from error
    topology: Topology = make(grid)
    return topology
