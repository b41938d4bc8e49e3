"""Cycles of ramps and counters against loops over hand-made and random codes, and codes taken from products."""

from __future__ import annotations

import math

import numpy as np
import pytest

from chipsim.crossbar.array import program_block
from chipsim.crossbar.conversion_cycles import CodeTally, ConversionCounts, CycleRules, code_sums, turn_sizes, turn_tops
from chipsim.crossbar.converters import InputConverter, OutputConverter
from chipsim.crossbar.input_planes import InputEncoding
from chipsim.crossbar.pairs import column_scale
from chipsim.crossbar.plane_path import PlanePath
from chipsim.crossbar.read_path import ReadPath
from chipsim.crossbar.sliced_block import program_slices
from chipsim.crossbar.weight_slices import WeightSlices
from chipsim.device import get_device
from chipsim.streams import stream


def test_a_ramp_ends_with_the_largest_code_of_its_turn():
    """Two slices of five columns and a unit column, two converters each: turns of columns 0-1, 2-3 and 4."""
    first, second, unit = [[3, -9, 0, 1, 5]], [[4, 2, -2, 0, 0]], [[12]]
    tally = CodeTally(1, 1, [5, 5, 1], CycleRules(ramps=True, codes=True, converters=2))
    for codes in (first, second, unit):
        tally.add(np.array(codes, np.float32), slice(0, 1), 0)
    assert tally.ramps.tolist() == [[13 + 3 + 6]]  # largest + 1: the unit column's 12 in the first turn, then 2 and 5
    assert tally.cycles.tolist() == [5 * 13 + 4 * 3 + 2 * 6]  # every conversion counts for as long as its ramp runs


def test_counters_count_up_to_the_codes():
    tally = CodeTally(2, 2, [3], CycleRules(codes=True))
    tally.add(np.array([[1, -2, 3], [0, 0, 4]], np.float32), slice(0, 2), 0)
    tally.add(np.array([[5, 5, 5]], np.float32), slice(1, 2), 1)
    assert tally.ramps is None
    assert tally.cycles.tolist() == [6, 19]


@pytest.mark.parametrize("columns", [1, 7, 16])
@pytest.mark.parametrize("converters", [1, 4, 7, 20])
def test_turns_equal_loops_over_columns(columns, converters):
    codes = stream(3, "codes").integers(-127, 128, (9, columns))
    turns = math.ceil(columns / converters)
    for mvm, tops in zip(codes, turn_tops(codes, converters), strict=True):
        assert tops.tolist() == [
            max(abs(int(mvm[c])) for c in range(columns) if c // converters == turn) for turn in range(turns)
        ]
    sizes = [sum(c // converters == turn for c in [*range(columns), *range(columns), 0]) for turn in range(turns)]
    assert turn_sizes([columns, columns, 1], converters).tolist() == sizes
    assert code_sums(codes).tolist() == [sum(abs(int(code)) for code in mvm) for mvm in codes]


def test_counts_of_several_runs_follow_each_other():
    one = ConversionCounts(np.ones((2, 1), np.int32), None, np.array([1, 2]))
    joined = ConversionCounts.joined([one, ConversionCounts(np.zeros((1, 1), np.int32), None, np.array([3]))])
    assert joined.pulses.tolist() == [[1], [1], [0]]
    assert joined.ramps is None
    assert joined.cycles.tolist() == [1, 2, 3]


@pytest.mark.parametrize("first_mvm", [0, 3])
def test_a_read_path_tallies_the_very_codes_that_it_gives(first_mvm):
    """Noisy outputs in steps are the codes; seven vectors in calls of four."""
    rng, device = stream(5, "weights"), get_device("pcm")
    weights = rng.standard_normal((20, 6)).astype(np.float32)
    codes = rng.integers(-127, 128, (7, 20)).astype(np.float32)
    array = _array(weights, device)
    path = ReadPath.connect(array, InputConverter(8, 3.0), OutputConverter(6, 6.0), slots=4).in_steps()
    tally = CodeTally(7, 1, path.columns, CycleRules(ramps=True, codes=True, converters=4))
    given = path.multiply_codes(codes, stream(5, "noise"), first_mvm, tally).values
    plain = path.multiply_codes(codes, stream(5, "noise"), first_mvm).values
    assert given.tobytes() == plain.tobytes()
    assert np.abs(given).max() == 31  # some saturate
    tops = [(np.abs(row[:4]).max(), np.abs(row[4:]).max()) for row in given]
    assert tally.ramps[:, 0].tolist() == [a + b + 2 for a, b in tops]
    assert tally.cycles.tolist() == [4 * (a + 1) + 2 * (b + 1) for a, b in tops]
    assert path.longest_pulses(codes).tolist() == [[max(abs(row))] for row in codes]


def _array(weights, device):
    scale = column_scale(weights, device.g_min_siemens, device.g_max_siemens)
    return program_block(weights, scale, device, stream(5, "cells")).at_age(device.earliest_age_s, stream(5, "slow"))


def test_planes_and_slices_tally_integer_arithmetic():
    """Offset slices and bits of two's complement: codes are whole sums, worked out here from bits of the integers."""
    rng, device, slices = stream(6, "weights"), get_device("ideal"), WeightSlices(4, 2, offset=True)
    weights = rng.integers(-7, 8, (30, 5))
    weights[0] = 7
    inputs = rng.integers(-7, 8, (11, 30))
    array = program_slices(
        weights, column_scale(weights, device.g_min_siemens, device.g_max_siemens), device, slices, stream(6, "cells")
    ).at_age(0.0, stream(6, "slow"))
    encoding = InputEncoding(bits=4, bits_per_cycle=1, signs="twos-complement")
    limit = 15
    path = PlanePath.connect(array, InputConverter(4, 7.0), encoding, [OutputConverter(4, 15.0)] * 3, slots=4)
    tally = CodeTally(11, 4, path.columns, CycleRules(ramps=True, codes=True, converters=3))
    path.multiply_codes(inputs.astype(np.float32), stream(6, "noise"), tally=tally)
    ramps = np.zeros((11, 4), int)
    cycles = np.zeros(11, int)
    for plane in range(4):
        bits = (inputs % 16) >> plane & 1  # of the code modulo 2^4, whose last bit is the sign
        levels = [(weights + 8) & 3, (weights + 8) >> 2, np.ones((30, 1), int)]
        codes = [np.minimum(bits @ level, limit) for level in levels]
        first = np.max([codes[0][:, :3].max(1), codes[1][:, :3].max(1), codes[2][:, 0]], axis=0) + 1
        second = np.max([codes[0][:, 3:].max(1), codes[1][:, 3:].max(1)], axis=0) + 1
        ramps[:, plane] = first + second
        cycles += 7 * first + 4 * second
    assert tally.ramps.tolist() == ramps.tolist()
    assert tally.cycles.tolist() == cycles.tolist()
    pulses = [[int((row >> plane & 1).any()) for plane in range(4)] for row in inputs % 16]
    assert path.longest_pulses(inputs).tolist() == pulses
