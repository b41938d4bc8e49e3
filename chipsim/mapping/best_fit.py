"""`map_best_fit`: the strategy ``best-fit``: as few arrays as possible, blocks beside each other on each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from chipsim.architecture.chip import Chip
from chipsim.errors import CapacityError
from chipsim.mapping.placement import Piece, Place, or_reload, pieces, place
from chipsim.mapping.plan import Plan
from chipsim.mapping.strategy import Options
from chipsim.network.graph import Network

Size = tuple[int, int]
"""Rows and columns."""


def map_best_fit(network: Network, chip: Chip, options: Options, seed: int) -> Plan:  # noqa: ARG001
    """Put blocks, the largest first, where they leave the least room beside them; open an array where none has room.

    Arrays are taken in the order of the first block on each, so that layers that follow each other stay near.
    """
    parts = pieces(network, chip, options.replicas)
    crossbar, arrays = chip.spec.tile.crossbar, chip.spec.tile.crossbars
    most = len(chip.tiles) if options.section.tiles == "all" else min(len(chip.tiles), options.section.tiles)
    sizes = [(part.block.rows, part.block.columns) for part in parts]
    corners = fit(sizes, (crossbar.rows, crossbar.columns))
    order = {array: number for number, array in enumerate(dict.fromkeys(array for array, _, _ in corners))}
    needed = -(-len(order) // arrays)
    if needed > most:
        raise CapacityError(
            f"network {network.name} needs {needed} tiles even with blocks side by side on them, and "
            f"{most} of {chip.spec.name} may be used; {_ways_out(network, chip, parts, needed)}"
        )
    places = [Place(order[array] // arrays, order[array] % arrays, row, column) for array, row, column in corners]
    return place(network, chip, options.replicas, places=places)


def _ways_out(network: Network, chip: Chip, parts: Sequence[Piece], needed: int) -> str:
    present = len(chip.tiles)
    if needed <= present:
        return "allow more (mapping.tiles)"
    chips = -(-(needed + chip.all_tiles - present) // chip.all_tiles) * chip.spec.mapping.chips
    reload = or_reload(network, chip, parts)
    return f"use a larger chip, or larger crossbars; or {chips} chips (--chips {chips}){reload}"


def fit(sizes: Sequence[Size], array: Size) -> list[tuple[int, int, int]]:
    """Which array each block goes on, and the row and column of its corner; the fewest arrays that this finds.

    Parameters
    ----------
    sizes : sequence of (rows, columns)
        Of blocks, none larger than an array.
    array : (rows, columns)

    Examples
    --------
    >>> fit([(4, 4), (2, 8), (2, 4)], (8, 8))
    [(0, 2, 0), (0, 0, 0), (0, 6, 0)]
    """
    open_arrays: list[_Free] = []
    found: dict[int, tuple[int, int, int]] = {}
    for number in sorted(range(len(sizes)), key=lambda index: (-max(sizes[index]), -min(sizes[index]), index)):
        size = sizes[number]
        fitting = ((each.waste(size), index) for index, each in enumerate(open_arrays))
        waste, index = min(fitting, default=(None, 0))
        if waste is None or waste == _NONE:
            open_arrays.append(_Free([(0, 0, *array)]))
            index = len(open_arrays) - 1
        found[number] = (index, *open_arrays[index].take(size))
    return [found[number] for number in range(len(sizes))]


_NONE = 2**62


@dataclass(slots=True)
class _Free:
    """Rectangles of one array that hold nothing: (row, column, rows, columns)."""

    rectangles: list[tuple[int, int, int, int]] = field(default_factory=list)

    def waste(self, size: Size) -> int:
        """Cells that are left of the rectangle that fits best; `_NONE` where nothing fits."""
        return min((rows * columns for _, _, rows, columns in self._fitting(size)), default=_NONE)

    def take(self, size: Size) -> tuple[int, int]:
        """Cut a block out of the rectangle that fits best, and what is left into two, along the shorter rest."""
        best = min(self._fitting(size), key=lambda each: (each[2] * each[3], each))
        row, column, rows, columns = best
        self.rectangles.remove(best)
        below, beside = rows - size[0], columns - size[1]
        if below < beside:
            rests = [(row + size[0], column, below, size[1]), (row, column + size[1], rows, beside)]
        else:
            rests = [(row + size[0], column, below, columns), (row, column + size[1], size[0], beside)]
        self.rectangles += [rest for rest in rests if rest[2] and rest[3]]
        return row, column

    def _fitting(self, size: Size) -> list[tuple[int, int, int, int]]:
        return [each for each in self.rectangles if each[2] >= size[0] and each[3] >= size[1]]
