"""`SharedChainUnit`: a block of a chain at a neuron unit that serves others, or gates, too (rules T79, T82)."""

from __future__ import annotations

from chipsim.simulation.core.clock import Call, Clock
from chipsim.simulation.core.gate import Gate
from chipsim.simulation.core.origin import Origin, State
from chipsim.simulation.links.interconnect import Interconnect
from chipsim.simulation.tiles.tile import TileServer
from chipsim.simulation.units.chain import ChainUnit
from chipsim.simulation.units.shared_neuron import NeuronUnit


class SharedChainUnit(ChainUnit):
    """One of a chain of neuron units that asks for its unit, which serves other blocks or gates, too.

    Attributes
    ----------
    unit : NeuronUnit
    asked : int
        Positions that have asked, or are to at a known time, over all inputs.
    keys : tuple of int
        What the block, an input and a position weigh in the tie order.
    block_name : str
        The unit's, and behind it a number where it serves more than one block of the layer.
    """

    __slots__ = ("_last_request", "asked", "block_name", "clock", "keys", "unit")

    def __init__(
        self, name: str, tile: TileServer, gate: Gate, columns: int, times: tuple[int, int, int], slots: int,
        interconnect: Interconnect, unit: NeuronUnit, clock: Clock, keys: tuple[int, int, int],
    ) -> None:  # fmt: skip
        super().__init__(name, tile, gate, columns, times, slots, interconnect)
        self.unit, self.clock, self.keys = unit, clock, keys
        self.block_name = unit.name_of(tile.layer)
        self._send = interconnect.send_in_turn
        self.asked = self._last_request = 0

    @property
    def traced_as(self) -> str:
        """Name in spans: of the block."""
        return self.block_name

    def state(self, origin: Origin) -> State:
        """Progress and times, those of the unit included (rule T50)."""
        asked = self.asked - origin.input * self.gate.positions
        return asked, super().state(origin), origin.after((self._last_request, self.unit.free))

    def advance(self) -> None:
        """Ask for the unit as far as it is known when."""
        if self._active:
            return
        self._active = True
        known = self._taken if self.before is None else min(self._taken, self._heard)
        while self.asked < known and self._ask():
            known = self._taken if self.before is None else min(self._taken, self._heard)
        self._active = False

    def _ask(self) -> bool:
        m, slots = self.asked, self.places.count
        input, position = divmod(m, self.gate.positions)
        room = self._room(m, input, position)
        if room is None:
            return False
        there = self._own[m % slots] if self.before is None else max(self._own[m % slots], self._heads[m % slots])
        time = self._last_request = max(there, room, self._last_request)
        self.asked += 1
        key, input_key, position_key = self.keys
        of_layer = self.replica.number + position * self.replica.of
        self.clock.at(time, 1 + key + input * input_key + of_layer * position_key, self._serve, (input, position))
        return True

    def _serve(self, call: Call) -> None:
        input, _ = call.payload
        slot = self.done % self.places.count
        start = max(self.clock._now, self.unit.free)
        end = start + self.service
        if self.before is not None and self._tails[slot] > end:
            end = self._wait_for_tail(input, end, slot)
        self.unit.free = end
        self.places.finish(end)
        if input < self.traced_inputs and self.note is not None:
            self.note(start)
        self._hand_on(start, end)
        self._wake()
