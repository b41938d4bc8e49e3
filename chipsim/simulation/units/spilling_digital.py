"""`SpillingDigitalServer`, `SpillingGateServer`: digital layers and gates whose buffers spill (T75, T78, T100)."""

from __future__ import annotations

from chipsim.simulation.core.clock import Clock
from chipsim.simulation.core.gate import Gate
from chipsim.simulation.core.origin import Origin, State
from chipsim.simulation.links.sender import Outlet
from chipsim.simulation.memories.far_reader import FarReader
from chipsim.simulation.units.digital import DigitalLayerServer, DigitalUnitServer
from chipsim.simulation.units.gate_layer import GateLayerServer


class SpillingDigitalServer(DigitalLayerServer):
    """One layer's positions, each asking for the unit once what it reads is back from the memory.

    Attributes
    ----------
    far : FarReader
    """

    __slots__ = ("_fetching", "far")

    gate: Gate  # type: ignore[assignment]  # what a memory gives back comes in no order

    def __init__(
        self, unit: DigitalUnitServer, layer: str, gate: Gate, service: int, latency: int, outlet: Outlet, clock: Clock,
        keys: tuple[int, int, int], far: FarReader,
    ) -> None:  # fmt: skip
        super().__init__(unit, layer, gate, service, latency, outlet, clock, keys)  # type: ignore[arg-type]
        self.far, self._fetching = far, False
        far.there = self._fetched

    def state(self, origin: Origin) -> State:
        """Progress and times, and whether it waits for the memory (rule T50)."""
        return *super().state(origin), self._fetching

    def _step(self) -> bool:
        gate = self.gate
        input, position = divmod(self.asked, gate.positions)
        index = input % gate.window * gate.positions + position
        if self._fetching or gate.remaining[index]:
            return False
        space = self.outlet.space(input, position)
        if space is None:
            return False
        time = self._last_request = max(gate.take(index, position), space, self._last_request, self.clock._now)
        self.asked += 1
        if self.far.sizes[position]:
            self._fetching = True
            self.far.ask(input, position, time)
        else:
            self._ask(input, position, time)
        return True

    def _fetched(self, input: int, position: int, time: int) -> None:
        self._fetching, self._last_request = False, time
        self._ask(input, position, time)
        self.advance()

    def _ask(self, input: int, position: int, time: int) -> None:
        """Ask for the unit."""
        key = 1 + self.key + input * self.input_key + position * self.position_key
        self.clock.at(time, key, self._request, (input, position))


class SpillingGateServer(SpillingDigitalServer, GateLayerServer):
    """Gates in a neuron unit whose buffer spills: they wait for the memory as a digital layer does."""

    __slots__ = ()
