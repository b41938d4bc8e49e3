"""Neuron units that activate before conversion (T76): times, energy, what is refused, and values."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from second_engine import SecondEngine
from small_machines import NS, dense, plan, source, spec
from test_critical_path import check
from test_second_engine import BOUNDED, CHIPS, least_buffers, networks
from test_shared_tiles_engines import SHARING, compare, together

from chipsim.architecture.chip import build_chip
from chipsim.architecture.loader import load_spec
from chipsim.errors import MappingError, SpecError
from chipsim.execution.calibration import calibrate
from chipsim.execution.fitting import different_parts, fitting
from chipsim.execution.functional import IDEAL, QUANTISED, program_network
from chipsim.mapping.placement import place
from chipsim.mapping.plan import Plan
from chipsim.network.graph import Network
from chipsim.network.layers import Activation, InputLayer, MatrixLayer, Window
from chipsim.network.matrix import Matrix
from chipsim.simulation.engine import simulate_chip
from chipsim.simulation.explaining.tracing import trace_run

ANALOG = {
    "neuron_unit.activation": "analog", "tile.dac.encoding": "pulse-width", "neuron_unit.tiles_per_unit": 1,
    "tile.crossbar.rows": 64,
}  # fmt: skip
MANY = {"suppress_health_check": [HealthCheck.too_slow, HealthCheck.filter_too_much]}


@settings(max_examples=120, **MANY)
@given(networks(), CHIPS, SHARING, st.sampled_from([0, 1, 2]), st.integers(1, 2), st.integers(1, 3), st.booleans())
def test_two_engines_agree_on_analog_units(net, changes, sharing, tiles, copies, inputs, least) -> None:
    bounds = BOUNDED if least else {}
    built = together(net, {**changes, **sharing, **ANALOG, **bounds}, tiles, copies)
    if built is None:
        return
    in_flight = int(changes["host.max_inputs_in_flight"])
    if least:
        with least_buffers():
            outcome = simulate_chip(built, inputs)
    else:
        outcome = simulate_chip(built, inputs)
    compare(built, outcome, SecondEngine(built, inputs, in_flight, least=least).run(), inputs)
    first = [(layer.layer, part) for layer in built.layers.values() for part in layer.slices if not part.replica.number]
    values = inputs * sum(layer.positions * part.channels for layer, part in first)
    assert sum(row.amount for row in outcome.ledger.rows() if row.action == "activate") == values


@settings(max_examples=60, **MANY)
@given(networks(), CHIPS, SHARING, st.sampled_from([0, 1, 2]), st.integers(1, 3))
def test_paths_fill_the_latency(net, changes, sharing, tiles, inputs) -> None:
    built = together(net, {**changes, **sharing, **ANALOG, "tile.adc.crossbars_per_adc": 1}, tiles, 1)
    if built is not None:
        check(trace_run(built, inputs))


@settings(max_examples=40, **MANY)
@given(networks(4), CHIPS, SHARING, st.sampled_from([0, 1]), st.integers(12, 40))
def test_a_jump_gives_the_same_integers(net, changes, sharing, tiles, inputs) -> None:
    built = together(net, {**changes, **sharing, **ANALOG}, tiles, 1)
    if built is None:
        return
    jumped, full = simulate_chip(built, inputs), simulate_chip(built, inputs, exact_all=True)
    assert (jumped.done_ps, jumped.links, jumped.block_busy_ps) == (full.done_ps, full.links, full.block_busy_ps)
    assert jumped.ledger.rows() == full.ledger.rows()


def test_a_layer_takes_settling_instead_of_a_neuron_unit() -> None:
    """Four values: 4 ns of a digital unit at 1 Gop/s and 5 ns behind it; an analog one settles for 5 ns."""
    layers = [source(4), dense("a", "x", 4, 4)]
    fields = {"neuron_unit.latency": "5 ns", "widths.partial_sum_bits": 16}
    digital, analog = (
        simulate_chip(plan(layers, {**fields, "neuron_unit.activation": kind}), 1).done_ps[0]
        for kind in ("digital", "analog")
    )
    assert digital - analog == 4 * NS + 4 * NS  # the unit's values, and 4 bytes more to drain


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"neuron_unit.partial_sums": "chain"}, "leaves no partial sums to pass on"),
        ({"neuron_unit.tiles_per_unit": 2}, "which is in every column"),
        ({"tile.dac.encoding": "bit-serial", "tile.dac.bits": 4}, "makes 3 planes, which are added as numbers"),
        ({"tile.crossbar.encoding.kind": "slices", "tile.crossbar.encoding.weight_bits": 4,
          "tile.crossbar.encoding.bits_per_cell": 1}, "slices adds slices as numbers"),
        ({"tile.dac.range": "per-vector"}, "scales sums as numbers"),
        ({"tile.adc.range": "full-scale"}, "use calibrated"),
        ({"tile.adc.noise": 0.5}, "errors of output converters"),
    ],
)  # fmt: skip
def test_chips_that_need_numbers_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        spec({"neuron_unit.activation": "analog", **changes})


def test_layers_of_several_row_blocks_are_refused_by_name() -> None:
    layers = [source(40), dense("a", "x", 40, 4)]
    with pytest.raises(MappingError, match=r"layer a: its columns are cut into 3 row blocks.*rows to 40 or more"):
        plan(layers, {"neuron_unit.activation": "analog"})


BITS = "tile.dac.bits=8", "tile.adc.bits=5", "neuron_unit.partial_sums=gather", "neuron_unit.hop_latency=0 ns"


def rectified(bias: float, *overrides: str) -> Plan:
    """One layer, its bias far from zero and a ReLU behind it."""
    weights = np.random.default_rng(0).normal(size=(12, 5)).astype(np.float32)
    matrix = Matrix("a", weights, np.full(5, bias, np.float32))
    relu = (Activation("relu"),)
    layer = MatrixLayer("a", ("x",), (5,), (12, 1, 1), Window(), (matrix,), relu)
    net = Network("net", {"x": InputLayer("x", (), (12,)), "a": layer}, ("a",), "file", b"", "x", "")
    return place(net, build_chip(load_spec("hermes64", ["grid.shape=[1,2]", *BITS, *overrides])))


def test_what_is_converted_is_activated() -> None:
    """All outputs are whole steps of the percentile of the rectified values, against the ideal network."""
    built = rectified(-1.0, "neuron_unit.activation=analog")
    x = np.random.default_rng(1).random((200, 12), np.float32)
    ranges = calibrate(built, x)
    ideal, found = (program_network(built, ranges, kind, 0).run(x, ("a",))["a"] for kind in (IDEAL, QUANTISED))
    assert ranges["a"].outputs[0, 0, 0][0] == pytest.approx(np.quantile(ideal, 0.9999), rel=1e-3)
    step = ranges["a"].outputs[0, 0, 0][0] / 15
    steps = found / step
    np.testing.assert_allclose(steps, np.rint(steps), atol=1e-3)
    assert found.min() == 0.0
    assert np.abs(found - ideal).max() <= 0.5 * step + 0.02 * np.abs(ideal).max()


def test_conversion_of_activated_values_wastes_no_codes_on_what_a_relu_drops() -> None:
    """Behind a bias that leaves only the largest sums, five bits see more of them than five bits of the sums."""
    x = np.random.default_rng(1).random((400, 12), np.float32)
    errors = {}
    for kind in ("digital", "analog"):
        built = rectified(-2.0, f"neuron_unit.activation={kind}")
        ranges = calibrate(built, x)
        ideal, found = (
            program_network(built, ranges, fidelity, 0).run(x, ("a",))["a"] for fidelity in (IDEAL, QUANTISED)
        )
        errors[kind] = float(np.square(found - ideal).mean())
    assert errors["analog"] < 0.5 * errors["digital"]


def test_outputs_do_not_depend_on_chunks() -> None:
    built = rectified(-1.0, "neuron_unit.activation=analog")
    x = np.random.default_rng(1).random((64, 12), np.float32)
    ranges = calibrate(built, x)
    whole, parts = (program_network(built, ranges, QUANTISED, 0).run(x, ("a",), chunk)["a"] for chunk in (None, 7))
    np.testing.assert_array_equal(whole, parts)


def test_programmings_of_other_neuron_units_do_not_fit() -> None:
    digital, analog = (
        fitting(rectified(-1.0, f"neuron_unit.activation={kind}"), "float32") for kind in ("digital", "analog")
    )
    assert different_parts(digital, analog) == different_parts(analog, digital) == "neuron units"
