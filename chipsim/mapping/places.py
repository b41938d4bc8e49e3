"""`PlacedBlock`: where a block sits: a tile, an array of it, and where on that array its cells begin."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from chipsim.architecture.chip import Chip, array_name
from chipsim.errors import MappingError, nearest
from chipsim.mapping.partition import Block


@dataclass(frozen=True, slots=True)
class Replica:
    """One of several copies of a layer's matrices, which take turns at its positions.

    Attributes
    ----------
    number, of : int
        Which one, from zero, of how many.

    Examples
    --------
    >>> list(Replica(1, of=3).positions(8))
    [1, 4, 7]
    """

    number: int = 0
    of: int = 1

    def positions(self, total: int) -> range:
        """The positions that it computes of ``total``."""
        return range(self.number, total, self.of)


WHOLE = Replica()
"""A layer without copies."""


@dataclass(frozen=True, slots=True)
class PlacedBlock:
    """A block, where it sits and the replica that it belongs to.

    Attributes
    ----------
    matrix : int
        Which of the layer's packed matrices it is cut from.
    block : Block
    tile : str
    replica : Replica
    crossbar : int
        Which array of the tile, from zero.
    first_row, first_column : int
        Where on that array its cells begin.
    reader : str
        The layer that reads these cells, where they are those of another layer with the same weights.

    Examples
    --------
    >>> block = Block(row=0, column=0, first_row=0, rows=8, first_column=0, columns=8)
    >>> PlacedBlock(0, block, "tile(0,1)").name
    'tile(0,1)'
    >>> PlacedBlock(0, block, "tile(0,1)", crossbar=2, first_column=8).name
    'tile(0,1)[2]+0,8'
    >>> PlacedBlock(0, block, "tile(0,1)", reader="right").name
    'tile(0,1):right'
    """

    matrix: int
    block: Block
    tile: str
    replica: Replica = WHOLE
    crossbar: int = 0
    first_row: int = 0
    first_column: int = 0
    reader: str = ""

    @property
    def array(self) -> str:
        """Name of its array: the tile's, and behind it the number in brackets of any but the first."""
        return array_name(self.tile, self.crossbar)

    @property
    def name(self) -> str:
        """Of this block alone in a plan: the array's, where the cells begin, unless in the corner, and the reader's."""
        corner = (self.first_row, self.first_column) == (0, 0)
        place = self.array if corner else f"{self.array}+{self.first_row},{self.first_column}"
        return f"{place}:{self.reader}" if self.reader else place


Owned = tuple[str, PlacedBlock]
"""A layer's name and one of its blocks."""


def check_places(chip: Chip, blocks: Iterable[Owned]) -> None:
    """Refuse blocks that have no array, do not fit on it, or lie over each other.

    Parameters
    ----------
    chip : Chip
    blocks : iterable of (layer's name, PlacedBlock)
        Those with cells of their own.

    Raises
    ------
    MappingError
        Naming layers and places.
    """
    crossbars, tiles = chip.spec.tile.crossbars, frozenset(chip.tiles)
    by_array: defaultdict[str, list[Owned]] = defaultdict(list)
    for layer, placed in blocks:
        if placed.tile not in tiles:
            raise MappingError(
                f"layer {layer}: {placed.tile!r} is no tile of {chip.spec.name}{nearest(placed.tile, tiles)}"
            )
        if not 0 <= placed.crossbar < crossbars:
            raise MappingError(
                f"layer {layer} on {placed.tile}: no array {placed.crossbar}, a tile of {chip.spec.name} has "
                f"{crossbars} (tile.crossbars), numbered from 0"
            )
        _check_fit(chip, layer, placed)
        by_array[placed.array].append((layer, placed))
    for array, found in by_array.items():
        for one, other in combinations(found, 2):
            if _overlap(one[1], other[1]):
                raise MappingError(
                    f"{array}: {_words(*one)} and {_words(*other)} lie over each other; give each cells of its own"
                )


def check_readers(shares: Mapping[str, str], blocks: Mapping[str, Sequence[PlacedBlock]]) -> None:
    """Refuse layers that share weights and are not on the cells of the layer that has them, block by block.

    Parameters
    ----------
    shares : mapping of str to str
        Layer -> the layer whose weights it reads; empty where it has its own.
    blocks : mapping of str to sequence of PlacedBlock
        Of each layer.

    Raises
    ------
    MappingError
        Naming both layers.
    """
    for layer, first in shares.items():
        wanted = [replace(placed, reader=layer if first else "") for placed in blocks[first or layer]]
        if list(blocks[layer]) != wanted:
            raise MappingError(
                f"layer {layer} has the weights of {first or layer}: its blocks must be on the cells of that layer; "
                "make plans with chipsim.mapping.placement.place, which sees to it"
            )


def _check_fit(chip: Chip, layer: str, placed: PlacedBlock) -> None:
    crossbar, block = chip.spec.tile.crossbar, placed.block
    inside = (
        0 <= placed.first_row <= crossbar.rows - block.rows
        and 0 <= placed.first_column <= crossbar.columns - block.columns
    )
    if not inside:
        raise MappingError(
            f"{placed.array}: {_words(layer, placed)} reaches beyond the array of {crossbar.rows} x {crossbar.columns}"
        )


def _overlap(one: PlacedBlock, other: PlacedBlock) -> bool:
    apart = (
        one.first_row + one.block.rows <= other.first_row
        or other.first_row + other.block.rows <= one.first_row
        or one.first_column + one.block.columns <= other.first_column
        or other.first_column + other.block.columns <= one.first_column
    )
    return not apart


def _words(layer: str, placed: PlacedBlock) -> str:
    block = placed.block
    return (
        f"layer {layer}, rows {placed.first_row} to {placed.first_row + block.rows - 1}, "
        f"columns {placed.first_column} to {placed.first_column + block.columns - 1}"
    )
