"""`place`: blocks on tiles in order, one block per array, and digital layers on digital units."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

from chipsim.architecture.chip import Chip
from chipsim.errors import CapacityError, InputError, MappingError, nearest
from chipsim.mapping.partition import Block, PackedMatrix, pack, partition
from chipsim.mapping.plan import LayerPlan, PlacedBlock, Plan, Replica, Slice
from chipsim.network.edges import HOST, Edge, edges
from chipsim.network.graph import Network
from chipsim.network.layers import DigitalLayer, GateLayer
from chipsim.network.loops import loops

OR_RELOAD = "; or write tiles again between rounds (--reload"
"""How the last thing begins that a network may do which does not fit."""


class Place(NamedTuple):
    """Where a block is wanted: number of the tile in ``chip.tiles``, which array, where on that the cells begin."""

    tile: int
    crossbar: int = 0
    first_row: int = 0
    first_column: int = 0


@dataclass(frozen=True, slots=True)
class Piece:
    """A block that needs a place: of which layer, which of its packed matrices and which copy."""

    layer: str
    matrix: int
    replica: Replica
    block: Block


def pieces(network: Network, chip: Chip, replicas: Mapping[str, int] | None = None) -> list[Piece]:
    """Everything that needs a place, in the order of `Plan.stored_blocks`: layers, copies, matrices, columns, rows.

    A layer that shares the weights of another needs none.

    Raises
    ------
    InputError
        If there is no such layer, or it has fewer positions than replicas.
    """
    copies = _checked(replicas or {}, network)
    rows, columns = chip.spec.tile.crossbar.rows, chip.spec.tile.crossbar.columns
    return [
        Piece(layer.name, index, Replica(number, copies[layer.name]), block)
        for layer in network.matrix_layers
        if not layer.shares
        for number in range(copies[layer.name])
        for index, matrix in enumerate(pack(layer, rows, columns))
        for block in partition(matrix, rows, columns)
    ]


def place(
    network: Network, chip: Chip, replicas: Mapping[str, int] | None = None, *, places: Sequence[Place] | None = None,
    digital_units: Mapping[str, str] | None = None,
) -> Plan:  # fmt: skip
    """Map a network onto a chip: layers in topological order on neighbouring tiles, or where they are wanted.

    Parameters
    ----------
    network : Network
    chip : Chip
    replicas : mapping of str to int, optional
        Copies of a layer's matrices; position p goes to copy p mod their number. One of every other layer.
    places : sequence of Place, optional
        Where each of the `pieces` goes; one to an array, in order, if not given.
    digital_units : mapping of str to str, optional
        Units of all digital layers; near to who feeds and reads them if not given.

    Returns
    -------
    Plan

    Raises
    ------
    CapacityError
        If the chip has fewer arrays than the network has blocks.
    MappingError
        If places are not on the chip, or blocks lie over each other.
    InputError
        If a layer has no matrices, or fewer positions than replicas.
    """
    parts = pieces(network, chip, replicas)
    if places is None:
        _check_capacity(network, chip, parts)
        places = _arrays(chip, len(parts))
    rows, columns = chip.spec.tile.crossbar.rows, chip.spec.tile.crossbar.columns
    packed = {layer.name: pack(layer, rows, columns) for layer in network.matrix_layers}
    if len(places) != len(parts):
        raise MappingError(f"{network.name} has {len(parts)} blocks, and {len(places)} places are given")
    found: defaultdict[str, list[tuple[Piece, Place]]] = defaultdict(list)
    for part, wanted in zip(parts, places, strict=True):
        if not 0 <= wanted.tile < len(chip.tiles):
            raise MappingError(f"layer {part.layer}: {chip.spec.name} has no tile number {wanted.tile}")
        found[part.layer].append((part, wanted))
    layers: dict[str, LayerPlan] = {}
    for layer in network.matrix_layers:
        if layer.shares:
            slices = tuple(part.read_by(layer.name) for part in layers[layer.shares].slices)
        else:
            slices = tuple(_slices(packed[layer.name], found[layer.name], chip))
        layers[layer.name] = LayerPlan(layer, packed[layer.name], slices)
    gates = gate_units(network, layers)
    units = _place_digital(network, chip, layers, gates) if digital_units is None else dict(digital_units)
    return Plan(network, chip, layers, units, gates)


def _arrays(chip: Chip, count: int) -> list[Place]:
    """The first arrays of the chip, tile by tile."""
    crossbars = chip.spec.tile.crossbars
    return [Place(number // crossbars, number % crossbars) for number in range(count)]


def _slices(
    matrices: tuple[PackedMatrix, ...], placed: Sequence[tuple[Piece, Place]], chip: Chip
) -> Iterator[Slice]:  # fmt: skip
    """Blocks of one layer, by copy, matrix and column of blocks."""
    for (_, index, _), group in groupby(
        placed, lambda item: (item[0].replica.number, item[0].matrix, item[0].block.column)
    ):
        mine = list(group)
        first = mine[0][0].block
        yield Slice(
            matrices[index].first_output_channel + first.first_column,
            first.columns,
            chip.neuron_units[mine[0][1].tile],
            tuple(
                PlacedBlock(index, part.block, chip.tiles[tile], part.replica, crossbar, row, column)
                for part, (tile, crossbar, row, column) in mine
            ),
        )


def _checked(replicas: Mapping[str, int], network: Network) -> dict[str, int]:
    """Copies of every matrix layer."""
    positions = {layer.name: layer.positions for layer in network.matrix_layers}
    group = in_groups(network)
    for name, count in replicas.items():
        if name not in positions:
            raise InputError(f"replicas: {network.name} has no layer {name!r} on tiles{nearest(name, positions)}")
        if not 1 <= count <= positions[name]:
            raise InputError(
                f"replicas: layer {name} has {positions[name]} positions: 1 to {positions[name]} copies, not {count}"
            )
        if count > 1 and name in group:
            raise InputError(
                f"replicas: layer {name} shares its weights with {group[name]}, and shared weights have no copies; "
                "leave it out, or add --set mapping.share_weights=false"
            )
    return dict.fromkeys(positions, 1) | dict(replicas)


def in_groups(network: Network) -> dict[str, str]:
    """Each layer that shares weights, and another one of its group."""
    pairs = [(layer.name, layer.shares) for layer in network.matrix_layers if layer.shares]
    return {first: name for name, first in reversed(pairs)} | dict(pairs)


def _check_capacity(network: Network, chip: Chip, parts: Sequence[Piece]) -> None:
    needed = Counter(part.layer for part in parts)
    blocks, crossbars = len(parts), chip.spec.tile.crossbars
    total, present = math.ceil(blocks / crossbars), len(chip.tiles)
    if total <= present:
        return
    largest = sorted(needed, key=lambda name: -needed[name])[:5]
    listed = ", ".join(f"{name} {needed[name]}" for name in largest)
    more = f" and {len(needed) - len(largest)} more layers" if len(needed) > len(largest) else ""
    what = "tiles" if crossbars == 1 else f"arrays, {crossbars} to a tile,"
    together = total + chip.all_tiles - present  # with what other networks took
    chips = math.ceil(together / chip.all_tiles) * chip.spec.mapping.chips
    side = next(n for n in range(1, together + 1) if n * n >= together)
    left = f"{present} left" if present < chip.all_tiles else f"{present}"
    raise CapacityError(
        f"network {network.name} needs {total} tiles, {chip.spec.name} has {left} ({what} needed: {listed}{more}); "
        f"use a larger chip, for instance --set grid.shape=[{side},{side}], or larger crossbars; or {chips} chips "
        f"(--chips {chips}){or_reload(network, chip, parts)}"
    )


def or_reload(network: Network, chip: Chip, parts: Sequence[Piece]) -> str:
    """That tiles may be written again, and what that takes; empty where it would not help.

    Parameters
    ----------
    network : Network
    chip : Chip
    parts : sequence of Piece
        All that needs a place. Of a layer that may be cut between its columns one column of blocks must fit.
    """
    around = {name: loop.state.name for loop in loops(network).values() for name in loop.members}
    uncut = kept_whole(network)
    together: Counter[tuple[str, int, int]] = Counter()
    for part in parts:
        if part.replica.number == 0:  # rounds have no copies
            column = (0, 0) if part.layer in uncut else (part.matrix, part.block.first_column)
            together[around.get(part.layer, part.layer), *column] += 1
    if max(together.values()) > len(chip.arrays):
        return ""
    with_order = "" if chip.spec.mapping.strategy == "in-order" else " --mapping in-order"
    lacks = "" if chip.spec.tile.programming else (
        f", which needs a section tile.programming, and {chip.spec.name} has none: docs/mapping.md has one to copy"
    )  # fmt: skip
    return f"{OR_RELOAD}{with_order}{lacks})"


def kept_whole(network: Network) -> frozenset[str]:
    """Layers that rounds do not cut between columns: those in loops, and what gates read."""
    looped = {name for loop in loops(network).values() for name in loop.members}
    gates = [layer for layer in network.layers.values() if isinstance(layer, GateLayer)]
    return frozenset(looped.union(*(gate.inputs for gate in gates)))


def gate_units(network: Network, layers: Mapping[str, LayerPlan]) -> dict[str, str]:
    """The neuron unit of each layer of gates: beside the first tile of the matrix that reads its operator's state."""
    recurrent = {plan.layer.inputs[0]: plan.slices[0].neuron_unit for plan in layers.values() if plan.layer.delay}
    gates = [layer for layer in network.layers.values() if isinstance(layer, GateLayer)]
    return {layer.name: recurrent[layer.state or layer.name] for layer in gates}


def _place_digital(network: Network, chip: Chip, layers: dict[str, LayerPlan], gates: dict[str, str]) -> dict[str, str]:
    """Put each digital layer on the unit nearest to who feeds and who reads it that has less than its fair share."""
    load = dict.fromkeys(chip.digital_units, 0)
    digital = [layer for layer in network.layers.values() if isinstance(layer, DigitalLayer)]
    work = sum(layer.element_operations for layer in digital)
    joined = edges(network)
    placed: dict[str, str] = {}
    for layer in digital:
        near = [at for edge in joined for at in _beside(edge, layer.name, layers, gates | placed)]
        free = [unit for unit in load if load[unit] * len(load) <= work]
        unit = min(free, key=lambda u: (sum(chip.hops(at, u) for at in near), load[u], u))
        load[unit] += layer.element_operations
        placed[layer.name] = unit
    return placed


def _beside(edge: Edge, name: str, layers: dict[str, LayerPlan], placed: dict[str, str]) -> list[str]:
    """Components that send to or receive from a digital layer over an edge, as far as they have a place."""
    if edge.consumer == name:
        if edge.producer in layers:
            return [part.neuron_unit for part in layers[edge.producer].slices]
        return [placed.get(edge.producer, HOST)]
    if edge.producer == name and edge.consumer in layers:
        return [layers[edge.consumer].blocks[0].tile]
    return [HOST] if edge.producer == name and edge.consumer == HOST else []
