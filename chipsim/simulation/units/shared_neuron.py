"""`SharedNeuronServer`: one slice at a neuron unit that adds up others, too (rule T73)."""

from __future__ import annotations

from collections import Counter

from chipsim.simulation.core.clock import Call, Clock
from chipsim.simulation.core.gate import Gate
from chipsim.simulation.core.origin import Origin, State
from chipsim.simulation.links.sender import Outlet
from chipsim.simulation.units.digital import DigitalUnitServer
from chipsim.simulation.units.neuron import NeuronServer


class NeuronUnit(DigitalUnitServer):
    """What several slices, or slices and gates (rule T82), use one at a time."""

    __slots__ = ("_slices",)

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.layers = 1  # its slices; with gates it is never one layer's alone
        self._slices: Counter[str] = Counter()

    def name_of(self, layer: str) -> str:
        """Name of the next slice of a layer.

        Examples
        --------
        >>> unit = NeuronUnit("neuron(0,0)")
        >>> unit.name_of("a"), unit.name_of("a"), unit.name_of("b")
        ('neuron(0,0)', 'neuron(0,0)+1', 'neuron(0,0)')
        """
        self._slices[layer] += 1
        number = self._slices[layer] - 1
        return f"{self.name}+{number}" if number else self.name


class SharedNeuronServer(NeuronServer):
    """A slice that asks for its unit when its sums are there and space for the result is reserved.

    Attributes
    ----------
    unit : NeuronUnit
    slice_name : str
        The unit's, and behind it a number where it adds up more than one slice of the layer.
    asked : int
        Positions that have asked, or are to at a known time, over all inputs.
    keys : tuple of int
        What the slice, an input and a position weigh in the tie order.
    """

    __slots__ = ("_last_request", "asked", "clock", "keys", "slice_name", "unit")

    def __init__(
        self, name: str, layer: str, gate: Gate, columns: int, service: int, latency: int, slots: int, outlet: Outlet,
        unit: NeuronUnit, clock: Clock, keys: tuple[int, int, int],
    ) -> None:  # fmt: skip
        super().__init__(name, layer, gate, columns, service, latency, slots, outlet)
        self.unit, self.clock, self.keys = unit, clock, keys
        self.slice_name = unit.name_of(layer)
        self.asked = self._last_request = 0

    @property
    def traced_as(self) -> str:
        """Name in spans: of the slice."""
        return self.slice_name

    def state(self, origin: Origin) -> State:
        """Progress and times, those of the unit included (rule T50)."""
        asked = self.asked - origin.input * self.gate.positions
        return asked, self.places.state(origin, self.gate.positions), origin.after((self._last_request, self.unit.free))

    def _step(self) -> bool:
        gate = self.gate
        input, position = divmod(self.asked, gate.positions)
        index = input % gate.window * gate.positions + position
        if gate.remaining[index]:
            return False
        of_layer = self.replica.number + position * self.replica.of
        space = self.outlet.space(input, of_layer)
        if space is None:
            return False
        time = self._last_request = max(gate.take(index, position), space, self._last_request)
        self.asked += 1
        slice_key, input_key, position_key = self.keys
        key = 1 + slice_key + input * input_key + of_layer * position_key
        self.clock.at(time, key, self._serve, (input, of_layer))
        return True

    def _serve(self, call: Call) -> None:
        input, of_layer = call.payload
        start = max(self.clock._now, self.unit.free)
        end = self.unit.free = start + self.service
        self.places.finish(end)
        if of_layer + self.replica.of >= len(self.outlet.flows) and self.on_end is not None:
            self.on_end(input, end)
        if input < self.traced_inputs and self.note is not None:
            self.note(start)
        self.outlet.dispatch(input, of_layer, end + self.latency)
        for tile in self.tiles:
            if tile.waits_for_place:
                tile.advance()
