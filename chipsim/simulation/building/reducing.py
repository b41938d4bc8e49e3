"""`add_reduction`: the ways of a slice's partial sums to its neuron unit, added in routers where they meet (T64)."""

from __future__ import annotations

from collections.abc import Sequence

from chipsim.mapping.plan import Slice
from chipsim.simulation.building.machine import Machine
from chipsim.simulation.building.reduction_tree import ReductionTree, Stretch, reduction_tree
from chipsim.simulation.core.durations import bytes_of
from chipsim.simulation.core.gate import EdgeSink, Gate
from chipsim.simulation.links.packets import Flow
from chipsim.simulation.links.reduction import Reduction, RouterAdder
from chipsim.simulation.tiles.tile import TileServer
from chipsim.simulation.units.neuron import NeuronServer
from chipsim.units import duration_ps, to_ps


def tree_of(machine: Machine, part: Slice) -> ReductionTree:
    """The ways of a slice's partial sums."""
    return reduction_tree(machine.plan.chip, part.neuron_unit, [placed.tile for placed in part.blocks])


def add_reduction(
    machine: Machine, tree: ReductionTree, part: Slice, neuron: NeuronServer, tiles: Sequence[TileServer], rank: int
) -> None:
    """Join the tiles of a slice to its neuron unit.

    Parameters
    ----------
    machine : Machine
    tree : ReductionTree
    part : Slice
    neuron : NeuronServer
    tiles : sequence of TileServer
        Of its blocks, in their order.
    rank : int
        Tie order of the first block within the layer.
    """
    made = {router: _reduction(machine, tree, router, part, neuron, rank) for router in tree.operands}
    for index, tile in enumerate(tiles):
        tile.places = neuron.places
        neuron.tiles.append(tile)
        if index in tree.beside:
            tile.done_gate = neuron.gate
    for stretch in tree.stretches:
        gate = made[stretch.target].gate if stretch.target in made else neuron.gate
        flow = _flow(machine, stretch, part, gate, neuron, rank)
        if stretch.source in made:
            made[stretch.source].flow = flow
        else:
            tiles[stretch.block].flow = flow
    machine.reductions += made.values()


def _flow(machine: Machine, stretch: Stretch, part: Slice, gate: Gate, neuron: NeuronServer, rank: int) -> Flow:
    size = bytes_of(part.channels, machine.spec.widths.partial_sum_bits) + machine.spec.widths.packet_header_bytes
    every = neuron.replica.of
    sink = EdgeSink(gate, [position // every for position in range(every * gate.positions)])
    key = machine.order.key(neuron.layer, rank + stretch.block, stretch.source)
    return machine.interconnect.add_flow(
        stretch.source, neuron.layer, size, key, [(stretch.target, sink)], way=stretch.way
    )


def _reduction(
    machine: Machine, tree: ReductionTree, router: str, part: Slice, neuron: NeuronServer, rank: int
) -> Reduction:
    adder = machine.spec.router.adder
    assert adder is not None
    positions = neuron.gate.positions
    gate = machine.new_gate(positions)
    gate.expect([tree.operands[router]] * positions)
    additions = (tree.operands[router] - 1) * part.channels
    block = next(stretch.block for stretch in tree.stretches if stretch.source == router)
    times = duration_ps(additions, adder.rate), to_ps(machine.spec.router.delay)
    server = machine.adders.setdefault(router, RouterAdder(router))
    keys = machine.order.keys(neuron.layer, rank + block, router)
    found = Reduction(
        f"{router}+{rank}", neuron.layer, gate, server, additions, times, keys, machine.interconnect, machine.clock
    )
    found.replica = neuron.replica
    return found
