"""Gain, offset and noise of output converters, against what their definition says."""

from __future__ import annotations

import numpy as np
import pytest
from crossbar_blocks import cells, normal

from chipsim.crossbar import ConverterErrors, InputConverter, OutputConverter, ReadPath
from chipsim.device import get_device
from chipsim.errors import SpecError
from chipsim.streams import stream

ROWS, COLUMNS = 20, 6


def path_of(errors: ConverterErrors | None, device: str = "ideal", bits: int | None = 12) -> ReadPath:
    array = cells(normal(ROWS, COLUMNS), get_device(device))
    return ReadPath.connect(array, InputConverter(8, 3.0), OutputConverter(bits, 60.0), 16, errors)


def test_gain_and_offset_are_those_of_their_columns() -> None:
    gain, offset = np.linspace(0.9, 1.1, COLUMNS), np.arange(COLUMNS) - 2.5
    errors = ConverterErrors(gain.astype(np.float32), offset.astype(np.float32))
    vectors, ideal = normal(40, ROWS, key="x"), path_of(None, bits=None)
    step = OutputConverter(12, 60.0).step
    scale = path_of(errors).scale.astype(np.float64)
    exact = ideal.multiply(vectors, stream(1)).values / ideal.scale / step
    found = path_of(errors).multiply(vectors, stream(1)).values / scale
    assert np.abs(found - (gain * exact + offset)).max() <= 0.501


@pytest.mark.parametrize("device", ["ideal", "pcm"])
def test_noise_adds_its_variance_to_that_of_the_cells(device: str) -> None:
    """20,000 samples of 6 columns at six standard errors: one false alarm in about 10^8."""
    count, noise = 20_000, 3.0
    errors = ConverterErrors.draw(COLUMNS, 0.0, 0.0, noise, stream(1))
    path = path_of(errors, device)
    vector = np.repeat(normal(1, ROWS, key="x"), count, axis=0)
    found = path.multiply(vector, stream(1, "noise")).values / path.scale
    codes = path.input_converter.convert(vector[:1])[0].astype(np.float64)
    wanted = noise**2 + 1 / 12 + (0 if path.variance is None else codes**2 @ path.variance)
    assert (np.abs(found.var(axis=0) / wanted - 1) < 6 * np.sqrt(2 / count)).all()


def test_spreads_have_their_size_and_come_from_the_stream() -> None:
    """100,000 draws at six standard errors: one false alarm in 10^8."""
    errors = ConverterErrors.draw(100_000, 0.02, 1.5, 0.0, stream(1, "spread"))
    assert abs(errors.gain.std() / 0.02 - 1) < 6 / np.sqrt(2e5)
    assert abs(errors.offset.std() / 1.5 - 1) < 6 / np.sqrt(2e5)
    assert abs(errors.gain.mean() - 1) < 6 * 0.02 / np.sqrt(1e5)
    again = ConverterErrors.draw(100_000, 0.02, 1.5, 0.0, stream(1, "spread"))
    assert again.gain.tobytes() == errors.gain.tobytes()


@pytest.mark.parametrize("spread", [-0.1, np.nan, np.inf])
def test_impossible_spreads_are_refused(spread: float) -> None:
    with pytest.raises(SpecError, match="gain spread of output converters"):
        ConverterErrors.draw(3, spread, 0.0, 0.0, stream(1))
