"""`fold`: from the trees of flows to hops, one for each link that can make a packet wait (rules T8 to T10)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from chipsim.architecture.chip import Edge
from chipsim.simulation.core.gate import EdgeSink
from chipsim.simulation.core.in_order_gate import InOrderSink
from chipsim.simulation.links.packets import Branch, Flow, Hop, Inlet, LinkServer
from chipsim.units import duration_ps


def fold(
    flows: Sequence[Flow], links: Mapping[Edge, LinkServer], ask: Callable[[Inlet], Any], *, stores: bool
) -> None:  # fmt: skip
    """Fold the trees of all flows: only when all are laid is it known where packets meet.

    Parameters
    ----------
    flows : sequence of Flow
    links : mapping of Edge to LinkServer
    ask : callable
        Told of an inlet when the first packet there asks for its link.
    stores : bool
        Routers store packets before they pass them on.
    """
    for link in links.values():
        link.leader = _leader(link, links, stores)
    folding = _Folding(ask, stores)
    for flow in flows:
        folding.add(flow, flow.tree, None, 0)
        for hop in flow.hops:
            hop.stops = bool(hop.sinks or hop.streams or hop.others)
            if hop.merges or hop.onward is not None or hop.streams or hop.others or len(hop.bulk) < len(hop.sinks):
                hop.bulk = ()
        _find_late(flow, stores)
        flow.begin()


def _find_late(flow: Flow, stores: bool) -> None:
    """See where tails may come late: of values that are made one after the other, and behind links that are slower."""
    late = stores or any(
        hop.streams or (hop.onward is not None and hop.onward.serialisation < hop.serialisation)
        or any(other.serialisation < hop.serialisation for *_, other in hop.others)
        for hop in flow.hops
    )  # fmt: skip
    for hop in flow.hops:
        hop.late = late


def _leader(link: LinkServer, links: Mapping[Edge, LinkServer], stores: bool) -> LinkServer | None:
    """The link whose order and pace this one follows; None where it can make a packet wait itself.

    Packets leave the leader one after the other's tail. If all of them come here next, no slower, the tail of
    one has left when the head of the next arrives.
    """
    feeder = next(iter(link.feeders))
    if link.merges or isinstance(feeder, str) or stores:
        return None
    return links[feeder] if link.rate >= links[feeder].rate else None


class _Folding:
    """Adds branches to flows' hops."""

    def __init__(self, ask: Callable[[Inlet], Any], stores: bool) -> None:
        self._ask, self._stores = ask, stores
        self._inlets: dict[tuple[Edge, str], Inlet] = {}

    def add(self, flow: Flow, branch: Branch, hop: Hop | None, delay: int) -> None:
        """Add a branch and all behind it; ``delay`` counts from leaving the link of ``hop``."""
        link = branch.link
        if hop is None or link.leader is None:
            behind = self._hop(flow, branch)
            if hop is not None:
                hop.lead_to(behind, delay, hop.serialisation if self._stores else 0)
            hop, delay = behind, link.latency
        else:
            hop.followers += (link,)
            hop.trace_delays += (delay,)
            delay += link.latency
        for sink in branch.sinks:
            if hasattr(sink, "arrive_stream"):
                hop.streams += ((delay, sink.arrive_stream),)
            else:
                hop.sinks += ((delay, sink.arrive),)
                if type(sink) is EdgeSink or type(sink) is InOrderSink:
                    hop.bulk += ((delay, sink),)
        for child in branch.children:
            self.add(flow, child, hop, delay + child.link.delay)

    def _hop(self, flow: Flow, branch: Branch) -> Hop:
        hop = Hop(branch, duration_ps(flow.bytes, branch.link.rate))
        flow.hops.append(hop)
        if hop.merges:
            way = branch.link.edge, branch.port
            hop.inlet = self._inlets.get(way)
            if hop.inlet is None:
                hop.inlet = self._inlets[way] = Inlet(-1 - len(self._inlets), self._ask)
        return hop
