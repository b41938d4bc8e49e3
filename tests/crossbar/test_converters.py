from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chipsim.crossbar import InputConverter, OutputConverter
from chipsim.errors import InputError, SpecError


@given(bits=st.integers(2, 24), exponent=st.integers(-20, 20), code=st.integers(-(2**23) + 1, 2**23 - 1))
def test_every_code_survives_the_way_to_its_value_and_back(bits: int, exponent: int, code: int) -> None:
    limit = 2 ** (bits - 1) - 1
    converter = InputConverter(bits, limit * 2.0**exponent)
    code = max(-limit, min(limit, code))
    codes, clipped = converter.convert(np.array([code * 2.0**exponent]))
    assert (codes.tolist(), clipped) == ([code], 0)


def test_halves_round_to_even() -> None:
    codes, clipped = InputConverter(8, 127.0).convert([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 126.5])
    assert codes.tolist() == [-2, -2, 0, 0, 2, 2, 126]
    assert clipped == 0


def test_what_lies_outside_is_clipped_and_counted() -> None:
    codes, clipped = InputConverter(3, 3.0).convert([-4.0, -3.4, 3.4, 3.6, 1e30])
    assert codes.tolist() == [-3, -3, 3, 3, 3]
    assert clipped == 3


def test_switched_off_passes_values_through() -> None:
    values = [-1e20, 0.1, 3.0]
    codes, clipped = InputConverter(None, 1.0).convert(values)
    assert codes.tolist() == np.float32(values).tolist()
    assert clipped == 0
    assert (InputConverter().step, OutputConverter().step) == (1.0, 1.0)


def test_a_range_of_zero_becomes_one() -> None:
    assert InputConverter(8, 0.0).range == OutputConverter(8, 0.0).range == 1.0


@pytest.mark.parametrize(("bits", "span"), [(1, 1.0), (0, 1.0), (25, 1.0), (8, -1.0), (8, np.nan), (8, np.inf)])
def test_impossible_converters_are_refused(bits: int, span: float) -> None:
    with pytest.raises(SpecError, match=r"bits \(\d+\) must be 2 to 24" if span == 1.0 else "range .* must be finite"):
        OutputConverter(bits, span)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e39])
@pytest.mark.parametrize("bits", [None, 8])
def test_inputs_that_are_not_finite_are_named(bits: int | None, bad: float) -> None:
    with pytest.raises(InputError, match=r"crossbar inputs: 1 of 4 values .* first is at \(1, 0\)"):
        InputConverter(bits).convert(np.array([[1.0, 2.0], [bad, 3.0]]))


def test_large_finite_inputs_are_not_mistaken_for_infinity() -> None:
    assert InputConverter(8, 1.0).convert(np.full(4, 3e38, dtype=np.float32))[1] == 4
