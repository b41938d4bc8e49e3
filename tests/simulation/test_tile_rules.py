"""Phases, registers and partial-sum places (T12 to T16) against hand computation and closed forms."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_machines import NS, conv, dense, plan, source, spec

from chipsim.simulation.chip_outcome import ChipOutcome
from chipsim.simulation.core.durations import digital_service_ps, mvm_phases, neuron_service_ps, peak_interval_ps
from chipsim.simulation.engine import simulate_chip

CONVERTING = {"tile.mvm_latency": None, "tile.adc.conversion_time": "5 ns", "tile.dac.bits": 8}
FAST = {"link.bandwidth": "1 TB/s", "host.bandwidth": "1 TB/s", "neuron_unit.rate": "1 Top/s"}


def starts_of(outcome: ChipOutcome, component: str, activity: str) -> list[int]:
    return [s.start_ps for s in outcome.timeline.spans if (s.component, s.activity) == (component, activity)]


def test_phases_of_an_mvm_follow_the_table_of_t12() -> None:
    chip = spec({**CONVERTING, "tile.adc.columns_per_adc": 3, "control_unit.issue_time": "2 ns"})
    phases = mvm_phases(chip, rows=9, columns=13)
    assert phases.load_ps == 2 * NS + 9 * NS  # issue time + 9 bytes at 1 GB/s
    assert phases.integrate_ps == 127 * NS  # (2^7 - 1) x 1 ns
    assert phases.convert_ps == 3 * 5 * NS  # ceil(13 columns / ceil(16 / 3) converters) x 5 ns
    assert phases.drain_ps == 13 * NS
    assert phases.latency_ps == (2 + 9 + 127 + 15 + 13) * NS


def test_a_given_mvm_latency_replaces_integrate_and_convert_of_t12() -> None:
    phases = mvm_phases(spec({"tile.mvm_latency": "133 ns"}), 16, 16)
    assert (phases.integrate_ps, phases.convert_ps) == (133 * NS, 0)


def test_durations_are_rounded_up_once_from_the_total_t1() -> None:
    chip = spec({"tile.buffer.bandwidth": "3 GB/s", "neuron_unit.rate": "7 Gop/s", "widths.activation_bits": 6})
    assert mvm_phases(chip, 10, 1).load_ps == 2667  # ceil(ceil(60 bits / 8) = 8 bytes / 3 GB/s), not 8 x ceil(1/3 ns)
    assert neuron_service_ps(chip, 3, 5) == 2143  # ceil(15 / 7 ns)
    assert digital_service_ps(chip, 10, 4) == 2500
    assert digital_service_ps(chip, 0, 4) == 1  # T2


@pytest.mark.parametrize(("sample_and_hold", "interval"), [(False, 207), (True, 127)])
def test_peak_interval_is_that_of_array_and_adc(sample_and_hold: bool, interval: int) -> None:
    chip = spec({**CONVERTING, "tile.adc.columns_per_adc": 16, "tile.sample_and_hold": sample_and_hold})
    assert peak_interval_ps(chip) == interval * NS  # 127 ns and 16 x 5 ns


@pytest.mark.parametrize("host_latency", [0, 50])
def test_one_tile_one_input_takes_the_sum_of_its_phases_and_link_times_t15(host_latency: int) -> None:
    small = plan([source(8), dense("a", "x", 8, 4)], {"host.latency": f"{host_latency} ns"})
    outcome = simulate_chip(small, 1)
    way_in, load, mvm, drain, neuron, way_out = 8, 8, 100, 4, 4, 4
    assert outcome.done_ps == [(way_in + load + mvm + drain + neuron + way_out + 2 * host_latency) * NS]


def test_neuron_latency_and_row_blocks_t11_t16() -> None:
    """Two row blocks on neighbouring tiles: the later of both sums decides; the unit takes 2 x 4 operations."""
    small = plan([source(32), dense("a", "x", 32, 4)], {"neuron_unit.latency": "9 ns", "widths.packet_header_bytes": 2})
    outcome = simulate_chip(small, 1, trace_inputs=1)
    start = {s.component: s.start_ps for s in outcome.timeline.spans if s.activity == "load"}
    assert start["tile(0,0)"] == 18 * NS  # two packets of 16 + 2 bytes leave the host one after the other
    assert start["tile(0,1)"] == (18 + 18 + 5) * NS
    neuron = next(s for s in outcome.timeline.spans if s.activity == "neuron")
    beside = small.chip.tiles.index(f"tile{neuron.component[len('neuron') :]}")
    ready = [(18 + 16 + 100 + 4) * NS, (41 + 16 + 100 + 4) * NS]
    ready[1 - beside] += (5 + 4 + 2) * NS  # the other one's sum: one hop and 4 + 2 bytes
    assert neuron.start_ps == max(ready)
    assert neuron.end_ps - neuron.start_ps == 8 * NS
    hops = beside
    assert outcome.done_ps == [neuron.end_ps + 9 * NS + (6 + hops * 5) * NS]


@settings(max_examples=60)
@given(
    load=st.integers(1, 20), integrate=st.integers(1, 20), convert=st.integers(1, 20), drain=st.integers(1, 8),
    banks=st.integers(1, 2), hold=st.booleans(), one_latency=st.booleans(),
)  # fmt: skip
def test_steady_interval_of_a_tile_equals_the_formula_of_t15(
    load: int, integrate: int, convert: int, drain: int, banks: int, hold: bool, one_latency: bool
) -> None:
    x = source(1, 5, 8)
    changes = {
        **FAST, "neuron_unit.partial_sum_slots": 16, "control_unit.issue_time": f"{load - 1} ns",
        "tile.mvm_latency": f"{integrate + convert} ns" if one_latency else None, "tile.dac.bits": 2,
        "tile.dac.time_per_lsb": f"{integrate} ns", "tile.adc.conversion_time": f"{convert} ns",
        "widths.partial_sum_bits": 8 * drain, "tile.register_banks": banks, "tile.sample_and_hold": hold,
    }  # fmt: skip
    outcome = simulate_chip(plan([x, conv("a", x, 1)], changes), 1, trace_inputs=1)
    starts = starts_of(outcome, "tile(0,0)", "mvm" if one_latency else "integrate")
    if one_latency:
        integrate, convert = integrate + convert, 0
    array = integrate if hold else integrate + convert
    register = Fraction(integrate + convert + drain, banks)
    expected = max(load, Fraction(load + integrate, banks), array, convert, register, drain)
    assert Fraction(starts[-1] - starts[-5], 4) == expected * NS
    assert starts[0] - 1 == load * NS  # the operand is there after 1 ps


@pytest.mark.parametrize(
    ("slots", "mvms", "drains", "neurons"),
    [
        (1, [1, 11, 21, 65], [11, 63, 115, 167], [13, 65, 117, 169]),
        (2, [1, 11, 21, 31], [11, 21, 63, 113], [13, 63, 113, 163]),
    ],
)
def test_partial_sum_places_hold_drains_back_by_hand_t13_t14(
    slots: int, mvms: list[int], drains: list[int], neurons: list[int]
) -> None:
    """Load 1, MVM 10, drain 2, neuron unit 50 ns; two register banks.

    With one place, drain 1 waits for the end of neuron 0 (63), and MVM 3 for the register that drain 1 leaves (65).
    """
    x = source(1, 2, 2)
    changes = {
        **FAST, "tile.mvm_latency": "10 ns", "widths.partial_sum_bits": 16, "neuron_unit.rate": "20 Mop/s",
        "neuron_unit.partial_sum_slots": slots,
    }  # fmt: skip
    outcome = simulate_chip(plan([x, conv("a", x, 1)], changes), 1, trace_inputs=1)
    arrival = 1  # ps: one byte at 1 TB/s
    for name, activity, expected in (("tile", "mvm", mvms), ("tile", "drain", drains), ("neuron", "neuron", neurons)):
        assert starts_of(outcome, name + "(0,0)", activity) == [t * NS + arrival for t in expected]


def test_register_banks_let_the_next_load_overlap_by_hand_t13() -> None:
    """One bank: load m waits for the end of integrate m - 1; two: it runs beside it."""
    x = source(1, 1, 3)
    for banks, expected in ((1, [0, 30, 60]), (2, [0, 10, 30])):
        changes = {**FAST, "control_unit.issue_time": "9 ns", "tile.mvm_latency": "20 ns", "tile.register_banks": banks}
        outcome = simulate_chip(plan([x, conv("a", x, 1)], changes), 1, trace_inputs=1)
        if banks == 1:  # the output register, too: integrate m waits for drain m - 1, which ends 1 ns later
            assert starts_of(outcome, "tile(0,0)", "mvm") == [t * NS + 1 for t in (10, 40, 70)]
        assert starts_of(outcome, "tile(0,0)", "load") == [t * NS + 1 for t in expected]


def test_sample_and_hold_frees_the_array_while_the_adc_works_by_hand_t13() -> None:
    """Integrate 10, convert 30: the array starts the second MVM at once, then holds it until the ADC is free."""
    x = source(1, 1, 3)
    changes = {
        **FAST, **CONVERTING, "tile.dac.bits": 2, "tile.dac.time_per_lsb": "10 ns", "tile.adc.conversion_time": "30 ns"
    }  # fmt: skip
    for hold, expected in ((False, [1, 41, 81]), (True, [1, 11, 41 + 1])):
        outcome = simulate_chip(
            plan([x, conv("a", x, 1)], {**changes, "tile.sample_and_hold": hold}), 1, trace_inputs=1
        )
        starts = starts_of(outcome, "tile(0,0)", "integrate")
        assert starts[:2] == [t * NS + 1 for t in expected[:2]]
        # MVM 2: array free at the start of convert 1 (41), output register of MVM 0 free after its drain (42)
        assert starts[2] == expected[2] * NS + 1
        assert outcome.timeline.busy_ps["tile(0,0)"] == (120 if not hold else 10 + 3 * 30 + 0) * NS


def test_traced_spans_of_a_tile_with_sample_and_hold_do_not_overlap() -> None:
    changes = {
        **FAST,
        **CONVERTING,
        "tile.dac.bits": 2,
        "tile.adc.conversion_time": "30 ns",
        "tile.sample_and_hold": True,
    }
    outcome = simulate_chip(plan([source(1, 1, 3), conv("a", source(1, 1, 3), 1)], changes), 1, trace_inputs=1)
    for activity in ("integrate", "convert"):
        spans = sorted((s.start_ps, s.end_ps) for s in outcome.timeline.spans if s.activity == activity)
        assert len(spans) == outcome.tile_mvms["tile(0,0)"]
        assert all(before[1] <= after[0] for before, after in pairwise(spans))
