"""`Flow`: packets from one source to one set of sinks; the links, trees and hops that they take (rules T8 to T10).

An event is needed only where ways merge. A link whose packets all come over one other link that is not faster sees
them in that link's order and never makes one wait: it follows its leader with a constant delay (not if routers store
packets: a short one behind a long one finds the link busy with that). So a flow's tree is folded into hops, one for
each link that can make a packet wait.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from heapq import heappush
from typing import Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from chipsim.architecture.chip import Edge
from chipsim.simulation.core.clock import Moment
from chipsim.simulation.core.origin import Origin, State
from chipsim.simulation.core.timeline import AsSent, SpanColumn


class Sink(Protocol):
    """Where packets of a flow end."""

    def arrive(self, input: int, position: int, time: int) -> None:
        """The tail of the packet for a producer position is there."""


class BulkSink(Protocol):
    """Where many packets of a flow can end at once."""

    def arrive_all(self, input: int, positions: NDArray[np.int64], times: NDArray[np.int64]) -> None:
        """The tails of the packets for these producer positions are there at these times."""


class StreamSink(Protocol):
    """Where packets of a flow end that are used value by value, as they come."""

    def arrive_stream(self, input: int, position: int, head: int, tail: int) -> None:
        """The head of the packet for a producer position is there at one time, its tail at another."""


class LinkServer:
    """A directed link or port: carries one packet at a time.

    Attributes
    ----------
    name : str
        ``a->b``.
    feeders : set of Edge or str
        Links, or the source component, from which packets come.
    merges : bool
        Packets come from several: which is first is open until then, and each needs an event.
    leader : LinkServer or None
        The link that this one follows without ever making a packet wait.
    """

    __slots__ = ("busy", "bytes", "delay", "edge", "feeders", "free", "latency", "leader", "name", "packets", "rate")

    def __init__(self, edge: Edge, rate: float, latency: int, delay: int) -> None:
        self.edge, self.rate, self.latency, self.delay = edge, rate, latency, delay
        self.name = "->".join(edge)
        self.free = self.busy = self.bytes = self.packets = 0
        self.feeders: set[Edge | str] = set()
        self.leader: LinkServer | None = None

    @property
    def merges(self) -> bool:
        """Whether packets come from more than one place."""
        return len(self.feeders) > 1

    @property
    def ports(self) -> list[str]:
        """Names of the components and routers from which packets come to the link's router."""
        return [feeder if isinstance(feeder, str) else feeder[0] for feeder in self.feeders]


class Branch:
    """One link of a flow's multicast tree, the branches behind it and the sinks at its end.

    Attributes
    ----------
    port : str
        Name of the router or component from which the packets come to the link's router, or of the source.
    """

    __slots__ = ("children", "link", "port", "sinks")

    def __init__(self, link: LinkServer, port: str) -> None:
        self.link, self.port = link, port
        self.children: tuple[Branch, ...] = ()
        self.sinks: tuple[Sink | StreamSink, ...] = ()


class Hop:
    """A link that can make a packet of one flow wait, and all that follows it with a constant delay.

    Attributes
    ----------
    branch : Branch
        The link's place in the flow's tree.
    serialisation : int
        Of the flow's packets, ps.
    sinks : tuple of (int, callable)
        Delay from the tail's leaving the link, and the ``arrive`` of a `Sink`.
    streams : tuple of (int, callable)
        Delay from the head's and the tail's leaving, and the ``arrive_stream`` of a `StreamSink`.
    stops : bool
        There are sinks or further branches here, or spans are kept.
    column, note : SpanColumn and callable (start), or None
        Take the spans of the first inputs.
    late : bool
        The tail of a packet may come later than its head makes one expect.
    onward : Hop or None
        The hop that follows, and ``delay``, from the head's entering this link to its asking for that one.
    tail_delay : int
        From the tail's leaving this link to its being there. Less than ``delay`` if routers store packets: all of a
        packet is there when it enters a link, which its tail leaves one serialisation later, and ``delay`` covers that.
    others : tuple of (int, int, Hop)
        Both delays and first hop of every further branch.
    followers : tuple of LinkServer
        Links that are held exactly as long as this one.
    inlet : Inlet or None
        Where packets come to the link over the same way, of this flow and others; only where ways merge.
    bulk : tuple of (int, BulkSink)
        The sinks again, if nothing but they follow a source's port.
    waited : int
        How much longer than their serialisation packets held the link so far, waiting for tails.
    """

    __slots__ = (
        "branch", "bulk", "column", "delay", "followers", "inlet", "late", "link", "merges", "note", "onward", "others",
        "serialisation", "sinks", "stops", "streams", "tail_delay", "trace_delays", "waited",
    )  # fmt: skip

    def __init__(self, branch: Branch, serialisation: int) -> None:
        self.branch, self.link, self.serialisation = branch, branch.link, serialisation
        self.merges = branch.link.merges
        self.sinks: tuple[tuple[int, Callable[[int, int, int], None]], ...] = ()
        self.streams: tuple[tuple[int, Callable[[int, int, int, int], None]], ...] = ()
        self.delay, self.tail_delay, self.onward = 0, 0, cast("Hop | None", None)
        self.others: tuple[tuple[int, int, Hop], ...] = ()
        self.followers: tuple[LinkServer, ...] = ()
        self.trace_delays: tuple[int, ...] = ()
        self.waited = 0
        self.inlet: Inlet | None = None
        self.bulk: tuple[tuple[int, BulkSink], ...] = ()
        self.stops, self.late = False, True
        self.column: SpanColumn | None = None
        self.note: Callable[[int], None] | None = None

    def keep(self, column: SpanColumn) -> None:
        """Note spans in a column."""
        self.stops, self.column, self.note = True, column, column.starts.append

    def lead_to(self, hop: Hop, delay: int, stored: int) -> None:
        """Let packets go on to another hop, too, after a router that takes so long to store them."""
        if self.onward is None:
            self.onward, self.delay, self.tail_delay = hop, delay + stored, delay
        else:
            self.others += ((delay + stored, delay, hop),)


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
    first : Hop
    way : tuple or None
        Of flows that go over a port to where ways merge: the first hop, its link, serialisation, delay and tail delay,
        and the second hop and its inlet.
    packets : int
        Sent so far.
    input, input_key : int
        The last one sent of, and the tie order of its packets apart from the position.
    order : AsSent
        Packets, where spans are kept.
    """

    __slots__ = (
        "bytes", "first", "hops", "input", "input_key", "key", "layer", "order", "packets", "source", "tree", "way",
    )  # fmt: skip

    def __init__(self, source: str, layer: str, size: int, key: int, tree: Branch) -> None:
        self.source, self.layer, self.bytes, self.key, self.tree = source, layer, size, key, tree
        self.packets, self.input, self.input_key = 0, 0, key
        self.hops: list[Hop] = []
        self.first = cast("Hop", None)
        self.way: tuple[Hop, LinkServer, int, int, int, Hop, Inlet] | None = None
        self.order = AsSent()

    def begin(self) -> None:
        """Look up how packets begin their way, once the tree is folded."""
        self.first = first = self.hops[0]
        hop = first.onward
        if hop is not None and hop.inlet is not None and not first.merges and not first.stops:
            self.way = first, first.link, first.serialisation, first.delay, first.tail_delay, hop, hop.inlet

    @property
    def meets_event(self) -> bool:
        """Whether ways merge before every sink, so that each packet meets an event."""
        return not any(hop.sinks or hop.streams for hop in _reached(self.hops[0]))


def _reached(hop: Hop) -> Iterator[Hop]:
    """Hops from this one on, up to where ways merge."""
    if not hop.merges:
        yield hop
        for other in (hop.onward, *(other for *_, other in hop.others)):
            if other is not None:
                yield from _reached(other)


class Request(Moment):
    """The event at which a packet asks for a link; its priority is the packet's tie order (rule T3).

    Attributes
    ----------
    hop : Hop
        The link that it asks for.
    """

    __slots__ = ()

    hop: Hop

    def state(self, origin: Origin) -> State:
        """What asks, and what follows (rule T50)."""
        raise NotImplementedError


Coming = tuple[int, int, int, "Inlet", Hop, int, int, int]
"""A packet on its way: when its head asks for the next link, its tie order, the number of the inlet where it waits and
the inlet itself, which makes it an entry of the clock's queue; then that link's hop, when its tail is there, and the
input and the position that it carries."""


class Inlet(Request):
    """Where packets come to a link over one way, in order; happens when the first of them asks for the link.

    Attributes
    ----------
    coming : deque of Coming
        What will ask for the link, the first one first.
    number : int
        Tells inlets apart in the clock's queue: below zero, where the clock's own numbers are not, or one of these.
    """

    __slots__ = ("coming", "number")

    def __init__(self, number: int, ask: Callable[[Any], Any]) -> None:
        self.coming: deque[Coming] = deque()
        self.number = number
        self.callbacks = (ask,)  # type: ignore[assignment]

    @property
    def hop(self) -> Hop:  # type: ignore[override]
        """The link that the first packet asks for."""
        return self.coming[0][4]

    def take(self, queue: list[Any]) -> Coming:
        """The first packet, which asks for its link now; the one behind it is the next to happen."""
        packet, coming = self.coming.popleft(), self.coming
        if coming:
            heappush(queue, coming[0])
        return packet

    def state(self, origin: Origin) -> State:
        """What comes, and when (rule T50)."""
        return tuple([state_of_packet(packet, origin) for packet in self.coming])


def state_of_packet(packet: Coming, origin: Origin) -> State:
    """Where a packet is, and when its head and tail come (rule T50); of equal heads the tie order decides."""
    head, _, _, _, hop, tail, input, position = packet
    return id(hop), input - origin.of(hop), position, origin.after((head, tail))
