"""The second engine's tiles with several blocks and neuron units with several slices (rules T70 to T73, T79).

Like the rest of it, it only acts on what has happened by now: an MVM that could use a server asks for it.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from chipsim.network.layers import DigitalLayer, GateLayer
from chipsim.units import exact, to_ps

if TYPE_CHECKING:
    from second_engine import Digital, NeuronSlice, Reader, SecondEngine, Tile

LAST = 10**6
"""Block numbers from here on come after all others (T78)."""


@dataclass
class Turn:
    """One MVM on its array."""

    tile: Tile
    m: int
    key: Any
    asked: bool = False
    loaded: bool = False
    plane: int = 0


@dataclass
class Array:
    """One array: its turns in order, how many of them have got how far, and what it does."""

    turns: list[Turn] = field(default_factory=list)
    begun: int = 0
    integrated: int = 0
    drained: int = 0
    held: bool = False
    working: int = 0
    since: int = 0
    busy: int = 0


class SharedTiles:
    """Everything that is shared on the tiles of a plan."""

    def __init__(self, engine: SecondEngine) -> None:
        self.engine, self.spec, plan = engine, engine.spec.tile, engine.plan
        blocks = [placed for layer in plan.layers.values() for part in layer.slices for placed in part.blocks]
        on_tile = Counter(placed.tile for placed in blocks)
        self.places = {placed.name: placed for placed in blocks if on_tile[placed.tile] > 1}
        self.arrays: dict[tuple[str, int], Array] = defaultdict(Array)
        self.free: dict[tuple[str, str, int], int] = defaultdict(int)  # load ports, converters, output ports
        parts = [part for layer in plan.layers.values() for part in layer.slices]
        slices = Counter(part.neuron_unit for part in parts)
        if engine.spec.neuron_unit.partial_sums == "chain":
            slices = Counter("neuron" + placed.tile[len("tile") :] for placed in blocks)
        self.units = {name for name, count in slices.items() if count > 1} | set(plan.gate_units.values())
        self.written = self.read = 0
        self.memory = {"free": 0, "busy": 0}
        self.slots = engine.spec.neuron_unit.partial_sum_slots

    def array_of(self, tile: Tile) -> Array:
        placed = self.places[tile.name]
        return self.arrays[placed.tile, placed.crossbar]

    def start(self, tile: Tile) -> bool:
        """T71: an MVM enters; then whatever its array can go on with."""
        engine, m = self.engine, tile.started["enter"]
        input, turn = divmod(m, len(tile.own))
        fits = (
            m == tile.ended["load"] and m - tile.slice.ended < self.slots and input < len(engine.released)
            and tile.ready(input, turn)
        )  # fmt: skip
        if fits:
            tile.started["enter"] += 1
            position = tile.own[turn]
            key = (input, engine.rank[tile.layer.name], position, tile.block, tile.where)
            far = len(tile.reader.windows[position] & tile.reader.far)
            if far:  # T75
                blocks = sum(other.layer is tile.layer for other in engine.tiles)
                size = far * engine._bytes_of(tile.reader)
                who = tile.layer.name, tile.where, tile.block, blocks
                self.fetch(who, input, position, size, lambda: self.ask_to_enter(tile, m, key))
            else:
                self.ask_to_enter(tile, m, key)
        return fits | self.integrate(self.array_of(tile))

    def ask_to_enter(self, tile: Tile, m: int, key: Any) -> None:
        self.engine._at(self.engine.now, 1, key, lambda: self.enter(Turn(tile, m, key)))

    def spill(self, tiles: list[Tile], digitals: list[Digital], least: dict[tuple[str, int], int]) -> None:
        """T75: what does not fit goes to the memory."""
        places = {placed.name: placed for layer in self.engine.plan.layers.values() for placed in layer.blocks}
        if self.spec.buffer.spill == "global_memory":
            for tile in tiles:
                if self.make_far(tile.reader, least, tile.block):
                    self.places[tile.name] = places[tile.name]
        for kind, unit in ((DigitalLayer, self.engine.spec.digital_unit), (GateLayer, self.engine.spec.neuron_unit)):
            if unit.buffer.spill == "global_memory":
                for reader in (r for digital in digitals if isinstance(digital.layer, kind) for r in digital.readers):
                    self.make_far(reader, least, reader.operand)

    def make_far(self, reader: Reader, least: dict[tuple[str, int], int], block: int) -> bool:
        n = least[reader.consumer, reader.operand]
        if reader.capacity >= n:
            return False
        whole = reader.per_input - reader.per_input % n
        near = {g for g in range(whole) if g % n < reader.capacity}
        reader.far = set(range(reader.per_input)) - near
        reader.capacity, reader.block = n, block
        return True

    def arrive(self, reader: Reader, g: int, size: int) -> None:
        """T75: a far position is there once it is written. T78: its values go on as a packet."""
        input, position = divmod(g, reader.per_input)
        if position not in reader.far:
            reader.arrive(g)
            return
        reader.held.add(g)
        self.written += size

        def there() -> None:
            reader.arrived[g] += 1

        who = input, self.engine.rank[reader.consumer], position
        if not self.over_links:
            self.access((*who, reader.block, reader.component), size, there)
            return
        key = (*who, 2 * LAST + reader.block, reader.component)
        size_sent = size + self.engine.spec.widths.packet_header_bytes
        self.engine._send(
            key, size_sent, reader.component, [("global memory", lambda: self.access(key, size, there))]
        )  # fmt: skip

    def fetch(self, who: tuple[str, str, int, int], input: int, position: int, size: int, there: Any) -> None:
        """T75: far positions are read back. T78: a packet asks for them, and a packet brings them."""
        layer, component, block, blocks = who
        start, header = (input, self.engine.rank[layer], position), self.engine.spec.widths.packet_header_bytes
        self.read += size
        if not self.over_links:
            self.access((*start, blocks + block, component), size, there)
            return
        key, back = (*start, LAST + block, component), (*start, LAST + block, "global memory")
        send = self.engine._send

        def bring() -> None:
            send(back, size + header, "global memory", [(component, there)])

        send(key, max(1, header), component, [("global memory", lambda: self.access(key, size, bring))])

    @property
    def over_links(self) -> bool:
        return self.engine.spec.global_memory.site != "apart"

    def access(self, key: Any, size: int, there: Any) -> None:
        engine, memory = self.engine, self.engine.spec.global_memory

        def serve() -> None:
            duration = math.ceil(Fraction(size * 10**12) / exact(memory.bandwidth))
            self.memory["free"] = max(engine.now, self.memory["free"]) + duration
            self.memory["busy"] += duration
            engine._ends(self.memory["free"] + to_ps(memory.latency), there)

        engine._at(engine.now, 1, key, serve)

    def enter(self, turn: Turn) -> None:
        array = self.array_of(turn.tile)
        array.turns.append(turn)
        self.ask_load(array)

    def ask_load(self, array: Array) -> None:
        """T72: with an input register free."""
        for number, turn in enumerate(array.turns):
            if not turn.asked and number - array.integrated < self.spec.register_banks:
                turn.asked = True
                self.ask("load", turn, turn.tile.phases.load_ps, lambda t=turn: self.load_ends(t))

    def ask(self, kind: str, turn: Turn, duration: int, ends: Any, begins: Any = None) -> None:
        placed, engine = self.places[turn.tile.name], self.engine
        number = {"load": 0, "adc": placed.crossbar // self.spec.adc.crossbars_per_adc, "drain": 0}[kind]
        if kind == "drain" and self.spec.output_ports == "per-crossbar":
            number = placed.crossbar

        def serve() -> None:
            start = max(engine.now, self.free[placed.tile, kind, number])
            self.free[placed.tile, kind, number] = start + duration
            if begins is not None:
                engine._ends(start, begins)
            engine._ends(start + duration, ends)

        engine._at(engine.now, 1, turn.key, serve)

    def load_ends(self, turn: Turn) -> None:
        turn.loaded = True
        turn.tile.ended["load"] += 1
        turn.tile.loaded()

    def integrate(self, array: Array) -> bool:
        """T72: the next turn, with array and output register free."""
        number = array.begun
        if array.held or number >= len(array.turns) or number - array.drained >= self.spec.register_banks:
            return False
        turn = array.turns[number]
        if not turn.loaded:
            return False
        array.begun += 1
        array.held = True
        ((length, converted), *_) = self.engine._planes(turn.tile, turn.m)
        if converted:
            self.plane(array, turn)
        else:
            self.ask("adc", turn, length, lambda: self.one_phase_ends(array, turn), lambda: self.work(array))
        return True

    def work(self, array: Array) -> None:
        if not array.working:
            array.since = self.engine.now
        array.working += 1

    def rest(self, array: Array) -> None:
        array.working -= 1
        if not array.working:
            array.busy += self.engine.now - array.since

    def one_phase_ends(self, array: Array, turn: Turn) -> None:
        self.rest(array)
        self.integrated(array)
        self.converted(array, turn)
        array.held = False

    def plane(self, array: Array, turn: Turn) -> None:
        self.work(array)
        length = self.engine._planes(turn.tile, turn.m)[turn.plane][0]
        self.engine._ends(self.engine.now + length, lambda: self.plane_ends(array, turn))

    def plane_ends(self, array: Array, turn: Turn) -> None:
        planes = self.engine._planes(turn.tile, turn.m)
        last = turn.plane == len(planes) - 1
        if last:
            self.integrated(array)
        self.ask("adc", turn, planes[turn.plane][1], lambda: self.convert_ends(array, turn, last),
                 lambda: self.convert_begins(array, turn, last))  # fmt: skip
        self.rest(array)

    def convert_begins(self, array: Array, turn: Turn, last: bool) -> None:
        self.work(array)
        if not last:
            turn.plane += 1
            self.plane(array, turn)
        elif self.spec.sample_and_hold:
            array.held = False

    def convert_ends(self, array: Array, turn: Turn, last: bool) -> None:
        self.rest(array)
        if last:
            array.held &= self.spec.sample_and_hold  # another MVM may hold it by now
            self.converted(array, turn)

    def integrated(self, array: Array) -> None:
        array.integrated += 1
        self.ask_load(array)

    def converted(self, array: Array, turn: Turn) -> None:
        self.ask("drain", turn, turn.tile.phases.drain_ps, lambda: self.drain_ends(array, turn))

    def drain_ends(self, array: Array, turn: Turn) -> None:
        array.drained += 1
        turn.tile.ended["drain"] += 1
        self.engine._hand_over(turn.tile, turn.m)

    def ask_unit(self, neuron: NeuronSlice) -> bool:
        """T73: with all sums there and space reserved."""
        engine, m = self.engine, neuron.started
        if neuron.sums[m] < neuron.operands:
            return False
        input, turn = divmod(m, len(neuron.emitter.own))
        position = neuron.emitter.own[turn]
        g = input * engine.positions[neuron.layer.name] + position
        if not neuron.emitter.has_space(g):
            return False
        neuron.started += 1
        key = (input, engine.rank[neuron.layer.name], position, neuron.tiles[0].block, neuron.name)
        engine._at(engine.now, 1, key, lambda: self.serve_unit(neuron, g))
        return True

    def serve_unit(self, neuron: NeuronSlice, g: int) -> None:
        unit = self.engine.units[neuron.name]
        end = unit.free = max(self.engine.now, unit.free) + neuron.service
        unit.busy += neuron.service
        neuron.busy += neuron.service

        def free() -> None:
            neuron.ended += 1

        self.engine._ends(end, free)
        self.engine._ends(end + self.engine.neuron_latency, lambda: self.engine._emit(neuron.emitter, g))
