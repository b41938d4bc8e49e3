from __future__ import annotations

import numpy as np
import pytest
from crossbar_blocks import normal

from chipsim.crossbar import column_scale, conductance_pair, program_block
from chipsim.device import get_device
from chipsim.errors import InputError, SpecError
from chipsim.streams import stream


def test_the_largest_weight_of_a_column_takes_the_whole_range() -> None:
    weights = normal(20, 5)
    plus, minus = conductance_pair(weights, column_scale(weights, 1e-6, 11e-6), 1e-6, 11e-6)
    np.testing.assert_allclose(np.maximum(plus, minus).max(axis=0), 11e-6)
    assert np.minimum(plus, minus).max() == 1e-6


def test_a_pair_stands_for_its_weight() -> None:
    weights = normal(20, 5)
    scale = column_scale(weights, 1e-6, 11e-6)
    plus, minus = conductance_pair(weights, scale, 1e-6, 11e-6)
    np.testing.assert_allclose((plus - minus) * scale, weights, atol=1e-6)


def test_row_blocks_share_the_scale_of_the_whole_column() -> None:
    weights = normal(20, 5)
    scale = column_scale(weights, 0.0, 25e-6)
    whole, _ = conductance_pair(weights, scale, 0.0, 25e-6)
    parts = [conductance_pair(part, scale, 0.0, 25e-6)[0] for part in (weights[:7], weights[7:])]
    assert np.array_equal(np.concatenate(parts), whole)


def test_zero_columns_have_scale_one() -> None:
    assert column_scale(np.zeros((3, 2)), 0.0, 25e-6).tolist() == [1.0, 1.0]
    assert column_scale(np.zeros((0, 2)), 0.0, 25e-6).tolist() == [1.0, 1.0]


def test_an_empty_conductance_range_is_refused() -> None:
    with pytest.raises(SpecError, match=r"g_min \(3e-06 S\) must be below g_max \(2e-06 S\)"):
        column_scale(normal(2, 2), 3e-6, 2e-6)
    with pytest.raises(SpecError, match="g_min_siemens"):
        get_device("ideal", g_min="3 uS", g_max="2 uS")


@pytest.mark.parametrize(
    ("weights", "scale", "message"),
    [
        (np.array([[1.0, np.nan]]), np.ones(2), r"crossbar weights: 1 of 2 values are NaN or infinite"),
        (np.ones(3), np.ones(3), r"must be a matrix \(rows, columns\), got shape \(3,\)"),
        (np.ones((2, 3)), np.ones(2), "3 columns need as many scales"),
        (np.ones((2, 1)), np.zeros(1), "must be finite and above zero"),
        (np.ones((2, 2)), np.array([1e6, 1.0]), "scale of column 1 is too small"),
    ],
)
def test_bad_weights_and_scales_are_named(weights: np.ndarray, scale: np.ndarray, message: str) -> None:
    with pytest.raises(InputError, match=message):
        program_block(weights, scale, get_device("ideal"), stream(1))
