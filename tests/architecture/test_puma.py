"""PUMA's figures (Ankit et al., ASPLOS 2019, Table 3), through the engine."""

from __future__ import annotations

import numpy as np
import pytest

import chipsim
from chipsim.architecture.chip import build_chip
from chipsim.architecture.loader import load_spec
from chipsim.mapping.placement import place
from chipsim.network.graph import Network
from chipsim.network.layers import InputLayer, MatrixLayer, Window
from chipsim.network.matrix import Matrix
from chipsim.simulation.engine import simulate_chip

MVM_PS = 2_304_000


def one_layer(side: int, copies: int, inputs: int, trace: int = 0):
    """A 1x1 convolution of 128 channels on a chip of one tile."""
    matrix = Matrix("a", np.zeros((128, 128), np.float32), np.zeros(128, np.float32))
    shape = (128, side, side)
    layer = MatrixLayer("a", ("x",), shape, shape, Window((1, 1)), (matrix,))
    layers = {"x": InputLayer("x", (), shape), "a": layer}
    network = Network("one", layers, ("a",), weights="file", onnx_bytes=b"", input_name="x", sha256="")
    spec = load_spec("puma", ["grid.shape=[1,1]", "host.bandwidth=1 TB/s", "link.bandwidth=1 TB/s"])
    return simulate_chip(place(network, build_chip(spec), {"a": copies}), inputs, trace_inputs=trace)


def test_a_product_takes_the_published_time_and_energy():
    outcome = one_layer(2, 1, 1, trace=1)
    spans = [span for span in outcome.timeline.spans if span.activity == "mvm"]
    assert [span.end_ps - span.start_ps for span in spans] == [MVM_PS] * 4
    joules = sum(row.joules for row in outcome.ledger.rows() if row.action == "mvm")
    assert joules == pytest.approx(4 * 43.97e-9, rel=1e-12)


def test_the_units_of_a_tile_work_side_by_side():
    """16 copies on the 16 units: 16 results in the time of one, as the bus and the vector units keep up."""
    alone, all_of_them = one_layer(8, 1, 4), one_layer(8, 16, 4)
    assert alone.done_ps[3] / all_of_them.done_ps[3] == pytest.approx(16, rel=0.06)
    assert alone.done_ps[3] == pytest.approx(4 * 64 * MVM_PS, rel=0.01)


def test_the_parts_add_up_to_the_published_power_of_a_node():
    """62.5 W: tiles with all units at work, the network, and 10.4 W off chip, which the file does not count."""
    spec = load_spec("puma")
    units = spec.tile.crossbars * spec.tile.mvm_energy / spec.tile.mvm_latency
    chip = build_chip(spec)
    assert (len(chip.tiles), len(chip.arrays)) == (138, 138 * 16)
    watts = 138 * (units + spec.tile.static_power + spec.router.static_power) + 10.4
    assert watts == pytest.approx(62.5, rel=2e-3)


def test_a_network_runs_and_no_sum_saturates():
    """9 bits hold 128 cells of at most 3 under inputs of one bit; 16-bit values lose no class."""
    data = chipsim.run("puma", "zoo:digits-mlp", data="zoo:digits", programmings=1).data
    assert data["accuracy"]["quantised"] == data["accuracy"]["ideal"]
    assert data["chip"]["saturated_outputs"] == 0
    assert data["chip"]["peak_tops"] == pytest.approx(2 * 16_384 * 16 * 138 / 2304e-9 / 1e12)
    assert data["chip"]["tiles_used"] == 1
