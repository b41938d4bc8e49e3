"""`add_chain`: the neuron units of a slice whose partial sums pass from tile to tile (rule T48)."""

from __future__ import annotations

from itertools import pairwise

from chipsim.mapping.plan import LayerPlan, Slice
from chipsim.simulation.building.machine import Machine, Source
from chipsim.simulation.core.durations import bytes_of, neuron_service_ps
from chipsim.simulation.core.gate import Gate
from chipsim.simulation.links.sender import Outlet
from chipsim.simulation.tiles.shared_block import SharedBlock
from chipsim.simulation.tiles.tile import TileServer
from chipsim.simulation.units.chain import ChainUnit, LoneUnit
from chipsim.simulation.units.shared_chain import SharedChainUnit
from chipsim.units import to_ps


def add_chain(machine: Machine, plan: LayerPlan, part: Slice, tiles: list[TileServer], first_rank: int) -> None:
    """Put a unit beside every tile, and join them from the last row block to the first.

    Parameters
    ----------
    machine : Machine
    plan : LayerPlan
    part : Slice
    tiles : list of TileServer
        Of its blocks, in their order.
    first_rank : int
        Tie order of the first block within the layer.
    """
    places = zip(tiles, part.blocks, strict=True)
    units = [_unit(machine, part, tile, placed.tile, rank) for rank, (tile, placed) in enumerate(places, first_rank)]
    for rank, (after, before) in enumerate(pairwise(units), first_rank + 1):
        before.after, after.before = after, before
        if before.name == after.name:
            continue  # in the same unit: nothing is sent
        size = bytes_of(part.channels, machine.spec.widths.partial_sum_bits) + machine.spec.widths.packet_header_bytes
        key = machine.order.key(plan.layer.name, rank, before.name)
        before.flow = machine.interconnect.add_flow(before.name, plan.layer.name, size, key, [(after.name, after)])
    end = units[0]
    end.outlet = Outlet(machine.interconnect, plan.layer.positions)
    machine.sources[plan.layer.name].append(
        Source(
            end.name, plan.layer.name, part.first_channel, part.channels, end.outlet, end.advance, part.replica
        )
    )  # fmt: skip


def _unit(machine: Machine, part: Slice, tile: TileServer, where: str, rank: int) -> ChainUnit:
    """The unit beside a tile."""
    spec = machine.spec.neuron_unit
    gate = Gate(tile.gate.positions, machine.window)
    times = neuron_service_ps(machine.spec, 1, part.channels), to_ps(spec.latency), to_ps(spec.hop_latency)
    name = machine.plan.chip.neuron_unit_of(where)
    what = name, tile, gate, part.channels, times, spec.partial_sum_slots, machine.interconnect
    shared, keys = machine.sharing.neuron_units.get(name), machine.order.keys(tile.layer, rank, name)
    if shared is not None:
        unit: ChainUnit = SharedChainUnit(*what, shared, machine.clock, keys)
    else:
        lone = len(part.blocks) == 1 and not isinstance(tile, SharedBlock)  # which would have to be told of places
        unit = LoneUnit(*what) if lone else ChainUnit(*what)
    unit.replica = tile.replica
    tile.places, tile.unit = unit.places, unit
    machine.neurons.append(unit)
    return unit
