"""Oracle: `numpy.percentile` of all values at once, to the last bit."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chipsim.crossbar.percentile import MOST_KEPT, StreamedPercentile
from chipsim.errors import InputError
from chipsim.streams import stream


def streamed(values: np.ndarray, percentile: float, cuts: list[int], most_kept: int = MOST_KEPT) -> float:
    found = StreamedPercentile(values.size, percentile, most_kept)
    for _ in range(found.passes):
        for part in np.split(values, cuts):
            found.add(part)
    return found.value()


FINITE = st.floats(width=32, allow_nan=False, allow_infinity=False, min_value=-(2.0**100), max_value=2.0**100)


@given(
    st.lists(FINITE, min_size=1, max_size=60),
    st.one_of(st.sampled_from([0.0, 50.0, 99.99, 100.0]), st.floats(0, 100)),
    st.lists(st.integers(0, 60), max_size=5),
    st.sampled_from([0, 3, MOST_KEPT]),
)
def test_any_values_percentile_and_parts(
    numbers: list[float], percentile: float, cuts: list[int], most_kept: int
) -> None:
    values = np.float32(numbers)
    wanted = float(np.percentile(np.abs(values), percentile))
    assert streamed(values, percentile, sorted(cuts), most_kept) == wanted


@pytest.mark.parametrize("percentile", [0.1, 1.0, 37.3, 90.0, 99.0, 99.99, 99.999, 100.0])
@pytest.mark.parametrize("kind", ["normal", "half zero", "few values", "sorted"])
def test_a_million_values_of_several_kinds(kind: str, percentile: float) -> None:
    values = stream(1, kind).standard_normal(1_000_000, dtype=np.float32)
    if kind == "half zero":
        values = np.maximum(values, 0)
    elif kind == "few values":
        values = np.rint(values)
    elif kind == "sorted":
        values.sort()
    cuts = [1, 65_536, 70_000, 700_001]
    assert streamed(values, percentile, cuts) == float(np.percentile(np.abs(values), percentile))


@pytest.mark.parametrize(("percentile", "passes"), [(99.99, 1), (50.0, 2), (0.0, 2)])
def test_memory_does_not_grow_with_the_number_of_values(percentile: float, passes: int) -> None:
    """64 million values of 4 bytes; parts of 256 KiB and what is made of them, and about 1 MiB of counts."""
    rng = stream(2, "many")
    part = rng.standard_normal(65_536, dtype=np.float32)
    found = StreamedPercentile(1000 * part.size, percentile)
    assert found.passes == passes
    tracemalloc.start()
    for _ in range(1000 * passes):
        found.add(part)
    found.value()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5 * 2**20


def test_no_values_missing_values_and_values_that_are_not_finite() -> None:
    with pytest.raises(InputError, match="at least one calibration value"):
        StreamedPercentile(0, 99)
    found = StreamedPercentile(3, 99)
    found.add(np.float32([1, 2]))
    with pytest.raises(InputError, match="3 values in 1 passes got 2"):
        found.value()
    with pytest.raises(InputError, match=r"1 of 2 values are NaN or infinite; the first is at \(1,\)"):
        found.add(np.float32([1, np.nan]))
