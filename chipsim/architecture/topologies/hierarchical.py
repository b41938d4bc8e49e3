"""`Hierarchical`: copies of one topology, its clusters, joined by another one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING

from chipsim.architecture.link_spec import ALIKE, LinkChanges
from chipsim.architecture.topologies.layout import Point, Site, centre, free_place, spread_evenly
from chipsim.architecture.topology import Topology, build_topology, changes_of, channels_of

if TYPE_CHECKING:
    from chipsim.architecture.spec import Grid

_GAP = 0.6  # between clusters on the floor plan, in steps of one tile


@dataclass(frozen=True, slots=True)
class Hierarchical:
    """One copy of ``inner`` for each site of ``outer``; more levels are made of hierarchies inside each other.

    The router beside which the host of a single cluster would sit is the cluster's gateway; ``outer`` joins the
    gateways. Packets go to the gateway, over ``outer``, and down from the gateway of the other cluster.

    Attributes
    ----------
    inner, outer : Topology
    inner_link, outer_link : LinkChanges
        How the links of either differ from the chip's.
    """

    inner: Topology
    outer: Topology
    inner_link: LinkChanges = ALIKE
    outer_link: LinkChanges = ALIKE
    _places: tuple[Point, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_places", tuple(self._lay_out()))

    @classmethod
    def from_grid(cls, grid: Grid) -> Hierarchical:
        """The levels of an architecture file."""
        first, second, *others = grid.levels
        made = cls(build_topology(first), build_topology(second), first.link, second.link)
        for level in others:
            made = cls(made, build_topology(level), outer_link=level.link)
        return made

    @property
    def sites(self) -> int:
        """Number of sites of all clusters."""
        return self.outer.sites * self.inner.sites

    @property
    def routers(self) -> int:
        """Those of all clusters, and the switches between them."""
        return self.outer.sites * self.inner.routers + self.outer.routers - self.outer.sites

    @property
    def host_site(self) -> Site:
        """The gateway, or the switch, beside which the host of the outer topology sits."""
        return self._outside(self.outer.host_site)

    def label(self, site: Site) -> str:
        """Labels from the outside in, such as ``0,1/2``: cluster 0,1 and in it 2."""
        cluster, within = self._inside(site)
        outside = self.outer.label(cluster)
        return outside if within is None else f"{outside}/{self.inner.label(within)}"

    def coordinates(self, site: Site) -> Point:
        """(x, y); clusters lie side by side with a gap in between."""
        return self._places[site]

    def links(self) -> list[tuple[Site, Site]]:
        """Those inside each cluster, then those between clusters."""
        within = (
            (self._router(cluster, a), self._router(cluster, b))
            for cluster in range(self.outer.sites)
            for a, b in self.inner.links()
        )
        between = ((self._outside(a), self._outside(b)) for a, b in self.outer.links())
        return sorted(chain(within, between))

    def link_changes(self, source: Site, target: Site) -> LinkChanges:
        """How a link differs from the chip's: as its level says, or a single link of that level."""
        (one, a), (other, b) = self._inside(source), self._inside(target)
        if one == other and a is not None and b is not None:
            return changes_of(self.inner, a, b).over(self.inner_link)
        return changes_of(self.outer, one, other).over(self.outer_link)

    def route(self, source: Site, target: Site) -> list[Site]:
        """Inside the cluster, or to its gateway, across, and from the other gateway down.

        Examples
        --------
        >>> from chipsim.architecture.topology import Mesh
        >>> Hierarchical(Mesh(1, 3), Mesh(1, 2)).route(2, 4)
        [2, 1, 0, 3, 4]
        """
        (one, a), (other, b) = self._inside(source), self._inside(target)
        if one == other and a is not None and b is not None:
            return [self._router(one, router) for router in self.inner.route(a, b)]
        gateway = self.inner.host_site
        up = [] if a is None else [self._router(one, router) for router in self.inner.route(a, gateway)[:-1]]
        down = [] if b is None else [self._router(other, router) for router in self.inner.route(gateway, b)[1:]]
        return [*up, *(self._outside(router) for router in self.outer.route(one, other)), *down]

    def channels(self, route: Sequence[Site]) -> list[int]:
        """Between clusters as ``outer`` says; in a cluster twice what ``inner`` says, and one more on the way down.

        Examples
        --------
        >>> from chipsim.architecture.topology import Mesh
        >>> Hierarchical(Mesh(1, 3), Mesh(1, 2)).channels([2, 1, 0, 3, 4])
        [0, 0, 0, 1]
        """
        places = [self._inside(router) for router in route]
        (one, a), (other, b) = places[0], places[-1]
        if one == other and a is not None and b is not None:
            return [2 * channel for channel in self._inner_channels(places)]
        first = next((index for index, (cluster, _) in enumerate(places) if cluster != one), len(places))
        last = next((index for index, (cluster, _) in enumerate(reversed(places)) if cluster != other), len(places))
        up, down = places[:first], places[len(places) - last :]
        across = [cluster for cluster, _ in places[max(first - 1, 0) : len(places) - last + 1]]
        return [
            *(2 * channel for channel in self._inner_channels(up)),
            *channels_of(self.outer, across),
            *(2 * channel + 1 for channel in self._inner_channels(down)),
        ]

    def _inner_channels(self, places: Sequence[tuple[Site, Site | None]]) -> list[int]:
        routers = [within for _, within in places if within is not None]
        return channels_of(self.inner, routers) if routers else []

    def placement_order(self) -> list[Site]:
        """Cluster after cluster, each in its own order."""
        inner = self.inner.placement_order()
        return [self._router(cluster, site) for cluster in self.outer.placement_order() for site in inner]

    def spread(self, count: int) -> list[Site]:
        """Evenly along the placement order."""
        return spread_evenly(self.placement_order(), count)

    def _router(self, cluster: Site, within: Site) -> Site:
        """Number of a router of a cluster: all sites come first, then the clusters' switches."""
        if within < self.inner.sites:
            return cluster * self.inner.sites + within
        switches = self.inner.routers - self.inner.sites
        return self.sites + cluster * switches + within - self.inner.sites

    def _outside(self, router: Site) -> Site:
        """Number of a router of the outer topology: a cluster's gateway, or a switch, which come last."""
        if router < self.outer.sites:
            return self._router(router, self.inner.host_site)
        return self.outer.sites * self.inner.routers + router - self.outer.sites

    def _inside(self, router: Site) -> tuple[Site, Site | None]:
        """(cluster, router in it), or (switch of the outer topology, None)."""
        if router < self.sites:
            return divmod(router, self.inner.sites)
        switches, number = self.inner.routers - self.inner.sites, router - self.sites
        if number < switches * self.outer.sites:
            cluster, switch = divmod(number, switches)
            return cluster, self.inner.sites + switch
        return number - switches * self.outer.sites + self.outer.sites, None

    def _lay_out(self) -> list[Point]:
        points = [self.inner.coordinates(router) for router in range(self.inner.routers)]
        xs, ys = zip(*points, strict=True)
        wide, high = max(xs) - min(xs) + 1 + _GAP, max(ys) - min(ys) + 1 + _GAP
        middle_x, middle_y = centre([(min(xs), min(ys)), (max(xs), max(ys))])
        places: dict[Site, Point] = {}
        for cluster in range(self.outer.sites):
            column, row = self.outer.coordinates(cluster)
            for router, (x, y) in enumerate(points):
                places[self._router(cluster, router)] = column * wide + x, row * high + y
        taken = set(places.values())
        for switch in range(self.outer.sites, self.outer.routers):
            column, row = self.outer.coordinates(switch)
            place = free_place((column * wide + middle_x, row * high + middle_y), taken)
            places[self._outside(switch)] = place
            taken.add(place)
        return [places[router] for router in range(self.routers)]
