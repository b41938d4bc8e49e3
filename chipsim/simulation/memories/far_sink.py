"""`FarSink`: where packets end whose positions may have to go on to the memory (rules T75, T78)."""

from __future__ import annotations

from collections.abc import Sequence

from chipsim.simulation.core.clock import Call
from chipsim.simulation.core.gate import EdgeSink
from chipsim.simulation.links.interconnect import Interconnect
from chipsim.simulation.memories.far_memory import FarMemory
from chipsim.simulation.memories.far_traffic import FarTraffic


class FarSink(EdgeSink):
    """Where packets end whose positions may have to go on to the memory.

    Parameters
    ----------
    writer : FarWriter
    """

    __slots__ = ("_far", "_near", "writer")

    def __init__(self, writer: FarWriter) -> None:
        super().__init__(writer.sink.gate, writer.sink.completes, writer.sink.arrivals)
        self._near, self.arrive = self.arrive, self._arrive
        self._far, self.writer = writer.far, writer

    def _arrive(self, input: int, position: int, time: int) -> None:
        """See `Sink`; a position for the memory is there for its consumer once it is written."""
        if not self._far[position]:
            self._near(input, position, time)
            return
        if self.arrivals is not None:
            self.arrivals.positions.append(input * len(self.completes) + position)
            self.arrivals.times.append(time)
        self.writer.ask(input, position, time)


class FarWriter(FarTraffic):
    """Writes the values of one flow's packets to the memory.

    Attributes
    ----------
    sink : EdgeSink
        Of the consumer, which has a position once it is written.
    far : sequence of bool, length producer positions
        Which ones are written.
    size : int
        Bytes of a packet's values.
    written : int
        Bytes so far.
    """

    activity = "write"

    def __init__(
        self, layer: str, component: str, memory: FarMemory, keys: tuple[int, int, int], interconnect: Interconnect,
        sink: EdgeSink, far: Sequence[bool], size: int,
    ) -> None:  # fmt: skip
        super().__init__(layer, component, memory, keys, interconnect)
        self.sink, self.far, self.size = sink, far, size
        self.written = 0

    def _serve(self, call: Call) -> None:
        input, position = call.payload
        self.written += self.size
        there = self._access(input, position, self.size)
        self.sink.gate.receive(input, self.sink.completes[position], there)
