"""`place`: blocks on tiles in order, one block per array, and digital layers on digital units."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from chipsim.architecture.chip import Chip
from chipsim.errors import CapacityError, InputError, nearest
from chipsim.mapping.partition import Block, PackedMatrix, pack, partition
from chipsim.mapping.plan import LayerPlan, PlacedBlock, Plan, Replica, Slice
from chipsim.network.edges import HOST, Edge, edges
from chipsim.network.graph import Network
from chipsim.network.layers import DigitalLayer, GateLayer


def place(network: Network, chip: Chip, replicas: Mapping[str, int] | None = None) -> Plan:
    """Map a network onto a chip: layers in topological order on neighbouring tiles.

    Parameters
    ----------
    network : Network
    chip : Chip
    replicas : mapping of str to int, optional
        Copies of a layer's matrices; position p goes to copy p mod their number. One of every other layer.

    Returns
    -------
    Plan

    Raises
    ------
    CapacityError
        If the chip has fewer tiles than the network has blocks.
    InputError
        If a layer has no matrices, or fewer positions than replicas.
    """
    copies = _checked(replicas or {}, network)
    rows, columns = chip.spec.tile.crossbar.rows, chip.spec.tile.crossbar.columns
    packed = {layer.name: pack(layer, rows, columns) for layer in network.matrix_layers}
    blocks = {name: [partition(matrix, rows, columns) for matrix in matrices] for name, matrices in packed.items()}
    _check_capacity(network, chip, {name: copies[name] * sum(map(len, parts)) for name, parts in blocks.items()})
    arrays = _arrays(chip)
    layers = {
        layer.name: LayerPlan(
            layer,
            packed[layer.name],
            tuple(
                part
                for number in range(copies[layer.name])
                for part in _slices(
                    packed[layer.name], blocks[layer.name], chip, arrays, Replica(number, copies[layer.name])
                )
            ),
        )
        for layer in network.matrix_layers
    }
    gates = gate_units(network, layers)
    return Plan(network, chip, layers, _place_digital(network, chip, layers, gates), gates)


def _arrays(chip: Chip) -> Iterator[tuple[int, int]]:
    """Number of the tile, and which of its arrays, in order."""
    return ((tile, crossbar) for tile in range(len(chip.tiles)) for crossbar in range(chip.spec.tile.crossbars))


def _slices(
    matrices: tuple[PackedMatrix, ...], blocks: list[tuple[Block, ...]], chip: Chip,
    arrays: Iterator[tuple[int, int]], replica: Replica,
) -> Iterator[Slice]:  # fmt: skip
    for index, (matrix, parts) in enumerate(zip(matrices, blocks, strict=True)):
        for column in sorted({block.column for block in parts}):
            mine = [block for block in parts if block.column == column]
            places = [next(arrays) for _ in mine]
            yield Slice(
                matrix.first_output_channel + mine[0].first_column,
                mine[0].columns,
                chip.neuron_units[places[0][0]],
                tuple(
                    PlacedBlock(index, block, chip.tiles[tile], replica, crossbar)
                    for block, (tile, crossbar) in zip(mine, places, strict=True)
                ),
            )


def _checked(replicas: Mapping[str, int], network: Network) -> dict[str, int]:
    """Copies of every matrix layer."""
    positions = {layer.name: layer.positions for layer in network.matrix_layers}
    for name, count in replicas.items():
        if name not in positions:
            raise InputError(f"replicas: {network.name} has no layer {name!r} on tiles{nearest(name, positions)}")
        if not 1 <= count <= positions[name]:
            raise InputError(
                f"replicas: layer {name} has {positions[name]} positions: 1 to {positions[name]} copies, not {count}"
            )
    return dict.fromkeys(positions, 1) | dict(replicas)


def _check_capacity(network: Network, chip: Chip, needed: dict[str, int]) -> None:
    blocks, crossbars = sum(needed.values()), chip.spec.tile.crossbars
    total, present = math.ceil(blocks / crossbars), len(chip.tiles)
    if total <= present:
        return
    largest = sorted(needed, key=lambda name: -needed[name])[:5]
    listed = ", ".join(f"{name} {needed[name]}" for name in largest)
    more = f" and {len(needed) - len(largest)} more layers" if len(needed) > len(largest) else ""
    what = "tiles" if crossbars == 1 else f"arrays, {crossbars} to a tile,"
    side = next(n for n in range(1, total + 1) if n * n >= total)
    raise CapacityError(
        f"network {network.name} needs {total} tiles, {chip.spec.name} has {present} ({what} needed: {listed}{more}); "
        f"use a larger chip, for instance --set grid.shape=[{side},{side}], or larger crossbars"
    )


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
