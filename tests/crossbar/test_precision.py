"""float64 and exact products."""

from __future__ import annotations

import os
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from crossbar_blocks import normal, program
from hypothesis import given
from hypothesis import strategies as st

from chipsim.crossbar import (
    InputConverter,
    InputEncoding,
    OutputConverter,
    PlanePath,
    ReadPath,
    SlicedArray,
    WeightSlices,
    column_scale,
    program_slices,
)
from chipsim.crossbar.array import Physics
from chipsim.crossbar.precision import exact_grid
from chipsim.device import get_device
from chipsim.errors import SpecError
from chipsim.streams import stream

PCM, AGE_S = get_device("pcm"), 3600.0
DOUBLE = Physics(type=np.dtype(np.float64))


@given(rows=st.integers(1, 2000), largest=st.integers(1, 2**15), size=st.floats(1e-12, 1e12), seed=st.integers(0, 1000))
def test_sums_on_the_grid_are_the_same_in_any_order(rows, largest, size, seed):
    rng = np.random.default_rng(seed)
    column = exact_grid(rng.uniform(-size, size, (rows, 1)), largest)[:, 0]
    codes = rng.integers(-largest, largest + 1, rows).astype(np.float64)
    terms = codes * column
    wanted = sum(Fraction(code) * Fraction(value) for code, value in zip(codes, column, strict=True))
    for order in (np.arange(rows), rng.permutation(rows), np.argsort(np.abs(terms))):
        assert float(np.cumsum(terms[order])[-1]) == wanted
    assert float(codes @ column) == wanted


def test_the_grid_is_fine_and_keeps_the_largest_value():
    values = normal(256, 8).astype(np.float64)
    found = exact_grid(values, 127)
    assert np.abs(found - values).max() <= np.abs(values).max() * 2.0**-37
    assert not exact_grid(np.zeros((4, 2)), 127).any()


def test_too_many_input_bits_for_exact_sums_are_refused():
    with pytest.raises(SpecError, match="leave 11 bits for a cell; use fewer input bits, or --precision float64"):
        exact_grid(np.ones((4, 1)), 2**40)


def test_exact_products_need_converters_and_float64():
    array = program(normal(8, 3), PCM).at_age(AGE_S, stream(1), DOUBLE)
    with pytest.raises(SpecError, match="give the input converter bits"):
        ReadPath.connect(array, InputConverter(), OutputConverter(), 4, exact=True)
    single = program(normal(8, 3), PCM).at_age(AGE_S, stream(1))
    with pytest.raises(SpecError, match="only in float64"):
        ReadPath.connect(single, InputConverter(8, 1.0), OutputConverter(), 4, exact=True)


def paths(exact: bool) -> dict[str, ReadPath | PlanePath]:
    """Analog pairs read once, and slices read in planes, both with noise and 8-bit converters."""
    dac, adc = InputConverter(8, 3.0), OutputConverter(8, 20.0)
    array = program(normal(48, 20), PCM).at_age(AGE_S, stream(1), DOUBLE)
    weights = normal(48, 20)
    scale = column_scale(weights, PCM.g_min_siemens, PCM.g_max_siemens)
    slices = program_slices(weights, scale, PCM, WeightSlices(6, 2), stream(1)).at_age(AGE_S, stream(2), DOUBLE)
    encoding, adcs = InputEncoding(8, 2), [OutputConverter(8, 60.0)] * 3
    return {
        "once": ReadPath.connect(array, dac, adc, 16, exact=exact),
        "planes": PlanePath.connect(slices, dac, encoding, adcs, 16, exact=exact),
        "shared": PlanePath.connect(slices, dac, encoding, adcs, 16, exact=exact, shared_noise=True),
        "pairs": PlanePath.connect(SlicedArray.of_pairs(array), dac, encoding, adcs[:1], 16, exact=exact),
    }


@pytest.mark.parametrize("name", ["once", "planes", "shared", "pairs"])
def test_exact_and_float64_agree_to_the_grid(name):
    x = normal(40, 48, key="x")
    exact, double = (paths(flag)[name].multiply(x, stream(5)) for flag in (True, False))
    assert exact.values.dtype == double.values.dtype == np.float64
    step = np.abs(exact.values).max() / 127
    assert np.mean(np.abs(exact.values - double.values) > 1e-6 * step) < 1e-3  # a rounding tie here and there


def test_float64_without_converters_is_float64_arithmetic():
    array, x = program(normal(300, 20)).at_age(0.0, stream(1), DOUBLE), normal(40, 300, key="x")
    found = ReadPath.connect(array, InputConverter(), OutputConverter(), 16).multiply(x, stream(1)).values
    wanted = x.astype(np.float64) @ (array.difference * array.output_scale)
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-13 * np.abs(wanted).max())


_DIGEST = """
import sys, hashlib
sys.path.insert(0, sys.argv[1])
import numpy as np
from crossbar_blocks import normal
import test_precision
from chipsim.streams import stream
digest = hashlib.sha256()
with np.load(sys.argv[2]) as stored:
    for name, path in test_precision.paths_of(stored).items():
        digest.update(path.multiply_codes(stored["codes"], stream(5)).values.tobytes())
print(digest.hexdigest())
"""


def paths_of(stored) -> dict[str, ReadPath]:
    """A read path from stored conductances."""
    from chipsim.crossbar import Array

    array = Array(stored["difference"], stored["variance"], np.zeros(48), np.ones(20))
    return {"once": ReadPath.connect(array, InputConverter(8, 3.0), OutputConverter(8, 20.0), 16, exact=True)}


@pytest.mark.parametrize("kernel", ["Prescott", "Nehalem", "Sandybridge", "Haswell", "SkylakeX"])
def test_exact_products_are_the_same_bytes_with_every_kernel_of_blas(kernel, tmp_path):
    """The kernels differ in the order of sums and in fused multiplication; not all of them exist on every machine."""
    array = program(normal(48, 20), PCM).at_age(AGE_S, stream(1), DOUBLE)
    codes = InputConverter(8, 3.0).convert(normal(40, 48, key="x"))[0]
    file = tmp_path / "stored.npz"
    np.savez(file, difference=array.difference, variance=array.fast_variance, codes=codes)
    if kernel == "SkylakeX" and "avx512f" not in Path("/proc/cpuinfo").read_text(encoding="ascii"):
        pytest.skip("this processor has no AVX-512")

    def digest(**environment: str) -> str:
        folder = str(Path(__file__).parent)
        return subprocess.run(
            [sys.executable, "-c", _DIGEST, folder, str(file)], check=True, capture_output=True, text=True,
            env=os.environ | environment,
        ).stdout  # fmt: skip

    assert digest(OPENBLAS_CORETYPE=kernel) == digest(NPY_DISABLE_CPU_FEATURES="AVX2 FMA3")
