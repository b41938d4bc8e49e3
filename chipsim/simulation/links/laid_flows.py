"""`LaidFlows`: the links of a chip, and the tree of links that each flow takes over them (rules T4 to T8)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from chipsim.architecture.chip import Chip, Edge
from chipsim.errors import SpecError
from chipsim.simulation.links.packets import Branch, Flow, LinkServer, Sink, StreamSink
from chipsim.units import to_ps


class LaidFlows:
    """Flows and the links that they take.

    Parameters
    ----------
    chip : Chip

    Attributes
    ----------
    links : dict of Edge to LinkServer
        Those that some flow takes.
    flows : list of Flow
    """

    def __init__(self, chip: Chip) -> None:
        self.chip = chip
        self.links: dict[Edge, LinkServer] = {}
        self.flows: list[Flow] = []

    def add_flow(
        self, source: str, layer: str, size: int, key: int, targets: Iterable[tuple[str, Sink | StreamSink]],
        way: Sequence[Edge] | None = None,
    ) -> Flow:  # fmt: skip
        """Lay the tree of a new flow.

        Parameters
        ----------
        source : str
            Sending component.
        layer : str
        size : int
            Bytes of a packet before it is filled up to whole flits.
        key : int
        targets : iterable of (component, sink)
        way : sequence of Edge, optional
            To the only target, where it is not the topology's.
        """
        laid: dict[Edge, Branch] = {}
        for target, sink in targets:
            before: Branch | None = None
            for edge in way or self.chip.path(source, target):
                branch = laid.get(edge)
                if branch is None:
                    branch = laid[edge] = Branch(self._link(edge), source if before is None else before.link.edge[0])
                    branch.link.feeders.add(source if before is None else before.link.edge)
                    if before is not None:
                        before.children += (branch,)
                before = branch
            assert before is not None
            before.sinks += (sink,)
        flit = self.chip.spec.link.flit_bytes
        flow = Flow(source, layer, -(-size // flit) * flit, 1 + key, next(iter(laid.values())))
        self.flows.append(flow)
        return flow

    def account(self) -> None:
        """Add up packets, bytes and busy time per link; call at the end."""
        for flow in self.flows:
            for hop in flow.hops:
                for link in (hop.link, *hop.followers):
                    link.packets += flow.packets
                    link.bytes += flow.packets * flow.bytes
                    link.busy += flow.packets * hop.serialisation + hop.waited

    def _link(self, edge: Edge) -> LinkServer:
        link = self.links.get(edge)
        if link is None:
            data = self.chip.graph.get_edge_data(*edge)
            if data is None:
                raise SpecError(
                    f"topology {self.chip.spec.grid.topology} has a route over {'->'.join(edge)}, which is none of its "
                    f"links; check_topology of chipsim.architecture.topologies.conformance says where it goes wrong"
                )
            link = LinkServer(edge, data["bandwidth_bytes_per_s"], to_ps(data["latency_s"]), to_ps(data["delay_s"]))
            self.links[edge] = link
        return link
