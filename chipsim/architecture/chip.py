"""`Chip`: the architecture as a directed graph of named components and links.

Each site has a router and, beside it, a tile with its control unit and line buffer, and a neuron unit. Some topologies
have switches too: routers without a site. Digital units and the host interface sit beside some routers, so may a global
memory. An edge with
``interconnect=True`` is a server: it carries one packet at a time.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import networkx as nx

from chipsim.architecture.link_spec import LinkChanges
from chipsim.architecture.memory_spec import GLOBAL_MEMORY
from chipsim.architecture.spec import InMemorySpec
from chipsim.architecture.topology import Topology, build_topology, changes_of, channels_of
from chipsim.errors import SpecError, nearest

Edge = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Chip:
    """A chip as a graph.

    Attributes
    ----------
    spec : InMemorySpec
    graph : networkx.DiGraph
        Nodes have ``kind`` (tile, neuron_unit, digital_unit, router, memory, control_unit, host), ``x`` and ``y``;
        edges have ``bandwidth_bytes_per_s``, ``latency_s``, ``delay_s`` (of the router before it),
        ``energy_per_byte_j``, ``kind`` (link, port, host, local) and ``interconnect``; links say in ``wire_j_per_byte``
        and ``wire_source`` what of the energy is the wire's, and where that figure comes from.
    tiles, neuron_units, digital_units : tuple of str
        Names; tiles in placement order, and the neuron unit of each: beside it, or beside the first of the tiles that
        share one.
    """

    spec: InMemorySpec
    graph: nx.DiGraph[str]
    topology: Topology
    tiles: tuple[str, ...]
    neuron_units: tuple[str, ...]
    digital_units: tuple[str, ...]
    _sites: dict[str, int] = field(repr=False)
    _units: dict[str, str] = field(repr=False)
    _routers: tuple[str, ...] = field(repr=False)

    def site(self, component: str) -> int:
        """The router that a component sits at, a site's or a switch."""
        return self._sites[component]

    def neuron_unit_of(self, tile: str) -> str:
        """The neuron unit beside a tile, or the one that it shares with others."""
        return self._units[tile]

    @property
    def all_tiles(self) -> int:
        """How many tiles it has, those that other networks took included (``tiles`` has only the ones left)."""
        return len(self._units)

    @property
    def arrays(self) -> tuple[str, ...]:
        """Names of all arrays, tile by tile in placement order."""
        return tuple(array_name(tile, index) for tile in self.tiles for index in range(self.spec.tile.crossbars))

    def hops(self, source: str, target: str) -> int:
        """Links between routers on the way from one component to another."""
        return len(self.topology.route(self.site(source), self.site(target))) - 1

    def path(self, source: str, target: str) -> list[Edge]:
        """The links from one component to another: a port, links between routers, a port."""
        sites = self.topology.route(self.site(source), self.site(target))
        routers = [self._routers[site] for site in sites]
        return list(zip([source, *routers], [*routers, target], strict=True))

    def channels(self, source: str, target: str) -> list[int]:
        """The virtual channel on each link of `path`; ports have one."""
        return self.channels_on(self.path(source, target))

    def channels_on(self, way: Sequence[Edge]) -> list[int]:
        """The virtual channel on each link of a way; ports have one."""
        ends = [way[0][0], *(target for _, target in way)]
        routers = [self._sites[name] for name in ends if self.graph.nodes[name]["kind"] == "router"]
        found, given = iter(channels_of(self.topology, routers)), self.spec.router.virtual_channels
        channels = [next(found) if self.graph.edges[edge]["kind"] == "link" else 0 for edge in way]
        return channels if given == "auto" else [min(channel, given - 1) for channel in channels]

    def position(self, component: str) -> tuple[float, float]:
        """(x, y) of a component on the floor plan."""
        return self.topology.coordinates(self.site(component))


def array_name(tile: str, crossbar: int) -> str:
    """Name of one array of a tile; the first one has the tile's.

    Examples
    --------
    >>> array_name("tile(0,1)", 0), array_name("tile(0,1)", 3)
    ('tile(0,1)', 'tile(0,1)[3]')
    """
    return f"{tile}[{crossbar}]" if crossbar else tile


def component_of(server: str) -> str:
    """The component that a server belongs to: of blocks on a shared tile, its tile, of slices, their neuron unit.

    Examples
    --------
    >>> component_of("tile(0,1)[3]+0,64"), component_of("neuron(0,0)+1"), component_of("digital(0)")
    ('tile(0,1)', 'neuron(0,0)', 'digital(0)')
    >>> component_of("tile(0,1):q+k")  # as the layer q+k reads cells of another layer
    'tile(0,1)'
    """
    return server.partition(":")[0].partition("+")[0].partition("[")[0]


def router_name(topology: Topology, site: int) -> str:
    """Name of a router."""
    return f"router({topology.label(site)})"


def build_chip(spec: InMemorySpec) -> Chip:
    """Build the graph of an architecture.

    Examples
    --------
    >>> from chipsim.architecture.loader import load_spec
    >>> chip = build_chip(load_spec("hermes64", ["grid.shape=[2,2]"]))
    >>> chip.tiles
    ('tile(0,0)', 'tile(0,1)', 'tile(1,1)', 'tile(1,0)')
    >>> chip.path("tile(0,0)", "tile(0,1)")
    [('tile(0,0)', 'router(0,0)'), ('router(0,0)', 'router(0,1)'), ('router(0,1)', 'tile(0,1)')]
    """
    topology = build_topology(spec.grid)
    graph: nx.DiGraph[str] = nx.DiGraph()
    sites: dict[str, int] = {}
    order = topology.placement_order()
    for site in (*order, *range(topology.sites, topology.routers)):
        _add_node(graph, sites, topology, router_name(topology, site), "router", site)
    for source, target in topology.links():
        made = _link(spec, changes_of(topology, source, target))
        graph.add_edge(router_name(topology, source), router_name(topology, target), **made)
    leaders = [order[index - index % spec.neuron_unit.tiles_per_unit] for index in range(len(order))]
    pairs = zip(order, leaders, strict=True)
    tiles = [_add_site(graph, sites, topology, spec, site, leads=site == leader) for site, leader in pairs]
    units = math.ceil(topology.sites / spec.digital_unit.tiles_per_unit)
    digital = [f"digital({index})" for index in range(units)]
    for name, site in zip(digital, topology.spread(len(digital)), strict=True):
        _add_beside(graph, sites, topology, name, "digital_unit", site, _port(spec))
    _add_beside(graph, sites, topology, "host", "host", topology.host_site, _host_port(spec))
    if spec.global_memory is not None and spec.global_memory.site != "apart":
        site = _site_called(spec.global_memory.site, topology)
        _add_beside(graph, sites, topology, GLOBAL_MEMORY, "memory", site, _port(spec))
    beside = {tile: f"neuron({topology.label(leader)})" for tile, leader in zip(tiles, leaders, strict=True)}
    routers = tuple(router_name(topology, site) for site in range(topology.routers))
    return Chip(spec, graph, topology, tuple(tiles), tuple(beside.values()), tuple(digital), sites, beside, routers)


def _site_called(name: str, topology: Topology) -> int:
    """The router that a field names: the host's, or a site's by its label."""
    if name == "host":
        return topology.host_site
    labels = {topology.label(site): site for site in range(topology.sites)}
    if name not in labels:
        raise SpecError(
            f"global_memory.site: there is no site {name!r}; give apart, host or one of the sites, "
            f"such as {next(iter(labels))}{nearest(name, labels)}"
        )
    return labels[name]


def _add_node(
    graph: nx.DiGraph[str], sites: dict[str, int], topology: Topology, name: str, kind: str, site: int
) -> None:
    x, y = topology.coordinates(site)
    graph.add_node(name, kind=kind, x=x, y=y)
    sites[name] = site


def _add_beside(
    graph: nx.DiGraph[str],
    sites: dict[str, int],
    topology: Topology,
    name: str,
    kind: str,
    site: int,
    port: dict[str, object],
) -> None:
    _add_node(graph, sites, topology, name, kind, site)
    router = router_name(topology, site)
    graph.add_edge(name, router, **port)
    graph.add_edge(router, name, **port)


def _add_site(
    graph: nx.DiGraph[str], sites: dict[str, int], topology: Topology, spec: InMemorySpec, site: int, *, leads: bool
) -> str:
    """Add a tile and what is beside it, a neuron unit if it is the first of those that share one."""
    label = topology.label(site)
    tile, neuron, control, buffer = (f"{kind}({label})" for kind in ("tile", "neuron", "control", "buffer"))
    _add_beside(graph, sites, topology, tile, "tile", site, _port(spec))
    if leads:
        _add_beside(graph, sites, topology, neuron, "neuron_unit", site, _port(spec))
    _add_node(graph, sites, topology, control, "control_unit", site)
    _add_node(graph, sites, topology, buffer, "memory", site)
    inside = {"kind": "local", "interconnect": False, "latency_s": 0.0, "delay_s": 0.0, "energy_per_byte_j": 0.0}
    graph.add_edge(control, tile, **inside, bandwidth_bytes_per_s=None)
    graph.add_edge(buffer, tile, **inside, bandwidth_bytes_per_s=spec.tile.buffer.bandwidth)
    if leads:
        graph.add_edge(tile, neuron, **inside, bandwidth_bytes_per_s=spec.tile.output_bandwidth)
    return tile


def _link(spec: InMemorySpec, changes: LinkChanges) -> dict[str, object]:
    figures = {"bandwidth": spec.link.bandwidth, "latency": spec.link.latency, **changes.given}
    energy = figures.get("energy_per_byte", spec.link.energy_per_byte)
    changed = "energy_per_byte" in changes.given
    return {
        "kind": "link",
        "interconnect": True,
        "bandwidth_bytes_per_s": figures["bandwidth"],
        "latency_s": figures["latency"],
        "delay_s": spec.router.delay,
        "energy_per_byte_j": energy + spec.router.energy_per_byte,
        "wire_j_per_byte": energy,
        "wire_source": (changes if changed else spec.link).source_of("energy_per_byte"),
    }


def _port(spec: InMemorySpec) -> dict[str, object]:
    return {
        "kind": "port",
        "interconnect": True,
        "bandwidth_bytes_per_s": spec.link.bandwidth,
        "latency_s": 0.0,
        "delay_s": 0.0,
        "energy_per_byte_j": 0.0,
    }


def _host_port(spec: InMemorySpec) -> dict[str, object]:
    return {
        "kind": "host",
        "interconnect": True,
        "bandwidth_bytes_per_s": spec.host.bandwidth,
        "latency_s": spec.host.latency,
        "delay_s": 0.0,
        "energy_per_byte_j": spec.host.energy_per_byte,
    }
