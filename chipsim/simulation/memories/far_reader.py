"""`FarReader`: reads back what a consumer's buffers have spilled (rules T75, T78)."""

from __future__ import annotations

from collections.abc import Sequence

from chipsim.simulation.core.clock import COMPLETION, Call
from chipsim.simulation.links.interconnect import Interconnect
from chipsim.simulation.links.packets import Flow
from chipsim.simulation.memories.far_memory import FarMemory
from chipsim.simulation.memories.far_traffic import Arrive, FarTraffic


class FarReader(FarTraffic):
    """Reads back what a consumer's buffers have spilled.

    Attributes
    ----------
    sizes : sequence of int, length positions of the consuming layer
        Bytes that lie in the window of each.
    block : int
        Which of the layer's blocks asks.
    there : callable (input, position, time)
        Told when all that a position has asked for is to be there.
    data : dict of int to Flow
        By which so many bytes come back, where the memory sits on the interconnect.
    fetched : int
        Bytes read so far.
    """

    activity = "read"

    def __init__(
        self, layer: str, component: str, memory: FarMemory, keys: tuple[int, int, int], interconnect: Interconnect,
        sizes: Sequence[int], block: int = 0,
    ) -> None:  # fmt: skip
        super().__init__(layer, component, memory, keys, interconnect)
        self.sizes, self.block = sizes, block
        self.there: Arrive = _nobody
        self.data: dict[int, Flow] = {}
        self.fetched = 0

    def arrived(self, input: int, position: int, time: int) -> None:
        """The tail of the packet with the data is there."""
        self.there(input, position, time)

    def _serve(self, call: Call) -> None:
        input, position = call.payload
        size = self.sizes[position]
        self.fetched += size
        time = self._access(input, position, size)
        if self.flow is None:
            self.there(input, position, time)
        else:
            self.memory.clock.at(time, COMPLETION, self._answer, (input, position))

    def _answer(self, call: Call) -> None:
        input, position = call.payload
        self._interconnect.send(self.data[self.sizes[position]], input, position, self.memory.clock._now)


def _nobody(input: int, position: int, time: int) -> None:
    """Until the consumer is there."""
