"""`with_more_copies`: a plan with more copies of layers, and everything that it has where it is."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product

from chipsim.errors import CapacityError
from chipsim.mapping.placement import Place, pieces, place
from chipsim.mapping.plan import Plan


def with_more_copies(plan: Plan, replicas: Mapping[str, int]) -> Plan:
    """Put new copies on arrays that hold nothing, the first in the placement order; nothing else moves.

    Parameters
    ----------
    plan : Plan
    replicas : mapping of str to int
        Copies of layers, at least as many as they have.

    Raises
    ------
    CapacityError
        If too few arrays are free.
    """
    chip = plan.chip
    tiles = {name: number for number, name in enumerate(chip.tiles)}
    places = {
        (name, placed.matrix, placed.replica.number, placed.block.row, placed.block.column): Place(
            tiles[placed.tile], placed.crossbar, placed.first_row, placed.first_column
        )
        for name, layer in plan.layers.items()
        for placed in layer.stored_blocks
    }
    taken = {(at.tile, at.crossbar) for at in places.values()}
    arrays = product(range(len(tiles)), range(chip.spec.tile.crossbars))
    free = iter([array for array in arrays if array not in taken])
    copies = {name: layer.replicas for name, layer in plan.layers.items()} | dict(replicas)
    wanted = []
    for part in pieces(plan.network, chip, copies):
        key = (part.layer, part.matrix, part.replica.number, part.block.row, part.block.column)
        if key not in places:
            array = next(free, None)
            if array is None:
                raise CapacityError(f"no array of {chip.spec.name} is free for another copy of layer {part.layer}")
            places[key] = Place(*array)
        wanted.append(places[key])
    return place(plan.network, chip, copies, places=wanted, digital_units=plan.digital_units)
