"""`FarSink`: where packets end whose positions may have to go on to the memory (rule T75)."""

from __future__ import annotations

from chipsim.simulation.core.clock import Call
from chipsim.simulation.core.gate import EdgeSink
from chipsim.simulation.memories.spilling import FarBuffer


class FarSink(EdgeSink):
    """Where packets end whose positions may have to go on to the memory.

    Parameters
    ----------
    sink : EdgeSink
        Of the block.
    layer : str
        That reads.
    far : FarBuffer
    size : int
        Bytes of a packet's values.

    Attributes
    ----------
    written : int
        Bytes so far.
    """

    __slots__ = ("_buffer", "_far", "_near", "_size", "layer", "written")

    def __init__(self, sink: EdgeSink, layer: str, far: FarBuffer, size: int) -> None:
        super().__init__(sink.gate, sink.completes, sink.arrivals)
        self._near, self.arrive = self.arrive, self._arrive
        self.layer, self._buffer, self._far, self._size = layer, far, far.spill.far, size
        self.written = 0

    def _arrive(self, input: int, position: int, time: int) -> None:
        """See `Sink`; a position for the memory is there for its consumer once it is written."""
        if not self._far[position]:
            self._near(input, position, time)
            return
        if self.arrivals is not None:
            self.arrivals.positions.append(input * len(self.completes) + position)
            self.arrivals.times.append(time)
        own, input_key, position_key = self._buffer.writing
        key = 1 + own + input * input_key + position * position_key
        self._buffer.memory.clock.at(time, key, self._write, (input, position))

    def _write(self, call: Call) -> None:
        input, position = call.payload
        self.written += self._size
        self.gate.receive(input, self.completes[position], self._buffer.memory.access(self._size))
