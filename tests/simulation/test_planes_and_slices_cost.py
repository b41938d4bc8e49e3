"""What planes of inputs and slices of weights cost: phases (T12) and counted conversions."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_machines import NS, dense, plan, source, spec

from chipsim.errors import SpecError
from chipsim.execution.block_path import input_encoding, weight_slices
from chipsim.simulation.core.durations import mvm_phases, peak_interval_ps
from chipsim.simulation.engine import simulate_chip

CONVERTING = {"tile.mvm_latency": None, "tile.adc.conversion_time": "5 ns", "tile.dac.bits": 8}
SERIAL = {**CONVERTING, "tile.dac.encoding": "bit-serial", "tile.dac.signs": "twos-complement"}
ISAAC = {
    **SERIAL, "tile.dac.bits": 16, "tile.crossbar.columns": 128, "tile.crossbar.encoding.kind": "offset",
    "tile.crossbar.encoding.weight_bits": 16, "tile.crossbar.encoding.bits_per_cell": 2,
}  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "integrate", "convert"),
    [
        ({"tile.dac.signs": "positive-negative"}, 2 * 127, 2 * 5),
        ({"tile.dac.encoding": "pulse-count"}, 127, 5),
        ({"tile.dac.encoding": "bit-serial"}, 7, 7 * 5),
        ({"tile.dac.encoding": "bit-serial", "tile.dac.bits_per_cycle": 3}, 3 * 7, 3 * 5),
        (SERIAL, 8, 8 * 5),
    ],
)
def test_every_plane_integrates_and_is_converted_t12(changes, integrate, convert):
    phases = mvm_phases(spec({**CONVERTING, **changes}), 4, 4)
    assert (phases.integrate_ps, phases.handover_ps, phases.convert_ps) == (integrate * NS, 0, convert * NS)


@pytest.mark.parametrize(("pulse", "handover", "idle"), [(1, 7 * 5, 4), (9, 7 * 9, 0)])
def test_planes_overlap_with_sample_and_hold_t42(pulse, handover, idle):
    changes = {**SERIAL, "tile.sample_and_hold": True, "tile.dac.time_per_lsb": f"{pulse} ns"}
    phases = mvm_phases(spec(changes), 4, 4)
    assert (phases.integrate_ps, phases.convert_ps) == (pulse * NS, 5 * NS)
    assert (phases.handover_ps, phases.idle_ps) == (handover * NS, idle * NS)


@given(pulse=st.integers(1, 20), conversion=st.integers(1, 20), held=st.booleans())
def test_planes_overlap_as_two_stages_where_there_is_sample_and_hold(pulse, conversion, held):
    chip = spec(
        {**SERIAL, "tile.dac.time_per_lsb": f"{pulse} ns", "tile.adc.conversion_time": f"{conversion} ns",
         "tile.sample_and_hold": held}
    )  # fmt: skip
    phases, planes = mvm_phases(chip, 16, 16), 8
    if held:
        latency, interval = pulse + conversion + (planes - 1) * max(pulse, conversion), planes * max(pulse, conversion)
    else:
        latency = interval = planes * (pulse + conversion)
    assert phases.mvm_ps == latency * NS
    assert peak_interval_ps(chip) == interval * NS


@pytest.mark.parametrize(("rows", "per_mac"), [(64, 2.0), (128, 1.0), (256, 0.5)])
def test_sixteen_bits_in_two_bit_cells_and_one_bit_planes_take_one_conversion_per_mac_at_128_rows(rows, per_mac):
    inputs, outputs = 5, 32
    placed = plan([source(rows), dense("a", "x", rows, outputs)], {**ISAAC, "tile.crossbar.rows": rows})
    counts = {
        entry.action: entry.amount
        for entry in simulate_chip(placed, inputs).ledger.rows()
        if entry.component == "tile(0,0)"
    }
    assert counts["adc"] == per_mac * inputs * rows * outputs
    assert counts["adc of unit column"] == inputs * 16
    assert counts["dac"] == inputs * 16 * rows


@pytest.mark.parametrize("signs", ["bipolar", "positive-negative", "twos-complement"])
@pytest.mark.parametrize("kind", ["slices", "offset"])
@pytest.mark.parametrize(("bits", "per_cell"), [(8, 2), (5, 3), (16, 1), (9, 8)])
def test_time_and_values_know_the_same_planes_and_slices(signs, kind, bits, per_cell):
    prefix = "tile.crossbar.encoding."
    changes = {"tile.dac.bits": bits, "tile.dac.bits_per_cycle": min(per_cell, bits - 1), "tile.dac.signs": signs}
    changes |= {prefix + "kind": kind, prefix + "weight_bits": bits, prefix + "bits_per_cell": per_cell}
    chip = spec({**ISAAC, **changes})
    encoding, slices, tile = input_encoding(chip), weight_slices(chip), chip.tile
    assert len(encoding.plane_weights) == tile.dac.planes
    assert encoding.largest_digit == 2**tile.dac.digit_bits - 1
    assert slices.count == tile.crossbar.encoding.slices == math.ceil((bits - (kind == "slices")) / per_cell)
    assert len(slices.factors) == slices.count + tile.crossbar.encoding.unit_columns


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tile.crossbar.encoding.kind": "slices"}, "kind: slices needs weight_bits and bits_per_cell"),
        ({"tile.crossbar.encoding.weight_bits": 8}, "kind: pair has analog weights"),
        ({"tile.crossbar.encoding.kind": "slices", "tile.crossbar.encoding.weight_bits": 4,
          "tile.crossbar.encoding.bits_per_cell": 4}, r"bits_per_cell \(4\) must be at most 3"),
        ({"tile.dac.bits_per_cycle": 2}, "bits_per_cycle belongs to encoding: bit-serial"),
        ({"tile.dac.encoding": "bit-serial", "tile.dac.bits_per_cycle": 8}, r"bits_per_cycle \(8\) must be below bits"),
        ({"tile.dac.signs": "twos-complement"}, "twos-complement belongs to encoding: bit-serial"),
        ({"tile.adc.range": "one-lsb"}, "one-lsb needs cells of whole levels"),
    ],
)  # fmt: skip
def test_fields_that_do_not_belong_together_are_refused(changes, message):
    with pytest.raises(SpecError, match=message):
        spec(changes)
