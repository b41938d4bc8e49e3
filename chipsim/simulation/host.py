"""`HostSource` sends inputs, `HostSink` sees outputs and admits the next ones (rules T18, T22, T23)."""

from __future__ import annotations

from collections.abc import Callable

from chipsim.simulation.actor import Actor
from chipsim.simulation.gate import Gate
from chipsim.simulation.sender import Outlet


class HostSource(Actor):
    """Sends the positions of admitted inputs in order, each when there is space for it."""

    __slots__ = ("_next", "_time", "admissions", "outlet", "positions")

    def __init__(self, positions: int, outlet: Outlet) -> None:
        super().__init__()
        self.positions, self.outlet = positions, outlet
        self.admissions: list[int] = []
        self._next = self._time = 0

    def admit(self, time: int) -> None:
        """Let the next input in."""
        self.admissions.append(time)
        self.advance()

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
        self.outlet.send(input, position, self._time)
        return True

    def _send_all(self, input: int) -> None:
        """Send a whole input, where there is always space."""
        self._time = time = max(self._time, self.admissions[input])
        self._next += self.positions
        send = self.outlet.interconnect.send
        for position, flows in enumerate(self.outlet.flows):
            for flow in flows:
                send(flow, input, position, time)


class HostSink(Actor):
    """Collects outputs, decides admissions.

    Attributes
    ----------
    released, done : list of int
        Per input: release of its batch, last output byte.
    """

    __slots__ = (
        "_batch", "_drain", "_gate", "_gates", "_in_flight", "_inputs", "_latest", "_on_admit", "_on_done",
        "_position", "_source", "done", "released",
    )  # fmt: skip

    def __init__(
        self, source: HostSource, inputs: int, in_flight: int, batch: int, drain: bool,
        on_admit: list[Callable[[int, int], None]], on_done: Callable[[int], None] | None,
    ) -> None:  # fmt: skip
        super().__init__()
        self._source, self._inputs, self._in_flight = source, inputs, in_flight
        self._batch, self._drain = batch, drain
        self._on_admit, self._on_done = on_admit, on_done
        self._gates: list[Gate] = []
        self._gate = self._position = self._latest = 0  # seen so far of the next input
        self.released: list[int] = []
        self.done: list[int] = []

    def add(self, gate: Gate) -> None:
        """Watch one output of the network."""
        gate.notify = self.advance
        self._gates.append(gate)

    def start(self) -> None:
        """Admit the first inputs."""
        self._admit()

    def _step(self) -> bool:
        """Finish the next input if all its outputs are known, and admit as many more."""
        if len(self.done) == self._inputs or not self._finish():
            return False
        self._admit()
        return True

    def _finish(self) -> bool:
        input = len(self.done)
        if input >= len(self.released):
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
        while len(self.released) < self._inputs:
            input = len(self.released)
            time = self._admission(input)
            if time is None:
                return
            first_of_batch = input % self._batch == 0
            self.released.append(time if first_of_batch else self.released[-1])
            for admitted in self._on_admit:
                admitted(input, time)
            self._source.admit(time)

    def _admission(self, input: int) -> int | None:
        """When an input is let in; None while that is not known."""
        needed = input - self._in_flight + 1
        if self._drain:
            needed = max(needed, input // self._batch * self._batch)
        if needed <= 0:
            return 0
        return max(self.done[:needed][-self._in_flight :]) if len(self.done) >= needed else None
