"""Without noise: against float64 products and against integer arithmetic."""

from __future__ import annotations

import numpy as np
import pytest
from crossbar_blocks import cells, normal
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from chipsim.crossbar import InputConverter, OutputConverter, ReadPath
from chipsim.device import get_device
from chipsim.errors import InputError, SpecError
from chipsim.streams import stream

EPS = float(np.finfo(np.float32).eps)
sizes = st.integers(0, 12)


@st.composite
def problems(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    mvms, rows, columns = draw(sizes), draw(st.integers(1, 12)), draw(sizes)
    values = st.floats(-1e3, 1e3, width=32)
    return draw(arrays(np.float32, (mvms, rows), elements=values)), draw(
        arrays(np.float32, (rows, columns), elements=values)
    )


@given(problem=problems(), slots=st.integers(1, 9), g_min=st.sampled_from([0.0, 2e-6]))
def test_ideal_cells_without_converters_are_a_matrix_product(
    problem: tuple[np.ndarray, np.ndarray], slots: int, g_min: float
) -> None:
    vectors, weights = problem
    array = cells(weights, get_device("ideal", g_min_siemens=g_min))
    product = ReadPath.connect(array, InputConverter(), OutputConverter(), slots).multiply(vectors, stream(1, "fast"))
    exact = vectors.astype(np.float64) @ weights.astype(np.float64)
    largest = np.abs(weights).max(axis=0, initial=0.0)
    room = 3 * EPS * (np.abs(vectors).sum(axis=1)[:, None] * largest) * (len(weights) + 2) + 1e-30
    assert product.values.dtype == np.float32
    assert (np.abs(product.values - exact) <= room).all()
    assert (product.clipped_inputs, product.saturated_outputs) == (0, 0)


def halved_to_even(values: np.ndarray, shift: int) -> np.ndarray:
    """Integers divided by 2^shift, halves to even, in integer arithmetic alone."""
    whole, rest = values >> shift, values & ((1 << shift) - 1)
    half = 1 << (shift - 1)
    return whole + ((rest > half) | ((rest == half) & (whole & 1 == 1)))


@pytest.mark.parametrize("slots", [1, 5, 16, 64])
@pytest.mark.parametrize("shift", [6, 9])
@pytest.mark.parametrize("output_bits", [6, 8])
def test_codes_equal_integer_arithmetic(slots: int, shift: int, output_bits: int) -> None:
    rng = stream(3, "integers")
    weights = rng.integers(-64, 65, size=(40, 30))
    weights[0] = 64  # the scale is then a power of two, and every step below is exact
    codes = rng.integers(-150, 151, size=(33, 40))
    inputs = InputConverter(8, 127 * 0.125)
    limit = 2 ** (output_bits - 1) - 1
    outputs = OutputConverter(output_bits, limit * 0.125 * 2.0**shift / 64)
    array = cells(weights.astype(np.float32), get_device("ideal", g_max_siemens=2.0**-15))
    product = ReadPath.connect(array, inputs, outputs, slots).multiply(codes * 0.125, stream(1, "fast"))
    unlimited = halved_to_even(np.clip(codes, -127, 127) @ weights, shift)
    wanted = np.clip(unlimited, -limit, limit)
    assert np.array_equal(product.values, wanted * 0.125 * 2.0**shift)
    assert product.clipped_inputs == np.count_nonzero(np.abs(codes) > 127)
    assert product.saturated_outputs == np.count_nonzero(np.abs(unlimited) > limit)


def test_codes_made_once_give_the_bytes_of_the_whole_path() -> None:
    array, vectors = cells(normal(50, 20), get_device("pcm")), normal(70, 50, key="inputs")
    path = ReadPath.connect(array, InputConverter(6, 2.0), OutputConverter(8, 10.0), slots=16)
    codes, clipped = path.input_converter.convert(vectors)
    whole = path.multiply(vectors, stream(1, "fast"))
    for given_codes in (codes, codes.astype(np.int8), np.asfortranarray(codes)):
        part = path.multiply_codes(given_codes, stream(1, "fast"))
        assert part.values.tobytes() == whole.values.tobytes()
    assert (clipped, part.saturated_outputs) == (whole.clipped_inputs, whole.saturated_outputs)
    assert clipped > 0


def test_row_blocks_add_up_to_the_whole() -> None:
    weights, vectors = normal(60, 10), normal(20, 60, key="inputs")
    off = InputConverter(), OutputConverter(), 8
    parts = [
        ReadPath.connect(cells(weights[rows]), *off).multiply(vectors[:, rows], stream(1)).values
        for rows in (slice(0, 25), slice(25, 60))
    ]
    np.testing.assert_allclose(parts[0] + parts[1], vectors @ weights, atol=1e-4)


def test_finer_output_converters_come_closer() -> None:
    array, vectors = cells(normal(60, 10)), normal(50, 60, key="inputs")
    exact = ReadPath.connect(array, InputConverter(), OutputConverter(), 16).multiply(vectors, stream(1)).values
    for bits in (4, 8, 12):
        outputs = OutputConverter(bits, 40.0)
        values = ReadPath.connect(array, InputConverter(), outputs, 16).multiply(vectors, stream(1)).values
        step = outputs.step * array.output_scale
        assert (np.abs(values - exact) <= 0.5001 * step).all()
        assert np.abs(values - exact).max() > 0.4 * step.max()


def test_bad_inputs_are_named() -> None:
    path = ReadPath.connect(cells(normal(4, 3)), InputConverter(8), OutputConverter(8), 4)
    with pytest.raises(InputError, match=r"array with 4 rows cannot multiply inputs of shape \(2, 5\)"):
        path.multiply(normal(2, 5), stream(1))
    with pytest.raises(InputError, match="crossbar inputs: 1 of 8 values are NaN"):
        path.multiply(np.array([[0, 0, 0, 0], [0, 0, 0, np.nan]]), stream(1))
    with pytest.raises(InputError, match="crossbar input codes: 1 of 4 values are NaN"):
        path.multiply_codes(np.array([[np.inf, 0, 0, 0]]), stream(1))
    with pytest.raises(SpecError, match=r"slots \(0\) must be at least 1"):
        ReadPath.connect(cells(normal(4, 3)), InputConverter(8), OutputConverter(8), 0)
