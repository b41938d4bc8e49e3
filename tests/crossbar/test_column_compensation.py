"""One drift factor per column: exact where columns decay as a whole, careful where they do not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from crossbar_blocks import normal

from chipsim.crossbar import (
    InputConverter,
    OutputConverter,
    ReadPath,
    Reference,
    column_scale,
    input_range,
    output_range,
    program_block,
)
from chipsim.device import get_device
from chipsim.streams import stream

YEAR_S = 31_536_000.0
LEFT = np.linspace(0.2, 0.9, 24)  # what is left of each column, by construction


def ideal_path(rows: int = 32, columns: int = 24) -> ReadPath:
    weights, device = normal(rows, columns), get_device("ideal")
    scale = column_scale(weights, device.g_min_siemens, device.g_max_siemens)
    array = program_block(weights, scale, device, stream(1)).at_age(0.0, stream(1))
    return ReadPath.connect(array, InputConverter(8), OutputConverter(), 16)


def decayed(path: ReadPath, left: np.ndarray) -> ReadPath:
    return replace(path, matrix=(path.matrix * left).astype(np.float32))


def factors(start: ReadPath, now: ReadPath, reads: int) -> np.ndarray:
    return Reference.take(start, stream(3, "signs"), stream(3, "start"), reads).column_factors(now, stream(3, "now"))


@pytest.mark.parametrize("reads", [2, 8, 64])
def test_columns_that_decay_as_a_whole_are_restored_exactly(reads: int) -> None:
    start = ideal_path()
    found = factors(start, decayed(start, LEFT), reads)
    np.testing.assert_allclose(found * LEFT, 1.0, rtol=1e-4)


def test_a_factor_per_column_changes_that_column_alone() -> None:
    start, vectors = ideal_path(), np.abs(normal(5, 32, key="inputs")) / 4
    plain, scaled = (path.multiply(vectors, stream(2)).values for path in (start, start.compensated(1 / LEFT)))
    np.testing.assert_allclose(scaled * LEFT, plain, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("left", [0.0, -0.5])
def test_columns_that_answer_nothing_or_the_opposite_get_the_factor_of_the_block(left: float) -> None:
    start, of_columns = ideal_path(), LEFT.copy()
    of_columns[5] = left
    now = decayed(start, of_columns)
    reference = Reference.take(start, stream(3, "signs"), stream(3, "start"), 32)
    found = reference.column_factors(now, stream(3, "now"))
    assert found[5] == pytest.approx(reference.factor(now, stream(3, "now")))
    np.testing.assert_allclose(np.delete(found * of_columns, 5), 1.0, rtol=1e-4)


def test_a_column_of_zeros_and_a_block_of_zeros_are_left_finite() -> None:
    start = ideal_path()
    now = decayed(start, LEFT)
    start.matrix[:, 3] = now.matrix[:, 3] = 0
    assert np.isfinite(factors(start, now, 16)).all()
    start.matrix[:] = now.matrix[:] = 0
    assert (factors(start, now, 16) == 1).all()


def test_one_read_says_nothing_about_single_columns() -> None:
    start = ideal_path()
    now = decayed(start, LEFT)
    reference = Reference.take(start, stream(3, "signs"), stream(3, "start"), 1)
    assert (reference.column_factors(now, stream(3, "now")) == reference.factor(now, stream(3, "now"))).all()


def test_columns_of_cells_that_drift_apart_alike_are_drawn_to_the_factor_of_the_block() -> None:
    """All columns have lost half on average; eight reads for 256 rows tell them apart by chance alone (fixed seed)."""
    start = ideal_path(256, 64)
    left = 0.5 * np.exp(0.3 * normal(256, 64, key="drift"))
    now = decayed(start, left)
    before, after = (path.in_steps().multiply_codes(codes, stream(1)).values for path in (start, now)
                     for codes in [Reference.take(start, stream(3, "signs"), stream(3), 8).codes])  # fmt: skip
    naive = np.sqrt((before**2).sum(axis=0) / (after**2).sum(axis=0))
    wanted = np.sqrt((start.matrix**2).sum(axis=0) / (now.matrix**2).sum(axis=0))
    found = factors(start, now, 8)
    assert np.std(found / wanted) < 0.4 * np.std(naive / wanted)


def pcm_paths(rows: int) -> tuple[ReadPath, ReadPath, np.ndarray, np.ndarray]:
    weights, vectors, device = normal(rows, 64), np.maximum(normal(400, rows, key="inputs"), 0), get_device("pcm")
    scale = column_scale(weights, device.g_min_siemens, device.g_max_siemens)
    block = program_block(weights, scale, device, stream(1, "programming"))
    dac, adc = (
        InputConverter(8, input_range(vectors)),
        OutputConverter(8, output_range(vectors, weights, scale, device)),
    )
    start, now = (ReadPath.connect(block.at_age(age, stream(1, age)), dac, adc, 64) for age in (0.0, YEAR_S))
    return start, now, vectors, vectors.astype(np.float64) @ weights


@pytest.mark.parametrize("reads", [8, 32, 128])
@pytest.mark.parametrize("rows", [9, 64, 256])
def test_a_year_of_drift_leaves_less_error_than_with_the_factor_of_the_block(rows: int, reads: int) -> None:
    """Squared error of 400 x 64 outputs, fixed seed; where reads are few and rows many, a little more is allowed."""
    start, now, vectors, exact = pcm_paths(rows)
    reference = Reference.take(start, stream(3, "signs"), stream(3, "start"), reads)
    errors = [
        np.square(now.compensated(factor).multiply(vectors, stream(2, "fast")).values - exact).sum()
        for factor in (reference.factor(now, stream(3, "now")), reference.column_factors(now, stream(3, "now")))
    ]
    assert errors[1] < (1.0 if rows < reads else 1.05) * errors[0]
