"""`DigitalUnitServer` and the layers placed on it (rule T17)."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from typing import ClassVar

from chipsim.mapping.plan import WHOLE
from chipsim.simulation.core.actor import Actor
from chipsim.simulation.core.clock import Call, Clock
from chipsim.simulation.core.in_order_gate import InOrderGate
from chipsim.simulation.core.origin import Origin, State
from chipsim.simulation.core.timeline import InTurn, SpanColumn
from chipsim.simulation.links.sender import Outlet


class DigitalUnitServer:
    """A digital unit: serves one position of one layer at a time."""

    __slots__ = ("busy", "free", "layers", "name")

    def __init__(self, name: str) -> None:
        self.name = name
        self.layers = 0
        self.free = self.busy = 0


class DigitalLayerServer(Actor):
    """One layer's positions at its digital unit, in raster order.

    Attributes
    ----------
    activity : str
        What its spans are called.
    """

    __slots__ = (
        "_last_request", "_note_release", "asked", "busy", "clock", "done", "gate", "input_key", "key", "latency",
        "layer", "on_release", "outlet", "position_key", "releases", "service", "unit",
    )  # fmt: skip

    activity: ClassVar[str] = "digital"

    def __init__(
        self, unit: DigitalUnitServer, layer: str, gate: InOrderGate, service: int, latency: int, outlet: Outlet,
        clock: Clock, keys: tuple[int, int, int],
    ) -> None:  # fmt: skip
        super().__init__()
        self.unit, self.layer, self.gate, self.service, self.latency = unit, layer, gate, service, latency
        self.outlet, self.clock = outlet, clock
        self.key, self.input_key, self.position_key = keys
        self.asked = self.done = self.busy = self._last_request = 0
        self.releases: array[int] | None = None
        self._note_release: Callable[[int], None] | None = None
        self.on_release: list[Callable[[], None]] = []
        gate.notify = self.advance
        unit.layers += 1

    def note_releases(self, releases: array[int]) -> None:
        """Note there when space in a buffer is freed."""
        self.releases, self._note_release = releases, releases.append

    def trace_inputs(self, count: int, keep: Callable[[SpanColumn], None]) -> None:
        """Note every span of the first inputs."""
        order = InTurn(WHOLE, count, self.gate.positions)
        self.keep(count, SpanColumn(self.unit.name, self.activity, self.layer, order, lasts_ps=self.service), keep)

    def state(self, origin: Origin) -> State:
        """Progress and times, those of the unit included (rule T50)."""
        first = origin.input * self.gate.positions
        return (
            self.asked - first, self.done - first, origin.after((self._last_request, self.unit.free)),
            origin.still_to_come(self.releases) if self.releases is not None and self.on_release else (),
        )  # fmt: skip

    def _step(self) -> bool:
        gate = self.gate
        if gate.left > 0:
            return False
        input, position = divmod(self.asked, gate.positions)
        space = self.outlet.space(input, position)
        if space is None:
            return False
        following = position + 1 if position + 1 < gate.positions else 0
        time = self._last_request = max(gate.take(following), space, self._last_request)
        self.asked += 1
        if self.unit.layers == 1:
            self._serve(input, position, max(time, self.unit.free))
        else:
            key = 1 + self.key + input * self.input_key + position * self.position_key
            self.clock.at(time, key, self._request, (input, position))
        return True

    def _request(self, call: Call) -> None:
        input, position = call.payload
        self._serve(input, position, max(self.clock._now, self.unit.free))
        for wake in self.on_release:
            wake()

    def _serve(self, input: int, position: int, start: int) -> None:
        end = self.unit.free = start + self.service
        self.unit.busy += self.service
        self.busy += self.service
        self.done += 1
        if not position and self.on_start is not None:
            self.on_start(input, start)
        if position == self.gate.positions - 1 and self.on_end is not None:
            self.on_end(input, end)
        if input < self.traced_inputs and self.note is not None:
            self.note(start)
        if self._note_release is not None:
            self._note_release(end)
            if self.unit.layers == 1:
                for wake in self.on_release:
                    wake()
        self.outlet.dispatch(input, position, end + self.latency)
