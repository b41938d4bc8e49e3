"""`add_servers`: tiles, neuron units, digital units and the host of a machine (rules T4, T7, T11)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial

from chipsim.mapping.partition import Ranges
from chipsim.mapping.plan import LayerPlan, PlacedBlock, Replica, Slice
from chipsim.network.edges import HOST, Edge
from chipsim.network.layers import DigitalLayer, GateLayer, InputLayer
from chipsim.simulation.building.chained import add_chain
from chipsim.simulation.building.far import add_far_operands, add_far_reader
from chipsim.simulation.building.gates import add_gates
from chipsim.simulation.building.machine import Machine, Source, Taps, Target
from chipsim.simulation.building.reducing import add_reduction, tree_of
from chipsim.simulation.core.durations import (
    bytes_of,
    digital_service_ps,
    mvm_phases,
    neuron_latency_ps,
    neuron_service_ps,
)
from chipsim.simulation.core.gate import EdgeSink
from chipsim.simulation.links.sender import Outlet
from chipsim.simulation.memories.far_reader import FarReader
from chipsim.simulation.tiles.planes_of_mvms import planes_of
from chipsim.simulation.tiles.shared_block import SharedBlock
from chipsim.simulation.tiles.steady_tile import SteadyTile
from chipsim.simulation.tiles.tile import TileServer
from chipsim.simulation.tiles.varying import VaryingTileServer, mvm_lengths
from chipsim.simulation.units.digital import DigitalLayerServer, DigitalUnitServer
from chipsim.simulation.units.host import HostSource
from chipsim.simulation.units.neuron import NeuronServer
from chipsim.simulation.units.shared_neuron import SharedNeuronServer
from chipsim.simulation.units.spilling_digital import SpillingDigitalServer
from chipsim.units import to_ps


def add_servers(machine: Machine, *, preloaded: bool) -> None:
    """Make the servers of every layer of the plan.

    Parameters
    ----------
    machine : Machine
    preloaded : bool
        Tiles alone, without load and drain.
    """
    for layer in machine.plan.network.layers.values():
        if isinstance(layer, InputLayer):
            _add_host_source(machine, layer)
        elif isinstance(layer, DigitalLayer):
            _add_digital(machine, layer)
        elif isinstance(layer, GateLayer):
            if not preloaded:
                add_gates(machine, layer)
        elif layer.name in machine.plan.layers:
            _add_matrix_layer(machine, machine.plan.layers[layer.name], preloaded)
    for host in machine.hosts:
        host.shares_port = len(machine.hosts) > 1


def add_host_target(machine: Machine, edge: Edge) -> None:
    """Let the host receive an output of the network."""
    gate = machine.new_gate(len(edge.need))
    machine.host_gates.append(gate)
    first, end = edge.channels or (0, machine.plan.network.layers[edge.producer].channels)
    whole = ((0, end - first),)
    machine.targets[HOST, edge.operand].append(Target("host", gate, _all_if_read(whole)))


def watch_tiles(machine: Machine) -> None:
    """Without traffic an input is done when the last MVM of every tile is."""
    for tile in machine.tiles:
        gate = machine.new_gate(tile.gate.positions)
        gate.expect([1] * tile.gate.positions)
        tile.done_gate = gate
        machine.host_gates.append(gate)


def _add_host_source(machine: Machine, layer: InputLayer) -> None:
    outlet = Outlet(machine.interconnect, layer.positions)
    host = HostSource(layer.name, layer.positions, outlet)
    machine.hosts.append(host)
    machine.sources[layer.name].append(Source("host", layer.name, 0, layer.channels, outlet, host.advance))


def _add_digital(machine: Machine, layer: DigitalLayer) -> None:
    name = machine.plan.digital_units[layer.name]
    unit = machine.units.setdefault(name, DigitalUnitServer(name))
    outlet = Outlet(machine.interconnect, layer.positions)
    what = (
        digital_service_ps(machine.spec, layer.element_operations, layer.positions),
        to_ps(machine.spec.digital_unit.latency), outlet, machine.clock, machine.order.keys(layer.name, 0, name),
    )  # fmt: skip
    far = add_far_operands(machine, layer, name)
    if far is None:
        server = DigitalLayerServer(unit, layer.name, machine.new_in_order_gate(layer.positions), *what)
    else:
        server = SpillingDigitalServer(unit, layer.name, machine.new_gate(layer.positions), *what, far)
    machine.digital.append(server)
    machine.sources[layer.name].append(Source(name, layer.name, 0, layer.channels, outlet, server.advance))
    for operand, producer in enumerate(layer.inputs):
        whole = ((0, machine.plan.network.layers[producer].channels),)
        machine.targets[layer.name, operand].append(
            Target(name, server.gate, _all_if_read(whole), machine.spec.digital_unit.buffer, server)
        )


def _add_matrix_layer(machine: Machine, plan: LayerPlan, preloaded: bool) -> None:
    block_rank = 0
    sums = machine.spec.neuron_unit.partial_sums
    chained, reduced = sums == "chain", sums == "routers"
    known: dict[tuple[int, int, int], Callable[[Taps], Ranges]] = {}  # blocks beside each other read the same rows
    for part in plan.slices:
        tree = tree_of(machine, part) if reduced and not preloaded else None
        operands = len(part.blocks) if tree is None else tree.at_unit
        neuron = None if preloaded or chained else _add_neuron(machine, plan, part, block_rank, operands)
        first_rank, tiles = block_rank, []
        for placed in part.blocks:
            matrix = plan.matrices[placed.matrix]
            tile = _add_tile(machine, plan, placed, block_rank, preloaded)
            tile.replica = placed.replica
            tiles.append(tile)
            # asked by every slice that sends
            rows = placed.matrix, placed.block.first_row, placed.block.rows
            if rows not in known:
                known[rows] = cache(partial(matrix.channels_read, placed.block, plan.layer.window.grid))
            for operand in range(len(plan.layer.inputs)):  # behind the state of the step before, the first one (T96)
                machine.targets[plan.layer.name, operand].append(
                    Target(placed.tile, tile.gate, known[rows], machine.spec.tile.buffer, tile, replica=placed.replica)
                )
            if neuron is not None and tree is None:
                _feed(machine, tile, neuron, part, placed, block_rank)
            block_rank += 1
        if neuron is not None and tree is not None:
            add_reduction(machine, tree, part, neuron, tiles, first_rank)
        if chained and not preloaded:
            add_chain(machine, plan, part, tiles, first_rank)


def _add_tile(machine: Machine, plan: LayerPlan, placed: PlacedBlock, rank: int, preloaded: bool) -> TileServer:
    phases = mvm_phases(machine.spec, placed.block.rows, placed.block.columns)
    if preloaded:
        phases = replace(phases, load_ps=0, drain_ps=0)
    spec, counts = machine.spec.tile, machine.counts.get(placed.name)
    own, rest = _own(plan, placed.replica), (phases, spec.register_banks, spec.sample_and_hold, machine.interconnect)
    array = machine.sharing.array_of(placed, spills=(placed.name, 0) in machine.spills)
    if array is not None:
        planes = planes_of(machine.spec, placed.block.rows, placed.block.columns, counts)
        keys = machine.order.keys(plan.layer.name, rank, placed.tile)
        gate = machine.new_gate(own)
        tile: TileServer = SharedBlock(
            placed.name, plan.layer.name, gate, *rest, array, planes, keys, _far_window(machine, plan, placed, rank)
        )
    else:
        what = (placed.name, plan.layer.name, machine.new_in_order_gate(own), *rest)
        lengths = None
        if counts is not None:
            lengths = mvm_lengths(machine.spec, placed.block.rows, placed.block.columns, counts)
        if lengths is not None:
            tile = VaryingTileServer(*what, lengths)
        else:
            tile = TileServer(*what) if phases.convert_ps else SteadyTile(*what)
    machine.tiles.append(tile)
    return tile


def _far_window(machine: Machine, plan: LayerPlan, placed: PlacedBlock, rank: int) -> FarReader | None:
    """What reads back for a block whose buffer spills."""
    spill = machine.spills.get((placed.name, 0))
    if spill is None:
        return None
    return add_far_reader(machine, plan.layer.name, placed.tile, spill.read_bytes, rank, len(plan.blocks))


def _add_neuron(machine: Machine, plan: LayerPlan, part: Slice, rank: int, operands: int) -> NeuronServer:
    spec = machine.spec.neuron_unit
    own = _own(plan, part.replica)
    gate = machine.new_gate(own)
    gate.expect([operands] * own)
    outlet = Outlet(machine.interconnect, plan.layer.positions)
    what = (
        part.neuron_unit, plan.layer.name, gate, part.channels,
        neuron_service_ps(machine.spec, operands, part.channels), neuron_latency_ps(machine.spec),
        spec.partial_sum_slots, outlet,
    )  # fmt: skip
    unit = machine.sharing.neuron_units.get(part.neuron_unit)
    keys = machine.order.keys(plan.layer.name, rank, part.neuron_unit)
    neuron = NeuronServer(*what) if unit is None else SharedNeuronServer(*what, unit, machine.clock, keys)
    neuron.replica, neuron.operands = part.replica, operands
    machine.neurons.append(neuron)
    machine.sources[plan.layer.name].append(
        Source(
            part.neuron_unit, plan.layer.name, part.first_channel, part.channels, outlet, neuron.advance, part.replica
        )
    )
    return neuron


def _feed(
    machine: Machine, tile: TileServer, neuron: NeuronServer, part: Slice, placed: PlacedBlock, block: int
) -> None:
    tile.places = neuron.places
    neuron.tiles.append(tile)
    chip = machine.plan.chip
    if chip.site(placed.tile) == chip.site(neuron.name):
        tile.done_gate = neuron.gate  # beside the neuron unit: no link in between
        return
    size = bytes_of(part.channels, machine.spec.widths.partial_sum_bits) + machine.spec.widths.packet_header_bytes
    sink = EdgeSink(neuron.gate, [p // tile.replica.of for p in range(tile.replica.of * neuron.gate.positions)])
    key = machine.order.key(tile.layer, block, placed.tile)
    tile.flow = machine.interconnect.add_flow(placed.tile, tile.layer, size, key, [(neuron.name, sink)])


def _own(plan: LayerPlan, replica: Replica) -> int:
    """Positions per input that one replica computes."""
    return len(replica.positions(plan.layer.positions))


def _all_if_read(whole: Ranges) -> Callable[[Taps], Ranges]:
    """A digital layer reads every channel of a position that any of its windows touches."""
    return lambda taps: whole if taps is None or all(taps) else ()
