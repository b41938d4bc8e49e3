"""`in_columns`: layers that are larger than the chip, as several of whole columns of blocks each (rule T86)."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

import numpy as np

from chipsim.architecture.chip import Chip
from chipsim.errors import CapacityError
from chipsim.mapping.partition import pack, partition
from chipsim.mapping.placement import kept_whole, pieces
from chipsim.network.graph import Network
from chipsim.network.layers import AnyLayer, DigitalLayer, MatrixLayer
from chipsim.network.matrix import Matrix

JOIN_OPSET = 13


@dataclass(frozen=True, slots=True)
class _Strip:
    """One column of blocks of a matrix, or whole matrices of a grouped convolution that stand on one tile."""

    matrices: tuple[Matrix, ...]
    first: int
    last: int
    tiles: int


def in_columns(network: Network, chip: Chip) -> Network:
    """Cut layers that do not fit by themselves; the same network where all do.

    A digital unit joins what the parts give, under the layer's name. Layers that gates read stay whole.

    Parameters
    ----------
    network : Network
    chip : Chip

    Raises
    ------
    CapacityError
        If one column of blocks does not fit.
    """
    room, tiles = len(chip.arrays), Counter(piece.layer for piece in pieces(network, chip))
    whole = kept_whole(network)
    layers: dict[str, AnyLayer] = {}
    notes: list[str] = []
    for name, layer in network.layers.items():
        if not isinstance(layer, MatrixLayer) or tiles[name] <= room or name in whole:
            layers[name] = layer
            continue
        parts = _parts(layer, chip, network.name)
        layers |= {part.name: part for part in parts} | {name: _joined(layer, parts)}
        notes.append(
            f"layer {name} takes {tiles[name]} tiles and there are {room}: its columns are computed in {len(parts)} "
            "parts, which a digital unit joins"
        )
    return replace(network, layers=layers, notes=(*network.notes, *notes)) if notes else network


def _parts(layer: MatrixLayer, chip: Chip, model: str) -> list[MatrixLayer]:
    """As many columns of blocks together as fit."""
    room = len(chip.arrays)
    groups: list[list[_Strip]] = []
    for strip in _strips(layer, chip):
        if strip.tiles > room:
            raise CapacityError(
                f"layer {layer.name} of {model} has {strip.matrices[0].rows} rows: one column of blocks takes "
                f"{strip.tiles} tiles, and there are {room}. mapping.reload cuts layers between columns alone; use a "
                "larger chip, crossbars of more rows, or several chips (mapping.chips)"
            )
        if not groups or sum(each.tiles for each in groups[-1]) + strip.tiles > room:
            groups.append([])
        groups[-1].append(strip)
    return [_part(layer, number, group) for number, group in enumerate(groups, start=1)]


def _strips(layer: MatrixLayer, chip: Chip) -> Iterator[_Strip]:
    crossbar = chip.spec.tile.crossbar
    for packed in pack(layer, crossbar.rows, crossbar.columns):
        blocks = partition(packed, crossbar.rows, crossbar.columns)
        if len(packed.matrices) > 1:
            yield _Strip(packed.matrices, 0, packed.columns, len(blocks))
            continue
        for first, column in groupby(blocks, key=lambda block: block.first_column):
            own = list(column)
            yield _Strip(packed.matrices, first, first + own[0].columns, len(own))


def _part(layer: MatrixLayer, number: int, strips: Sequence[_Strip]) -> MatrixLayer:
    """The layer with some of its columns."""
    found: list[Matrix] = []
    for _, group in groupby(strips, key=lambda strip: strip.matrices[0].name):
        own = list(group)
        if len(own[0].matrices) > 1:
            found += own[0].matrices
        else:
            found.append(_columns(own[0].matrices[0], own[0].first, own[-1].last))
    start = found[0].first_output_channel
    matrices = tuple(
        replace(each, name=f"{each.name}/columns{number}", first_output_channel=each.first_output_channel - start)
        for each in found
    )
    channels = sum(each.columns for each in matrices)
    shape = layer.output_shape
    shape = (*shape[:-1], channels) if layer.channels_last else (channels, *shape[1:])
    return replace(layer, name=f"{layer.name}/columns{number}", matrices=matrices, output_shape=shape)


def _columns(matrix: Matrix, first: int, last: int) -> Matrix:
    return replace(
        matrix,
        weights=np.ascontiguousarray(matrix.weights[:, first:last]),
        bias=matrix.bias[first:last],
        first_output_channel=matrix.first_output_channel + first,
    )


def _joined(layer: MatrixLayer, parts: Sequence[MatrixLayer]) -> DigitalLayer:
    """What the parts give, side by side: one operation per value, position by position."""
    axis = len(layer.output_shape) if layer.channels_last else 1
    return DigitalLayer(
        layer.name, tuple(part.name for part in parts), layer.output_shape, "Concat", {"axis": axis},
        pattern="elementwise", element_operations=math.prod(layer.output_shape), opset=JOIN_OPSET,
        position_axes=layer.position_axes, channels_last=layer.channels_last,
    )  # fmt: skip
