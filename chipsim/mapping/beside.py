"""`place_beside`: a network on those tiles of a chip that others have left (rule T90)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from chipsim.architecture.chip import Chip
from chipsim.errors import CapacityError
from chipsim.mapping.placement import OR_RELOAD
from chipsim.mapping.plan import Plan


def place_beside(others: Sequence[Plan], chip: Chip, place: Callable[[Chip], Plan]) -> Plan:
    """Place a network on a chip that already holds others.

    Parameters
    ----------
    others : sequence of Plan
        On the same chip.
    chip : Chip
    place : callable
        Maps the network onto a chip: it is given one that has the free tiles alone.

    Returns
    -------
    Plan
        On the whole chip.

    Raises
    ------
    CapacityError
        If too few tiles are left.

    Notes
    -----
    Where tiles share a neuron unit, all of them go to one network.
    """
    taken = {placed.tile for plan in others for placed in plan.blocks}
    units = {chip.neuron_unit_of(tile) for tile in taken}
    taken |= {tile for tile in chip.tiles if chip.neuron_unit_of(tile) in units}
    names = ", ".join(plan.network.name for plan in others)
    if len(taken) == len(chip.tiles):
        raise CapacityError(
            f"no tile is left for another network: all {len(taken)} of {chip.spec.name} go to {names}; use a larger "
            "chip (--set grid.shape=[ROWS,COLUMNS]), or fewer tiles for them: no balanced copies, or mapping.tiles"
        )
    try:
        return replace(place(_without(chip, taken)), chip=chip)
    except CapacityError as error:
        why = str(error).partition(OR_RELOAD)[0]  # tiles between rounds are one network's
        whose = f"; {len(taken)} of its {len(chip.tiles)} tiles are those of {names}" if taken else ""
        raise CapacityError(why + whose) from None


def _without(chip: Chip, taken: set[str]) -> Chip:
    free = [index for index, tile in enumerate(chip.tiles) if tile not in taken]
    return replace(
        chip,
        tiles=tuple(chip.tiles[index] for index in free),
        neuron_units=tuple(chip.neuron_units[index] for index in free),
    )
