"""Layers larger than the chip are cut between columns: the same values, every cell once, and both engines agree."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from network_models import ideal, model_bytes, node, normal
from second_engine import SecondEngine
from small_machines import conv, dense, network, source, view
from test_rounds import small

import chipsim
from chipsim.errors import CapacityError
from chipsim.mapping.placement import pieces
from chipsim.network.layers import DigitalLayer
from chipsim.network.onnx_reader import read_onnx
from chipsim.network.reference import run_reference
from chipsim.planning.choose import make_plan, make_rounds
from chipsim.planning.columns import in_columns
from chipsim.planning.reloading import simulate_rounds

MODELS = {
    "dense": ([node("Gemm", "x w b", "y")], ("N", 6), {"w": normal(6, 40), "b": normal(40)}),
    "tokens": ([node("MatMul", "x w", "m"), node("Relu", "m", "y")], ("N", 3, 6), {"w": normal(6, 40)}),
    "map": (
        [node("Conv", "x w b", "c"), node("Relu", "c", "y")], ("N", 2, 5, 5),
        {"w": normal(40, 2, 2, 2), "b": normal(40)},
    ),
    "groups": ([node("Conv", "x w b", "y", group=2)], ("N", 4, 5, 5), {"w": normal(40, 2, 2, 2), "b": normal(40)}),
    "depthwise": ([node("Conv", "x w", "y", group=40)], ("N", 40, 3, 3), {"w": normal(40, 1, 2, 2)}),
    "volume": ([node("Conv", "x w", "y")], ("N", 1, 3, 3, 3), {"w": normal(40, 1, 2, 2, 2)}),
}  # fmt: skip


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("tiles", [1, 2, 3])
def test_values_stay_the_same_and_every_cell_is_there_once(name, tiles):
    nodes, shape, weights = MODELS[name]
    net = read_onnx(model_bytes([*nodes, node("Sigmoid", "y", "z")], shape, weights, outputs=("z",)), name)
    built = small({"tile.crossbar.rows": 8, "tile.crossbar.columns": 8}, f"[1, {tiles}]")
    cut = in_columns(net, built)
    whole = len(pieces(net, built))
    assert len(pieces(cut, built)) == whole > tiles
    parts = cut.matrix_layers
    assert len(parts) > 1
    assert all(sum(piece.layer == part.name for piece in pieces(cut, built)) <= tiles for part in parts)
    assert cut.macs == net.macs
    x = normal(3, *net.input_shape)
    found, wanted = ideal(cut, x)[cut.outputs[0]], run_reference(net, x)[0]
    assert np.abs(found - wanted).max() <= 1e-5 * np.abs(wanted).max()
    assert cut.notes[-1].endswith(f"in {len(parts)} parts, which a digital unit joins")


@settings(max_examples=40)
@given(st.integers(1, 30), st.integers(1, 60), st.integers(1, 3), st.integers(1, 4), st.integers(1, 3))
def test_both_engines_agree_on_rounds_of_columns(rows, columns, batch, tiles, positions):
    x = source(rows, 1, positions)
    first = conv("a", x, columns)
    flat = view("flat", first, columns * positions)
    net = network([x, first, flat, dense("b", "flat", columns * positions, 4)])
    built = small({"tile.crossbar.rows": 64, "tile.crossbar.columns": 8}, f"[1, {tiles}]")
    if len(pieces(net, built)) <= tiles:
        assert make_rounds(net, built) is None
        return
    strip = -(-columns * positions // 64)
    if strip > tiles:
        with pytest.raises(CapacityError, match=f"{columns * positions} rows: .* takes {strip} tiles"):
            make_rounds(net, built)
        return
    rounds = make_rounds(net, built)
    assert rounds is not None
    outcome, reloading = simulate_rounds(rounds, 2 * batch, batch)
    spans = [max(SecondEngine(each.plan, batch, 4, batch).run().done) for each in rounds.rounds]
    assert outcome.makespan_ps == 2 * sum(spans) + reloading.time_ps
    for name, layer in rounds.plan.layers.items():
        counted = sum(outcome.tile_mvms[placed.name] for placed in layer.blocks)
        assert counted == 2 * batch * rounds.plan.network.layers[name].positions * len(layer.blocks)


def test_a_network_that_fits_is_left_alone():
    x = source(4)
    net = network([x, dense("a", "x", 4, 4)])
    assert in_columns(net, small({}, "[1, 1]")) is net


def test_rows_that_do_not_fit_are_refused_with_numbers():
    net = network([source(100), dense("a", "x", 100, 4)])
    built = small({"tile.crossbar.rows": 8, "tile.crossbar.columns": 8}, "[1, 3]")
    with pytest.raises(CapacityError, match=r"layer a of net has 100 rows: .* takes 13 tiles, .* are 3"):
        make_rounds(net, built)


@pytest.mark.parametrize("strategy", ["in-order", "best-fit"])
@pytest.mark.parametrize("rows", [8, 9])
def test_reloading_is_named_where_one_column_of_blocks_fits(strategy, rows):
    net = network([source(rows), dense("a", "x", rows, 40)])
    crossbar = {"tile.crossbar.rows": 8, "tile.crossbar.columns": 8}
    built = small({**crossbar, "mapping.strategy": strategy, "mapping.reload": "false"}, "[1, 1]")
    with pytest.raises(CapacityError) as error:
        make_plan(net, built)
    assert ("--reload" in str(error.value)) == (rows == 8)
    again = small(crossbar, "[1, 1]")
    if rows == 8:
        assert len(make_rounds(net, again).rounds) == 5
    else:
        with pytest.raises(CapacityError, match="one column of blocks takes 2 tiles"):
            make_rounds(net, again)


def test_the_input_matrix_of_a_recurrent_operator_stays_whole():
    nodes = [node("RNN", "x w r", "h", hidden_size=16)]
    net = read_onnx(
        model_bytes(nodes, (5, 1, 4), {"w": normal(1, 16, 4), "r": normal(1, 16, 16)}, outputs=("h",)), "rnn"
    )
    with pytest.raises(CapacityError, match="needs 2 tiles by itself"):
        make_rounds(net, small({"tile.crossbar.rows": 64, "tile.crossbar.columns": 8}, "[1, 1]"))


def test_a_run_gives_the_accuracy_of_a_chip_that_is_large_enough():
    """Columns of 16 on two tiles; ideal and quantised values do not depend on rounds."""
    told = {"data": "zoo:digits", "programmings": 1}
    programming = (
        "tile.programming={pulse_time: 125 ns, pulse_energy: 28 pJ, verify_time: 768 ns, verify_energy: 52.5 pJ, "
        "step: 0.25, tolerance: 0.02, max_iterations: 30, write_heads: 32}"
    )
    size = ("tile.crossbar.rows=300", "tile.crossbar.columns=16", programming)
    small_chip = (*size, "grid.shape=[1,2]", "mapping.reload=true")
    cut = chipsim.run("hermes64", "zoo:digits-mlp", batch=90, overrides=small_chip, **told).data
    large = chipsim.run("hermes64", "zoo:digits-mlp", batch=90, overrides=(*size, "grid.shape=[4,4]"), **told).data
    assert "parts, which a digital unit joins" in json.dumps(cut)
    for key in ("reference", "ideal", "quantised"):
        assert cut["accuracy"][key] == large["accuracy"][key]
    assert abs(cut["accuracy"]["noisy"] - large["accuracy"]["noisy"]) < 0.05


def test_what_joins_them_is_a_digital_layer_of_the_same_name():
    net = network([source(4), dense("a", "x", 4, 20)])
    cut = in_columns(net, small({"tile.crossbar.rows": 8, "tile.crossbar.columns": 8}, "[1, 2]"))
    joint = cut.layers["a"]
    assert isinstance(joint, DigitalLayer)
    assert (joint.operator, joint.inputs, joint.element_operations) == ("Concat", ("a/columns1", "a/columns2"), 20)
