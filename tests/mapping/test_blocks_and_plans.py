"""Cutting, packing and placing layers, against brute force over single cells and published layer sizes."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chipsim.architecture.chip import build_chip
from chipsim.architecture.loader import load_spec
from chipsim.architecture.spec import InMemorySpec
from chipsim.errors import CapacityError
from chipsim.mapping.partition import PackedMatrix, pack, partition
from chipsim.mapping.placement import place
from chipsim.mapping.plan import Plan
from chipsim.network.graph import Network
from chipsim.network.layers import AnyLayer, DigitalLayer, InputLayer, MatrixLayer, ViewLayer, Window
from chipsim.network.matrix import Matrix


def convolution(name: str, before: str, channels: int, outputs: int, groups: int = 1, kernel: tuple[int, int] = (1, 1),
                size: tuple[int, int] = (4, 4)) -> MatrixLayer:  # fmt: skip
    rows, columns = channels // groups * kernel[0] * kernel[1], outputs // groups
    matrices = tuple(
        Matrix(f"{name}.{g}", np.full((rows, columns), g + 1, np.float32), np.full(columns, g, np.float32),
               g * channels // groups, g * columns)
        for g in range(groups)
    )  # fmt: skip
    shape = (outputs, size[0] - kernel[0] + 1, size[1] - kernel[1] + 1)
    return MatrixLayer(name, (before,), shape, (channels, *size), Window(kernel), matrices)


def mapped(layers: list[AnyLayer], *overrides: str) -> Plan:
    spec = load_spec("hermes64", overrides)
    assert isinstance(spec, InMemorySpec)
    net = Network("net", {layer.name: layer for layer in layers}, (layers[-1].name,), "file", b"", "x", "")
    return place(net, build_chip(spec))


SIZES = st.integers(1, 40)


@settings(max_examples=150)
@given(SIZES, SIZES, st.integers(1, 17), st.integers(1, 17))
def test_blocks_cover_every_cell_exactly_once(rows: int, columns: int, tile_rows: int, tile_columns: int) -> None:
    matrix = PackedMatrix("w", (Matrix("w", np.zeros((rows, columns), np.float32), np.zeros(columns, np.float32)),))
    blocks = partition(matrix, tile_rows, tile_columns)
    covered = np.zeros((rows, columns), int)
    for block in blocks:
        assert 0 < block.rows <= tile_rows
        assert 0 < block.columns <= tile_columns
        assert (block.first_row, block.first_column) == (block.row * tile_rows, block.column * tile_columns)
        covered[block.first_row :, block.first_column :][: block.rows, : block.columns] += 1
        assert matrix.cells_used(block) == block.rows * block.columns
    assert (covered == 1).all()
    assert len(blocks) == -(-rows // tile_rows) * -(-columns // tile_columns)
    assert list(blocks) == sorted(blocks, key=lambda block: (block.column, block.row))


GROUPED = st.tuples(
    st.integers(1, 6), st.integers(1, 4), st.integers(1, 3), st.sampled_from([(1, 1), (2, 2), (1, 3)]),
    st.sampled_from([(4, 4), (9, 3), (16, 8), (7, 20)]),
)  # fmt: skip


@settings(max_examples=120)
@given(GROUPED)
def test_groups_are_packed_on_the_diagonal_and_cells_are_counted_one_by_one(
    case: tuple[int, int, int, tuple[int, int], tuple[int, int]],
) -> None:
    groups, inputs, outputs, kernel, tile = case
    layer = convolution("c", "x", groups * inputs, groups * outputs, groups, kernel)
    packed = pack(layer, *tile)
    assert [m for matrix in packed for m in matrix.matrices] == list(layer.matrices)
    for matrix in packed:
        dense = np.zeros((matrix.rows, matrix.columns), np.float32)
        for index, member in enumerate(matrix.matrices):
            y, x = index * member.rows, index * member.columns
            dense[y : y + member.rows, x : x + member.columns] = member.weights
        assert np.array_equal(matrix.weights, dense)
        assert matrix.bias.tolist() == [b for m in matrix.matrices for b in m.bias]
        assert matrix.first_output_channel == matrix.matrices[0].first_output_channel
        blocks = partition(matrix, *tile)
        for block in blocks:
            part = dense[block.first_row :, block.first_column :][: block.rows, : block.columns]
            assert matrix.cells_used(block) == np.count_nonzero(part)
        if len(matrix.matrices) > 1:
            assert len(blocks) == 1  # packed groups share one tile, or are not packed
    fit = min(tile[0] // layer.matrices[0].rows, tile[1] // layer.matrices[0].columns)
    assert len(packed) == -(-groups // max(1, fit))


@settings(max_examples=120)
@given(GROUPED, st.data())
def test_channels_read_equal_walking_the_rows_of_a_block(
    case: tuple[int, int, int, tuple[int, int], tuple[int, int]], data: st.DataObject
) -> None:
    groups, inputs, outputs, kernel, tile = case
    layer = convolution("c", "x", groups * inputs, groups * outputs, groups, kernel)
    rows_met = data.draw(st.lists(st.integers(0, kernel[0] - 1), unique=True).map(sorted).map(tuple))
    columns_met = data.draw(st.lists(st.integers(0, kernel[1] - 1), unique=True).map(sorted).map(tuple))
    for matrix in pack(layer, *tile):
        meaning = [
            (y, x, member.first_input_channel + c)
            for member in matrix.matrices
            for y, x, c in product(range(kernel[0]), range(kernel[1]), range(inputs))
        ]
        for block in partition(matrix, *tile):
            mine = meaning[block.first_row : block.first_row + block.rows]
            for taps, wanted in (
                (None, {c for _, _, c in mine}),
                ((rows_met, columns_met), {c for y, x, c in mine if y in rows_met and x in columns_met}),
            ):
                ranges = matrix.channels_read(block, kernel, taps)
                assert [c for low, high in ranges for c in range(low, high)] == sorted(wanted)
                assert all(a[1] < b[0] for a, b in pairwise(ranges))


HERMES_RESNET9 = [
    (27, 56),
    (504, 112),
    (1008, 112),
    (1008, 112),
    (1008, 224),
    (2016, 224),
    (2016, 224),
    (2016, 224),
    (224, 10),
]


def resnet9() -> list[AnyLayer]:
    """The published ResNet-9's matrices as a chain (their inputs do not fit each other; only sizes matter)."""
    layers: list[AnyLayer] = [InputLayer("x", (), (27, 2, 2))]
    for number, (rows, columns) in enumerate(HERMES_RESNET9):
        matrix = Matrix(f"w{number}", np.zeros((rows, columns), np.float32), np.zeros(columns, np.float32))
        shape = (columns, 2, 2)
        layers.append(MatrixLayer(f"l{number}", (layers[-1].name,), shape, (rows, 2, 2), Window(), (matrix,)))
    return layers


def test_the_published_resnet9_takes_forty_tiles() -> None:
    """Le Gallo et al. 2023: ResNet-9 maps to 40 of the 64 cores of 256 x 256."""
    plan = mapped(resnet9())
    assert plan.tiles_used == 40
    assert [len(p.blocks) for p in plan.layers.values()] == [1, 2, 4, 4, 4, 8, 8, 8, 1]
    assert plan.tile_mvms == 40 * 4
    cells = sum(rows * columns for rows, columns in HERMES_RESNET9)
    assert sum(p.cells_used for p in plan.layers.values()) == cells
    assert plan.utilisation_cells == pytest.approx(cells / (40 * 65536))


def test_every_block_has_a_tile_of_its_own_in_placement_order() -> None:
    plan = mapped(resnet9())
    tiles = [block.tile for layer in plan.layers.values() for block in layer.blocks]
    assert tuple(tiles) == plan.chip.tiles[:40]
    for layer in plan.layers.values():
        for part in layer.slices:
            assert sorted(b.block.row for b in part.blocks) == list(range(len(part.blocks)))
            sites = {plan.chip.site(b.tile) for b in part.blocks}
            assert plan.chip.site(part.neuron_unit) in sites


def test_slices_cover_a_layers_channels_once_each_with_a_neuron_unit_of_its_own() -> None:
    layers: list[AnyLayer] = [InputLayer("x", (), (40, 4, 4)), convolution("a", "x", 40, 600, kernel=(3, 3))]
    layers += [convolution("g", "a", 600, 600, 600, (2, 2), (2, 2))]
    plan = mapped(layers)
    for name, total in (("a", 600), ("g", 600)):
        parts = plan.layers[name].slices
        assert [part.first_channel for part in parts] == list(np.cumsum([0, *(p.channels for p in parts[:-1])]))
        assert sum(part.channels for part in parts) == total
        assert len({part.neuron_unit for part in parts}) == len(parts)
    # 360 x 600: 2 x 3 blocks; 600 groups of 4 x 1, 64 on a tile
    assert Counter(len(part.blocks) for part in plan.layers["a"].slices) == {2: 3}
    assert len(plan.layers["g"].slices) == 10


def test_the_table_has_a_line_per_packed_matrix() -> None:
    layers: list[AnyLayer] = [InputLayer("x", (), (300, 4, 4)), convolution("a", "x", 300, 10)]
    layers += [convolution("g", "a", 10, 10, 2, (2, 2))]
    first, second = mapped(layers).rows()
    assert (first.layer, first.rows, first.columns, first.tiles, first.positions) == ("a", 300, 10, 2, 16)
    assert first.cells_used == pytest.approx(3000 / (2 * 65536))
    assert (first.first_tile, first.last_tile) == ("tile(0,0)", "tile(0,1)")
    assert (second.layer, second.rows, second.columns, second.tiles, second.positions) == ("g", 40, 10, 1, 9)
    assert second.cells_used == pytest.approx(2 * 20 * 5 / 65536)


def test_too_small_a_chip_is_refused_with_layers_needed_and_present() -> None:
    with pytest.raises(CapacityError) as refused:
        mapped(resnet9(), "grid.shape=[5,7]")
    message = str(refused.value)
    assert "needs 40 tiles" in message
    assert "has 35" in message
    assert "l5 8, l6 8, l7 8" in message
    assert "4 more layers" in message
    assert "grid.shape=[7,7]" in message
    assert mapped(resnet9(), "grid.shape=[7,7]").tiles_used == 40
    assert mapped(resnet9(), "grid.shape=[5,8]").tiles_used == 40


def test_every_digital_layer_is_placed_and_none_gets_more_than_its_share_before_it() -> None:
    layers: list[AnyLayer] = [InputLayer("x", (), (4, 4, 4)), convolution("a", "x", 4, 4)]
    for number in range(6):
        layers.append(DigitalLayer(f"r{number}", (layers[-1].name,), (4, 4, 4), "Relu", element_operations=64))
    layers.append(ViewLayer("v", ("r5",), (64,)))
    layers.append(DigitalLayer("s", ("v",), (64,), "Softmax", element_operations=200))
    plan = mapped(layers)
    digital = [layer for layer in layers if isinstance(layer, DigitalLayer)]
    assert set(plan.digital_units) == {layer.name for layer in digital}
    assert set(plan.digital_units.values()) <= set(plan.chip.digital_units)
    load: Counter[str] = Counter()
    fair = sum(layer.element_operations for layer in digital) / len(plan.chip.digital_units)
    for layer in digital:
        assert load[plan.digital_units[layer.name]] <= fair
        load[plan.digital_units[layer.name]] += layer.element_operations


def test_a_network_without_weights_needs_no_tile() -> None:
    layers: list[AnyLayer] = [InputLayer("x", (), (4,)), DigitalLayer("r", ("x",), (4,), "Relu", element_operations=4)]
    plan = mapped(layers)
    assert (plan.tiles_used, plan.tile_mvms, plan.utilisation_cells, plan.rows()) == (0, 0, 0.0, [])
