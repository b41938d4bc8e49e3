from __future__ import annotations

import numpy as np
import pytest
from crossbar_blocks import normal, program

from chipsim.crossbar import InputConverter, input_range, output_range
from chipsim.crossbar.activity import longest_pulse, row_drive, rows_driven, set_bits
from chipsim.device import get_device
from chipsim.errors import InputError
from chipsim.streams import stream

CODES = InputConverter(8, 2.0).convert(normal(500, 40) * (normal(500, 40, key="mask") > 0))[0]


def test_counts_per_mvm_equal_plain_python() -> None:
    rows = [[abs(int(code)) for code in row] for row in CODES.tolist()]
    assert rows_driven(CODES).tolist() == [sum(code > 0 for code in row) for row in rows]
    assert set_bits(CODES).tolist() == [sum(bin(code).count("1") for code in row) for row in rows]
    assert longest_pulse(CODES).tolist() == [max(row) for row in rows]
    assert row_drive(CODES).tolist() == [sum(row[i] for row in rows) for i in range(40)]
    assert set_bits(CODES.astype(np.int8)).tolist() == set_bits(CODES).tolist()


def test_integrated_conductance_is_the_sum_over_cells_and_mvms() -> None:
    device = get_device("pcm")
    block = program(normal(40, 12), device)
    array = block.at_age(60.0, stream(1, "slow"))
    rng = stream(1, "slow")
    cells = [device.at_age(state, 60.0, rng).conductance.astype(np.float64) for state in (block.plus, block.minus)]
    wanted = np.einsum("mr,rc->", np.abs(CODES).astype(np.float64), cells[0] + cells[1])
    assert array.integrated_conductance(row_drive(CODES)) == pytest.approx(wanted, rel=1e-12)


def test_the_drive_of_parts_adds_up_exactly() -> None:
    parts = sum(row_drive(CODES[start : start + 7]) for start in range(0, 500, 7))
    assert np.array_equal(parts, row_drive(CODES))


def test_ranges_are_percentiles_of_magnitudes() -> None:
    weights, vectors, device = normal(30, 8), normal(200, 30), get_device("pcm")
    scale = np.abs(weights).max(axis=0) / 25e-6
    exact = np.abs(vectors.astype(np.float64) @ (weights / np.abs(weights).max(axis=0)))
    found = output_range(vectors, weights, scale, device, percentile=99)
    assert found == pytest.approx(np.percentile(exact, 99), rel=1e-5)
    assert input_range(vectors) == pytest.approx(np.percentile(np.abs(vectors), 99.99), rel=1e-6)


def test_a_range_of_zero_becomes_one_and_no_data_is_an_error() -> None:
    assert input_range(np.zeros(5)) == 1.0
    with pytest.raises(InputError, match="at least one calibration value"):
        input_range(np.zeros(0))
