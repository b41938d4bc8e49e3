"""`BufferedInterconnect`: links between routers whose buffers are bounded (rules T60 to T63)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from chipsim.architecture.chip import Chip, Edge
from chipsim.architecture.circles import Channel, refuse_circles
from chipsim.errors import CapacityError
from chipsim.simulation.core.clock import Clock
from chipsim.simulation.core.origin import Origin, State
from chipsim.simulation.core.timeline import SpanColumn
from chipsim.simulation.links.interconnect import Interconnect
from chipsim.simulation.links.link_queue import LinkQueue, RoomyHop, RoomyPacket
from chipsim.simulation.links.packets import Branch, Flow, Sink, StreamSink
from chipsim.simulation.links.rooms import Room, Stay
from chipsim.units import duration_ps


class BufferedInterconnect(Interconnect):
    """An interconnect in which a packet enters a link once all of it has space at the router behind.

    Every link may make every packet wait, so each has an event of its own there; see `Interconnect` for the parameters.
    """

    def __init__(self, chip: Chip, clock: Clock, input_key: int, position_key: int) -> None:
        super().__init__(chip, clock, input_key, position_key)
        self._bytes = chip.spec.router.buffer_bytes or 0
        self._take_turns = chip.spec.router.arbitration == "round-robin"
        self._channels: dict[Flow, dict[Edge, int]] = {}
        self._queues: dict[Edge, LinkQueue] = {}
        self._rooms: dict[Channel, Room] = {}
        self._asks = (self._ask,)

    def add_flow(
        self, source: str, layer: str, size: int, key: int, targets: Iterable[tuple[str, Sink | StreamSink]],
        way: Sequence[Edge] | None = None,
    ) -> Flow:  # fmt: skip
        """Lay the tree of a new flow, and note its virtual channels; see `Interconnect.add_flow`."""
        ends = list(targets)
        flow = super().add_flow(source, layer, size, key, ends, way)
        ways = [way or self.chip.path(source, target) for target, _ in ends]
        self._channels[flow] = {
            edge: channel for found in ways for edge, channel in zip(found, self.chip.channels_on(found), strict=True)
        }
        return flow

    def close(self) -> None:
        """Give every link its queue and its rooms; call once all flows are laid.

        Raises
        ------
        CapacityError
            If a buffer is smaller than a packet.
        SpecError
            If packets could wait for each other in a circle.
        """
        follows: set[tuple[Channel, Channel]] = set()
        for edge, link in self.links.items():
            last = self.chip.graph.nodes[edge[1]]["kind"] != "router"
            self._queues[edge] = LinkQueue(link, self.clock, self._take, in_turns=self._take_turns, last=last)
        for flow in self.flows:
            self._lay(flow, flow.tree, self._channels[flow], follows)
            for hop in flow.hops:
                hop.stops = True
        refuse_circles(follows)

    def trace_inputs(self, count: int, keep: Callable[[SpanColumn], None]) -> None:
        """Note every span of the first inputs."""
        self.traced_inputs = count
        for number, flow in enumerate(self.flows):
            for hop in flow.hops:
                assert isinstance(hop, RoomyHop)
                hop.column = SpanColumn(hop.link.name, "transfer", flow.layer, hop.order, flow=number)
                keep(hop.column)

    def send_in_turn(self, flow: Flow, input: int, position: int, time: int, tail: int = 0) -> None:
        """As `send`: order is decided at the port anyway."""
        self.send(flow, input, position, time, tail)

    def send_from_router(self, flow: Flow, input: int, position: int, time: int) -> None:
        """As `send`: every link decides about order."""
        self.send(flow, input, position, time)

    def send(self, flow: Flow, input: int, position: int, time: int, tail: int = 0) -> None:
        """Start a packet at its source, at a time that is not in the past; see `Interconnect.send`."""
        first = flow.hops[0]
        assert isinstance(first, RoomyHop)
        key = flow.key + input * self.input_key + position * self.position_key
        flow.packets += 1
        self._ask_for(first, None, input, position, key, time, max(time, tail))

    def state(self, origin: Origin) -> State:
        """When links are free, what waits for them, and the space behind them (rule T50)."""
        free = origin.after([link.free for link in self.links.values()])
        queues = tuple([queue.state(origin) for queue in self._queues.values()])
        return free, queues, tuple([room.state(origin) for room in self._rooms.values()])

    def _lay(
        self, flow: Flow, branch: Branch, channels: dict[Edge, int], follows: set[tuple[Channel, Channel]]
    ) -> RoomyHop:
        """Make the hop of a branch and of all behind it."""
        edge = branch.link.edge
        hop = RoomyHop(branch, duration_ps(flow.bytes, branch.link.rate))
        flow.hops.append(hop)
        hop.queue, hop.channel, hop.size = self._queues[edge], channels[edge], flow.bytes
        hop.room = self._room(flow, edge, hop.channel) if branch.children else None
        for sink in branch.sinks:
            if hasattr(sink, "arrive_stream"):
                hop.streams += ((branch.link.latency, sink.arrive_stream),)
            else:
                hop.sinks += ((branch.link.latency, sink.arrive),)
        hop.following, hop.order = [], []
        for child in branch.children:
            behind = self._lay(flow, child, channels, follows)
            hop.following.append((branch.link.latency + child.link.delay, behind))
            if behind.room is not None:
                follows.add(((edge, hop.channel), (child.link.edge, behind.channel)))
        return hop

    def _room(self, flow: Flow, edge: Edge, channel: int) -> Room:
        if flow.bytes > self._bytes:
            raise CapacityError(
                f"router.buffer: {self._bytes} bytes for each input port of {edge[1]} hold no packet of {flow.bytes} "
                f"bytes, which {flow.source} sends for layer {flow.layer}; give at least {flow.bytes} B, or unbounded"
            )
        room = self._rooms.get((edge, channel))
        if room is None:
            room = self._rooms[edge, channel] = Room(self._bytes, self._queues[edge].wake)
        return room

    def _ask_for(
        self, hop: RoomyHop, stay: Stay | None, input: int, position: int, key: int, head: int, tail: int
    ) -> None:
        """Let a packet, or a copy of it, ask for a link when its head is there."""
        packet = RoomyPacket()
        packet.input, packet.position, packet.key = input, position, key
        packet.hop, packet.head, packet.tail, packet.stay = hop, head, tail, stay
        self.clock.push(head, key, self._asks, packet)

    def _ask(self, packet: RoomyPacket) -> None:
        packet.hop.queue.ask(packet)

    def _take(self, packet: RoomyPacket) -> None:
        """Take a packet over its link, now, and on to what comes behind."""
        hop, start, input, position = packet.hop, self.clock._now, packet.input, packet.position
        end = start + hop.serialisation
        if packet.tail > end:
            hop.waited += packet.tail - end
            end = packet.tail
        hop.link.free = end
        if packet.stay is not None:
            packet.stay.leave(end)
        stay = None if hop.room is None else Stay(hop.room, hop.size, len(hop.following))
        if input < self.traced_inputs and hop.column is not None:
            hop.order.append((input, position))
            hop.column.starts.append(start)
            hop.column.ends.append(end)
        for delay, arrive in hop.sinks:
            arrive(input, position, end + delay)
        for delay, arrive_stream in hop.streams:
            arrive_stream(input, position, start + delay, end + delay)
        onward = end if self._stores else start
        for delay, behind in hop.following:
            self._ask_for(behind, stay, input, position, packet.key, onward + delay, end + delay)


def interconnect_for(chip: Chip, clock: Clock, input_key: int, position_key: int) -> Interconnect:
    """The interconnect that an architecture asks for; see `Interconnect` for the parameters."""
    bounded = chip.spec.router.buffer_bytes is not None
    return (BufferedInterconnect if bounded else Interconnect)(chip, clock, input_key, position_key)
