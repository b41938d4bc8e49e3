"""What is no number, no matrix or no physics is refused by name; zero columns and tiny shapes give right answers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from crossbar_blocks import cells, normal, program

from chipsim.crossbar import (
    InputConverter,
    InputEncoding,
    OutputConverter,
    PlanePath,
    ReadPath,
    WeightSlices,
    column_scale,
    conductance_pair,
    input_range,
    output_range,
    program_block,
    program_slices,
    tensor_scale,
)
from chipsim.device import get_device
from chipsim.errors import DeviceRangeError, InputError, SpecError
from chipsim.streams import stream

IDEAL = get_device("ideal")
SCALE = np.full(4, 1.0 / 25e-6)
SLICES = WeightSlices(weight_bits=4, bits_per_cell=1)


def spoilt(value: float, *shape: int) -> np.ndarray:
    array = normal(*shape) * np.float32(0.1)
    array[1, 2] = value
    return array


def path(weights: np.ndarray, slots: int = 4) -> ReadPath:
    return ReadPath.connect(cells(weights), InputConverter(), OutputConverter(), slots)


def planes(weights: np.ndarray) -> PlanePath:
    scale = column_scale(weights, IDEAL.g_min_siemens, IDEAL.g_max_siemens)
    array = program_slices(weights, scale, IDEAL, SLICES, stream(1, "programming")).at_age(0.0, stream(1, "slow"))
    adcs = [OutputConverter(8, 127.0)] * SLICES.count
    return PlanePath.connect(array, InputConverter(4, 7.0), InputEncoding(4, 1), adcs, slots=4)


WITH_WEIGHTS: list[Callable[[np.ndarray], object]] = [
    lambda w: column_scale(w, 0.0, 1.0),
    lambda w: tensor_scale(w, 0.0, 1.0),
    lambda w: conductance_pair(w, SCALE, 0.0, 25e-6),
    lambda w: program_block(w, SCALE, IDEAL, stream(1)),
    lambda w: program_slices(w, SCALE, IDEAL, SLICES, stream(1)),
    lambda w: output_range(normal(3, 5), w, SCALE, IDEAL),
]
WITH_VECTORS: list[Callable[[np.ndarray], object]] = [
    lambda x: InputConverter(8, 1.0).convert(x),
    lambda x: path(normal(5, 4)).multiply(x, stream(1)),
    lambda x: path(normal(5, 4)).multiply_codes(x, stream(1)),
    lambda x: planes(normal(5, 4)).multiply(x, stream(1)),
    lambda x: planes(normal(5, 4)).multiply_codes(x, stream(1)),
    lambda x: input_range(x),
    lambda x: output_range(x, normal(5, 4) * np.float32(0.1), SCALE, IDEAL),
]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("use", WITH_WEIGHTS)
def test_weights_that_are_not_finite(use: Callable[[np.ndarray], object], value: float) -> None:
    with pytest.raises(InputError, match=r"weights: 1 of 20 values are NaN or infinite; the first is at \(1, 2\)"):
        use(spoilt(value, 5, 4))


@pytest.mark.parametrize("shape", [(4,), (1, 5, 4), ()])
@pytest.mark.parametrize("use", WITH_WEIGHTS)
def test_weights_that_are_no_matrix(use: Callable[[np.ndarray], object], shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match=r"must be a matrix \(rows, columns\), got shape"):
        use(np.full(shape, 0.5, np.float32))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("use", WITH_VECTORS)
def test_vectors_that_are_not_finite(use: Callable[[np.ndarray], object], value: float) -> None:
    with pytest.raises(InputError, match=r"NaN or infinite; the first is at \(1, 2\)"):
        use(spoilt(value, 3, 5))


@pytest.mark.parametrize("shape", [(5,), (3, 4), (3, 6), (2, 3, 5)])
@pytest.mark.parametrize("use", WITH_VECTORS[1:5] + WITH_VECTORS[6:])
def test_vectors_of_another_length(use: Callable[[np.ndarray], object], shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="5 rows"):
        use(np.zeros(shape, np.float32))


@pytest.mark.parametrize("g", [(2e-6, 1e-6), (1e-6, 1e-6), (np.nan, 1e-6)])
@pytest.mark.parametrize("scale", [column_scale, tensor_scale])
def test_a_range_of_conductances_that_is_empty(scale: Callable[..., object], g: tuple[float, float]) -> None:
    with pytest.raises(SpecError, match="g_min"):
        scale(normal(5, 4), *g)


@pytest.mark.parametrize("model", ["ideal", "pcm", "pcm-hermes", "rram-wan", "rram-cmo", "flash", "sram", "generic"])
def test_every_device_refuses_g_min_above_g_max(model: str) -> None:
    device = get_device(model)
    with pytest.raises(SpecError, match=f"{model}.*g_m(in|ax)_siemens"):
        get_device(model, g_min_siemens=device.g_max_siemens, g_max_siemens=device.g_min_siemens)


@pytest.mark.parametrize("converter", [InputConverter, OutputConverter])
@pytest.mark.parametrize("bits", [0, 1, -8, 25])
def test_converters_without_a_code(converter: type[InputConverter], bits: int) -> None:
    with pytest.raises(SpecError, match=rf"bits \({bits}\) must be 2 to 24"):
        converter(bits, 1.0)


@pytest.mark.parametrize("range_", [-1.0, np.nan, np.inf])
def test_converters_without_a_range(range_: float) -> None:
    with pytest.raises(SpecError, match="must be finite and at least 0"):
        OutputConverter(8, range_)


@pytest.mark.parametrize(
    ("model", "age_s"),
    [("rram-wan", 0.0), ("rram-wan", 1e6), ("rram-cmo", 0.5), ("flash", 1e6), ("pcm", -1.0), ("pcm", np.nan)],
)
def test_ages_outside_the_model(model: str, age_s: float) -> None:
    block = program(normal(5, 4), get_device(model))
    with pytest.raises(DeviceRangeError, match=f"device '{model}' cannot be evaluated at age .*; allowed: "):
        block.at_age(age_s, stream(1))


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (7, 1), (6, 4)])
@pytest.mark.parametrize("zeros", ["none", "one column", "all"])
def test_zero_columns_and_tiny_matrices(shape: tuple[int, int], zeros: str) -> None:
    """Whole numbers and columns whose largest weight is 4: ideal cells and converters of one step each are exact."""
    weights = np.full(shape, 4.0, np.float32)
    weights[1:] = stream(1, "weights").integers(-4, 5, (shape[0] - 1, shape[1]))
    weights[:, {"none": 0, "one column": 1, "all": shape[1]}[zeros] - 1 :] *= zeros == "none"
    x = stream(1, "inputs").integers(-7, 8, (9, shape[0])).astype(np.float32)
    wanted = x @ weights
    np.testing.assert_allclose(path(weights).multiply(x, stream(1)).values, wanted, rtol=1e-6, atol=1e-6)
    between = ReadPath.connect(cells(weights), InputConverter(4, 7.0), OutputConverter(20, 2.0**17 - 0.25), slots=4)
    np.testing.assert_allclose(between.multiply(x, stream(1)).values, wanted, atol=1.01)
    assert not between.multiply(x, stream(1)).values[:, (weights == 0).all(axis=0)].any()


def test_a_zero_column_of_noisy_cells_has_a_finite_output_around_zero() -> None:
    """Ten thousand pairs at zero; the sum of 100 differences within five standard errors, 6e-7 false alarms."""
    weights = normal(100, 100)
    weights[:, ::2] = 0
    array = cells(weights, get_device("pcm"))
    empty = array.weights[:, ::2].astype(np.float64)
    assert np.isfinite(empty).all()
    assert abs(empty.mean()) < 5 * empty.std() / np.sqrt(empty.size)
