"""Rules T70 to T74 where the answer is known: turns, ports, converters, neuron units, periods, counts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from packing import shared
from second_engine import SecondEngine
from small_machines import NS, chip, conv, dense, plan, source, spec
from test_second_engine import CHIPS, networks
from test_shared_tiles_engines import SHARING, together
from test_varying_engines import BASE, INPUTS, random_lengths

from chipsim.errors import SpecError
from chipsim.mapping.plan import Plan
from chipsim.simulation.chip_outcome import ChipOutcome
from chipsim.simulation.core.durations import peak_interval_ps
from chipsim.simulation.engine import simulate_chip

FAST = {
    "link.bandwidth": "1 TB/s", "link.latency": "0 ns", "router.delay": "1 ps", "host.bandwidth": "1 TB/s",
    "tile.buffer.bandwidth": "1 TB/s", "tile.output_bandwidth": "1 TB/s", "neuron_unit.rate": "1 Top/s",
    "host.max_inputs_in_flight": 12,
}  # fmt: skip


def interval(found: ChipOutcome) -> float:
    """Between the outputs of the middle third, when inputs come and go."""
    third = len(found.done_ps) // 3
    return (found.done_ps[2 * third] - found.done_ps[third]) / third


def three(changes: dict[str, Any]) -> Plan:
    """A chain of three layers, each of one block and one MVM to an input."""
    layers = [source(4), dense("a", "x", 4, 4), dense("b", "a", 4, 4), dense("c", "b", 4, 4)]
    return plan(layers, {**FAST, **changes})


@pytest.mark.parametrize("together", [1, 2, 3])
def test_layers_on_one_array_take_turns(together: int) -> None:
    """As many MVMs of 100 ns to an input as blocks on the fullest array."""
    built = three({})
    layers = dict(built.layers)
    for number, name in enumerate("abc"[:together]):
        [part] = layers[name].slices
        place = replace(part.blocks[0], tile="tile(0,0)", first_row=4 * number)
        layers[name] = replace(layers[name], slices=(replace(part, blocks=(place,), neuron_unit="neuron(0,0)"),))
    outcome = simulate_chip(Plan(built.network, built.chip, layers, built.digital_units), 96)
    assert interval(outcome) == pytest.approx(together * 100 * NS, rel=0.01)
    assert outcome.timeline.busy_ps["tile(0,0)"] == together * 96 * 100 * NS


def test_layers_on_arrays_of_one_tile_run_side_by_side() -> None:
    outcome = simulate_chip(three({"tile.crossbars": 3}), 96)
    assert interval(outcome) == pytest.approx(100 * NS, rel=0.01)
    assert outcome.timeline.busy_ps["tile(0,0)[2]"] == 96 * 100 * NS
    assert outcome.utilisation_mean == pytest.approx(96 * 100 * NS / outcome.makespan_ps)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, 40),  # 20 ns to integrate, 4 columns of 5 ns: held together
        ({"tile.sample_and_hold": True}, 20),
        ({"tile.adc.crossbars_per_adc": 3}, 60),  # three conversions of 20 ns at one set of converters
        ({"tile.adc.crossbars_per_adc": 3, "tile.sample_and_hold": True}, 60),
        ({"tile.buffer.bandwidth": "100 MB/s"}, 120),  # three loads of 4 bytes at one port
        ({"tile.output_bandwidth": "100 MB/s"}, 120),
        ({"tile.output_bandwidth": "100 MB/s", "tile.output_ports": "per-crossbar"}, 40),
        ({"control_unit.issue_time": "50 ns"}, 150),
        ({"neuron_unit.rate": "50 Mop/s"}, 240),  # three slices of 4 values at one unit
    ],
)  # fmt: skip
def test_what_arrays_share_sets_the_pace(changes: dict[str, Any], expected: int) -> None:
    phases = {"tile.crossbars": 3, "tile.mvm_latency": None, "tile.dac.bits": 2, "tile.dac.time_per_lsb": "20 ns",
              "tile.adc.columns_per_adc": 16, "tile.adc.conversion_time": "5 ns"}  # fmt: skip
    assert interval(simulate_chip(three({**phases, **changes}), 96)) == pytest.approx(expected * NS, rel=0.01)


@pytest.mark.parametrize(("together", "expected"), [(1, 100), (2, 160), (4, 320)])
def test_converters_that_are_shared_lower_the_peak(together: int, expected: int) -> None:
    """20 ns to integrate and 80 ns to convert, of as many arrays one after another."""
    found = spec({"tile.crossbars": 4, "tile.adc.crossbars_per_adc": together, "tile.mvm_latency": None,
                  "tile.dac.bits": 2, "tile.dac.time_per_lsb": "20 ns", "tile.adc.columns_per_adc": 16,
                  "tile.adc.conversion_time": "5 ns"})  # fmt: skip
    assert peak_interval_ps(found) == expected * NS


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tile.crossbars": 0}, "crossbars"),
        ({"tile.crossbars": 3, "tile.adc.crossbars_per_adc": 2}, r"must divide tile.crossbars \(3\)"),
        ({"neuron_unit.tiles_per_unit": 0}, "tiles_per_unit"),
        ({"neuron_unit.tiles_per_unit": 2, "neuron_unit.partial_sums": "chain"}, "must be 1 with partial_sums: chain"),
        ({"tile.crossbars": 2, "tile.adc.crossbars_per_adc": 2, "tile.adc.kind": "counter"}, "a counter counts while"),
    ],
)
def test_tiles_that_cannot_be_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        spec(changes)


def test_one_neuron_unit_for_several_tiles_sits_beside_the_first() -> None:
    built = chip({"grid.shape": "[2, 4]", "neuron_unit.tiles_per_unit": 3})
    units = dict.fromkeys(built.neuron_units)
    assert len(units) == 3
    for number, (tile, unit) in enumerate(zip(built.tiles, built.neuron_units, strict=True)):
        assert built.site(unit) == built.site(built.tiles[number - number % 3])
        assert built.neuron_unit_of(tile) == unit
    assert sum(kind == "neuron_unit" for _, kind in built.graph.nodes(data="kind")) == 3


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(networks(4), CHIPS, SHARING, st.sampled_from([1, 2, 3]), st.integers(12, 40))
def test_a_jump_gives_the_same_integers(net, changes, sharing, tiles, inputs) -> None:
    built = together(net, {**changes, **sharing}, tiles, 1)
    if built is None:
        return
    jumped, full = simulate_chip(built, inputs), simulate_chip(built, inputs, exact_all=True)
    for name in ("done_ps", "admitted_ps", "tile_mvms", "block_busy_ps", "links", "buffer_peaks", "utilisation_mean"):
        assert getattr(jumped, name) == getattr(full, name)
    assert jumped.ledger.rows() == full.ledger.rows()
    assert jumped.timeline.busy_ps == full.timeline.busy_ps


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(networks(5), CHIPS, SHARING, st.sampled_from([1, 2]), st.integers(1, 3))
def test_what_is_done_does_not_depend_on_who_shares(net, changes, sharing, tiles, inputs) -> None:
    """MVMs, conversions and bytes of the arrays are those of a tile for each block; less may travel."""
    apart = together(net, {**changes, **sharing, "tile.crossbars": 1}, 0, 1)
    close = together(net, {**changes, **sharing}, tiles, 1)
    if apart is None or close is None:
        return
    one, other = simulate_chip(apart, inputs), simulate_chip(close, inputs)
    assert sum(one.tile_mvms.values()) == sum(other.tile_mvms.values()) == inputs * apart.tile_mvms
    assert sum(plan.cells_used for plan in apart.layers.values()) == sum(p.cells_used for p in close.layers.values())

    def amounts(outcome: ChipOutcome, kinds: set[str], action: str) -> float:
        return sum(row.amount for row in outcome.ledger.rows() if row.kind in kinds and row.action == action)

    for action in ("mvm", "array in and out", "read", "issue", "dac", "adc", "neuron"):
        kinds = {"tile", "tile buffer", "control unit", "neuron unit"}
        assert amounts(one, kinds, action) == amounts(other, kinds, action), action
    assert amounts(other, {"tile buffer"}, "write") <= amounts(one, {"tile buffer"}, "write")
    assert amounts(one, {"host"}, "transfer") >= amounts(other, {"host"}, "transfer") > 0


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(networks(4), CHIPS, SHARING, INPUTS, st.sampled_from([1, 2]), st.integers(1, 3))
def test_two_engines_agree_where_every_mvm_takes_its_own_time(net, changes, sharing, dac, tiles, inputs) -> None:
    stops = {"tile.adc.kind": "ramp", "tile.adc.early_stop": True, "tile.dac.early_stop": True}
    built = together(net, changes | sharing | BASE | dac | stops, tiles, 1)
    if built is None:
        return
    counts, lengths = random_lengths(built, inputs, np.random.default_rng(inputs), (True, True))
    outcome = simulate_chip(built, inputs, counts=counts)
    second = SecondEngine(built, inputs, int(changes["host.max_inputs_in_flight"]), lengths=lengths).run()
    assert outcome.done_ps == second.done


def test_a_convolution_on_one_tile() -> None:
    """Row blocks, column blocks and copies of one layer together: every position on every block of its copy."""
    x = source(4, 3, 3)
    layers = [x, conv("a", x, 20, 3, pads=1)]
    built = plan(layers, {"grid.shape": "[3, 3]", "tile.crossbars": 4, "tile.crossbar.rows": 20})
    close = shared(built, 1)
    assert (close.tiles_used, len(close.blocks)) == (1, 4)
    outcome = simulate_chip(close, 2)
    assert set(outcome.tile_mvms.values()) == {18}
    assert outcome.done_ps == SecondEngine(close, 2, 4).run().done
