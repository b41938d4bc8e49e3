"""A second engine, written from docs/timing.md alone: slow, without look-ahead, one event for everything.

Every server only acts on what has happened by now. Completions of a picosecond come first, then everything that can
start is started, then the requests of that picosecond are served in tie order (T3). Windows, channels and packets
are worked out tap by tap and row by row. Nothing is taken from chipsim.simulation but the durations of phases.
"""

from __future__ import annotations

import heapq
import math
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache
from itertools import count, product
from typing import Any

from second_reduction import Reductions
from second_shared import SharedTiles

from chipsim.mapping.plan import Plan
from chipsim.network.layers import AnyLayer, DigitalLayer, GateLayer, InputLayer, MatrixLayer, ViewLayer, Window
from chipsim.simulation.core.durations import MvmPhases, mvm_phases
from chipsim.units import exact, to_ps

Key = tuple[Any, ...]
INFINITE = 10**9
PHASES = "enter", "load", "integrate", "convert", "drain"
Planes = list[tuple[int, int]]
"""How long each plane of one MVM integrates and is converted, ps."""


@cache
def transfer_ps(size: int, bytes_per_s: float) -> int:
    """T1: how long so many bytes take."""
    return math.ceil(Fraction(size * 10**12) / exact(bytes_per_s))


@dataclass
class Reader:
    """A consumer of one operand: a tile, a digital layer or the host; what it needs and what arrived."""

    component: str
    consumer: str
    producer: str
    operand: int
    need: list[int]
    oldest: list[int]
    reads: Callable[[int], frozenset[int]]
    per_input: int
    capacity: int = INFINITE
    own: range = range(0)
    windows: list[set[int]] = field(default_factory=list)
    width: int = 0
    far: set[int] = field(default_factory=set)
    block: int = 0
    arrived: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    expected: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    done: int = 0
    held: set[int] = field(default_factory=set)
    peak: int = 0
    measured: tuple[int, int] = (0, 0)
    whole: dict[int, int] = field(default_factory=lambda: defaultdict(int))

    def ready(self, input: int, position: int) -> bool:
        """Whether all that is needed is there; how much of each input was found to be is kept."""
        first, wanted, whole = input * self.per_input, self.need[self.own[position]], self.whole[input]
        while whole < wanted and self.arrived[first + whole] == self.expected[whole]:
            whole += 1
        self.whole[input] = whole
        return whole >= wanted

    def has_space(self, g: int) -> bool:
        """T20: the consumer has got to where oldest > g - capacity."""
        return self.got_to() > g - self.capacity

    def got_to(self) -> int:
        input, position = divmod(self.done, len(self.own))
        return input * self.per_input + self.oldest[self.own[position]]

    def arrive(self, g: int) -> None:
        self.arrived[g] += 1
        self.held.add(g)

    def measure(self) -> None:
        if self.measured == (self.done, len(self.held)):
            return  # nothing has come or gone since
        reached = self.got_to()
        self.held = {g for g in self.held if g >= reached}
        self.peak = max(self.peak, len(self.held))
        self.measured = self.done, len(self.held)


@dataclass
class Emitter:
    """A producer of positions: its component, its channels and where they are read."""

    component: str
    layer: str
    channels: range
    own: range
    readers: list[Reader] = field(default_factory=list)
    emitted: int = 0

    def has_space(self, g: int) -> bool:
        return all(reader.has_space(g) for reader in self.readers)


@dataclass
class _Stream:
    """Wants to know when the head is there, and when the tail will be."""

    function: Callable[[int], None]


@dataclass
class Queue:
    """A link or a digital unit: free-at time and counts."""

    free: int = 0
    busy: int = 0
    packets: int = 0
    bytes: int = 0
    waiting: dict[str, list[Any]] = field(default_factory=dict)
    last_port: str = ""


@dataclass
class _Place:
    """T60: what a packet takes up behind a link, until its last copy has left."""

    edge: Any
    channel: int
    size: int
    copies: int
    until: int = 0


@dataclass
class _Waiting:
    """T61: a packet that has asked for a link."""

    age: tuple[int, Key]
    channel: int
    size: int
    place: _Place | None
    serve: Callable[[], None]


@dataclass
class Tile:
    """A block, which has the tile ``where`` to itself or shares it; ``first`` reads a first state (T96)."""

    name: str
    where: str
    layer: MatrixLayer
    block: int
    phases: MvmPhases
    reader: Reader
    own: range
    slice: Any = None
    columns: int = 0
    first: Reader | None = None
    started: dict[str, int] = field(default_factory=lambda: dict.fromkeys(PHASES, 0))
    ended: dict[str, int] = field(default_factory=lambda: dict.fromkeys(PHASES, 0))
    busy: int = 0
    working_since: int | None = None
    plane: int = 0
    integrating: bool = False
    converting: bool = False
    sample: tuple[int, int] | None = None

    def ready(self, input: int, turn: int) -> bool:
        return self.reader.ready(input, turn) and (self.first is None or self.first.ready(input, turn))

    def loaded(self) -> None:
        self.reader.done += 1
        if self.first is not None:
            self.first.done += 1


@dataclass
class NeuronSlice:
    name: str
    layer: MatrixLayer
    emitter: Emitter
    tiles: list[Tile] = field(default_factory=list)
    sums: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    started: int = 0
    ended: int = 0
    busy: int = 0
    service: int = 0
    operands: int = 0


@dataclass
class ChainStep:
    """T48, T79: a block at the unit beside its tile; ``emitter`` where it is the first row block's."""

    name: str
    layer: MatrixLayer
    own: range
    service: int
    block: int
    columns: int
    emitter: Emitter | None = None
    after: ChainStep | None = None
    has_before: bool = False
    sums: set[int] = field(default_factory=set)
    tails: dict[int, int] = field(default_factory=dict)
    heads: set[int] = field(default_factory=set)
    started: int = 0
    ended: int = 0
    busy: int = 0
    asked: int = 0


@dataclass
class Digital:
    """A layer at a digital unit, or gates at a neuron unit (T82)."""

    unit: str
    layer: DigitalLayer | GateLayer
    emitter: Emitter
    readers: list[Reader]
    service: int
    latency: int
    asked: int = 0
    fetching: bool = False


class SecondEngine:
    """Runs a plan; see the module. ``done``, ``released``, ``links``, ``busy``, ``peaks`` are the results."""

    def __init__(
        self, plan: Plan, inputs: int, in_flight: int, batch: int = 1, drain: bool = False, least: bool = False,
        arrivals: list[int] | None = None, lengths: dict[str, list[Planes]] | None = None,
    ) -> None:  # fmt: skip
        self.given = plan, inputs, in_flight, batch, drain, least, arrivals, lengths
        self.ports: dict[tuple[str, str], set[str]] = defaultdict(set)
        self.known_ports: dict[tuple[str, str], set[str]] | None = None
        self.lengths = lengths or {}
        self.plan, self.spec, self.inputs, self.in_flight = plan, plan.chip.spec, inputs, in_flight
        self.batch, self.drain, self.arrivals = batch, drain, arrivals
        self.admitted: list[int] = []
        self.now = 0
        self._heap: list[tuple[int, int, Key, int, Callable[[], None]]] = []
        self._number = count()
        self._path, self._channels_on = cache(plan.chip.path), cache(plan.chip.channels_on)
        self.rank = {name: index for index, name in enumerate(plan.network.layers)}
        self.positions = {layer.name: layer.positions for layer in plan.network.layers.values()}
        self.links: dict[tuple[str, str], Queue] = defaultdict(Queue)
        self.units: dict[str, Queue] = defaultdict(Queue)
        self.analog = self.spec.neuron_unit.activation == "analog"
        self.settle = to_ps(self.spec.neuron_unit.latency) if self.analog else 0  # T76
        self.neuron_latency = 0 if self.analog else to_ps(self.spec.neuron_unit.latency)
        self.shared = SharedTiles(self)
        self.reductions = Reductions(self)
        self.used: dict[tuple[Any, int], int] = defaultdict(int)
        self.most_used = 0
        self.released: list[int] = []
        self.done: list[int] = []
        self.sent: dict[str, int] = defaultdict(int)
        self._packets: dict[tuple[int, int], list[tuple[int, list[Reader]]]] = {}
        self._bounded = not least
        self._build()
        if self._bounded and self.spec.global_memory is not None:
            self.shared.spill(self.tiles, self.digital, self.least())
        if least:
            for name, positions in self.least().items():
                for reader in self.readers:
                    if name == (reader.consumer, reader.operand) and reader not in self.outputs:
                        reader.capacity = positions

    # ---- what there is ------------------------------------------------------------------------------------------

    def _build(self) -> None:
        layers = self.plan.network.layers
        self.hosts: list[Emitter] = []
        self.tiles: list[Tile] = []
        self.neurons: list[NeuronSlice] = []
        self.chain: list[ChainStep] = []
        self.digital: list[Digital] = []
        self.readers: list[Reader] = []
        emitters: dict[str, list[Emitter]] = defaultdict(list)
        for layer in layers.values():
            if isinstance(layer, InputLayer):
                host = Emitter("host", layer.name, range(layer.channels), range(layer.positions))
                self.hosts.append(host)
                emitters[layer.name].append(host)
            elif isinstance(layer, DigitalLayer):
                self._add_digital(layer, self.plan.digital_units[layer.name], self.spec.digital_unit, emitters)
            elif isinstance(layer, GateLayer):
                self._add_digital(layer, self.plan.gate_units[layer.name], self.spec.neuron_unit, emitters)
            elif isinstance(layer, MatrixLayer):
                self._add_matrix(layer, emitters)
        self.outputs = [self._host_reader(name, i) for i, name in enumerate(dict.fromkeys(self.plan.network.outputs))]
        self.readers += self.outputs
        for reader in self.readers:
            for emitter in emitters[reader.producer]:
                emitter.readers.append(reader)
        for emitter in (e for found in emitters.values() for e in found):
            for position in emitter.own:
                self._packets[id(emitter), position] = self._packets_of(emitter, position)
        self.unread = [
            e for found in emitters.values() for e in found
            if e.component != "host" and not any(self._packets[id(e), p] for p in e.own)
        ]  # fmt: skip

    def _add_matrix(self, layer: MatrixLayer, emitters: dict[str, list[Emitter]]) -> None:
        plan, block = self.plan.layers[layer.name], 0
        for part in plan.slices:
            copy = part.blocks[0].replica
            own = range(copy.number, layer.positions, copy.of)  # T28: every of-th position
            channels = range(part.first_channel, part.first_channel + part.channels)
            emitter = Emitter(part.neuron_unit, layer.name, channels, own)
            neuron = NeuronSlice(part.neuron_unit, layer, emitter)
            for placed in part.blocks:
                matrix = plan.matrices[placed.matrix]
                rows = range(placed.block.first_row, placed.block.first_row + placed.block.rows)
                reader = self._reader(layer, 0, placed.tile, self._rows_read(layer, matrix.matrices, rows), own)
                self._bound(reader, self.spec.tile.buffer.capacity)
                phases = mvm_phases(self.spec, placed.block.rows, placed.block.columns)
                tile = Tile(placed.name, placed.tile, layer, block, phases, reader, own, neuron, placed.block.columns)
                neuron.tiles.append(tile)
                if self.spec.neuron_unit.partial_sums == "chain":
                    tile.slice = self._add_step(tile, emitter, first=len(neuron.tiles) == 1)
                self.tiles.append(tile)
                self.readers.append(reader)
                if len(layer.inputs) > 1:
                    tile.first = self._reader(layer, 1, placed.tile, self._rows_read(layer, matrix.matrices, rows), own)
                    self._bound(tile.first, self.spec.tile.buffer.capacity)
                    self.readers.append(tile.first)
                block += 1
            reduced = self.spec.neuron_unit.partial_sums == "routers"
            neuron.operands = self.reductions.lay(neuron) if reduced else len(part.blocks)
            work = Fraction(neuron.operands * part.channels * 10**12)
            neuron.service = 0 if self.analog else math.ceil(work / exact(self.spec.neuron_unit.rate))
            if self.spec.neuron_unit.partial_sums != "chain":
                self.neurons.append(neuron)
            emitters[layer.name].append(emitter)

    def _add_step(self, tile: Tile, emitter: Emitter, first: bool) -> ChainStep:
        name = "neuron" + tile.where[len("tile") :]
        service = math.ceil(Fraction(len(emitter.channels) * 10**12) / exact(self.spec.neuron_unit.rate))
        step = ChainStep(name, tile.layer, tile.own, service, tile.block, len(emitter.channels))
        if first:
            step.emitter = emitter
        else:
            step.after = self.chain[-1]
            step.after.has_before = True
        self.chain.append(step)
        return step

    def _start_step(self, step: ChainStep) -> bool:
        shared = step.name in self.shared.units
        m = step.asked if shared else step.started
        if m not in step.sums or (m > step.ended and not shared) or (step.has_before and m not in step.heads):
            return False
        if step.after is not None and m - step.after.ended >= self.spec.neuron_unit.partial_sum_slots:
            return False
        input, turn = divmod(m, len(step.own))
        g = input * self.positions[step.layer.name] + step.own[turn]
        if step.emitter is not None and not step.emitter.has_space(g):
            return False
        if not shared:
            self._take_step(step, m, g, self.now)
            return True
        step.asked += 1

        def serve() -> None:
            unit = self.units[step.name]
            start = max(self.now, unit.free)
            unit.free, unit.busy = max(start + step.service, step.tails.get(m, 0)), unit.busy + step.service
            self._take_step(step, m, g, start)

        self._at(self.now, 1, (input, self.rank[step.layer.name], step.own[turn], step.block, step.name), serve)
        return True

    def _take_step(self, step: ChainStep, m: int, g: int, start: int) -> None:
        step.started += 1
        step.busy += step.service
        end = max(start + step.service, step.tails.get(m, 0))

        def free() -> None:
            step.ended += 1

        self._ends(end, free)
        if step.emitter is not None:
            emitter = step.emitter
            self._ends(end + to_ps(self.spec.neuron_unit.latency), lambda: self._emit(emitter, g))
        elif step.after is not None:
            self._hand_on(step, step.after, m, start, end)

    def _hand_on(self, step: ChainStep, after: ChainStep, m: int, start: int, end: int) -> None:
        if after.name == step.name:  # T79: the sums stay in the unit
            after.tails[m] = end
            return self._ends(end, lambda: after.heads.add(m))
        hop, widths = to_ps(self.spec.neuron_unit.hop_latency), self.spec.widths
        size = math.ceil(step.columns * widths.partial_sum_bits / 8) + widths.packet_header_bytes
        input, turn = divmod(m, len(step.own))

        def first_value(tail: int) -> None:
            after.tails[m] = tail + hop
            self._ends(self.now + hop, lambda: after.heads.add(m))

        key = (input, self.rank[step.layer.name], step.own[turn], step.block, step.name)
        return self._send(key, size, step.name, [(after.name, first_value)], head=start, tail=end)

    def _add_digital(
        self, layer: DigitalLayer | GateLayer, unit: str, spec: Any, emitters: dict[str, list[Emitter]]
    ) -> None:
        readers = [self._reader(layer, operand, unit, None) for operand in range(len(layer.inputs))]
        for reader in readers:
            self._bound(reader, spec.buffer.capacity)
        share = Fraction(layer.element_operations, layer.positions) * 10**12 / exact(spec.rate)
        emitter = Emitter(unit, layer.name, range(layer.channels), range(layer.positions))
        emitters[layer.name].append(emitter)
        service = max(1, math.ceil(share))
        self.digital.append(Digital(unit, layer, emitter, readers, service, to_ps(spec.latency)))
        self.readers += readers

    def _reader(
        self, layer: MatrixLayer | DigitalLayer | GateLayer, operand: int, component: str, rows: Any,
        own: range | None = None,
    ) -> Reader:  # fmt: skip
        """T5 by explicit windows: which producer positions each position reads, with which kernel taps."""
        producer, mixed, picks = self._behind_views(layer.inputs[operand])
        mixed |= _turned(self.plan.network.layers[layer.inputs[operand]], layer)
        total, everything = producer.positions, self._handed_on(layer.inputs[operand], producer)
        first = min(everything)
        taps: list[dict[int, set[int]]] = []
        window = None if isinstance(layer, GateLayer) else layer.window
        if not mixed and (steps := _steps(layer, operand, producer, picks)) is not None:  # T80, T81
            taps = [{g: {0} for g in read} for read in steps]
        elif window is not None and not mixed and (isinstance(layer, MatrixLayer) or layer.pattern == "window"):  # type: ignore[union-attr]
            axes = len(window.kernel)
            size = layer.input_shape[1:] if isinstance(layer, MatrixLayer) else _map_size(producer.output_shape, axes)
            taps = _explicit_taps(window, _map_size(layer.output_shape, axes), size)
        elif (
            isinstance(layer, DigitalLayer)
            and layer.pattern == "elementwise"
            and total == layer.positions
            and not mixed
        ):
            taps = [{p: {0}} for p in range(total)]
        if not taps:
            taps = [{g: {0} for g in range(total)} for _ in range(layer.positions)]
            rows = None
        met: dict[int, set[int]] = defaultdict(set)
        for found in taps:
            for g, which in found.items():
                met[g] |= which
        need = [max((max(t) + 1 for t in taps[: p + 1] if t), default=0) for p in range(len(taps))]
        oldest = [min((min(t) for t in taps[p:] if t), default=total) for p in range(len(taps))]

        own = range(layer.positions) if own is None else own
        read_here = {g for p in own for g in taps[p]}

        def reads(g: int) -> frozenset[int]:
            if g not in read_here:
                return frozenset()
            return everything if rows is None else frozenset(first + c for t in met[g] for c in rows[t])

        width = len(everything if rows is None else set().union(*rows.values()))
        windows = [set(found) for found in taps]
        return Reader(
            component, layer.name, producer.name, operand, need, oldest, reads, total, own=own, windows=windows,
            width=width,
        )  # fmt: skip

    def _rows_read(self, layer: MatrixLayer, matrices: Any, rows: range) -> dict[int, set[int]]:
        """Kernel tap -> channels that a block's rows read, walking the packed matrix row by row."""
        kernel, found, row = layer.window.kernel, defaultdict(set), 0
        for matrix in matrices:
            channels = matrix.rows // math.prod(kernel)
            for tap, channel in product(range(math.prod(kernel)), range(channels)):
                if row in rows:
                    found[tap].add(matrix.first_input_channel + channel)
                row += 1
        return found

    def _host_reader(self, name: str, operand: int) -> Reader:
        producer, _, picks = self._behind_views(name)
        everything = self._handed_on(name, producer)
        steps = sorted(_in_walk(producer, p) for p in picks)
        return Reader(
            "host", "host", producer.name, operand, [s + 1 for s in steps], steps,
            lambda g: everything if g in steps else frozenset(), producer.positions, own=range(len(steps)),
        )  # fmt: skip

    def _handed_on(self, name: str, producer: AnyLayer) -> frozenset[int]:
        """T85: the producer's channels that views hand on, found by numbering them and passing the numbers through."""
        layers, views = self.plan.network.layers, []
        layer = layers[name]
        while isinstance(layer, ViewLayer):
            views.append(layer)
            layer = layers[layer.inputs[0]]
        numbers = list(range(producer.channels))
        for view in reversed(views):
            if view.first_channel is not None:
                numbers = numbers[view.first_channel :][: view.channels]
        return frozenset(numbers)

    def _behind_views(self, name: str) -> tuple[AnyLayer, bool, list[int]]:
        """The layer behind views, whether they mix its positions, and those that they hand on."""
        layers, mixed = self.plan.network.layers, False
        layer = layers[name]
        picks = list(range(layer.positions))
        while isinstance(layer, ViewLayer):
            before = layers[layer.inputs[0]]
            if layer.picks is not None and layer.channels_last and not _turned(before, layer) and not mixed:
                picks = [layer.picks[p] for p in picks]
            else:
                mixed |= layer.picks is not None or before.positions != layer.positions or _turned(before, layer)
                picks = list(range(before.positions)) if mixed else picks
            layer = before
        return layer, mixed, picks

    def _bound(self, reader: Reader, capacity: Any) -> None:
        if self._bounded and capacity != "unbounded":
            reader.capacity = int(capacity) // self._bytes_of(reader)

    def _bytes_of(self, reader: Reader) -> int:
        """T20: of a position."""
        return math.ceil(reader.width * self.spec.widths.activation_bits / 8)

    def _packets_of(self, emitter: Emitter, position: int) -> list[tuple[int, list[Reader]]]:
        """T6: one multicast packet for each distinct set of channels."""
        groups: dict[frozenset[int], list[Reader]] = {}
        for reader in emitter.readers:
            wanted = reader.reads(position) & frozenset(emitter.channels)
            if wanted and any(position < n for n in reader.need):
                groups.setdefault(wanted, []).append(reader)
        widths, packets = self.spec.widths, []
        for wanted, readers in groups.items():
            size = math.ceil(len(wanted) * widths.activation_bits / 8) + widths.packet_header_bytes
            packets.append((size, readers))
            for reader in readers:
                reader.expected[position] += 1
        return packets

    def least(self) -> dict[tuple[str, int], int]:
        """T21: greatest occupancy of each (consumer, operand) when positions are only computed on demand."""
        layers = self.plan.network.layers
        edges = {(r.consumer, r.operand): r for r in self.readers}
        made, got, peak = dict.fromkeys(layers, 0), dict.fromkeys(edges, 0), dict.fromkeys(edges, 0)

        def produce(layer: str, wanted: int) -> None:
            while made[layer] < wanted:
                into = [reader for (consumer, _), reader in edges.items() if consumer == layer]
                for reader in into:
                    produce(reader.producer, reader.need[made[layer]])
                made[layer] += 1
                for reader in into:
                    got[layer, reader.operand] = [*reader.oldest, reader.per_input][made[layer]]
                for name, reader in edges.items():
                    if reader.producer == layer:
                        peak[name] = max(peak[name], made[layer] - got[name])

        for step in range(max(len(r.own) for r in self.outputs)):
            for reader in self.outputs:
                if step < len(reader.own):
                    produce(reader.producer, reader.need[step])
                    got["host", reader.operand] = [*reader.oldest, reader.per_input][step + 1]
        for name in reversed(layers):
            produce(name, 0 if isinstance(layers[name], ViewLayer) else layers[name].positions)
        return peak

    # ---- what happens -------------------------------------------------------------------------------------------

    @property
    def chooses(self) -> bool:
        """T9c: links take ports in turn; T61 has its own rule."""
        return self.spec.router.arbitration == "round-robin" and not self.bounded_rooms

    def run(self) -> SecondEngine:
        if self.chooses and self.known_ports is None:  # T9c: a first run shows which links have one port only
            scout = SecondEngine(*self.given)
            scout.known_ports = {}
            self.known_ports = scout.run().ports
        self._admit()
        self._start_all()
        while self._heap:
            self.now = self._heap[0][0]
            while self._heap and self._heap[0][:2] == (self.now, 0):
                heapq.heappop(self._heap)[4]()
            self._start_all()
            while self._heap and self._heap[0][0] == self.now and self._heap[0][1] > 0:
                heapq.heappop(self._heap)[4]()
            if not self._heap or self._heap[0][0] > self.now:
                for reader in self.readers:
                    reader.measure()
        return self

    def _at(self, time: int, phase: int, key: Key, function: Callable[[], None]) -> None:
        assert time >= self.now
        heapq.heappush(self._heap, (time, phase, key, next(self._number), function))

    def _ends(self, time: int, function: Callable[[], None]) -> None:
        self._at(time, 0, (), function)

    def _start_all(self) -> None:
        started = True
        while started:
            started = self._finish()
            for host in self.hosts:
                started |= self._start_host(host)
            for tile in self.tiles:
                started |= self._start_tile(tile)
            for neuron in self.neurons:
                started |= self._start_neuron(neuron)
            for step in self.chain:
                started |= self._start_step(step)
            for digital in self.digital:
                started |= self._ask(digital)

    def _admit(self) -> None:
        while len(self.released) < self.inputs:
            i = len(self.released)
            if len(self.done) < i - self.in_flight + 1 or (
                self.drain and len(self.done) < i // self.batch * self.batch
            ):
                return
            if self.arrivals is not None and self.arrivals[i] > self.now:  # T27
                self._ends(self.arrivals[i], self._admit)
                return
            self.admitted.append(self.now)
            if self.arrivals is not None:
                self.released.append(self.arrivals[i])
            else:
                self.released.append(self.now if i % self.batch == 0 else self.released[-1])

    def _finish(self) -> bool:
        i = len(self.done)
        if i >= len(self.released) or not all(r.ready(i, len(r.own) - 1) for r in self.outputs):
            return False
        if any(e.emitted < (i + 1) * len(e.own) for e in self.unread):  # T93
            return False
        self.done.append(self.now)
        self._admit()
        return True

    def _start_host(self, host: Emitter) -> bool:
        """T95: every input layer is sent by itself."""
        sent, positions = self.sent[host.layer], self.positions[host.layer]
        if sent // positions >= len(self.released) or not host.has_space(sent):
            return False
        self._emit(host, sent)
        self.sent[host.layer] += 1
        return True

    def _emit(self, emitter: Emitter, g: int) -> None:
        positions = self.positions[emitter.layer]
        emitter.emitted += 1
        input, position = divmod(g, positions)
        for block, (size, readers) in enumerate(self._packets[id(emitter), position]):
            key = (input, self.rank[emitter.layer], position, block, emitter.component)
            values = size - self.spec.widths.packet_header_bytes
            ends = [(r.component, lambda r=r, s=values: self.shared.arrive(r, g, s)) for r in readers]
            self._send(key, size, emitter.component, ends)

    def _send(
        self, key: Key, size: int, start: str, ends: list[tuple[str, Any]], head: int | None = None,
        tail: int | None = None, way: list[tuple[str, str]] | None = None,
    ) -> None:  # fmt: skip
        """T8: the union of the routes is a tree. T10a: a packet is filled up to whole flits."""
        size = math.ceil(size / self.spec.link.flit_bytes) * self.spec.link.flit_bytes
        tree: dict[tuple[str, str], list[tuple[str, str]]] = {}
        arrivals: dict[tuple[str, str], list[Callable[[], None]]] = defaultdict(list)
        for target, function in ends:
            path = way or self._path(start, target)
            for before, after in zip(path, [*path[1:], None], strict=True):
                children = tree.setdefault(before, [])
                if after is not None and after not in children:
                    children.append(after)
            arrivals[path[-1]].append(function)
        first = (way or self._path(start, ends[0][0]))[0]
        channels: dict[Any, int] = {}
        for target, _ in ends:
            path = way or self._path(start, target)
            channels.update(zip(path, self._channels_on(tuple(path)), strict=True))
        if head is None or tail is None:
            return self._ask_link(first, key, size, self.now, self.now, tree, arrivals, start, channels)
        heads = {edge: [_Stream(function) for function in found] for edge, found in arrivals.items()}
        return self._ask_link(first, key, size, head, tail, tree, defaultdict(list, heads), start, channels)

    def _ask_link(
        self, edge: Any, key: Key, size: int, head: int, tail: int, tree: Any, arrivals: Any, port: str,
        channels: dict[Any, int], place: _Place | None = None,
    ) -> None:  # fmt: skip
        def serve() -> None:
            link, data = self.links[edge], self.plan.chip.graph.edges[edge]
            behind = _Place(edge, channels[edge], size, len(tree[edge])) if tree[edge] else None
            start = max(self.now, link.free)
            end = max(start + transfer_ps(size, data["bandwidth_bytes_per_s"]), tail)
            link.free, link.busy = end, link.busy + end - start
            link.packets, link.bytes = link.packets + 1, link.bytes + size
            if self.bounded_rooms:
                self._move(place, behind, end)
            latency = to_ps(data["latency_s"])
            for function in arrivals[edge]:
                if isinstance(function, _Stream):
                    self._ends(start + latency, lambda f=function: f.function(end + latency))
                else:
                    self._ends(end + latency, function)
            for child in tree[edge]:
                delay = latency + to_ps(self.plan.chip.graph.edges[child]["delay_s"])
                whole = self.spec.router.switching == "store-and-forward"  # T9b
                onward = (end if whole else start) + delay
                self._ask_link(child, key, size, onward, end + delay, tree, arrivals, edge[0], channels, behind)

        self.ports[edge].add(port)
        if self.bounded_rooms:
            behind_it = _Place(edge, channels[edge], size, 0) if tree[edge] else None
            entry = _Waiting((head, key), channels[edge], size, behind_it, serve)
            self._at(head, 1, key, lambda: self._wait_for_room(edge, port, entry))
        elif not self.chooses or len((self.known_ports or {}).get(edge, "??")) == 1:
            self._at(head, 1, key, serve)
        else:
            self._at(head, 1, key, lambda: self._wait_at_port(edge, port, serve))

    @property
    def bounded_rooms(self) -> bool:
        return self.spec.router.buffer != "unbounded"

    def _move(self, left: _Place | None, behind: _Place | None, end: int) -> None:
        """T60: a packet takes up space behind a link, and gives back what it had once its last tail has left."""
        if behind is not None:
            self.used[behind.edge, behind.channel] += behind.size
            self.most_used = max(self.most_used, self.used[behind.edge, behind.channel])
        if left is None:
            return
        left.copies, left.until = left.copies - 1, max(left.until, end)

        def free() -> None:
            self.used[left.edge, left.channel] -= left.size
            self._look_for_room(left.edge)

        if not left.copies:
            self._ends(left.until, free)

    def _wait_for_room(self, edge: Any, port: str, entry: _Waiting) -> None:
        port = port if self.spec.router.arbitration == "round-robin" else ""
        self.links[edge].waiting.setdefault(port, []).append(entry)
        self._look_for_room(edge)

    def _look_for_room(self, edge: Any) -> None:
        to_component = self.plan.chip.graph.nodes[edge[1]]["kind"] != "router"
        self._at(max(self.now, self.links[edge].free), 3 if to_component else 2, (), lambda: self._take_with_room(edge))

    def _take_with_room(self, edge: Any) -> None:
        """T61: the next port in turn, and of its channels' first packets the one that has asked first."""
        link = self.links[edge]
        if link.free > self.now:
            return
        names = sorted(name for name, packets in link.waiting.items() if packets)
        for name in [n for n in names if n > link.last_port] + [n for n in names if n <= link.last_port]:
            seen: set[int] = set()
            for entry in sorted(link.waiting[name], key=lambda entry: entry.age):
                if entry.channel in seen:
                    continue
                seen.add(entry.channel)
                used = self.used[edge, entry.channel]
                if entry.place is None or used + entry.size <= int(self.spec.router.buffer):
                    link.last_port = name
                    link.waiting[name].remove(entry)
                    entry.serve()
                    self._look_for_room(edge)
                    return

    def _wait_at_port(self, edge: Any, port: str, serve: Callable[[], None]) -> None:
        """T9c: a link that is free looks for a packet once all links and ports have been asked."""
        self.links[edge].waiting.setdefault(port, []).append(serve)
        self._look(edge)

    def _look(self, edge: Any) -> None:
        link = self.links[edge]
        to_component = self.plan.chip.graph.nodes[edge[1]]["kind"] != "router"
        self._at(max(self.now, link.free), 3 if to_component else 2, (), lambda: self._take_turn(edge))

    def _take_turn(self, edge: Any) -> None:
        link = self.links[edge]
        ports = sorted(name for name, packets in link.waiting.items() if packets)
        if ports and link.free > self.now:
            self._look(edge)
        elif ports:
            link.last_port = next((name for name in ports if name > link.last_port), ports[0])
            link.waiting[link.last_port].pop(0)()

    def _start_tile(self, tile: Tile) -> bool:
        """T12, T13, T14: start whichever phases can start now."""
        if tile.name in self.shared.places:
            return self.shared.start(tile)
        banks, started, ended, phases = self.spec.tile.register_banks, tile.started, tile.ended, tile.phases
        before, any_started = len(tile.own), False
        m = started["load"]
        if (
            m == ended["load"]
            and m < len(self.released) * before
            and m - ended["integrate"] < banks
            and tile.ready(*divmod(m, before))
        ):
            any_started = self._begin(tile, "load", phases.load_ps)
        any_started |= self._convert_plane(tile) | self._integrate_plane(tile)
        m = started["drain"]
        if (
            m < ended["convert"]
            and m == ended["drain"]
            and m - tile.slice.ended < self.spec.neuron_unit.partial_sum_slots
        ):
            any_started = self._begin(tile, "drain", phases.drain_ps)
        return any_started

    def _planes(self, tile: Tile, m: int) -> Planes:
        """T12, T40, T42: lengths of an MVM's planes; all planes in one where they do not overlap."""
        given, spec = self.lengths.get(tile.name), self.spec.tile
        if given is not None:
            planes = given[m]
        elif spec.mvm_latency is not None:
            planes = [(to_ps(spec.mvm_latency) + self.settle, 0)]
        else:
            pulse = (2**spec.dac.digit_bits - 1) * exact(spec.dac.time_per_lsb)
            turns = math.ceil(tile.columns / math.ceil(spec.crossbar.columns / spec.adc.columns_per_adc))
            planes = [
                (math.ceil(pulse * 10**12) + self.settle, math.ceil(turns * self._turn() * 10**12))
            ] * spec.dac.planes
        if spec.sample_and_hold and planes[0][1]:
            return planes
        return [(sum(a for a, _ in planes), sum(c for _, c in planes))]

    def _turn(self) -> Fraction:
        """T40, T43: the time of one turn, at most."""
        spec = self.spec.tile
        adc, positive = spec.adc, spec.crossbar.encoding.kind == "offset" and spec.dac.signs != "bipolar"
        if adc.conversion_time is not None:
            return exact(adc.conversion_time)
        if adc.kind == "counter":
            return Fraction(0)
        if adc.early_stop:
            return 2 ** (adc.bits if positive else adc.bits - 1) * exact(adc.cycle_time)
        return (adc.bits if adc.kind == "sar" else 2**adc.bits) * exact(adc.cycle_time)

    def _integrate_plane(self, tile: Tile) -> bool:
        """T13, T42: the array takes the next plane as soon as it is let go."""
        started, ended = tile.started, tile.ended
        if tile.integrating or tile.sample is not None:
            return False
        if tile.plane == 0:
            m = started["integrate"]
            if m >= ended["load"]:
                return False
            hold = started if self.spec.tile.sample_and_hold else ended  # the array, until the convert before
            room = m - ended["drain"] < self.spec.tile.register_banks
            if not (m == hold["convert"] and m == ended["integrate"] and room):
                return False
            started["integrate"] += 1
            if tile.working_since is None:
                tile.working_since = self.now
        m, plane = started["integrate"] - 1, tile.plane
        tile.integrating = True
        self._ends(self.now + self._planes(tile, m)[plane][0], lambda: self._plane_integrated(tile, m, plane))
        return True

    def _plane_integrated(self, tile: Tile, m: int, plane: int) -> None:
        planes = self._planes(tile, m)
        tile.integrating, tile.plane = False, (plane + 1) % len(planes)
        if tile.plane == 0:
            tile.ended["integrate"] += 1
        if planes[plane][1]:
            tile.sample = (m, plane)
            return
        tile.started["convert"] += 1
        tile.ended["convert"] += 1
        self._note_idle(tile)

    def _convert_plane(self, tile: Tile) -> bool:
        """T13, T42: the ADC takes what is sampled as soon as it is free."""
        if tile.sample is None or tile.converting:
            return False
        (m, plane), tile.sample, tile.converting = tile.sample, None, True
        planes = self._planes(tile, m)
        last = plane == len(planes) - 1
        tile.started["convert"] += last
        self._ends(self.now + planes[plane][1], lambda: self._plane_converted(tile, last))
        return True

    def _plane_converted(self, tile: Tile, last: bool) -> None:
        tile.converting = False
        tile.ended["convert"] += last
        self._note_idle(tile)

    def _note_idle(self, tile: Tile) -> None:
        """T25: neither array nor ADC works on an MVM."""
        idle = tile.started["integrate"] == tile.ended["integrate"] == tile.ended["convert"]
        if idle and tile.working_since is not None:
            tile.busy += self.now - tile.working_since
            tile.working_since = None

    def _begin(self, tile: Tile, phase: str, duration: int) -> bool:
        m = tile.started[phase]
        tile.started[phase] += 1
        self._ends(self.now + duration, lambda: self._phase_ends(tile, phase, m))
        return True

    def _phase_ends(self, tile: Tile, phase: str, m: int) -> None:
        tile.ended[phase] += 1
        if phase == "load":
            tile.loaded()
        if phase == "drain":
            self._hand_over(tile, m)

    def _hand_over(self, tile: Tile, m: int) -> None:
        neuron = tile.slice
        if isinstance(neuron, ChainStep):
            return neuron.sums.add(m)

        def arrive() -> None:
            neuron.sums[m] += 1

        if self.plan.chip.site(tile.where) == self.plan.chip.site(neuron.name):
            return arrive()
        if self.spec.neuron_unit.partial_sums == "routers":
            return self.reductions.send(neuron, m, tile.where, tile.block, arrive)
        input, turn = divmod(m, len(tile.own))
        position = tile.own[turn]
        widths = self.spec.widths
        size = math.ceil(len(neuron.emitter.channels) * widths.partial_sum_bits / 8) + widths.packet_header_bytes
        key = (input, self.rank[tile.layer.name], position, tile.block, tile.where)
        return self._send(key, size, tile.where, [(neuron.name, arrive)])

    def _start_neuron(self, neuron: NeuronSlice) -> bool:
        if neuron.name in self.shared.units:
            return self.shared.ask_unit(neuron)
        m = neuron.started
        if m > neuron.ended or neuron.sums[m] < neuron.operands:
            return False
        input, turn = divmod(m, len(neuron.emitter.own))
        g = input * self.positions[neuron.layer.name] + neuron.emitter.own[turn]
        if not neuron.emitter.has_space(g):
            return False
        neuron.started += 1
        neuron.busy += neuron.service
        end = self.now + neuron.service

        def free() -> None:
            neuron.ended += 1

        self._ends(end, free)
        self._ends(end + self.neuron_latency, lambda: self._emit(neuron.emitter, g))
        return True

    def _ask(self, digital: Digital) -> bool:
        m = digital.asked
        input, position = divmod(m, self.positions[digital.layer.name])
        if digital.fetching or input >= len(self.released):
            return False
        if not all(r.ready(input, position) for r in digital.readers) or not digital.emitter.has_space(m):
            return False
        digital.asked += 1
        key = (input, self.rank[digital.layer.name], position, 0, digital.unit)

        def request() -> None:
            digital.fetching = False
            self._at(self.now, 1, key, lambda: self._serve_digital(digital, m))

        size = sum(len(r.windows[position] & r.far) * self._bytes_of(r) for r in digital.readers)
        if size:  # T75
            digital.fetching = True
            who = digital.layer.name, digital.unit, 0, len(digital.readers)
            self.shared.fetch(who, input, position, size, request)
        else:
            request()
        return True

    def _serve_digital(self, digital: Digital, m: int) -> None:
        unit = self.units[digital.unit]
        end = unit.free = max(self.now, unit.free) + digital.service
        unit.busy += digital.service

        def finish() -> None:
            for reader in digital.readers:
                reader.done += 1

        self._ends(end, finish)
        self._ends(end + digital.latency, lambda: self._emit(digital.emitter, m))


def _map_size(shape: tuple[int, ...], axes: int) -> tuple[int, ...]:
    sizes = shape[1:][-axes:]
    return (1,) * (axes - len(sizes)) + sizes


def _explicit_taps(window: Window, out: tuple[int, ...], size: tuple[int, ...]) -> list[dict[int, set[int]]]:
    """For each output position: producer position -> kernel taps, both numbered in raster order."""
    found: list[dict[int, set[int]]] = []
    for output in product(*map(range, out)):
        taps: dict[int, set[int]] = defaultdict(set)
        for number, tap in enumerate(product(*map(range, window.kernel))):
            place, inside = 0, True
            for axis, length in enumerate(size):
                stuffed = output[axis] * window.strides[axis] - window.pads[axis] + tap[axis] * window.dilations[axis]
                index, between = divmod(stuffed, window.stuffing[axis])
                inside &= between == 0 and 0 <= index < length
                place = place * length + index
            if inside:
                taps[place].add(number)
        found.append(taps)
    return found


def _in_walk(layer: AnyLayer, position: int) -> int:
    """T80: when a layer comes to one of its positions."""
    return layer.positions - 1 - position if layer.reverse else position


def _steps(layer: AnyLayer, operand: int, producer: AnyLayer, picks: list[int]) -> list[list[int]] | None:
    """T80, T81: what each position reads of a sequence, counted as they are walked; None where a window says it."""
    role = layer.given[operand - len(layer.inputs)] if _is_given(layer, operand) else ""
    if role in ("initial", "initial_cell") or (isinstance(layer, MatrixLayer) and operand == 1):  # T96
        assert isinstance(layer, MatrixLayer | GateLayer)
        sequences = layer.delay if isinstance(layer, MatrixLayer) else layer.rules.sequences
        own = [picks[_in_walk(layer, p) % sequences] for p in range(layer.positions)]
        return [[_in_walk(producer, own[p])] if p < sequences else [] for p in range(layer.positions)]
    if role:  # T97
        return [[_in_walk(producer, p) for p in picks] for _ in range(layer.positions)]
    if isinstance(layer, MatrixLayer) and layer.delay:
        return [[p - layer.delay] if p >= layer.delay else [] for p in range(layer.positions)]
    one = isinstance(layer, GateLayer) or (isinstance(layer, MatrixLayer) and layer.channels_last)
    one |= isinstance(layer, DigitalLayer) and layer.pattern == "elementwise"
    if one and len(picks) == layer.positions:
        return [[_in_walk(producer, picks[_in_walk(layer, p)])] for p in range(layer.positions)]
    if one or producer.reverse or layer.reverse or len(picks) < producer.positions:
        return [[_in_walk(producer, p) for p in picks] for _ in range(layer.positions)]
    return None


def _is_given(layer: AnyLayer, operand: int) -> bool:
    """Whether an operand of gates is none of their sums."""
    return isinstance(layer, GateLayer) and operand >= len(layer.inputs) - len(layer.given)


def _turned(seen: AnyLayer, layer: AnyLayer) -> bool:
    """Whether a layer takes channels for positions."""
    if seen.channels_last == layer.channels_last or seen.output_shape == (seen.channels,):
        return False
    return not (isinstance(layer, DigitalLayer) and layer.operator == "Transpose" and layer.pattern == "elementwise")
