"""Plans whose blocks share tiles and arrays: `shared` moves the blocks of a plan together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from chipsim.mapping.plan import PlacedBlock, Plan


def shared(plan: Plan, tiles: int) -> Plan:
    """The same plan on the first tiles of the chip, so many or as many more as its blocks need."""
    found = list(_places(plan, tiles))
    if len(found) < len(plan.stored_blocks):
        return shared(plan, tiles + 1)
    places = {id(placed): place for placed, place in zip(plan.stored_blocks, found, strict=True)}

    def moved(placed: PlacedBlock) -> PlacedBlock:
        return places[id(placed)]

    layers = {}
    for name, layer in plan.layers.items():
        if layer.layer.shares:
            slices = tuple(part.read_by(name) for part in layers[layer.layer.shares].slices)
            layers[name] = replace(layer, slices=slices)
            continue
        slices = []
        for part in layer.slices:
            blocks = tuple(moved(placed) for placed in part.blocks)
            slices.append(replace(part, blocks=blocks, neuron_unit=plan.chip.neuron_unit_of(blocks[0].tile)))
        layers[name] = replace(layer, slices=tuple(slices))
    return Plan(plan.network, plan.chip, layers, plan.digital_units)


def _places(plan: Plan, tiles: int) -> Iterator[PlacedBlock]:
    """Blocks side by side along the rows of arrays, the arrays of the tiles in turn, as long as they fit."""
    crossbar, crossbars = plan.chip.spec.tile.crossbar, plan.chip.spec.tile.crossbars
    arrays = [
        (plan.chip.tiles[tile], number)
        for number in range(crossbars)
        for tile in range(min(tiles, len(plan.chip.tiles)))
    ]
    shelves = dict.fromkeys(arrays, (0, 0, 0))  # first row of the shelf, its height, next free column
    for number, placed in enumerate(plan.stored_blocks):
        block = placed.block
        for offset in range(len(arrays)):
            array = arrays[(number + offset) % len(arrays)]
            row, height, column = shelves[array]
            if column + block.columns > crossbar.columns:
                row, height, column = row + height, 0, 0
            if row + block.rows <= crossbar.rows:
                shelves[array] = row, max(height, block.rows), column + block.columns
                yield replace(placed, tile=array[0], crossbar=array[1], first_row=row, first_column=column)
                break
        else:
            return
