"""`wire`: from a plan to servers joined by flows (rules T4 to T7, T11, T19)."""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from chipsim.architecture.spec import InputBuffer
from chipsim.errors import CapacityError
from chipsim.mapping.partition import Ranges
from chipsim.mapping.plan import LayerPlan, Plan, Slice
from chipsim.network.edges import HOST, Edge, edges
from chipsim.network.layers import DigitalLayer, InputLayer
from chipsim.simulation.buffers import least_capacities
from chipsim.simulation.clock import Clock
from chipsim.simulation.digital import DigitalLayerServer, DigitalUnitServer
from chipsim.simulation.durations import bytes_of, digital_service_ps, mvm_phases, neuron_service_ps
from chipsim.simulation.gate import Arrivals, Credit, EdgeSink, Gate
from chipsim.simulation.host import HostSource
from chipsim.simulation.interconnect import Flow, Interconnect
from chipsim.simulation.neuron import NeuronServer
from chipsim.simulation.sender import Outlet, close_together
from chipsim.simulation.tile import TileServer
from chipsim.units import to_ps

Wake = Callable[[], None]
Taps = tuple[tuple[int, ...], ...] | None
Classes = tuple[Taps, ...]


@dataclass(slots=True)
class Target:
    """One consumer of an edge: a tile, a digital layer or the host."""

    component: str
    gate: Gate
    channels: Callable[[Taps], Ranges]
    buffer: InputBuffer | None = None
    server: TileServer | DigitalLayerServer | None = None
    arrivals: Arrivals | None = None


@dataclass(slots=True)
class Source:
    """One producer of positions: a slice of a matrix layer, a digital layer or the host."""

    component: str
    layer: str
    first_channel: int
    channels: int
    outlet: Outlet
    wake: Wake


@dataclass(slots=True)
class BufferUse:
    """What happened in one buffer: arrivals and releases in ps, for its greatest occupancy."""

    edge: Edge
    component: str
    arrivals: Arrivals
    releases: array[int]


@dataclass(slots=True)
class Machine:
    """All servers of a chip that runs one network."""

    plan: Plan
    clock: Clock
    interconnect: Interconnect
    tiles: list[TileServer] = field(default_factory=list)
    neurons: list[NeuronServer] = field(default_factory=list)
    units: dict[str, DigitalUnitServer] = field(default_factory=dict)
    digital: list[DigitalLayerServer] = field(default_factory=list)
    gates: list[Gate] = field(default_factory=list)
    host_gates: list[Gate] = field(default_factory=list)
    buffers: list[BufferUse] = field(default_factory=list)
    host: HostSource | None = None


class Wiring:
    """Builds a `Machine`.

    Parameters
    ----------
    plan : Plan
    window : int
        Inputs that may be under way at once, plus one.
    preloaded : bool
        Operands are already in the tiles' registers and results stay there: no load, no drain, no traffic.
    """

    def __init__(self, plan: Plan, window: int, *, preloaded: bool = False) -> None:
        self.plan, self.spec, self.window, self.preloaded = plan, plan.chip.spec, window, preloaded
        network = plan.network
        order = list(network.layers)
        self._rank = {name: index for index, name in enumerate(order)}
        components = sorted(plan.chip.graph.nodes)
        self._component_rank = {name: index for index, name in enumerate(components)}
        # tie order (input, layer, position, block, source name) as one integer
        self._block_key = len(components)
        most_positions = max(layer.positions for layer in network.layers.values())
        self._position_key = self._block_key * 2**20
        self._layer_key = self._position_key * (most_positions + 1)
        self._input_key = self._layer_key * (len(order) + 1)
        clock = Clock()
        self.machine = Machine(plan, clock, Interconnect(plan.chip, clock, self._input_key, self._position_key))
        self._targets: defaultdict[tuple[str, int], list[Target]] = defaultdict(list)
        self._sources: defaultdict[str, list[Source]] = defaultdict(list)

    def build(self) -> Machine:
        """Make the servers, then join them."""
        self._add_host_source()
        for layer in self.plan.network.layers.values():
            if isinstance(layer, DigitalLayer):
                self._add_digital(layer)
            elif layer.name in self.plan.layers:
                self._add_matrix_layer(self.plan.layers[layer.name])
        network_edges = [] if self.preloaded else edges(self.plan.network)
        for edge in network_edges:
            if edge.consumer == HOST:
                self._add_host_target(edge)
        if self.preloaded:
            self._watch_tiles()
        self._bound_buffers(network_edges)
        self._join_all(network_edges)
        for gate in self.machine.gates:
            gate.open()
        return self.machine

    def _join_all(self, network_edges: list[Edge]) -> None:
        """Lay all flows; only then is it known where packets meet."""
        outgoing: defaultdict[str, list[Edge]] = defaultdict(list)
        for edge in network_edges:
            outgoing[edge.producer].append(edge)
        for name, found in outgoing.items():
            for source in self._sources[name]:
                self._join(source, found)
        self.machine.interconnect.close()
        beside: defaultdict[str, list[Outlet]] = defaultdict(list)
        for source in (source for sources in self._sources.values() for source in sources):
            beside[source.component].append(source.outlet)
        for outlets in beside.values():
            close_together(outlets)

    def _key(self, layer: str, block: int, component: str) -> int:
        rank = self._rank[layer] * self._layer_key
        return rank + block * self._block_key + self._component_rank[component]

    def _gate(self, positions: int) -> Gate:
        gate = Gate(positions, self.window)
        self.machine.gates.append(gate)
        return gate

    def _add_host_source(self) -> None:
        layer = next(item for item in self.plan.network.layers.values() if isinstance(item, InputLayer))
        outlet = Outlet(self.machine.interconnect, layer.positions)
        self.machine.host = host = HostSource(layer.positions, outlet)
        self._sources[layer.name].append(Source("host", layer.name, 0, layer.channels, outlet, host.advance))

    def _add_host_target(self, edge: Edge) -> None:
        gate = self._gate(self.plan.network.layers[edge.producer].positions)
        self.machine.host_gates.append(gate)
        whole = ((0, self.plan.network.layers[edge.producer].channels),)
        self._targets[HOST, edge.operand].append(Target("host", gate, _all_if_read(whole)))

    def _add_digital(self, layer: DigitalLayer) -> None:
        name = self.plan.digital_units[layer.name]
        unit = self.machine.units.setdefault(name, DigitalUnitServer(name))
        gate = self._gate(layer.positions)
        outlet = Outlet(self.machine.interconnect, layer.positions)
        server = DigitalLayerServer(
            unit, layer.name, gate, digital_service_ps(self.spec, layer.element_operations, layer.positions),
            to_ps(self.spec.digital_unit.latency), outlet, self.machine.clock,
            (self._key(layer.name, 0, name), self._input_key, self._position_key),
        )  # fmt: skip
        self.machine.digital.append(server)
        self._sources[layer.name].append(Source(name, layer.name, 0, layer.channels, outlet, server.advance))
        for operand, producer in enumerate(layer.inputs):
            whole = ((0, self.plan.network.layers[producer].channels),)
            self._targets[layer.name, operand].append(
                Target(name, gate, _all_if_read(whole), self.spec.digital_unit.buffer, server)
            )

    def _add_matrix_layer(self, plan: LayerPlan) -> None:
        block_rank = 0
        for part in plan.slices:
            neuron = None if self.preloaded else self._add_neuron(plan, part)
            for placed in part.blocks:
                matrix = plan.matrices[placed.matrix]
                tile = self._add_tile(plan, placed.tile, placed.block.rows, placed.block.columns)
                kernel = plan.layer.window.kernel
                self._targets[plan.layer.name, 0].append(
                    Target(
                        placed.tile, tile.gate,
                        lambda taps, m=matrix, b=placed.block, k=kernel: m.channels_read(b, k, taps),  # type: ignore[misc]
                        self.spec.tile.buffer, tile,
                    )
                )  # fmt: skip
                if neuron is not None:
                    self._feed(tile, neuron, part, placed.block.row, block_rank)
                block_rank += 1

    def _add_tile(self, plan: LayerPlan, name: str, rows: int, columns: int) -> TileServer:
        phases = mvm_phases(self.spec, rows, columns)
        if self.preloaded:
            phases = type(phases)(0, phases.integrate_ps, phases.convert_ps, 0)
        tile = TileServer(
            name, plan.layer.name, self._gate(plan.layer.positions), phases, self.spec.tile.register_banks,
            self.spec.tile.sample_and_hold, self.machine.interconnect,
        )  # fmt: skip
        self.machine.tiles.append(tile)
        return tile

    def _add_neuron(self, plan: LayerPlan, part: Slice) -> NeuronServer:
        spec = self.spec.neuron_unit
        gate = self._gate(plan.layer.positions)
        gate.expect(np.repeat(np.arange(plan.layer.positions), len(part.blocks)))
        outlet = Outlet(self.machine.interconnect, plan.layer.positions)
        neuron = NeuronServer(
            part.neuron_unit, plan.layer.name, gate, part.channels,
            neuron_service_ps(self.spec, len(part.blocks), part.channels), to_ps(spec.latency),
            spec.partial_sum_slots, outlet,
        )  # fmt: skip
        self.machine.neurons.append(neuron)
        self._sources[plan.layer.name].append(
            Source(part.neuron_unit, plan.layer.name, part.first_channel, part.channels, outlet, neuron.advance)
        )
        return neuron

    def _feed(self, tile: TileServer, neuron: NeuronServer, part: Slice, row: int, block: int) -> None:
        tile.places = neuron.places
        neuron.tiles.append(tile)
        if row == 0:
            tile.done_gate = neuron.gate  # beside the neuron unit: no link in between
            return
        size = bytes_of(part.channels, self.spec.widths.partial_sum_bits) + self.spec.widths.packet_header_bytes
        sink = EdgeSink(neuron.gate, range(neuron.gate.positions))
        key = self._key(tile.layer, block, tile.name)
        tile.flow = self.machine.interconnect.add_flow(tile.name, tile.layer, size, key, [(neuron.name, sink)])

    def _watch_tiles(self) -> None:
        """Without traffic an input is done when the last MVM of every tile is."""
        for tile in self.machine.tiles:
            gate = self._gate(tile.gate.positions)
            gate.expect(np.arange(tile.gate.positions))
            tile.done_gate = gate
            self.machine.host_gates.append(gate)

    def _bound_buffers(self, network_edges: list[Edge]) -> None:
        """Give every bounded buffer its credits, refusing those below their working set."""
        bounded = any(
            target.buffer is not None and target.buffer.capacity != "unbounded"
            for targets in self._targets.values()
            for target in targets
        )
        layers = self.plan.network.layers
        positions = {name: layer.positions for name, layer in layers.items()}
        least = least_capacities(network_edges, positions) if bounded else [0] * len(network_edges)
        for edge, needed in zip(network_edges, least, strict=True):
            for target in self._targets[edge.consumer, edge.operand]:
                if target.server is not None and target.buffer is not None:
                    self._watch_buffer(edge, target, target.buffer, needed, positions[edge.producer])

    def _watch_buffer(
        self, edge: Edge, target: Target, buffer: InputBuffer, needed: int, producer_positions: int
    ) -> None:
        server = target.server
        assert server is not None
        if server.releases is None:
            server.releases = array("q")
        target.arrivals = Arrivals()
        self.machine.buffers.append(BufferUse(edge, target.component, target.arrivals, server.releases))
        if buffer.capacity == "unbounded":
            return
        channels = sum(high - low for low, high in self._read(edge, target, None))
        each = bytes_of(channels, self.spec.widths.activation_bits)
        capacity = int(buffer.capacity // each)
        if capacity < needed:
            raise CapacityError(
                f"buffer of {target.component} for the edge {edge.producer} -> {edge.consumer} has "
                f"{buffer.capacity:g} bytes ({capacity} positions of {each} bytes), needs {needed * each} bytes "
                f"({needed} positions); raise {'tile' if isinstance(server, TileServer) else 'digital_unit'}"
                f".buffer.capacity or make it unbounded"
            )
        credit = Credit(capacity, edge.oldest.tolist(), producer_positions, server.releases)
        for source in self._sources[edge.producer]:
            source.outlet.credits.append(credit)
            server.on_release.append(source.wake)

    def _join(self, source: Source, outgoing: list[Edge]) -> None:
        """Lay the flows of one source to all consumers of its layer."""
        total = len(source.outlet.flows)
        completes = [np.searchsorted(edge.need, np.arange(total), side="right") for edge in outgoing]
        lists = [completed.tolist() for completed in completes]
        known: dict[tuple[object, ...], Flow] = {}
        sinks = {
            (index, number): EdgeSink(target.gate, lists[index], target.arrivals)
            for index, edge in enumerate(outgoing)
            for number, target in enumerate(self._targets[edge.consumer, edge.operand])
        }
        for classes, positions in _classes(outgoing, completes):
            flows = []
            for block, (ranges, targets) in enumerate(self._groups(source, outgoing, classes)):
                flows.append(self._flow(source, block, ranges, targets, sinks, known))
                for index, _, target in targets:
                    target.gate.expect(completes[index][positions])
            for position in positions.tolist():
                source.outlet.flows[position] = flows

    def _groups(
        self, source: Source, outgoing: list[Edge], classes: Classes
    ) -> Iterator[tuple[Ranges, list[tuple[int, int, Target]]]]:
        """Targets that read the same channels of a position, by channels."""
        groups: dict[Ranges, list[tuple[int, int, Target]]] = {}
        for index, (edge, taps) in enumerate(zip(outgoing, classes, strict=True)):
            if taps == ():
                continue
            for number, target in enumerate(self._targets[edge.consumer, edge.operand]):
                ranges = _within(self._read(edge, target, taps), source)
                if ranges:
                    groups.setdefault(ranges, []).append((index, number, target))
        yield from groups.items()

    def _read(self, edge: Edge, target: Target, taps: Taps) -> Ranges:
        """Channels of a producer position that a target reads: all of them behind a view that mixes positions."""
        return ((0, self.plan.network.layers[edge.producer].channels),) if edge.mixed else target.channels(taps)

    def _flow(
        self, source: Source, block: int, ranges: Ranges, targets: list[tuple[int, int, Target]],
        sinks: dict[tuple[int, int], EdgeSink], known: dict[tuple[object, ...], Flow],
    ) -> Flow:  # fmt: skip
        identity = (block, ranges, tuple(id(sinks[index, number]) for index, number, _ in targets))
        flow = known.get(identity)
        if flow is None:
            widths = self.spec.widths
            channels = sum(high - low for low, high in ranges)
            size = bytes_of(channels, widths.activation_bits) + widths.packet_header_bytes
            key = self._key(source.layer, block, source.component)
            ends = [(target.component, sinks[index, number]) for index, number, target in targets]
            flow = self.machine.interconnect.add_flow(source.component, source.layer, size, key, ends)
            known[identity] = flow
        return flow


def _classes(outgoing: list[Edge], completes: list[NDArray[np.int64]]) -> Iterator[tuple[Classes, NDArray[np.int64]]]:
    """Positions that are alike for every edge: read at the same kernel rows and columns, or not read at all."""
    total = len(completes[0])
    label = np.zeros(total, np.intp)
    for edge, completed in zip(outgoing, completes, strict=True):
        unread = completed >= len(edge.need)
        for part in (unread, *_tap_labels(edge, total)):
            label = label * (int(part.max()) + 1) + part.astype(np.intp)
    order = np.argsort(label, kind="stable")
    for positions in np.split(order, np.flatnonzero(np.diff(label[order])) + 1):
        first = int(positions[0])
        yield (
            tuple(
                edge.taps(first) if completed[first] < len(edge.need) else ()
                for edge, completed in zip(outgoing, completes, strict=True)
            ),
            positions,
        )


def _tap_labels(edge: Edge, total: int) -> Iterator[NDArray[np.intp]]:
    """Numbers that are equal for positions with equal kernel rows, then columns."""
    if edge.taps_y is None or edge.taps_x is None:
        return
    y, x = np.divmod(np.arange(total), len(edge.taps_x))
    for taps, index in ((edge.taps_y, y), (edge.taps_x, x)):
        numbers = {kind: number for number, kind in enumerate(dict.fromkeys(taps))}
        yield np.array([numbers[kind] for kind in taps], np.intp)[index]


def _all_if_read(whole: Ranges) -> Callable[[Taps], Ranges]:
    """A digital layer reads every channel of a position that any of its windows touches."""
    return lambda taps: whole if taps is None or all(taps) else ()


def _within(ranges: Ranges, source: Source) -> Ranges:
    """The part of channel ranges that a source sends."""
    low, high = source.first_channel, source.first_channel + source.channels
    return tuple((max(a, low), min(b, high)) for a, b in ranges if max(a, low) < min(b, high))
