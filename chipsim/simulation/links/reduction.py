"""`Reduction`: packets of partial sums that meet at a router and go on as one (rules T64, T65)."""

from __future__ import annotations

from collections.abc import Callable

from chipsim.mapping.plan import WHOLE
from chipsim.simulation.core.actor import Actor
from chipsim.simulation.core.clock import Call, Clock
from chipsim.simulation.core.gate import Gate
from chipsim.simulation.core.origin import Origin, State
from chipsim.simulation.core.timeline import InTurn, SpanColumn
from chipsim.simulation.links.interconnect import Interconnect
from chipsim.simulation.links.packets import Flow


class RouterAdder:
    """The adder of a router: serves one position of one slice at a time."""

    __slots__ = ("busy", "free", "name")

    def __init__(self, name: str) -> None:
        self.name = name
        self.free = self.busy = 0


class Reduction(Actor):
    """What one slice has added at one router.

    Attributes
    ----------
    name : str
        The router, and the slice's number in its layer.
    additions : int
        Per position.
    replica : Replica
        Which of the layer's positions it adds up.
    flow : Flow or None
        The way on.
    asked, done : int
        Positions that have asked for the adder, and that it has served, over all inputs.
    """

    __slots__ = (
        "_delay", "_keys", "_last", "adder", "additions", "asked", "busy", "clock", "done", "flow", "gate",
        "interconnect", "layer", "name", "replica", "service",
    )  # fmt: skip

    def __init__(
        self, name: str, layer: str, gate: Gate, adder: RouterAdder, additions: int, times: tuple[int, int],
        keys: tuple[int, int, int], interconnect: Interconnect, clock: Clock,
    ) -> None:  # fmt: skip
        super().__init__()
        self.name, self.layer, self.gate, self.adder, self.additions = name, layer, gate, adder, additions
        self.service, self._delay = times
        self._keys, self.interconnect, self.clock = keys, interconnect, clock
        self.replica, self.flow = WHOLE, None
        self.asked = self.done = self.busy = self._last = 0
        gate.notify = self.advance

    flow: Flow | None

    def trace_inputs(self, count: int, keep: Callable[[SpanColumn], None]) -> None:
        """Note every span of the first inputs."""
        order = InTurn(self.replica, count, self.gate.positions)
        self.keep(count, SpanColumn(self.name, "add", self.layer, order, lasts_ps=self.service), keep)

    def state(self, origin: Origin) -> State:
        """Progress and times, those of the adder included (rule T50)."""
        first = origin.input * self.gate.positions
        return self.asked - first, self.done - first, origin.after((self._last, self.adder.free))

    def _step(self) -> bool:
        gate = self.gate
        input, position = divmod(self.asked, gate.positions)
        index = input % gate.window * gate.positions + position
        if gate.remaining[index]:
            return False
        time = self._last = max(gate.take(index, position) + self._delay, self._last)
        self.asked += 1
        of_layer = self.replica.number + position * self.replica.of
        key, input_key, position_key = self._keys
        key += 1 + input * input_key + of_layer * position_key
        self.clock.at(time, key, self._request, (input, of_layer))
        return True

    def _request(self, call: Call) -> None:
        input, position = call.payload
        start = max(self.clock._now, self.adder.free)
        end = self.adder.free = start + self.service
        self.adder.busy += self.service
        self.busy += self.service
        self.done += 1
        if input < self.traced_inputs and self.note is not None:
            self.note(start)
        assert self.flow is not None
        self.interconnect.send_from_router(self.flow, input, position, end)
