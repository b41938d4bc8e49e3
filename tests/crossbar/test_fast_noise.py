"""The second matrix product against brute force: a fresh weight matrix for every MVM."""

from __future__ import annotations

import numpy as np
from crossbar_blocks import cells, normal, program

from chipsim.crossbar import InputConverter, OutputConverter, ReadPath
from chipsim.device import get_device
from chipsim.streams import stream

MVMS, ROWS, COLUMNS, AGE_S = 20_000, 24, 6, 3600.0
PCM = get_device("pcm", read_noise_scale=3.0)


def fresh_matrices(weights: np.ndarray, vector: np.ndarray) -> np.ndarray:
    """Outputs of MVMs of one vector, every cell with its own noise in every MVM; shape (MVMs, columns)."""
    block, rng = program(weights, PCM), stream(1, "block", "slow")
    outputs = np.zeros((MVMS, COLUMNS))
    noise = stream(2, "brute force")
    for state, sign in ((block.plus, 1.0), (block.minus, -1.0)):
        now = PCM.at_age(state, AGE_S, rng)
        fresh = now.conductance + now.fast_sigma * noise.standard_normal((MVMS, ROWS, COLUMNS))
        outputs += sign * np.einsum("r,mrc->mc", vector, fresh)
    return outputs * block.column_scale


def test_mean_and_variance_equal_fresh_weight_matrices() -> None:
    """20,000 MVMs a side, 12 comparisons at 4.5 standard errors: a new seed fails once in 12,000 times."""
    weights, vector = normal(ROWS, COLUMNS), normal(ROWS, key="inputs")
    brute = fresh_matrices(weights, vector)
    path = ReadPath.connect(cells(weights, PCM, AGE_S), InputConverter(), OutputConverter(), slots=64)
    values = path.multiply(np.tile(vector, (MVMS, 1)), stream(3, "fast")).values.astype(np.float64)
    variance = brute.var(axis=0)
    assert (np.abs(values.mean(axis=0) - brute.mean(axis=0)) < 4.5 * np.sqrt(2 * variance / MVMS)).all()
    assert (np.abs(values.var(axis=0) / variance - 1) < 4.5 * np.sqrt(4 / MVMS)).all()


def test_noise_is_independent_between_mvms_and_columns() -> None:
    """20,000 MVMs; 15 column pairs and 6 neighbours in time at 4.5 standard errors: fails once in 7,000 seeds."""
    weights, vector = normal(ROWS, COLUMNS), normal(ROWS, key="inputs")
    path = ReadPath.connect(cells(weights, PCM, AGE_S), InputConverter(), OutputConverter(), slots=64)
    values = path.multiply(np.tile(vector, (MVMS, 1)), stream(4, "fast")).values.astype(np.float64)
    values = (values - values.mean(axis=0)) / values.std(axis=0)
    between = values.T @ values / MVMS
    assert np.abs(between[~np.eye(COLUMNS, dtype=bool)]).max() < 4.5 / np.sqrt(MVMS)
    assert np.abs((values[1:] * values[:-1]).mean(axis=0)).max() < 4.5 / np.sqrt(MVMS)


def test_noise_grows_with_the_inputs_and_vanishes_with_them() -> None:
    path = ReadPath.connect(cells(normal(ROWS, COLUMNS), PCM), InputConverter(), OutputConverter(), slots=4)
    assert not path.multiply(np.zeros((10, ROWS)), stream(5)).values.any()
    one, ten = (path.multiply(factor * normal(10, ROWS), stream(5)).values for factor in (1.0, 10.0))
    np.testing.assert_allclose(10 * one, ten, rtol=1e-3, atol=1e-4)


def test_noise_is_added_before_the_output_converter() -> None:
    array = cells(normal(ROWS, COLUMNS), PCM)
    outputs = OutputConverter(8, 20.0)
    values = ReadPath.connect(array, InputConverter(8, 3.0), outputs, 64).multiply(normal(300, ROWS), stream(6)).values
    codes = values / (outputs.step * array.output_scale)
    np.testing.assert_allclose(codes, np.rint(codes), atol=1e-4)


def test_cells_without_fast_noise_need_no_generator() -> None:
    assert cells(normal(ROWS, COLUMNS)).fast_variance is None
    assert cells(normal(ROWS, COLUMNS), get_device("pcm", read_noise_scale=0.0)).fast_variance is None
    rng = stream(7)
    path = ReadPath.connect(cells(normal(ROWS, COLUMNS)), InputConverter(), OutputConverter(), slots=4)
    path.multiply(normal(10, ROWS), rng)
    assert rng.standard_normal() == stream(7).standard_normal()
