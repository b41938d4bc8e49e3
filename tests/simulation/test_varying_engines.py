"""MVMs of different lengths, planes that overlap and every kind of converter: both engines agree (T40 to T43)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from second_engine import Planes, SecondEngine
from small_machines import NS, chip, conv, dense, network, plan, source
from test_second_engine import CHIPS, compare, networks, small_enough

from chipsim.mapping.placement import place
from chipsim.mapping.plan import Plan
from chipsim.network.graph import Network
from chipsim.simulation.engine import simulate_chip

SERIAL = {"tile.dac.bits": 4, "tile.dac.encoding": "bit-serial", "tile.dac.bits_per_cycle": 2}
BASE = {
    "tile.mvm_latency": None, "tile.adc.conversion_time": None, "tile.adc.bits": 3,
    "tile.dac.time_per_lsb": "1.3 ns", "tile.adc.cycle_time": "0.7333 ns",
}  # fmt: skip
INPUTS = st.sampled_from([{"tile.dac.bits": 3}, SERIAL, {**SERIAL, "tile.dac.signs": "twos-complement"}])
KINDS = st.sampled_from(
    [
        {"tile.adc.kind": "sar"},
        {"tile.adc.kind": "ramp"},
        {"tile.adc.kind": "ramp", "tile.adc.early_stop": True},
        {"tile.adc.kind": "counter", "tile.adc.cycle_time": None, "tile.adc.columns_per_adc": 1},
        {"tile.adc.kind": "counter", "tile.adc.cycle_time": None, "tile.adc.columns_per_adc": 1,
         "tile.adc.conversion_time": "5 ns"},
    ]
)  # fmt: skip
SLOW = [HealthCheck.too_slow, HealthCheck.filter_too_much]


@dataclass(frozen=True)
class Counts:
    pulses: np.ndarray | None
    ramps: np.ndarray | None
    cycles: np.ndarray | None = None


@settings(max_examples=80, suppress_health_check=SLOW)
@given(networks(4), CHIPS, INPUTS, KINDS, st.integers(1, 4))
def test_two_engines_agree_on_planes_and_kinds_of_converters(
    net: Network, changes: dict[str, Any], dac: dict[str, Any], adc: dict[str, Any], inputs: int
) -> None:
    built = small_enough(net, changes | BASE | dac | adc)
    if built is None:
        return
    second = SecondEngine(built, inputs, int(changes["host.max_inputs_in_flight"])).run()
    compare(built, simulate_chip(built, inputs), second, inputs)


def random_lengths(
    built: Plan, inputs: int, rng: np.random.Generator, stops: tuple[bool, bool]
) -> tuple[dict[str, Counts], dict[str, list[Planes]]]:
    """Counts as the functional plane gives them, and the same as lengths of planes, worked out here."""
    tile, counts, lengths = built.chip.spec.tile, {}, {}
    most = 2**tile.dac.digit_bits - 1
    for layer in built.layers.values():
        for placed in layer.blocks:
            shape = (len(placed.replica.positions(layer.layer.positions)) * inputs, tile.dac.planes)
            turns = math.ceil(placed.block.columns / math.ceil(tile.crossbar.columns / tile.adc.columns_per_adc))
            pulses = rng.integers(0, most + 1, shape) if stops[0] else None
            ramps = rng.integers(turns, 4 * turns + 1, shape) if stops[1] else None
            counts[placed.name] = Counts(pulses, ramps)
            steps = np.full(shape, most) if pulses is None else np.maximum(pulses, 1)
            cycles = np.full(shape, 3 * turns) if ramps is None else ramps
            lengths[placed.name] = [
                [(1300 * int(a), math.ceil(int(c) * Fraction("733.3"))) for a, c in zip(*mvm, strict=True)]
                for mvm in zip(steps, cycles, strict=True)
            ]
    return counts, lengths


@settings(max_examples=80, suppress_health_check=SLOW)
@given(networks(4), CHIPS, INPUTS, st.sampled_from([(True, True), (True, False), (False, True)]), st.integers(1, 4))
def test_two_engines_agree_on_random_lengths(
    net: Network, changes: dict[str, Any], dac: dict[str, Any], stops: tuple[bool, bool], inputs: int
) -> None:
    adc = {"tile.adc.kind": "ramp", "tile.adc.early_stop": True} if stops[1] else {}
    built = small_enough(net, changes | BASE | dac | adc | {"tile.dac.early_stop": stops[0]})
    if built is None:
        return
    counts, lengths = random_lengths(built, inputs, np.random.default_rng(inputs), stops)
    second = SecondEngine(built, inputs, int(changes["host.max_inputs_in_flight"]), lengths=lengths).run()
    compare(built, simulate_chip(built, inputs, counts=counts), second, inputs)


@pytest.mark.parametrize("hold", [False, True])
@pytest.mark.parametrize("copies", [2, 3])
def test_two_engines_agree_on_random_lengths_of_replicas(copies: int, hold: bool) -> None:
    """Each copy takes the lengths of its own MVMs, one after the other."""
    before = source(2, 4, 4)
    first = conv("a", before, 4, 2)
    stops = {"tile.adc.kind": "ramp", "tile.adc.early_stop": True, "tile.dac.early_stop": True}
    changes = BASE | SERIAL | stops | {"grid.shape": "[3, 3]", "tile.sample_and_hold": hold}
    built = place(network([before, first, conv("b", first, 2, 2)]), chip(changes), {"a": copies})
    counts, lengths = random_lengths(built, 3, np.random.default_rng(copies), (True, True))
    second = SecondEngine(built, 3, 4, lengths=lengths).run()
    outcome = simulate_chip(built, 3, counts=counts)
    assert outcome.done_ps == second.done
    assert {t.name: t.busy for t in second.tiles} == {t.name: outcome.timeline.busy_ps[t.name] for t in second.tiles}


@pytest.mark.parametrize("hold", [False, True])
@pytest.mark.parametrize("dac", [{"tile.dac.bits": 4}, SERIAL])
def test_counts_at_full_scale_give_the_times_of_a_run_without_values(dac: dict[str, Any], hold: bool) -> None:
    stops = {"tile.adc.kind": "ramp", "tile.adc.early_stop": True, "tile.dac.early_stop": True}
    changes = BASE | dac | stops | {"tile.sample_and_hold": hold, "tile.adc.columns_per_adc": 4}
    built = plan([source(8), dense("a", "x", 8, 6), dense("b", "a", 6, 6)], changes)
    planes = built.chip.spec.tile.dac.planes
    most = Counts(np.full((7, planes), 2**built.chip.spec.tile.dac.digit_bits - 1), np.full((7, planes), 2 * 4))
    counts = dict.fromkeys(("tile(0,0)", "tile(0,1)"), most)
    without, with_counts = simulate_chip(built, 7), simulate_chip(built, 7, counts=counts)
    assert with_counts.done_ps == without.done_ps
    assert with_counts.timeline.busy_ps == without.timeline.busy_ps
    assert with_counts.peak_tops == without.peak_tops


def test_planes_overlap_by_hand_t42() -> None:
    """Planes of 3, 1 and 2 steps of 10 ns, converted in 4, 1 and 3 cycles of 7 ns; rule T42 on paper."""
    changes = BASE | {
        "tile.dac.bits": 7, "tile.dac.encoding": "bit-serial", "tile.dac.bits_per_cycle": 2,
        "tile.dac.early_stop": True, "tile.dac.time_per_lsb": "10 ns", "tile.adc.kind": "ramp",
        "tile.adc.early_stop": True, "tile.adc.cycle_time": "7 ns", "tile.sample_and_hold": True,
    }  # fmt: skip
    built = plan([source(8), dense("a", "x", 8, 4)], changes)
    counts = {"tile(0,0)": Counts(np.array([[3, 1, 2], [0, 0, 0]]), np.array([[4, 1, 3], [1, 1, 1]]))}
    outcome = simulate_chip(built, 2, counts=counts, trace_inputs=2)
    spans = [(s.activity, s.input, s.start_ps // NS, s.end_ps // NS) for s in outcome.timeline.spans]
    way_in, load, drain, neuron, way_out = 8, 8, 4, 4, 4
    start = way_in + load
    first = start + 30  # plane 1 is sampled
    last = first + 28 + 20  # plane 2 waits for 4 cycles of 7 ns, plane 3 integrates for longer than 7 ns
    assert ("integrate", 0, start, last) in spans
    assert ("convert", 0, first, last + 21) in spans
    assert outcome.latency_alone_ps == (last + 21 + drain + neuron + way_out) * NS  # the first input's values
    # the second MVM integrates 3 x 10 ns from `last` on; its first conversion waits for the ADC
    assert ("convert", 1, last + 21, last + 21 + 10 + 10 + 7) in spans
    assert outcome.timeline.busy_ps["tile(0,0)"] == (last - start + 21 + 27) * NS


def test_early_stops_without_overlap_add_up_t41() -> None:
    changes = BASE | SERIAL | {
        "tile.dac.early_stop": True, "tile.adc.kind": "ramp", "tile.adc.early_stop": True,
        "tile.dac.time_per_lsb": "10 ns", "tile.adc.cycle_time": "7 ns",
    }  # fmt: skip
    built = plan([source(8), dense("a", "x", 8, 4)], changes)
    pulses, ramps = np.array([[3, 0], [2, 1], [1, 1]]), np.array([[4, 1], [2, 2], [1, 1]])
    outcome = simulate_chip(built, 3, counts={"tile(0,0)": Counts(pulses, ramps)})
    assert outcome.timeline.busy_ps["tile(0,0)"] == ((3 + 1 + 3 + 2) * 10 + (5 + 4 + 2) * 7) * NS
