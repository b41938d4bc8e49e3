"""`Interconnect`: the links of a chip and everything that travels over them (rules T8 to T10a).

Packets that come to a link over the same link before it come in order: only the first of them is in the clock's queue,
which stays short and quick however many packets wait. The next one enters it when the first has come.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from heapq import heappush

import numpy as np
from numpy.typing import NDArray

from chipsim.architecture.chip import Chip
from chipsim.simulation.core.clock import Clock, Entry
from chipsim.simulation.core.origin import Origin, State
from chipsim.simulation.core.timeline import INPUT, SpanColumn
from chipsim.simulation.links.arbitration import RoundRobin
from chipsim.simulation.links.folding import fold
from chipsim.simulation.links.laid_flows import LaidFlows
from chipsim.simulation.links.packets import Coming, Flow, Inlet


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
        self._in_turns = None if router.arbitration == "age" else RoundRobin(clock, self._go_on)
        self._queue = clock.queue
        self._here = Inlet(0, self._pass)

    def close(self) -> None:
        """Fold all trees; call once all flows are laid: only now is it known where packets meet."""
        fold(self.flows, self.links, self._in_turns.ask if self._in_turns else self._pass, stores=self._stores)

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
        first, link, serialisation, delay, tail_delay, hop, inlet = way
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
        head, coming = start + delay, inlet.coming
        if input != flow.input:
            flow.input, flow.input_key = input, flow.key + input * self.input_key
        key = flow.input_key + position * self.position_key
        packet = head, key, inlet.number, inlet, hop, end + tail_delay, input, position
        if not coming:
            heappush(self._queue, packet)
        coming.append(packet)

    def _send_far(self, flow: Flow, input: int, position: int, time: int, tail: int) -> None:
        """What `send` does where a packet's way begins otherwise than over one port to where ways merge."""
        hop = flow.first
        if hop.onward is not None or hop.others:
            self._go_on(self._packet(flow, input, position, time, tail))
            return
        link = hop.link
        start = link.free if link.free > time else time
        end = start + hop.serialisation
        flow.packets += 1
        if tail > end:
            hop.waited += tail - end
            if hop.column is not None and input < self.traced_inputs:
                hop.column.lengthen(tail - end)
            end = tail
        link.free = end
        if input < self.traced_inputs:
            flow.order.numbers.append(input * INPUT + position)
            if hop.note is not None:
                hop.note(start)
        for delay, arrive in hop.sinks:
            arrive(input, position, end + delay)
        for delay, arrive_stream in hop.streams:
            arrive_stream(input, position, start + delay, end + delay)

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
        here, packet = Inlet(next(self.clock.numbers), self._pass), self._packet(flow, input, position, time, tail)
        asking = *packet[:2], here.number, here, *packet[4:]
        here.coming.append(asking)
        heappush(self._queue, asking)

    def send_from_router(self, flow: Flow, input: int, position: int, time: int) -> None:
        """The same from inside a router, which sends at rising times: what passes it may want the same link."""
        self._come(self._packet(flow, input, position, time, time))

    def _packet(self, flow: Flow, input: int, position: int, head: int, tail: int) -> Coming:
        """A packet at its source."""
        flow.packets += 1
        if input < self.traced_inputs:
            flow.order.numbers.append(input * INPUT + position)
        hop = flow.first
        inlet = hop.inlet or self._here
        key = flow.key + input * self.input_key + position * self.position_key
        return head, key, inlet.number, inlet, hop, tail, input, position

    def _come(self, packet: Coming) -> None:
        """Let a packet ask for its next link: when its head is there, if ways merge."""
        inlet = packet[3]
        if inlet is self._here:
            self._go_on(packet)
            return
        if not inlet.coming:
            heappush(self._queue, packet)
        inlet.coming.append(packet)

    def state(self, origin: Origin) -> State:
        """When links are free, and what waits for them (rule T50)."""
        turns = () if self._in_turns is None else self._in_turns.state(origin)
        return origin.after([link.free for link in self.links.values()]), turns

    def _go_on(self, packet: Coming) -> None:
        """Take a packet over a link now."""
        self._here.coming.append(packet)
        entry = self._pass(self._here)
        if entry is not None:
            heappush(self._queue, entry)

    def _pass(self, inlet: Inlet) -> Entry | None:  # noqa: C901 - the inner loop: each call less counts
        """Take a packet over a link at the moment its head asks for it, and on to where ways merge.

        Returns
        -------
        Entry or None
            What the clock's queue is to take up.
        """
        coming = inlet.coming
        head, key, _, _, hop, tail, input, position = coming.popleft()
        behind = coming[0] if coming else None  # is now the next to come here
        while True:
            link = hop.link
            start = link.free
            if head > start:
                start = head
            end = start + hop.serialisation
            if hop.late:
                if tail > end:  # its last value is made only after it could have left: the link is held until then
                    hop.waited += tail - end
                    if hop.column is not None and input < self.traced_inputs:
                        hop.column.lengthen(tail - end)
                    end = tail
                tail = end + hop.tail_delay
            link.free = end
            if hop.stops:
                if hop.note is not None and input < self.traced_inputs:
                    hop.note(start)
                for delay, arrive in hop.sinks:
                    arrive(input, position, end + delay)
                if hop.streams:
                    for delay, arrive_stream in hop.streams:
                        arrive_stream(input, position, start + delay, end + delay)
                if hop.others:
                    for delay, tail_delay, further in hop.others:
                        start_of = further.inlet or self._here
                        self._come(
                            (start + delay, key, start_of.number, start_of, further, end + tail_delay, input, position)
                        )
            onward = hop.onward
            if onward is None:
                return behind
            if self._stores:  # it is whole only when its tail is there
                start = end - hop.serialisation
            head = start + hop.delay
            hop = onward
            ahead = hop.inlet
            if ahead is not None:
                coming = ahead.coming
                packet = head, key, ahead.number, ahead, hop, tail, input, position
                if coming:
                    coming.append(packet)
                    return behind
                if behind is not None:
                    heappush(self._queue, behind)
                coming.append(packet)
                return packet
