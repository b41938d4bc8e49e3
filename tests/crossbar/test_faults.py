"""Broken cells and lines."""

from __future__ import annotations

import numpy as np
import pytest
from crossbar_blocks import normal

from chipsim.crossbar import WeightSlices, column_scale, program_block, program_slices
from chipsim.crossbar.faults import CODES, FaultRates, Faults
from chipsim.device import get_device
from chipsim.errors import SpecError
from chipsim.streams import stream

IDEAL = get_device("ideal", g_min_siemens=1e-6, g_max_siemens=25e-6)
SPAN = 24e-6


def seen(weights, faults, device=IDEAL, **options):
    scale = column_scale(weights, device.g_min_siemens, device.g_max_siemens)
    block = program_block(weights, scale, device, stream(1), faults=faults, **options)
    return block.at_age(device.earliest_age_s, stream(2))


def test_stuck_and_open_cells_hold_what_their_name_says():
    weights = np.array([[1.0, -0.5], [-1.0, 0.25]])
    faults = Faults.none(2, 2, 2).marked("on", 1, 0, 0).marked("off", 0, 0, 0).marked("open", 0, 1, 1)
    array = seen(weights, faults)
    # G+ of (1, 0) at g_max beside G- at g_max; G+ of (0, 0) at g_min; G- of (0, 1) without any conductance
    wanted = [[0.0, 1e-6 / SPAN], [0.0, 0.5]]
    np.testing.assert_allclose(array.difference, wanted, atol=1e-6)
    np.testing.assert_allclose(array.row_conductance_siemens, [1e-6 + 1e-6 + 1e-6 + 0, 25e-6 * 2 + 13e-6 + 1e-6])


def test_a_row_a_column_and_a_bit_line_can_be_cut_off():
    weights = normal(6, 4)
    whole = seen(weights, None).difference
    row = seen(weights, Faults.none(2, 6, 4).marked("open", row=2)).difference
    assert not row[2].any()
    np.testing.assert_array_equal(np.delete(row, 2, 0), np.delete(whole, 2, 0))
    column = seen(weights, Faults.none(2, 6, 4).marked("open", column=3)).difference
    assert not column[:, 3].any()
    line = seen(weights, Faults.none(2, 6, 4).marked("open", column=3, line=1)).difference
    assert (line[:, 3] > 0).all()  # only G+ is left, at least at g_min


def test_faults_outside_a_block_leave_it_alone():
    weights = normal(6, 4)
    faults = Faults.none(2, 6, 4).marked("on", 9, 1, 0).marked("open", 2, 7)
    assert not faults.any
    assert seen(weights, faults).difference.tobytes() == seen(weights, None).difference.tobytes()


def test_broken_cells_have_no_noise_and_stay_as_they_are_at_every_age():
    pcm, weights = get_device("pcm"), normal(8, 5)
    faults = Faults.none(2, 8, 5).marked("on", row=3)
    scale = column_scale(weights, pcm.g_min_siemens, pcm.g_max_siemens)
    block = program_block(weights, scale, pcm, stream(1), faults=faults)
    for age_s in (0.0, 1e6):
        array = block.at_age(age_s, stream(2))
        assert not array.difference[3].any()
        assert not array.fast_variance[3].any()
        assert (array.fast_variance[:3] > 0).all()


def test_rates_are_those_of_the_cells_and_lines():
    """400,000 cells, 2,000 word lines, 400 bit lines, each at 4.5 standard errors: one seed in 40,000 fails."""
    rates = FaultRates(stuck_on=0.02, stuck_off=0.05)
    states = Faults.none(2, 1000, 200).drawn(rates, stream(1, "cells")).states
    for kind, rate in (("on", 0.02), ("off", 0.05)):
        share = np.mean(states == CODES[kind])
        assert abs(share - rate) < 4.5 * np.sqrt(rate * (1 - rate) / states.size)
    lines = Faults.none(2, 2000, 200).drawn(FaultRates(dead_rows=0.1, dead_columns=0.2), stream(1, "lines")).states
    dead_rows, dead_columns = (lines == 3).all(axis=(0, 2)), (lines == 3).all(axis=1)
    assert abs(dead_rows.mean() - 0.1) < 4.5 * np.sqrt(0.09 / 2000)
    assert abs(dead_columns.mean() - 0.2) < 4.5 * np.sqrt(0.16 / 400)
    assert ((lines == 3) == (dead_rows[None, :, None] | dead_columns[:, None, :])).all()


def test_several_devices_break_one_by_one():
    weights = np.ones((3, 2))
    array = seen(weights, Faults.none(4, 3, 2).marked("open", 0, 0, 1), devices=2)
    np.testing.assert_allclose(array.difference[0, 0], (25e-6 / 2 - 1e-6) / SPAN, rtol=1e-5)
    np.testing.assert_allclose(array.difference[1:], 1, rtol=1e-6)


@pytest.mark.parametrize("offset", [False, True])
def test_slices_break_line_by_line(offset):
    slices, weights = WeightSlices(7, 2, offset), stream(1).integers(-63, 64, (10, 4)).astype(float)
    weights[0] = 63
    scale = column_scale(weights, IDEAL.g_min_siemens, IDEAL.g_max_siemens)
    lines = slices.count * (1 if offset else 2)
    faults = Faults.none(lines, 10, 4).marked("open", line=lines - 1)
    broken = program_slices(weights, scale, IDEAL, slices, stream(1), faults=faults).at_age(0.0, stream(2))
    whole = program_slices(weights, scale, IDEAL, slices, stream(1)).at_age(0.0, stream(2))
    for index, (part, other) in enumerate(zip(broken.arrays, whole.arrays, strict=True)):
        same = part.difference.tobytes() == other.difference.tobytes()
        assert same == (index != slices.count - 1)


def test_a_dead_word_line_of_an_offset_encoding_is_dead_in_the_unit_column_too():
    slices, weights = WeightSlices(4, 2, True), stream(1).integers(-7, 8, (10, 4)).astype(float)
    weights[0] = 7
    scale = column_scale(weights, IDEAL.g_min_siemens, IDEAL.g_max_siemens)
    faults = Faults.none(2, 10, 4).marked("open", row=5)
    array = program_slices(weights, scale, IDEAL, slices, stream(1), faults=faults).at_age(0.0, stream(2))
    # an open cell lacks even g_min, whose current is taken off before conversion
    low = -IDEAL.g_min_siemens / SPAN
    for part in array.arrays:
        np.testing.assert_allclose(part.difference[5], low, rtol=1e-5)
    np.testing.assert_allclose(array.arrays[-1].difference[[4, 6]], 1 / 3, rtol=1e-5)


def test_rates_outside_zero_to_one_are_refused():
    with pytest.raises(SpecError, match=r"rate of stuck on \(1.5\) must be 0 to 1"):
        FaultRates(stuck_on=1.5)
    with pytest.raises(SpecError, match="above 1 together"):
        FaultRates(stuck_on=0.6, stuck_off=0.6)
