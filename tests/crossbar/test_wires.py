"""Wire resistance against the nodal analysis of badcrossbar, and against closed forms."""

from __future__ import annotations

import itertools
import logging
import warnings
from types import ModuleType

import numpy as np
import pytest

from chipsim.crossbar.wires import WireResistance, effective_matrix, first_order_gain
from chipsim.streams import stream

SIDES = ("one-sided", "two-sided")


def conductances(*shape: int, key: str = "cells") -> np.ndarray:
    return 1e-6 + 24e-6 * stream(1, key).random(shape)


def difference(found: np.ndarray, wanted: np.ndarray) -> float:
    """Largest difference, relative to the largest element."""
    return float(np.abs(found - wanted).max() / max(np.abs(wanted).max(), 1e-30))


@pytest.fixture(scope="module")
def badcrossbar() -> ModuleType:
    """A public nodal solver, Joksas & Mehonic 2020; importing it warns that its plots find no cairo."""
    try:
        with warnings.catch_warnings(record=True):
            import badcrossbar
    except ModuleNotFoundError:
        pytest.skip("badcrossbar is missing: install badcrossbar --no-deps, scipy, pathvalidate and sigfig")
    logging.getLogger("badcrossbar").setLevel(logging.WARNING)
    return badcrossbar


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (9, 1), (2, 3), (12, 12), (17, 40), (40, 17), (64, 64)])
@pytest.mark.parametrize(("word", "bit"), [(1.0, 1.0), (0.35, 5.0), (300.0, 0.02), (1e4, 1e4), (0.0, 2.5), (2.5, 0.0)])
def test_agrees_with_badcrossbar(badcrossbar: ModuleType, shape: tuple[int, int], word: float, bit: float) -> None:
    """Its lines end in one segment on the driver's and on the sense side, its drivers and sense ends resist nothing."""
    cells = conductances(*shape)
    options = {"node_voltages": False, "all_currents": False}
    wanted = badcrossbar.compute(np.eye(shape[0]), 1 / cells, r_i_word_line=word, r_i_bit_line=bit, **options)
    found = effective_matrix(cells, WireResistance(word, bit))
    np.testing.assert_allclose(found, wanted.currents.output, rtol=1e-9, atol=0)


def test_no_resistance_leaves_the_conductances_as_they_are() -> None:
    cells = conductances(9, 14)
    for drive, sense in itertools.product(SIDES, SIDES):
        found = effective_matrix(cells, WireResistance(drive=drive, sense=sense))
        assert np.array_equal(found, cells)
        assert not np.shares_memory(found, cells)


@pytest.mark.parametrize("shape", [(9, 14), (14, 9)])
def test_vanishing_resistance_is_continuous(shape: tuple[int, int]) -> None:
    cells = conductances(*shape)
    for names in itertools.product((0.0, 1e-9), repeat=4):
        assert difference(effective_matrix(cells, WireResistance(*names)), cells) < 1e-11


def test_one_row_is_a_ladder() -> None:
    """n equal cells g, segments r: v_j = cosh((n - j + ½) a) / cosh((n + ½) a) with sinh(a/2) = √(r g) / 2."""
    n, g, r = 40, 20e-6, 150.0
    a = 2 * np.arcsinh(np.sqrt(r * g) / 2)
    wanted = g * np.cosh((n - np.arange(1, n + 1) + 0.5) * a) / np.cosh((n + 0.5) * a)
    cells = np.full((1, n), g)
    np.testing.assert_allclose(effective_matrix(cells, WireResistance(word_line_ohm=r))[0], wanted, rtol=1e-12)
    turned = effective_matrix(cells.T, WireResistance(bit_line_ohm=r))
    np.testing.assert_allclose(turned[::-1, 0], wanted, rtol=1e-12)  # reciprocal; the sense end is behind the last row


def test_one_column_is_a_divider() -> None:
    """Without bit-line segments each cell is in series with its driver, and all of them with the sense end."""
    cells = conductances(11, 1)
    branch = 1 / (1 / cells[:, 0] + 5.0 + 70.0)
    found = effective_matrix(cells, WireResistance(5.0, 0.0, 70.0, 900.0))[:, 0]
    np.testing.assert_allclose(found, branch / (1 + 900.0 * branch.sum()), rtol=1e-12)


def test_cells_without_conductance_pass_sneak_currents_only() -> None:
    cells = conductances(6, 6)
    cells[2, 3] = 0.0
    found = effective_matrix(cells, WireResistance(50.0, 50.0))
    assert 0 < found[2, 3] < 0.01 * found.max()
    assert not effective_matrix(np.zeros((6, 6)), WireResistance(50.0, 50.0)).any()


def test_extreme_ratios_stay_finite_and_physical() -> None:
    cells = np.where(stream(3).random((70, 50)) > 0.5, 1e3, 1e-12)
    for ohm in (1e-12, 1e6, 1e12):
        for sense in SIDES:
            found = effective_matrix(cells, WireResistance(ohm, ohm, sense=sense))
            assert np.isfinite(found).all()
            assert (found >= 0).all()
            assert found.sum() <= cells.sum() * (1 + 1e-9)


def test_gain_is_within_zero_and_one() -> None:
    cells = conductances(20, 20) * (stream(4).random((20, 20)) > 0.5)
    gain = first_order_gain(effective_matrix(cells, WireResistance(80.0, 80.0)), cells)
    assert ((gain >= 0) & (gain <= 1)).all()
    assert (gain[cells == 0] == 1).all()
