"""`HostSource` sends inputs, `HostSink` sees outputs and admits the next ones (rules T18, T22, T23, T27, T30, T95)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from chipsim.simulation.core.actor import Actor
from chipsim.simulation.core.gate import Gate
from chipsim.simulation.core.origin import Origin, State
from chipsim.simulation.links.sender import Outlet


@dataclass(frozen=True, slots=True)
class Stream:
    """What the host is to send.

    Attributes
    ----------
    inputs : int
        How many, at least 1.
    in_flight : int
        Inputs that may be admitted and not done.
    batch : int
        Inputs that the host hands over together.
    drain : bool
        Finish a batch before the next one is admitted.
    arrivals_ps : sequence of int, length inputs, or None
        When each input is there to be sent; None where all are from the beginning.
    stop : callable, optional
        Whether to admit no more inputs.
    """

    inputs: int
    in_flight: int
    batch: int = 1
    drain: bool = False
    arrivals_ps: Sequence[int] | None = None
    stop: Callable[[], bool] | None = None

    @property
    def window(self) -> int:
        """Inputs that may be under way at once, plus one."""
        return min(self.in_flight, self.inputs) + 1

    def waits_for(self, input: int) -> int:
        """How many inputs must be done before this one is admitted."""
        needed = input - self.in_flight + 1
        return max(needed, input // self.batch * self.batch) if self.drain else needed


class HostSource(Actor):
    """Sends the positions of one input layer of admitted inputs in order, each when there is space for it.

    Attributes
    ----------
    shares_port : bool
        There are other input layers or networks, whose packets go out between these.
    """

    __slots__ = ("_next", "_time", "admissions", "layer", "outlet", "positions", "shares_port")

    def __init__(self, layer: str, positions: int, outlet: Outlet) -> None:
        super().__init__()
        self.layer, self.positions, self.outlet = layer, positions, outlet
        self.admissions: list[int] = []
        self.shares_port = False
        self._next = self._time = 0

    def admit(self, time: int) -> None:
        """Let the next input in."""
        self.admissions.append(time)
        self.advance()

    def state(self, origin: Origin) -> State:
        """Progress and times (rule T50)."""
        unsent = self.admissions[self._next // self.positions :]
        return self._next - origin.input * self.positions, origin.after((self._time, *unsent))

    def _step(self) -> bool:
        input, position = divmod(self._next, self.positions)
        if input >= len(self.admissions):
            return False
        if not self.outlet.credits:
            self._send_all(input)
            return True
        space = self.outlet.space(input, position)
        if space is None:
            return False
        self._time = max(self._time, self.admissions[input], space)
        self._next += 1
        self._send(input, position, self._time)
        return True

    def _send_all(self, input: int) -> None:
        """Send a whole input, where there is always space."""
        self._time = time = max(self._time, self.admissions[input])
        self._next += self.positions
        net, every = self.outlet.interconnect, self.outlet.flows
        ways = {flow for flows in self.outlet.kinds for flow in flows}
        if not self.shares_port and len(ways) == 1:
            sent = np.flatnonzero(np.fromiter(map(bool, every), np.bool_, len(every)))
            net.send_all(ways.pop(), input, sent, time)
            return
        send = net.send_in_turn if self.shares_port else net.send
        for position, flows in enumerate(every):
            for flow in flows:
                send(flow, input, position, time)

    def _send(self, input: int, position: int, time: int) -> None:
        net = self.outlet.interconnect
        send = net.send_in_turn if self.shares_port else net.send
        for flow in self.outlet.flows[position]:
            send(flow, input, position, time)


class HostSink(Actor):
    """Collects outputs, decides admissions.

    Attributes
    ----------
    inputs : int
        How many will be done: those of the stream, or those admitted when it was ended early.
    released, admitted, done : list of int
        Per input: release of its batch, admission, last output byte.
    """

    __slots__ = (
        "_gate", "_gates", "_latest", "_on_admit", "_on_done", "_position", "_sources", "_stream", "admitted", "done",
        "inputs", "released",
    )  # fmt: skip

    def __init__(
        self, sources: Sequence[HostSource], stream: Stream, on_admit: list[Callable[[int, int], None]],
        on_done: Callable[[int], None] | None,
    ) -> None:  # fmt: skip
        super().__init__()
        self._sources, self._stream, self.inputs = sources, stream, stream.inputs
        self._on_admit, self._on_done = on_admit, on_done
        self._gates: list[Gate] = []
        self._gate = self._position = self._latest = 0  # seen so far of the next input
        self.released: list[int] = []
        self.admitted: list[int] = []
        self.done: list[int] = []

    def add(self, gate: Gate) -> None:
        """Watch one output of the network."""
        gate.notify = self.advance
        self._gates.append(gate)

    def start(self) -> None:
        """Admit the first inputs."""
        self._admit()

    def state(self, origin: Origin) -> State:
        """Progress, times, and the place in a batch (rule T50)."""
        stream, next_input = self._stream, len(self.admitted)
        ends = self.done[max(0, len(self.done) - stream.in_flight) :]
        begun = next_input % stream.batch > 0 and stream.arrivals_ps is None
        return (
            len(self.done) % stream.batch, next_input - origin.input, self._gate, self._position,
            origin.after((self._latest, *ends)), self.released[-1] - origin.now_ps if begun else None,
        )  # fmt: skip

    def shorten(self, inputs: int, ps: int) -> None:
        """Let so many inputs fewer follow, of those that are not admitted; the others come so much earlier."""
        self.inputs -= inputs
        arrivals, first = self._stream.arrivals_ps, len(self.admitted)
        if arrivals is not None:
            later = [time - ps for time in arrivals[first + inputs :]]
            self._stream = replace(self._stream, arrivals_ps=[*arrivals[:first], *later])

    @property
    def arrivals_ps(self) -> Sequence[int] | None:
        """When each input is there, of those that are to follow."""
        return self._stream.arrivals_ps

    def _step(self) -> bool:
        """Finish the next input if all its outputs are known, and admit as many more."""
        if len(self.done) == self.inputs or not self._finish():
            return False
        self._admit()
        return True

    def _finish(self) -> bool:
        input = len(self.done)
        if input >= len(self.admitted):
            return False
        while self._gate < len(self._gates):
            gate = self._gates[self._gate]
            first = input % gate.window * gate.positions
            while self._position < gate.positions:
                if gate.remaining[first + self._position]:
                    return False
                self._latest = max(self._latest, gate.take(first + self._position, self._position))
                self._position += 1
            self._gate, self._position = self._gate + 1, 0
        latest, self._latest, self._gate = self._latest, 0, 0
        self.done.append(latest)
        if self._on_done is not None:
            self._on_done(len(self.done))
        return True

    def _admit(self) -> None:
        while len(self.admitted) < self.inputs:
            input = len(self.admitted)
            time = self._admission(input)
            if time is None:
                return
            if input and self._stream.stop is not None and self._stream.stop():
                self.inputs = input  # no others follow
                return
            self.admitted.append(time)
            self.released.append(self._release(input, time))
            for admitted in self._on_admit:
                admitted(input, time)
            for source in self._sources:
                source.admit(time)

    def _admission(self, input: int) -> int | None:
        """When an input is let in; None while that is not known."""
        stream, arrived = self._stream, 0
        if stream.arrivals_ps is not None:
            arrived = stream.arrivals_ps[input]
        needed = stream.waits_for(input)
        if needed <= 0:
            return arrived
        if len(self.done) < needed:
            return None
        return max(arrived, *self.done[max(0, needed - stream.in_flight) : needed])

    def _release(self, input: int, admission: int) -> int:
        """When the batch of an input is released: as it arrives, or as the first of it is admitted."""
        if self._stream.arrivals_ps is not None:
            return self._stream.arrivals_ps[input]
        return admission if input % self._stream.batch == 0 else self.released[-1]
