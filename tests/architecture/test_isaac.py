"""ISAAC's pipeline and peak (Shafiee et al., ISCA 2016), through the engine."""

from __future__ import annotations

import numpy as np
import pytest

from chipsim.architecture.chip import build_chip
from chipsim.architecture.loader import load_spec
from chipsim.mapping.placement import place
from chipsim.network.graph import Network
from chipsim.network.layers import InputLayer, MatrixLayer, Window
from chipsim.network.matrix import Matrix
from chipsim.simulation.core.durations import peak_interval_ps
from chipsim.simulation.engine import simulate_chip

CYCLE_PS = 100_000
POSITIONS = 64


@pytest.fixture(scope="module")
def outcome():
    """Two 1x1 convolutions of 128 channels over 8 x 8 positions, one IMA of the same tile each."""
    return simulate_chip(pair({}), 4, trace_inputs=1)


def pair(replicas):
    """The two of them on a chip of two tiles, perhaps with copies."""
    layers = [InputLayer("x", (), (128, 8, 8))]
    for name, before in (("a", "x"), ("b", "a")):
        matrix = Matrix(name, np.zeros((128, 128), np.float32), np.zeros(128, np.float32))
        layers.append(MatrixLayer(name, (before,), (128, 8, 8), (128, 8, 8), Window((1, 1)), (matrix,)))
    network = Network(
        "pair",
        {layer.name: layer for layer in layers},
        ("b",),
        weights="file",
        onnx_bytes=b"",
        input_name="x",
        sha256="",
    )
    spec = load_spec("isaac", ["grid.shape=[1,2]"])
    return place(network, build_chip(spec), replicas)


def spans(outcome, component, activity):
    found = [s for s in outcome.timeline.spans if s.component == component and s.activity == activity]
    return sorted(found, key=lambda span: span.position)


def test_the_first_result_is_written_in_cycle_22(outcome):
    tile = "tile(0,0)"
    start = spans(outcome, tile, "load")[0].start_ps
    ends = {name: spans(outcome, tile, name)[0].end_ps - start for name in ("load", "integrate", "convert", "drain")}
    # cycle 1 eDRAM read, 2-17 crossbar, 3-18 ADC, 4-19 shift and add, 20 output register, 21 sigmoid, 22 eDRAM write
    assert ends == {"load": 1 * CYCLE_PS, "integrate": 17 * CYCLE_PS, "convert": 18 * CYCLE_PS, "drain": 20 * CYCLE_PS}
    written = spans(outcome, "neuron(0,0)->router(0,0)", "transfer")[0].end_ps - start
    assert -(-written // CYCLE_PS) == 22


def test_results_follow_every_16_cycles(outcome):
    drains = [span.end_ps for span in spans(outcome, "tile(0,0)", "drain")]
    assert np.diff(drains)[1:].tolist() == [16 * CYCLE_PS] * (POSITIONS - 2)


def test_the_imas_of_a_tile_keep_that_pace_side_by_side():
    """12 copies of a layer on the 12 IMAs of each tile: 12 results every 16 cycles."""
    outcome = simulate_chip(pair({"a": 12, "b": 12}), 12, trace_inputs=8)
    assert outcome.tile_mvms["tile(0,0)[11]"] == outcome.tile_mvms["tile(0,1)[11]"] == 12 * 5
    ends = sorted(s.end_ps for s in outcome.timeline.spans if s.activity == "neuron" and s.layer == "a")
    half = len(ends) // 2
    assert (ends[half + 120] - ends[half]) / 120 == pytest.approx(16 * CYCLE_PS / 12, rel=0.1)


def test_the_chip_peaks_at_the_published_rate():
    spec = load_spec("isaac")
    chip = build_chip(spec)
    assert (len(chip.tiles), len(chip.arrays)) == (168, 168 * 12)
    assert peak_interval_ps(spec) == 16 * CYCLE_PS
    tops = 2 * 128 * 128 * len(chip.arrays) / peak_interval_ps(spec)
    assert tops == pytest.approx(41.3, rel=1e-3)


def test_converters_take_the_published_share_of_power():
    """Of an IMA at full rate: 16 mW of converters and 4 mW of drivers."""
    adc, dac = (getattr(load_spec("isaac").tile, name) for name in ("adc", "dac"))
    assert 128 * 8 * adc.energy_per_conversion / 100e-9 == pytest.approx(16e-3)
    assert 128 * dac.energy_per_conversion / 100e-9 == pytest.approx(4e-3)
