"""Where blocks sit: on which array, with cells of their own."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chipsim.architecture.chip import build_chip
from chipsim.architecture.loader import load_spec
from chipsim.errors import CapacityError, MappingError
from chipsim.mapping.placement import place
from chipsim.mapping.plan import PlacedBlock, Plan
from chipsim.network.graph import Network
from chipsim.network.layers import AnyLayer, InputLayer, MatrixLayer, Window
from chipsim.network.matrix import Matrix


def dense(name: str, before: str, rows: int, columns: int) -> MatrixLayer:
    matrix = Matrix(name, np.zeros((rows, columns), np.float32), np.zeros(columns, np.float32))
    return MatrixLayer(name, (before,), (columns,), (rows, 1, 1), Window(), (matrix,))


def plan(layers: list[AnyLayer], *overrides: str) -> Plan:
    """On arrays of 16 x 16."""
    spec = load_spec("hermes64", ["tile.crossbar.rows=16", "tile.crossbar.columns=16", "name=small", *overrides])
    net = Network("net", {layer.name: layer for layer in layers}, (layers[-1].name,), "file", b"", "x", "")
    return place(net, build_chip(spec))


def moved(given: Plan, **where: object) -> Plan:
    """The plan with its last block elsewhere."""
    *others, last = given.layers.values()
    *slices, part = last.slices
    *blocks, block = part.blocks
    part = replace(part, blocks=(*blocks, replace(block, **where)))
    layers = {layer.layer.name: layer for layer in others} | {last.layer.name: replace(last, slices=(*slices, part))}
    return Plan(given.network, given.chip, layers, given.digital_units)


@pytest.fixture(scope="module")
def two() -> Plan:
    layers = [InputLayer("x", (), (8,)), dense("a", "x", 8, 8), dense("b", "a", 8, 8)]
    return plan(layers, "tile.crossbars=2", "grid.shape=[1,2]")


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ({"crossbar": 0}, "tile(0,0): layer a, rows 0 to 7, columns 0 to 7 and layer b, rows 0 to 7, columns 0 to"),
        ({"crossbar": 0, "first_row": 7, "first_column": 7}, "layer b, rows 7 to 14, columns 7 to 14 lie over each"),
        ({"crossbar": 2}, "layer b on tile(0,0): no array 2, a tile of small has 2 (tile.crossbars), numbered from 0"),
        ({"crossbar": -1}, "no array -1"),
        ({"first_row": 9}, "tile(0,0)[1]: layer b, rows 9 to 16, columns 0 to 7 reaches beyond the array of 16 x 16"),
        ({"first_column": -1}, "columns -1 to 6 reaches beyond"),
        ({"tile": "tile(0,2)"}, "layer b: 'tile(0,2)' is no tile of small"),
    ],
)  # fmt: skip
def test_places_that_cannot_be_are_refused(two: Plan, where: dict[str, object], message: str) -> None:
    with pytest.raises(MappingError, match=re.escape(message)):
        moved(two, **where)


@pytest.mark.parametrize(
    "where",
    [
        {"crossbar": 0, "first_row": 8},
        {"crossbar": 0, "first_column": 8},
        {"tile": "tile(0,1)", "crossbar": 1, "first_row": 8, "first_column": 8},
    ],
)
def test_blocks_beside_each_other_are_fine(two: Plan, where: dict[str, object]) -> None:
    found = moved(two, **where)
    first, last = found.blocks
    assert first.name == "tile(0,0)"
    assert last.name == last.array + ("+8,8" if last.tile == "tile(0,1)" else f"+{last.first_row},{last.first_column}")
    assert (found.tiles_used, found.arrays_used) == ((2, 2) if last.tile == "tile(0,1)" else (1, 1))


@settings(max_examples=60)
@given(st.integers(1, 4), st.integers(1, 5), st.integers(1, 40), st.integers(1, 40))
def test_in_order_an_array_holds_one_block(crossbars: int, tiles: int, rows: int, columns: int) -> None:
    layers = [InputLayer("x", (), (rows,)), dense("a", "x", rows, columns), dense("b", "a", columns, 3)]
    blocks = -(-rows // 16) * -(-columns // 16) + -(-columns // 16)
    changes = f"tile.crossbars={crossbars}", f"grid.shape=[1,{tiles}]"
    if blocks > crossbars * tiles:
        with pytest.raises(CapacityError, match=f"needs {-(-blocks // crossbars)} tiles, small has {tiles}"):
            plan(layers, *changes)
        return
    found = plan(layers, *changes)
    names = [placed.name for placed in found.blocks]
    assert names == list(found.chip.arrays[:blocks])
    assert found.tiles_used == -(-blocks // crossbars)
    assert sum(layer.cells_used for layer in found.layers.values()) == rows * columns + columns * 3
    assert found.tile_mvms == blocks
    cells = found.tiles_used * crossbars * 256
    assert found.utilisation_cells == (rows * columns + columns * 3) / cells


def test_one_array_to_a_tile_is_the_old_plan() -> None:
    layers = [InputLayer("x", (), (20,)), dense("a", "x", 20, 20)]
    found = plan(layers, "grid.shape=[1,4]")
    assert found.blocks == tuple(
        PlacedBlock(0, placed.block, tile) for placed, tile in zip(found.blocks, found.chip.tiles, strict=True)
    )
    assert found.network.macs == sum(layer.cells_used for layer in found.layers.values())
