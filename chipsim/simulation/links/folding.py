"""`fold`: from the trees of flows to hops, one for each link that can make a packet wait (rules T8 to T10)."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

from chipsim.architecture.chip import Edge
from chipsim.simulation.core.gate import EdgeSink
from chipsim.simulation.links.packets import Branch, Flow, Hop, LinkServer
from chipsim.units import duration_ps

Coming = dict[tuple[Edge, str], deque[Any]]
"""Packets that are to ask for a link, by the link and what they come over."""


def fold(
    flows: Sequence[Flow], links: Mapping[Edge, LinkServer], *, stores: bool, by_age: bool
) -> Coming:  # fmt: skip
    """Fold the trees of all flows: only when all are laid is it known where packets meet.

    Parameters
    ----------
    flows : sequence of Flow
    links : mapping of Edge to LinkServer
    stores : bool
        Routers store packets before they pass them on.
    by_age : bool
        Links serve packets in the order of their requests.
    """
    for link in links.values():
        link.leader = _leader(link, links, stores)
    folding = _Folding(stores, by_age)
    for flow in flows:
        folding.add(flow, flow.tree, None, 0)
        for hop in flow.hops:
            hop.stops = bool(hop.sinks or hop.streams or hop.others)
            if hop.merges or hop.onward is not None or hop.streams or hop.others or len(hop.bulk) < len(hop.sinks):
                hop.bulk = ()
        flow.begin()
    return folding.coming


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

    def __init__(self, stores: bool, by_age: bool) -> None:
        self._stores, self._by_age = stores, by_age
        self.coming: Coming = {}

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
                if type(sink) is EdgeSink:
                    hop.bulk += ((delay, sink),)
        for child in branch.children:
            self.add(flow, child, hop, delay + child.link.delay)

    def _hop(self, flow: Flow, branch: Branch) -> Hop:
        hop = Hop(branch, duration_ps(flow.bytes, branch.link.rate))
        flow.hops.append(hop)
        if hop.merges and self._by_age:
            hop.coming = self.coming.setdefault((branch.link.edge, branch.port), deque())
        return hop
