"""What holds for every network of resistors, and what is refused."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from chipsim.crossbar import wires_sweep
from chipsim.crossbar.wires import WireResistance, effective_matrix, effective_pair
from chipsim.errors import InputError, SpecError

OHM = st.sampled_from([0.0, 1e-3, 0.5, 20.0, 3e3, 1e5])
ENDS = st.sampled_from(["one-sided", "two-sided"])
WIRES = st.builds(WireResistance, OHM, OHM, OHM, OHM, ENDS, ENDS)
CELLS = st.tuples(st.integers(1, 9), st.integers(1, 9)).flatmap(
    lambda shape: arrays(np.float64, shape, elements=st.sampled_from([0.0, 1e-7, 3e-6, 25e-6, 1e-3]))
)
RESISTANCES = ("word_line_ohm", "bit_line_ohm", "driver_ohm", "sense_ohm")


def sweep(cells: np.ndarray, wires: WireResistance) -> np.ndarray:
    """The rows in turn, whatever the cheaper way is."""
    return wires_sweep.sense_currents(
        cells,
        (wires.word_line_ohm, wires.driver_ohm, wires.drive == "two-sided"),
        (wires.bit_line_ohm, wires.sense_ohm, wires.sense == "two-sided"),
    )


@given(CELLS, WIRES)
def test_reciprocity(cells: np.ndarray, wires: WireResistance) -> None:
    """Drivers and sense ends may change places: both sweeps find the same matrix."""
    turned = sweep(cells[::-1, ::-1].T, wires.transposed()).T[::-1, ::-1]
    np.testing.assert_allclose(sweep(cells, wires), turned, rtol=1e-9, atol=1e-11 * cells.max())


@given(CELLS, WIRES)
def test_no_more_current_than_without_wires(cells: np.ndarray, wires: WireResistance) -> None:
    matrix = effective_matrix(cells, wires)
    assert (matrix >= 0).all()
    assert (matrix.sum(axis=0) <= cells.sum(axis=0) * (1 + 1e-9)).all()


@given(CELLS, WIRES, st.sampled_from(RESISTANCES), st.sampled_from([1e-3, 1.0, 1e4]))
def test_more_resistance_never_gives_more_current(
    cells: np.ndarray, wires: WireResistance, name: str, by: float
) -> None:
    """Rayleigh: between all drivers at one volt and all sense ends, current only falls."""
    worse = replace(wires, **{name: getattr(wires, name) + by})
    assert effective_matrix(cells, worse).sum() <= effective_matrix(cells, wires).sum() * (1 + 1e-9) + 1e-18


@given(CELLS, WIRES, st.data())
def test_more_conductance_never_gives_less_current(
    cells: np.ndarray, wires: WireResistance, data: st.DataObject
) -> None:
    better = cells.copy()
    better[data.draw(st.integers(0, len(cells) - 1)), data.draw(st.integers(0, cells.shape[1] - 1))] += 10e-6
    assert effective_matrix(better, wires).sum() >= effective_matrix(cells, wires).sum() * (1 - 1e-9) - 1e-18


@given(CELLS, WIRES)
def test_a_second_end_never_gives_less_current(cells: np.ndarray, wires: WireResistance) -> None:
    one = effective_matrix(cells, replace(wires, drive="one-sided", sense="one-sided")).sum()
    assert effective_matrix(cells, replace(wires, drive="two-sided")).sum() >= one * (1 - 1e-9) - 1e-18
    assert effective_matrix(cells, replace(wires, sense="two-sided")).sum() >= one * (1 - 1e-9) - 1e-18


@settings(max_examples=30)
@given(CELLS, WIRES, st.sampled_from([1e-3, 8.0, 1e5]))
def test_units_of_resistance_and_conductance_scale(cells: np.ndarray, wires: WireResistance, by: float) -> None:
    scaled = replace(wires, **{name: getattr(wires, name) / by for name in RESISTANCES})
    np.testing.assert_allclose(
        effective_matrix(cells * by, scaled),
        by * effective_matrix(cells, wires),
        rtol=1e-9,
        atol=1e-11 * by * cells.max(),
    )


@given(arrays(np.float64, (4, 3), elements=st.sampled_from([1e-6, 25e-6])), WIRES)
def test_two_sided_drive_and_sense_mirror_with_the_array(cells: np.ndarray, wires: WireResistance) -> None:
    both = replace(wires, drive="two-sided", sense="two-sided")
    mirrored = effective_matrix(cells[::-1, ::-1], both)[::-1, ::-1]
    np.testing.assert_allclose(effective_matrix(cells, both), mirrored, rtol=1e-9, atol=1e-16)


@pytest.mark.parametrize("size", [1, 2, 25, 63, 130])
def test_inverse_reads_the_lower_half(size: int) -> None:
    root = np.random.default_rng(size).standard_normal((size, size))
    matrix = root @ root.T + size * np.eye(size)
    np.testing.assert_allclose(wires_sweep.invert(matrix) @ matrix, np.eye(size), atol=1e-11)


@pytest.mark.parametrize("name", RESISTANCES)
@pytest.mark.parametrize("value", [-1.0, math.nan, math.inf])
def test_impossible_resistances_are_refused(name: str, value: float) -> None:
    with pytest.raises(SpecError, match=f"{name} .*{value!r}.* finite resistance"):
        WireResistance(**{name: value})


def test_unknown_choices_are_refused() -> None:
    with pytest.raises(SpecError, match="did you mean 'two-sided'"):
        WireResistance(drive="two-sidd")  # type: ignore[arg-type]
    with pytest.raises(SpecError, match="sense"):
        WireResistance(sense="left")  # type: ignore[arg-type]
    with pytest.raises(SpecError, match="pair_layout"):
        WireResistance(pair_layout="mixed")  # type: ignore[arg-type]


def test_floating_rows_are_refused_with_the_reason() -> None:
    with pytest.raises(SpecError, match="floating rows have no one effective matrix"):
        WireResistance(undriven_rows="floating")  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [-1e-6, math.nan, math.inf])
def test_impossible_conductances_are_refused_with_their_place(value: float) -> None:
    cells = np.ones((3, 4))
    cells[1, 2] = value
    with pytest.raises(InputError, match=r"cell \(1, 2\)"):
        effective_matrix(cells, WireResistance(1.0))


def test_conductances_of_a_wrong_shape_are_refused() -> None:
    with pytest.raises(InputError, match="matrix"):
        effective_matrix(np.ones(3), WireResistance(1.0))
    with pytest.raises(InputError, match="one shape"):
        effective_pair(np.ones((2, 3)), np.ones((3, 2)), WireResistance(1.0))


def test_arrays_without_cells_are_left_alone() -> None:
    assert effective_matrix(np.zeros((0, 4)), WireResistance(1.0, 1.0)).shape == (0, 4)
    assert effective_matrix(np.zeros((4, 0)), WireResistance(1.0, 1.0)).shape == (4, 0)
