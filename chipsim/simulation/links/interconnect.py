"""`Interconnect`: the links of a chip and everything that travels over them (rules T8 to T10a).

Packets that come to a link over the same link before it come in order: only the first of them is in the clock's queue,
which stays short and quick however many packets wait. The next one enters it when the first has come.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import replace
from heapq import heappush
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chipsim.architecture.chip import Chip, Edge
from chipsim.simulation.core.clock import Clock
from chipsim.simulation.core.origin import Origin, State
from chipsim.simulation.core.timeline import INPUT, SpanColumn
from chipsim.simulation.links.arbitration import RoundRobin
from chipsim.simulation.links.folding import fold
from chipsim.simulation.links.laid_flows import LaidFlows
from chipsim.simulation.links.packets import Flow, Hop, Packet


class Interconnect(LaidFlows):
    """The links of a chip and everything that travels over them.

    Parameters
    ----------
    chip : Chip
    clock : Clock
    input_key, position_key : int
        What an input and a position weigh in the tie order.
    """

    def __init__(self, chip: Chip, clock: Clock, input_key: int, position_key: int) -> None:
        super().__init__(chip)
        self.clock = clock
        self.input_key, self.position_key = input_key, position_key
        self.traced_inputs = 0
        router = chip.spec.router
        self._stores = router.switching == "store-and-forward"
        self._in_turns = None if router.arbitration == "age" else RoundRobin(clock, self._pass)
        self._on_packet: Any = (self._in_turns.ask if self._in_turns else self._pass,)
        self._queue, self._numbers = clock.queue, clock.numbers
        self._coming: dict[tuple[Edge, str], deque[Any]] = {}

    def close(self) -> None:
        """Fold all trees; call once all flows are laid: only now is it known where packets meet."""
        self._coming = fold(self.flows, self.links, stores=self._stores, by_age=not self._in_turns)

    def trace_inputs(self, count: int, keep: Callable[[SpanColumn], None]) -> None:
        """Note every span of the first inputs."""
        self.traced_inputs = count
        for number, flow in enumerate(self.flows):
            for hop in flow.hops:
                lasts = hop.serialisation
                column = SpanColumn(hop.link.name, "transfer", flow.layer, flow.order, flow=number, lasts_ps=lasts)
                hop.keep(column)
                keep(column)
                for link, delay in zip(hop.followers, hop.trace_delays, strict=True):
                    keep(replace(column, component=link.name, shift_ps=delay))

    def send(self, flow: Flow, input: int, position: int, time: int, tail: int = 0) -> None:
        """Start a packet at its source, at a time that is not in the past.

        ``tail`` is when the last of its values is made, where the source makes one after the other.
        """
        way = flow.way
        if way is None:
            self._send_far(flow, input, position, time, tail)
            return
        first, link, serialisation, delay, tail_delay, hop = way
        start = link.free
        if time > start:
            start = time
        end = start + serialisation
        flow.packets += 1
        if tail > end:
            first.waited += tail - end
            if first.column is not None and input < self.traced_inputs:
                first.column.lengthen(tail - end)
            end = tail
        link.free = end
        if input < self.traced_inputs:
            flow.order.numbers.append(input * INPUT + position)
            if first.note is not None:
                first.note(start)
        if self._stores:  # it is whole only when its tail is there
            start = end - serialisation
        packet: Packet = Packet()
        packet.callbacks = self._on_packet
        packet.input, packet.position, packet.hop = input, position, hop
        packet.head = head = start + delay
        packet.tail = end + tail_delay
        packet.key = key = flow.key + input * self.input_key + position * self.position_key
        entry = (head, key, next(self._numbers), packet)
        coming = hop.coming
        if coming:
            coming.append(entry)
            return
        heappush(self._queue, entry)
        if coming is not None:
            coming.append(entry)

    def _send_far(self, flow: Flow, input: int, position: int, time: int, tail: int) -> None:
        """What `send` does where a packet's way begins otherwise than over one port to where ways merge."""
        hop = flow.first
        if tail or hop.onward is not None or hop.others:
            self._pass(self._packet(flow, input, position, time, tail))
            return
        link = hop.link
        start = link.free if link.free > time else time
        end = link.free = start + hop.serialisation
        flow.packets += 1
        if input < self.traced_inputs:
            flow.order.numbers.append(input * INPUT + position)
            if hop.note is not None:
                hop.note(start)
        for delay, arrive in hop.sinks:
            arrive(input, position, end + delay)

    def send_all(self, flow: Flow, input: int, positions: NDArray[np.int64], time: int) -> None:
        """Start packets of many positions of an input, one behind the other.

        Where nothing but the port makes them wait, they come at equal intervals, and no packet has to be made.
        """
        hop = flow.hops[0]
        if not hop.bulk:
            for position in positions.tolist():
                self.send(flow, input, position, time)
            return
        starts = np.arange(len(positions), dtype=np.int64) * hop.serialisation + max(time, hop.link.free)
        ends = starts + hop.serialisation
        hop.link.free = int(ends[-1])
        flow.packets += len(positions)
        if input < self.traced_inputs and hop.column is not None:
            flow.order.numbers.frombytes((input * INPUT + positions).tobytes())
            hop.column.starts.frombytes(starts.tobytes())
        for delay, sink in hop.bulk:
            sink.arrive_all(input, positions, ends + delay)

    def send_in_turn(self, flow: Flow, input: int, position: int, time: int, tail: int = 0) -> None:
        """The same from a port that several senders share, each knowing its own times ahead: order is decided then."""
        packet = self._packet(flow, input, position, time, tail)
        self.clock.push(time, packet.key, (self._leave,), packet)

    def send_from_router(self, flow: Flow, input: int, position: int, time: int) -> None:
        """The same from inside a router, which sends at rising times: what passes it may want the same link."""
        self._go(self._packet(flow, input, position, time, time))

    def _packet(self, flow: Flow, input: int, position: int, head: int, tail: int) -> Packet:
        """A packet at its source."""
        packet: Packet = Packet()
        packet.callbacks = self._on_packet
        packet.key = flow.key + input * self.input_key + position * self.position_key
        packet.input, packet.position = input, position
        packet.hop, packet.head, packet.tail = flow.first, head, tail
        flow.packets += 1
        if input < self.traced_inputs:
            flow.order.numbers.append(input * INPUT + position)
        return packet

    def _leave(self, packet: Packet) -> None:
        """It is a packet's turn at its source's port."""
        packet.callbacks = self._on_packet
        self._pass(packet)

    def state(self, origin: Origin) -> State:
        """When links are free, and what waits for them (rule T50)."""
        turns = () if self._in_turns is None else self._in_turns.state(origin)
        behind = [
            (head - origin.now_ps, key - origin.of(packet.hop) * self.input_key, *packet.state(origin))
            for coming in self._coming.values()
            for head, key, _, packet in islice(coming, 1, None)  # the first one is pending in the clock
        ]
        return origin.after([link.free for link in self.links.values()]), turns, tuple(behind)

    def _pass(self, packet: Packet) -> None:  # noqa: C901 - the inner loop: each call less counts
        """Take a packet over a link at the moment its head asks for it, and on to where ways merge."""
        hop, head, tail = packet.hop, packet.head, packet.tail
        coming = hop.coming
        if coming is not None:  # what comes behind it is now the next to come here
            coming.popleft()
            if coming:
                heappush(self._queue, coming[0])
        while True:
            link = hop.link
            start = link.free
            if head > start:
                start = head
            end = start + hop.serialisation
            if tail > end:  # its last value is made only after it could have left: the link is held until then
                hop.waited += tail - end
                if hop.column is not None and packet.input < self.traced_inputs:
                    hop.column.lengthen(tail - end)
                end = tail
            link.free = end
            if hop.stops:
                if hop.note is not None and packet.input < self.traced_inputs:
                    hop.note(start)
                for delay, arrive in hop.sinks:
                    arrive(packet.input, packet.position, end + delay)
                for delay, arrive_stream in hop.streams:
                    arrive_stream(packet.input, packet.position, start + delay, end + delay)
                for delay, tail_delay, other in hop.others:
                    self._copy(packet, other, start + delay, end + tail_delay)
            onward = hop.onward
            if onward is None:
                return
            if self._stores:  # it is whole only when its tail is there
                start = end - hop.serialisation
            head, tail = start + hop.delay, end + hop.tail_delay
            hop = onward
            if hop.merges:
                packet.hop, packet.head, packet.tail = hop, head, tail
                entry = (head, packet.key, next(self._numbers), packet)
                coming = hop.coming
                if coming:
                    coming.append(entry)
                    return
                heappush(self._queue, entry)
                if coming is not None:
                    coming.append(entry)
                return

    def _copy(self, packet: Packet, hop: Hop, head: int, tail: int) -> None:
        """Send a copy of a packet down another branch of its tree."""
        copy = Packet()
        copy.input, copy.position, copy.key = packet.input, packet.position, packet.key
        copy.hop, copy.head, copy.tail = hop, head, tail
        copy.callbacks = self._on_packet
        self._go(copy)

    def _go(self, packet: Packet) -> None:
        """Let a packet ask for its next link: when its head is there, if ways merge."""
        if not packet.hop.merges:
            self._pass(packet)
            return
        entry = (packet.head, packet.key, next(self._numbers), packet)
        coming = packet.hop.coming
        if not coming:
            heappush(self._queue, entry)
        if coming is not None:
            coming.append(entry)
