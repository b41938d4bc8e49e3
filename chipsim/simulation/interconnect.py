"""Links as servers, multicast trees over them, and packets on their way (rules T8 to T10)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from functools import partial
from typing import Protocol

from simpy.events import Event

from chipsim.architecture.chip import Chip, Edge
from chipsim.simulation.clock import Clock
from chipsim.simulation.timeline import Span
from chipsim.units import duration_ps, to_ps


class Sink(Protocol):
    """Where packets of a flow end."""

    def arrive(self, input: int, position: int, time: int) -> None:
        """The tail of the packet for a producer position is there."""


class LinkServer:
    """A directed link or port: carries one packet at a time.

    A link that only one source sends over sees its packets in the order in which they were sent: its "free at"
    folds into the sender's arithmetic. ``shared`` links need an event for each packet.
    """

    __slots__ = ("busy", "bytes", "delay", "edge", "free", "latency", "packets", "rate", "shared")

    def __init__(self, edge: Edge, rate: float, latency: int, delay: int) -> None:
        self.edge, self.rate, self.latency, self.delay = edge, rate, latency, delay
        self.free = self.busy = self.bytes = self.packets = 0
        self.shared = False

    @property
    def name(self) -> str:
        """``a->b``."""
        return "->".join(self.edge)


class Branch:
    """One link of a flow's multicast tree, the branches that follow it and the sinks at its end."""

    __slots__ = ("children", "link", "packets", "serialisation", "sinks")

    def __init__(self, link: LinkServer, serialisation: int) -> None:
        self.link, self.serialisation = link, serialisation
        self.children: list[Branch] = []
        self.sinks: list[Sink] = []
        self.packets = 0


class Flow:
    """All packets that one source sends to one set of sinks, one for each position.

    Attributes
    ----------
    source : str
        Component that sends.
    bytes : int
        Of one packet, header included.
    root : Branch
        First link of the tree.
    key : int
        Tie order of the packets apart from input and position (rule T3).
    layer : str
        The layer that sends.
    """

    __slots__ = ("branches", "bytes", "key", "layer", "root", "source")

    def __init__(self, source: str, layer: str, size: int, key: int, root: Branch, branches: list[Branch]) -> None:
        self.source, self.layer, self.bytes, self.key = source, layer, size, key
        self.root, self.branches = root, branches


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
        self._users: defaultdict[Edge, set[str]] = defaultdict(set)

    def add_flow(
        self, source: str, layer: str, size: int, key: int, targets: Iterable[tuple[str, Sink]]
    ) -> Flow:
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
                    link = self._link(edge)
                    branch = laid[edge] = Branch(link, duration_ps(size, link.rate))
                    self._users[edge].add(source)
                    if before is not None:
                        before.children.append(branch)
                before = branch
            assert before is not None
            before.sinks.append(sink)
        branches = list(laid.values())
        flow = Flow(source, layer, size, key, branches[0], branches)
        self.flows.append(flow)
        return flow

    def close(self) -> None:
        """Call once all flows are laid: only now is it known which links are shared."""
        for edge, sources in self._users.items():
            self.links[edge].shared = len(sources) > 1

    def send(self, flow: Flow, input: int, position: int, time: int) -> None:
        """Start a packet at its source, whole, at a time that is not in the past."""
        key = 1 + flow.key + input * self.input_key + position * self.position_key
        self._travel(flow.root, input, position, key, time, time)

    def account(self) -> None:
        """Add up bytes and packets per link; call at the end."""
        for flow in self.flows:
            for branch in flow.branches:
                branch.link.packets += branch.packets
                branch.link.bytes += branch.packets * flow.bytes

    def _link(self, edge: Edge) -> LinkServer:
        link = self.links.get(edge)
        if link is None:
            data = self.chip.graph.edges[edge]
            link = LinkServer(edge, data["bandwidth_bytes_per_s"], to_ps(data["latency_s"]), to_ps(data["delay_s"]))
            self.links[edge] = link
        return link

    def _travel(self, branch: Branch, input: int, position: int, key: int, head: int, tail: int) -> None:
        """Follow a packet from a link that its head asks for, as far as no other source can interfere."""
        if branch.link.shared:
            self.clock.at(head, key, partial(self._serve_shared, branch, input, position, key, tail))
        else:
            self._serve(branch, input, position, key, head, tail)

    def _serve_shared(self, branch: Branch, input: int, position: int, key: int, tail: int, _: Event) -> None:
        self._serve(branch, input, position, key, self.clock._now, tail)

    def _serve(self, branch: Branch, input: int, position: int, key: int, head: int, tail: int) -> None:
        while True:
            link = branch.link
            start = link.free
            if head > start:
                start = head
            end = start + branch.serialisation
            if tail > end:
                end = tail
            link.free = end
            link.busy += end - start
            branch.packets += 1
            if input < self.traced_inputs and self.trace is not None:
                self.trace(Span(link.name, "transfer", "", input, position, start, end))
            head, tail = start + link.latency, end + link.latency
            for sink in branch.sinks:
                sink.arrive(input, position, tail)
            children = branch.children
            if len(children) != 1:
                for child in children:
                    delay = child.link.delay
                    self._travel(child, input, position, key, head + delay, tail + delay)
                return
            branch = children[0]
            delay = branch.link.delay
            head, tail = head + delay, tail + delay
            if branch.link.shared:
                self.clock.at(head, key, partial(self._serve_shared, branch, input, position, key, tail))
                return
