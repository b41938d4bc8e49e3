"""`FarTraffic`: what writing to the memory and reading back have in common; `FarEnd`: where its packets end (T78)."""

from __future__ import annotations

from collections.abc import Callable

from chipsim.architecture.memory_spec import GLOBAL_MEMORY
from chipsim.simulation.core.clock import Call
from chipsim.simulation.core.timeline import SpanColumn
from chipsim.simulation.links.interconnect import Interconnect
from chipsim.simulation.links.packets import Flow
from chipsim.simulation.memories.far_memory import FarMemory

Arrive = Callable[[int, int, int], None]
"""Told of an input, a position and a time, not in the past."""


class FarEnd:
    """Where packets to the memory, or from it, end.

    Attributes
    ----------
    arrive : callable (input, position, time)
        See `Sink`.
    """

    __slots__ = ("arrive",)

    def __init__(self, arrive: Arrive) -> None:
        self.arrive = arrive


class FarTraffic:
    """Accesses of one kind, on behalf of one consumer.

    Attributes
    ----------
    activity : str
        What its spans are called.
    layer : str
        The consumer.
    component : str
        The tile or unit that asks.
    memory : FarMemory
    flow : Flow or None
        Over which the memory is asked, where it sits on the interconnect.
    number : int
        Its number in spans.
    held : int
        For how long these accesses held the memory's port, ps.
    """

    activity = "access"

    def __init__(
        self, layer: str, component: str, memory: FarMemory, keys: tuple[int, int, int], interconnect: Interconnect
    ) -> None:  # fmt: skip
        self.layer, self.component, self.memory, self._keys = layer, component, memory, keys
        self._interconnect = interconnect
        self.flow: Flow | None = None
        self.number = -1
        self.held = 0
        self.column: SpanColumn | None = None
        self._traced_inputs = 0
        self._order: list[tuple[int, int]] = []

    def trace_inputs(self, count: int, keep: Callable[[SpanColumn], None]) -> None:
        """Note every span of the first inputs."""
        self._traced_inputs = count
        self.column = SpanColumn(GLOBAL_MEMORY, self.activity, self.layer, self._order, flow=self.number)
        keep(self.column)

    def ask(self, input: int, position: int, time: int) -> None:
        """Ask the memory at a time that is not in the past, over its own bus or with a packet."""
        function = self._serve if self.flow is None else self._send
        self.memory.clock.at(time, self._key(input, position), function, (input, position))

    def asked_from_afar(self, input: int, position: int, time: int) -> None:
        """The tail of the packet that asks is at the memory."""
        self.memory.clock.at(time, self._key(input, position), self._serve, (input, position))

    def _key(self, input: int, position: int) -> int:
        own, input_key, position_key = self._keys
        return 1 + own + input * input_key + position * position_key

    def _send(self, call: Call) -> None:
        input, position = call.payload
        assert self.flow is not None
        self._interconnect.send(self.flow, input, position, self.memory.clock._now)

    def _serve(self, call: Call) -> None:
        raise NotImplementedError

    def _access(self, input: int, position: int, size: int) -> int:
        """Take the port, now; returns when the data is there."""
        start, end = self.memory.access(size)
        self.held += end - start
        if input < self._traced_inputs and self.column is not None:
            self._order.append((input, position))
            self.column.starts.append(start)
            self.column.ends.append(end)
        return end + self.memory.latency
