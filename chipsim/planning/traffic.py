"""`traffic_of`: every flow of packets of a plan, read off a machine that is built and never run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from chipsim.architecture.chip import Chip, Edge
from chipsim.mapping.plan import Plan
from chipsim.simulation.building.machine import Machine
from chipsim.simulation.building.wiring import build_machine
from chipsim.simulation.links.packets import Branch, Flow
from chipsim.simulation.tiles.tile import TileServer
from chipsim.simulation.units.chain import ChainUnit


@dataclass(frozen=True, slots=True)
class Traffic:
    """Packets that go from one component to some others, over a tree of links.

    Attributes
    ----------
    source : str
    targets : tuple of str
    bytes : int
        Of a packet, header included.
    packets : int
        Per input of the network.
    links : tuple of (str, str)
        Of the tree, ports included.
    """

    source: str
    targets: tuple[str, ...]
    bytes: int
    packets: int
    links: tuple[Edge, ...]

    @property
    def bytes_per_input(self) -> int:
        """Of all packets of one input."""
        return self.bytes * self.packets


def traffic_of(plan: Plan) -> list[Traffic]:
    """All flows of a plan (rules T6, T11, T48), those that carry nothing left out."""
    return machine_traffic(build_machine(plan, 1))


def machine_traffic(machine: Machine) -> list[Traffic]:
    """All flows of a machine."""
    packets: Counter[int] = Counter()
    for source in (source for sources in machine.sources.values() for source in sources):
        packets.update(id(flow) for flows in source.outlet.flows for flow in flows)
    servers: list[TileServer | ChainUnit] = [*machine.tiles]
    servers += [unit for unit in machine.neurons if isinstance(unit, ChainUnit)]
    for server in servers:
        if server.flow is not None:
            packets[id(server.flow)] += server.gate.positions
    return [_traffic(flow, packets[id(flow)]) for flow in machine.interconnect.flows if packets[id(flow)]]


def hop_bytes(chip: Chip, flows: Iterable[Traffic]) -> int:
    """Bytes per input over links between routers, once for each link passed: what placement can change."""
    graph = chip.graph
    return sum(flow.bytes_per_input * sum(graph.edges[edge]["kind"] == "link" for edge in flow.links) for flow in flows)


def tree_links(chip: Chip, source: str, targets: Sequence[str]) -> set[tuple[int, int]]:
    """The links between routers that a packet to some targets passes, once each (rule T8)."""
    start = chip.site(source)
    found: set[tuple[int, int]] = set()
    for site in dict.fromkeys(chip.site(target) for target in targets):
        route = chip.topology.route(start, site)
        found.update(pairwise(route))
    return found


def _traffic(flow: Flow, packets: int) -> Traffic:
    branches = list(_walk(flow.tree))
    targets = tuple(branch.link.edge[1] for branch in branches if branch.sinks)
    return Traffic(flow.source, targets, flow.bytes, packets, tuple(branch.link.edge for branch in branches))


def _walk(branch: Branch) -> Iterator[Branch]:
    yield branch
    for child in branch.children:
        yield from _walk(child)
