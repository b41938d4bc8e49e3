"""Links as servers, multicast trees over them, and packets on their way (rules T8 to T10).

An event is needed only where ways merge. A link whose packets all come over one other link that is not faster sees them
in that link's order and never makes one wait: it follows its leader with a constant delay. So a flow's tree is
folded into hops, one for each link that can make a packet wait.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol, cast

from chipsim.architecture.chip import Chip, Edge
from chipsim.simulation.clock import Clock, Moment
from chipsim.simulation.timeline import Span
from chipsim.units import duration_ps, to_ps


class Sink(Protocol):
    """Where packets of a flow end."""

    def arrive(self, input: int, position: int, time: int) -> None:
        """The tail of the packet for a producer position is there."""


class LinkServer:
    """A directed link or port: carries one packet at a time.

    Attributes
    ----------
    feeders : set of Edge or str
        Links, or the source component, from which packets come.
    merges : bool
        Packets come from several: which is first is open until then, and each needs an event.
    leader : LinkServer or None
        The link that this one follows without ever making a packet wait.
    """

    __slots__ = ("busy", "bytes", "delay", "edge", "feeders", "free", "latency", "leader", "packets", "rate")

    def __init__(self, edge: Edge, rate: float, latency: int, delay: int) -> None:
        self.edge, self.rate, self.latency, self.delay = edge, rate, latency, delay
        self.free = self.busy = self.bytes = self.packets = 0
        self.feeders: set[Edge | str] = set()
        self.leader: LinkServer | None = None

    @property
    def name(self) -> str:
        """``a->b``."""
        return "->".join(self.edge)

    @property
    def merges(self) -> bool:
        """Whether packets come from more than one place."""
        return len(self.feeders) > 1


class Branch:
    """One link of a flow's multicast tree, the branches behind it and the sinks at its end."""

    __slots__ = ("children", "link", "sinks")

    def __init__(self, link: LinkServer) -> None:
        self.link = link
        self.children: list[Branch] = []
        self.sinks: list[Sink] = []


class Hop:
    """A link that can make a packet of one flow wait, and all that follows it with a constant delay.

    Attributes
    ----------
    serialisation : int
        Of the flow's packets, ps.
    sinks : list of (int, Sink)
        Delay from the tail's leaving the link.
    stops : bool
        There are sinks or further branches here, or spans are recorded.
    onward : Hop or None
        The hop that follows, and ``delay``, from the head's (tail's) leaving to its asking for that link.
    others : list of (int, Hop)
        Delay and first hop of every further branch.
    followers : list of LinkServer
        Links that are held exactly as long as this one.
    packets, waited : int
        So far: number, and how much longer than their serialisation they held the link, waiting for tails.
    """

    __slots__ = (
        "delay", "followers", "link", "merges", "onward", "others", "packets", "serialisation", "sinks", "stops",
        "trace_delays", "waited",
    )  # fmt: skip

    def __init__(self, link: LinkServer, serialisation: int) -> None:
        self.link, self.serialisation, self.merges = link, serialisation, link.merges
        self.sinks: list[tuple[int, Sink]] = []
        self.delay, self.onward = 0, cast("Hop | None", None)
        self.others: list[tuple[int, Hop]] = []
        self.followers: list[LinkServer] = []
        self.trace_delays: list[int] = []
        self.packets = self.waited = 0
        self.stops = False

    def lead_to(self, hop: Hop, delay: int) -> None:
        """Let packets go on to another hop, too."""
        if self.onward is None:
            self.onward, self.delay = hop, delay
        else:
            self.others.append((delay, hop))


class Flow:
    """All packets that one source sends to one set of sinks, one for each position.

    Attributes
    ----------
    source : str
        Component that sends.
    layer : str
        The layer that sends.
    bytes : int
        Of one packet, header included.
    key : int
        Tie order of the packets apart from input and position (rule T3).
    tree : Branch
        First link of the tree.
    hops : list of Hop
        The tree folded, the first one first; there once the interconnect is closed.
    """

    __slots__ = ("bytes", "hops", "key", "layer", "source", "tree")

    def __init__(self, source: str, layer: str, size: int, key: int, tree: Branch) -> None:
        self.source, self.layer, self.bytes, self.key, self.tree = source, layer, size, key, tree
        self.hops: list[Hop] = []

    @property
    def meets_event(self) -> bool:
        """Whether ways merge before every sink, so that each packet meets an event."""
        return not any(hop.sinks for hop in _reached(self.hops[0]))


def _reached(hop: Hop) -> Iterator[Hop]:
    """Hops from this one on, up to where ways merge."""
    if not hop.merges:
        yield hop
        for other in (hop.onward, *(other for _, other in hop.others)):
            if other is not None:
                yield from _reached(other)


class Packet(Moment):
    """A packet on its way, and the event at the next place where ways merge.

    Attributes
    ----------
    input, position : int
        What it carries.
    key : int
        Tie order (rule T3).
    hop : Hop
        The link that it asks for next.
    head, tail : int
        When its head asks for that link, and when its tail is there.
    """

    __slots__ = ("head", "hop", "input", "key", "position", "tail")

    head: int
    tail: int
    input: int
    position: int
    key: int
    hop: Hop


class Interconnect:
    """The links of a chip and everything that travels over them.

    Parameters
    ----------
    chip : Chip
    clock : Clock
    input_key, position_key : int
        What an input and a position weigh in the tie order.
    """

    def __init__(self, chip: Chip, clock: Clock, input_key: int, position_key: int) -> None:
        self.chip, self.clock = chip, clock
        self.input_key, self.position_key = input_key, position_key
        self.links: dict[Edge, LinkServer] = {}
        self.flows: list[Flow] = []
        self.trace: Callable[[Span], None] | None = None
        self.traced_inputs = 0
        self._on_packet, self._push = (self._pass,), clock.push
        self._durations: dict[tuple[int, float], int] = {}

    def add_flow(self, source: str, layer: str, size: int, key: int, targets: Iterable[tuple[str, Sink]]) -> Flow:
        """Lay the tree of a new flow.

        Parameters
        ----------
        source : str
            Sending component.
        layer : str
        size : int
            Bytes of a packet.
        key : int
        targets : iterable of (component, sink)
        """
        laid: dict[Edge, Branch] = {}
        for target, sink in targets:
            before: Branch | None = None
            for edge in self.chip.path(source, target):
                branch = laid.get(edge)
                if branch is None:
                    branch = laid[edge] = Branch(self._link(edge))
                    branch.link.feeders.add(source if before is None else before.link.edge)
                    if before is not None:
                        before.children.append(branch)
                before = branch
            assert before is not None
            before.sinks.append(sink)
        flow = Flow(source, layer, size, key, next(iter(laid.values())))
        self.flows.append(flow)
        return flow

    def close(self) -> None:
        """Fold all trees; call once all flows are laid: only now is it known where packets meet."""
        for link in self.links.values():
            link.leader = self._leader(link)
        for flow in self.flows:
            self._fold(flow, flow.tree, None, 0)
            for hop in flow.hops:
                hop.stops = bool(hop.sinks or hop.others)

    def trace_inputs(self, count: int, trace: Callable[[Span], None]) -> None:
        """Report every span of the first inputs."""
        self.trace, self.traced_inputs = trace, count
        for hop in (hop for flow in self.flows for hop in flow.hops):
            hop.stops = True

    def send(self, flow: Flow, input: int, position: int, time: int) -> None:
        """Start a packet at its source, whole, at a time that is not in the past."""
        hop = flow.hops[0]
        if hop.onward is None and not self.traced_inputs:
            self._deliver(hop, input, position, time)
            return
        packet = Packet()
        packet.key = 1 + flow.key + input * self.input_key + position * self.position_key
        packet.input, packet.position = input, position
        packet.hop, packet.head, packet.tail = hop, time, time
        self._pass(packet)

    def account(self) -> None:
        """Add up packets, bytes and busy time per link; call at the end."""
        for flow in self.flows:
            for hop in flow.hops:
                for link in (hop.link, *hop.followers):
                    link.packets += hop.packets
                    link.bytes += hop.packets * flow.bytes
                    link.busy += hop.packets * hop.serialisation + hop.waited

    def _link(self, edge: Edge) -> LinkServer:
        link = self.links.get(edge)
        if link is None:
            data = self.chip.graph.edges[edge]
            link = LinkServer(edge, data["bandwidth_bytes_per_s"], to_ps(data["latency_s"]), to_ps(data["delay_s"]))
            self.links[edge] = link
        return link

    def _leader(self, link: LinkServer) -> LinkServer | None:
        """The link whose order and pace this one follows; None where it can make a packet wait itself.

        Packets leave the leader one after the other's tail. If all of them come here next, no slower, the tail of
        one has left when the head of the next arrives.
        """
        feeder = next(iter(link.feeders))
        if link.merges or isinstance(feeder, str):
            return None
        return self.links[feeder] if link.rate >= self.links[feeder].rate else None

    def _fold(self, flow: Flow, branch: Branch, hop: Hop | None, delay: int) -> None:
        """Add a branch and all behind it to the flow's hops; ``delay`` counts from leaving the link of ``hop``."""
        link = branch.link
        if hop is None or link.leader is None:
            behind = Hop(link, self._serialisation(flow.bytes, link.rate))
            flow.hops.append(behind)
            if hop is not None:
                hop.lead_to(behind, delay)
            hop, delay = behind, link.latency
        else:
            hop.followers.append(link)
            hop.trace_delays.append(delay)
            delay += link.latency
        hop.sinks.extend((delay, sink) for sink in branch.sinks)
        for child in branch.children:
            self._fold(flow, child, hop, delay + child.link.delay)

    def _serialisation(self, size: int, rate: float) -> int:
        known = self._durations.get((size, rate))
        if known is None:
            known = self._durations[size, rate] = duration_ps(size, rate)
        return known

    def _deliver(self, hop: Hop, input: int, position: int, time: int) -> None:
        """What `_pass` does, where nothing can make the packet wait but its source's own port."""
        link = hop.link
        start = link.free if link.free > time else time
        end = link.free = start + hop.serialisation
        hop.packets += 1
        for delay, sink in hop.sinks:
            sink.arrive(input, position, end + delay)

    def _pass(self, packet: Packet) -> None:
        """Take a packet over a link at the moment its head asks for it, and on to where ways merge."""
        hop, head, tail = packet.hop, packet.head, packet.tail
        while True:
            link = hop.link
            start = link.free
            if head > start:
                start = head
            end = start + hop.serialisation
            if tail > end:
                hop.waited += tail - end
                end = tail
            link.free = end
            hop.packets += 1
            if hop.stops:
                self._stop(packet, hop, start, end)
            if hop.onward is None:
                return
            head, tail = start + hop.delay, end + hop.delay
            hop = hop.onward
            if hop.merges:
                packet.hop, packet.head, packet.tail = hop, head, tail
                self._push(head, packet.key, self._on_packet, packet)
                return

    def _stop(self, packet: Packet, hop: Hop, start: int, end: int) -> None:
        """Hand a packet to the sinks behind a hop, and copies of it to further branches."""
        input, position = packet.input, packet.position
        if input < self.traced_inputs:
            self._record(hop, input, position, start, end)
        for delay, sink in hop.sinks:
            sink.arrive(input, position, end + delay)
        for delay, other in hop.others:
            self._copy(packet, other, start + delay, end + delay)

    def _copy(self, packet: Packet, hop: Hop, head: int, tail: int) -> None:
        """Send a copy of a packet down another branch of its tree."""
        copy = Packet()
        copy.input, copy.position, copy.key = packet.input, packet.position, packet.key
        copy.hop, copy.head, copy.tail = hop, head, tail
        if hop.merges:
            self._push(head, copy.key, self._on_packet, copy)
        else:
            self._pass(copy)

    def _record(self, hop: Hop, input: int, position: int, start: int, end: int) -> None:
        if self.trace is None:
            return
        self.trace(Span(hop.link.name, "transfer", "", input, position, start, end))
        for link, delay in zip(hop.followers, hop.trace_delays, strict=True):
            self.trace(Span(link.name, "transfer", "", input, position, start + delay, end + delay))
