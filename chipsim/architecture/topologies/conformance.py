"""`check_topology`: does a topology keep the contract? For chipsim's own and anyone else's."""

from __future__ import annotations

from itertools import pairwise

from chipsim.architecture.link_spec import LinkChanges
from chipsim.architecture.topology import Site, Topology, changes_of, channels_of


def check_topology(topology: Topology) -> None:
    """Check a topology against the contract of `chipsim.architecture.topology.Topology`.

    All pairs of sites are tried: choose one of up to some hundred sites.

    Parameters
    ----------
    topology : Topology
        Of any size.

    Raises
    ------
    AssertionError
        Naming the topology and the clause that it breaks.

    Examples
    --------
    >>> from chipsim.architecture.topology import Mesh
    >>> check_topology(Mesh(2, 3))
    """
    _require(topology, topology.sites >= 1, "there is no site")
    _require(topology, topology.routers >= topology.sites, "fewer routers than sites: each site has one")
    _require(topology, topology.host_site in range(topology.routers), "host_site is no router")
    _check_names(topology)
    _check_lists(topology)
    links = _checked_links(topology)
    ends = sorted({*range(topology.sites), topology.host_site})
    for source in ends:
        _check_routes(topology, source, ends, links)


def _require(topology: Topology, condition: bool, clause: str) -> None:
    if not condition:
        raise AssertionError(f"topology {topology!r}: {clause}")


def _check_names(topology: Topology) -> None:
    routers = range(topology.routers)
    labels = [topology.label(router) for router in routers]
    _require(topology, all(labels) and len(set(labels)) == len(labels), "two routers have one label, or an empty one")
    places = {topology.coordinates(router) for router in routers}
    _require(topology, len(places) == len(routers), "two routers have the same coordinates")


def _check_lists(topology: Topology) -> None:
    sites = list(range(topology.sites))
    order = topology.placement_order()
    _require(topology, sorted(order) == sites, "placement_order is not every site once")
    for count in range(1, topology.sites + 1):
        chosen = topology.spread(count)
        distinct = len(chosen) == len(set(chosen)) == count
        _require(topology, distinct and set(chosen) <= set(sites), f"spread({count}) is not {count} different sites")


def _checked_links(topology: Topology) -> set[tuple[Site, Site]]:
    listed = topology.links()
    links = set(listed)
    _require(topology, len(listed) == len(links), "links holds a link twice")
    _require(topology, listed == topology.links(), "links differs from call to call")
    for a, b in listed:
        known = a in range(topology.routers) and b in range(topology.routers)
        _require(topology, known and a != b, f"the link {a} -> {b} does not join two routers")
        changes = isinstance(changes_of(topology, a, b), LinkChanges)
        _require(topology, changes, f"link_changes({a}, {b}) is no LinkChanges")
    return links


def _check_routes(topology: Topology, source: Site, ends: list[Site], links: set[tuple[Site, Site]]) -> None:
    """Routes exist, start and end where they should, walk links, and form a tree."""
    feeder: dict[Site, Site] = {}
    channel_to: dict[Site, int] = {}
    for target in ends:
        route = topology.route(source, target)
        way = f"the route from {source} to {target}, {route},"
        _require(topology, bool(route) and (route[0], route[-1]) == (source, target), f"{way} starts or ends elsewhere")
        _require(topology, len(set(route)) == len(route), f"{way} passes a router twice")
        _require(topology, list(topology.route(source, target)) == list(route), f"{way} differs from call to call")
        for a, b in pairwise(route):
            _require(topology, (a, b) in links, f"{way} uses {a} -> {b}, which is no link")
            tree = feeder.setdefault(b, a) == a
            _require(topology, tree, f"{way} reaches {b} from {a}, another route from {feeder[b]}: not a tree")
        channels = channels_of(topology, route)
        known = len(channels) == len(route) - 1 and all(channel >= 0 for channel in channels)
        _require(topology, known, f"{way} has no channel from 0 on for each link: {channels}")
        for b, channel in zip(route[1:], channels, strict=True):
            _require(topology, channel_to.setdefault(b, channel) == channel, f"{way} reaches {b} on another channel")
