"""Kinds of output converters: closed forms of their time and energy (T40, T41, T43), and fields that are refused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from small_machines import NS, dense, plan, source, spec

from chipsim.architecture.spec import Adc, Dac
from chipsim.cli.check import costs_not_given
from chipsim.errors import SpecError
from chipsim.simulation.chip_outcome import ChipOutcome
from chipsim.simulation.core.durations import mvm_phases, peak_interval_ps
from chipsim.simulation.engine import simulate_chip

CYCLES = {"tile.mvm_latency": None, "tile.adc.cycle_time": "2 ns", "tile.dac.bits": 8, "tile.adc.bits": 6}
COUNTER = {"tile.mvm_latency": None, "tile.dac.bits": 8, "tile.adc.kind": "counter", "tile.adc.bits": 6}
RAMP = {**CYCLES, "tile.adc.kind": "ramp"}
STOPPING = {**RAMP, "tile.adc.early_stop": True}
POSITIVE = {
    "tile.crossbar.encoding.kind": "offset", "tile.crossbar.encoding.weight_bits": 4,
    "tile.crossbar.encoding.bits_per_cell": 2, "tile.dac.signs": "positive-negative",
}  # fmt: skip


@dataclass(frozen=True)
class Cycles:
    cycles: np.ndarray
    pulses: None = None
    ramps: None = None


@pytest.mark.parametrize(
    ("changes", "turn_ns"),
    [
        (CYCLES, 6 * 2),
        (RAMP, 64 * 2),
        (STOPPING, 32 * 2),  # from zero to the largest code, 31
        ({**RAMP, "tile.adc.cycle_time": None, "tile.adc.conversion_time": "9 ns"}, 9),
        (COUNTER, 0),
        ({**COUNTER, "tile.adc.conversion_time": "3 ns"}, 3),
    ],
)
def test_a_turn_takes_the_cycles_of_its_kind_t40(changes: dict[str, Any], turn_ns: int) -> None:
    phases = mvm_phases(spec(changes), 16, 16)
    assert (phases.integrate_ps, phases.convert_ps) == (127 * NS, turn_ns * NS)
    if changes.get("tile.adc.kind") != "counter":
        phases = mvm_phases(spec({**changes, "tile.adc.columns_per_adc": 5}), 16, 13)
        assert phases.convert_ps == 4 * turn_ns * NS  # ceil(13 / ceil(16 / 5)) turns


def test_codes_from_zero_double_a_ramp_that_stops_t43() -> None:
    phases = mvm_phases(spec({**STOPPING, **POSITIVE}), 16, 16)
    assert phases.convert_ps == 2 * 64 * 2 * NS  # two planes


def test_turns_are_added_before_they_are_rounded_t1() -> None:
    chip = spec({**CYCLES, "tile.adc.cycle_time": "0.00007 ns", "tile.adc.columns_per_adc": 16})
    assert mvm_phases(chip, 16, 16).convert_ps == 7  # ceil(16 x 6 x 0.07 ps)


@pytest.mark.parametrize("readout", [None, "3 ns"])
@pytest.mark.parametrize("hold", [False, True])
def test_a_counter_core_takes_its_integration_and_the_readout(readout: str | None, hold: bool) -> None:
    """As in Khaddam-Aljameh et al., JSSC 57 (2022): oscillators count for as long as the inputs' pulses last."""
    chip = spec({**COUNTER, "tile.adc.conversion_time": readout, "tile.sample_and_hold": hold})
    extra = 0 if readout is None or hold else 3
    assert peak_interval_ps(chip) == (127 + extra) * NS


def energies(outcome: ChipOutcome) -> dict[str, tuple[float, float, str]]:
    return {
        row.action: (row.amount, row.joules, row.source)
        for row in outcome.ledger.rows()
        if row.component == "tile(0,0)"
    }


@pytest.mark.parametrize(
    ("changes", "each", "how"),
    [
        (CYCLES, 6, "bench"),
        (RAMP, 64, "bench"),
        (STOPPING, 32, "bench; full scale assumed, values unknown"),
        (COUNTER, 31, "bench; full scale assumed, values unknown"),
    ],
)
def test_cycles_cost_what_their_kind_takes(changes: dict[str, Any], each: int, how: str) -> None:
    costs = {
        "tile.adc.energy_per_cycle": "3 fJ", "tile.adc.energy_per_conversion": "1 pJ",
        "tile.adc.source.energy_per_cycle": "bench", "tile.dac.signs": "positive-negative",
    }  # fmt: skip
    built = plan([source(8), dense("a", "x", 8, 5)], changes | costs)
    outcome = simulate_chip(built, 4)
    found = energies(outcome)
    conversions = 4 * 5 * 2  # inputs x columns x planes
    assert found["adc"][:2] == (conversions, pytest.approx(conversions * 1e-12))
    assert found["adc cycle"] == (each * conversions, pytest.approx(each * conversions * 3e-15), how)
    assert outcome.ledger.total_joules() == pytest.approx(conversions * (1e-12 + each * 3e-15))


def test_unit_columns_are_converted_too() -> None:
    built = plan([source(8), dense("a", "x", 8, 5)], CYCLES | POSITIVE | {"tile.adc.energy_per_cycle": "3 fJ"})
    assert energies(simulate_chip(built, 4))["adc cycle"][0] == 6 * 4 * 2 * (2 * 5 + 1)  # 2 slices and the unit column


@pytest.mark.parametrize("changes", [STOPPING, COUNTER])
def test_cycles_that_were_counted_are_paid_as_they_are(changes: dict[str, Any]) -> None:
    built = plan([source(8), dense("a", "x", 8, 5)], changes | {"tile.adc.energy_per_cycle": "3 fJ"})
    outcome = simulate_chip(built, 3, counts={"tile(0,0)": Cycles(np.array([10, 0, 7]))})
    amount, joules, source_text = energies(outcome)["adc cycle"]
    assert (amount, source_text) == (17, "assumption; counted from the values")
    assert outcome.ledger.total_joules() == joules == pytest.approx(17 * 3e-15)


def test_after_an_early_end_only_what_was_done_is_paid() -> None:
    built = plan([source(8), dense("a", "x", 8, 5)], COUNTER | {"tile.adc.energy_per_cycle": "3 fJ"})
    outcome = simulate_chip(built, 2, counts={"tile(0,0)": Cycles(np.array([10, 5, 7]))})
    assert energies(outcome)["adc cycle"][0] == 15


@pytest.mark.parametrize("free", [{"tile.mvm_energy": "1 nJ", "tile.adc.energy_per_cycle": "3 fJ"}, {}])
def test_cycles_are_free_where_one_energy_per_mvm_is_given_or_none_at_all(free: dict[str, Any]) -> None:
    outcome = simulate_chip(plan([source(8), dense("a", "x", 8, 5)], COUNTER | free), 2)
    assert "adc cycle" not in energies(outcome)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tile.mvm_latency": None}, "give either tile.mvm_latency or tile.adc.conversion_time"),
        ({**CYCLES, "tile.adc.conversion_time": "5 ns"}, "conversion_time and cycle_time say the same twice"),
        ({**CYCLES, "tile.adc.early_stop": True}, "early_stop belongs to kind: ramp, not sar"),
        ({**COUNTER, "tile.adc.early_stop": True}, "early_stop belongs to kind: ramp, not counter"),
        ({**STOPPING, "tile.adc.cycle_time": None, "tile.adc.conversion_time": "5 ns"}, "give cycle_time instead"),
        ({**COUNTER, "tile.adc.cycle_time": "1 ns"}, "cycle_time belongs to kind sar or ramp"),
        ({**COUNTER, "tile.adc.columns_per_adc": 2}, r"columns_per_adc \(2\) must be 1"),
        ({**STOPPING, "tile.mvm_latency": "100 ns"}, "tile.adc.early_stop cannot shorten mvm_latency"),
        ({"tile.dac.early_stop": True}, "tile.dac.early_stop cannot shorten mvm_latency"),
        ({**CYCLES, "tile.adc.kind": "flash"}, "sar"),
        ({**CYCLES, "tile.adc.cycle_time": "0 ns"}, "greater than zero"),
    ],
)
def test_fields_that_do_not_belong_together_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        spec(changes)


def test_files_that_do_not_use_the_new_fields_keep_their_contents() -> None:
    assert not {"kind", "cycle_time", "early_stop", "energy_per_cycle"} & set(Adc().model_dump())
    assert "early_stop" not in Dac().model_dump()
    assert Adc(kind="ramp").model_dump()["kind"] == "ramp"


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ({}, {"tile.dac.energy_per_conversion", "tile.adc.energy_per_conversion"}),
        ({"tile.adc.energy_per_cycle": "3 fJ"}, {"tile.dac.energy_per_conversion"}),
        ({"tile.mvm_energy": "1 nJ"}, set()),
    ],
)
def test_one_energy_of_an_adc_is_enough_for_check(given: dict[str, Any], missing: set[str]) -> None:
    found = costs_not_given(spec({**CYCLES, **given}))
    parts = {name for name in found if "tile.adc" in name or "tile.dac" in name or name == "tile.mvm_energy"}
    assert parts == missing
