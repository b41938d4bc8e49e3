"""The two approximations beside the exact matrix: the polynomial drop, and the first-order gain of fast noise."""

from __future__ import annotations

import math

import numpy as np
import pytest

from chipsim.crossbar.wires import WireResistance, effective_matrix, first_order_gain
from chipsim.crossbar.wires_approximate import approximate_products
from chipsim.errors import InputError, SpecError
from chipsim.streams import stream

G_MAX = 25e-6


@pytest.mark.parametrize(("a", "within"), [(0.01, 0.002), (0.1, 0.004), (1.0, 0.01), (2.0, 0.05)])
def test_polynomial_is_the_drop_of_equal_cells_along_a_bit_line(a: float, within: float) -> None:
    rows, weight = 200, 0.5
    ratio = rows * rows * weight / a
    vectors = np.ones((1, rows))
    cells = np.full((rows, 1), weight * G_MAX)
    exact = (vectors @ effective_matrix(cells, WireResistance(bit_line_ohm=1 / (ratio * G_MAX)))).item() / G_MAX
    assert abs(approximate_products(vectors, cells / G_MAX, ratio).item() - exact) < within * exact


def test_polynomial_counts_rows_from_the_sense_end() -> None:
    weights = np.full((50, 1), 0.5)
    first, last = np.zeros((2, 1, 50))
    first[0, :5] = last[0, -5:] = 1.0
    assert approximate_products(first, weights, 100.0).item() < approximate_products(last, weights, 100.0).item()


def test_polynomial_vanishes_with_the_wires() -> None:
    vectors, weights = stream(1).uniform(-1, 1, (3, 8)), stream(2).uniform(-1, 1, (8, 4))
    np.testing.assert_allclose(approximate_products(vectors, weights, 1e15), vectors @ weights, rtol=1e-11)


@pytest.mark.parametrize("ratio", [0.0, -1.0, math.nan, math.inf])
def test_impossible_ratios_are_refused(ratio: float) -> None:
    with pytest.raises(SpecError, match=r"ratio \("):
        approximate_products(np.ones((1, 2)), np.ones((2, 1)), ratio)


def test_shapes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(InputError, match="do not fit"):
        approximate_products(np.ones((1, 3)), np.ones((2, 1)), 1.0)


def test_first_order_spread_is_right_to_five_per_cent_where_wires_cost_a_tenth() -> None:
    """Same 60 draws on both sides, mean spread of 40 columns: the ratio has a standard deviation below 0.2 %."""
    rng, wires = stream(3), WireResistance(8.0, 8.0)
    cells = G_MAX * rng.random((40, 40))
    matrix = effective_matrix(cells, wires)
    assert 0.08 < 1 - matrix.sum() / cells.sum() < 0.12
    gain = first_order_gain(matrix, cells)
    vectors = np.stack([rng.random(40), rng.uniform(-1, 1, 40)])
    brute, first = np.empty((2, 60, 2, 40))
    for draw in range(60):
        noisy = cells + 0.02 * cells * rng.standard_normal(cells.shape)
        brute[draw] = vectors @ effective_matrix(noisy, wires)
        first[draw] = vectors @ ((noisy - cells) * gain)
    positive, signed = first.std(axis=0).mean(axis=1) / brute.std(axis=0).mean(axis=1) - 1
    assert 0 < positive < 0.05
    assert abs(signed) < 0.02
