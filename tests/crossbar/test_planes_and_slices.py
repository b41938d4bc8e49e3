"""Slices of weights and planes of inputs, against integer arithmetic and float64 products."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from crossbar_blocks import normal
from hypothesis import given, settings
from hypothesis import strategies as st

from chipsim.crossbar import (
    ConverterErrors,
    InputConverter,
    InputEncoding,
    OutputConverter,
    PlanePath,
    SlicedArray,
    WeightSlices,
    program_slices,
    tensor_scale,
)
from chipsim.device import get_device
from chipsim.errors import InputError, SpecError
from chipsim.streams import stream

SIGNS = ("bipolar", "positive-negative", "twos-complement")
signs = st.sampled_from(SIGNS)


@st.composite
def encodings(draw: st.DrawFn, most: int = 16) -> InputEncoding:
    bits = draw(st.integers(2, most))
    return InputEncoding(bits, draw(st.integers(1, bits - 1) | st.none()), draw(signs))


@st.composite
def slicings(draw: st.DrawFn, most: int = 16) -> WeightSlices:
    bits, offset = draw(st.integers(2, most)), draw(st.booleans())
    return WeightSlices(bits, draw(st.integers(1, min(8, bits - (not offset)))), offset)


def sliced(integers: np.ndarray, slices: WeightSlices, device: str = "ideal", devices: int = 1) -> SlicedArray:
    """Slices of whole numbers, one of which must be the limit of its encoding."""
    cells = get_device(device)
    scale = np.full(integers.shape[1], slices.limit / (cells.g_max_siemens - cells.g_min_siemens))
    block = program_slices(integers, scale, cells, slices, stream(1, "programming"), devices=devices)
    return block.at_age(cells.earliest_age_s, stream(1, "slow"))


def integers(key: str, limit: int, *shape: int) -> np.ndarray:
    return stream(1, key).integers(-limit, limit + 1, shape)


def one_step(bits: int, unsigned: bool) -> OutputConverter:
    return OutputConverter(bits, float(2**bits - 1 if unsigned else 2 ** (bits - 1) - 1))


@given(encoding=encodings(), seed=st.integers(0, 99))
def test_planes_add_up_to_the_codes(encoding: InputEncoding, seed: int) -> None:
    limit = 2 ** (encoding.bits - 1) - 1
    codes = stream(seed).integers(-limit, limit + 1, (5, 7))
    digits = encoding.digits(codes.astype(np.float32))
    total = sum(w * plane.astype(np.int64) for w, plane in zip(encoding.plane_weights, digits, strict=True))
    assert (total == codes).all()
    assert np.abs(digits).max() <= encoding.largest_digit
    assert not encoding.unsigned or digits.min() >= 0


@given(slices=slicings(), seed=st.integers(0, 99))
def test_slices_add_up_to_the_weights(slices: WeightSlices, seed: int) -> None:
    weights = stream(seed).integers(-slices.limit, slices.limit + 1, (5, 7))
    levels = slices.levels(weights)
    assert len(levels) == len(slices.factors) == slices.count + slices.offset
    assert (sum(f * level.astype(np.int64) for f, level in zip(slices.factors, levels, strict=True)) == weights).all()
    assert all(np.abs(level).max() <= slices.largest_level for level in levels)
    assert not slices.offset or all(level.min() >= 0 for level in levels)


@settings(max_examples=150)
@given(
    rows=st.integers(1, 40),
    columns=st.integers(1, 9),
    mvms=st.integers(0, 9),
    slices=slicings(8),
    encoding=encodings(8),
)
def test_a_converter_of_whole_steps_gives_integer_arithmetic(
    rows: int, columns: int, mvms: int, slices: WeightSlices, encoding: InputEncoding
) -> None:
    weights = integers("weights", slices.limit, rows, columns)
    codes = integers("codes", 2 ** (encoding.bits - 1) - 1, mvms, rows)
    unsigned = slices.offset and encoding.unsigned
    levels = rows * slices.largest_level * encoding.largest_digit + 1
    bits = max(2, int(np.ceil(np.log2(levels if unsigned else 2 * levels))))
    array = sliced(weights, slices)
    path = PlanePath.connect(
        array, InputConverter(encoding.bits, 2.0 ** (encoding.bits - 1) - 1), encoding,
        [one_step(min(bits, 24), unsigned)] * len(array.arrays), 4,
    )  # fmt: skip
    product = path.multiply_codes(codes, stream(1))
    assert product.saturated_outputs == 0
    assert (product.values == (codes @ weights).astype(np.float32)).all()


def test_integer_sums_beyond_float32_are_those_of_64_bit_integers() -> None:
    slices, encoding = WeightSlices(16, 2, offset=True), InputEncoding(16, 1, "twos-complement")
    weights, codes = integers("weights", slices.limit, 128, 5), integers("codes", 2**15 - 1, 20, 128)
    array = sliced(weights, slices)
    path = PlanePath.connect(
        array, InputConverter(16, 2.0**15 - 1), encoding, [one_step(9, unsigned=True)] * 9, 16
    ).in_steps()
    sums, saturated = path.sums(codes.astype(np.float32), stream(1))
    assert saturated == 0
    assert (sums.astype(np.int64) == codes @ weights).all()
    assert np.abs(codes @ weights).max() > 2**32


@settings(max_examples=150)
@given(
    rows=st.integers(1, 40), columns=st.integers(1, 9), slices=slicings(), encoding=encodings(),
    converter=st.booleans(), devices=st.integers(1, 3),
)  # fmt: skip
def test_without_output_converter_products_are_exact_to_rounding(
    rows: int, columns: int, slices: WeightSlices, encoding: InputEncoding, converter: bool, devices: int
) -> None:
    weights = integers("weights", slices.limit, rows, columns)
    vectors = normal(6, rows, key="x").astype(np.float64)
    array = sliced(weights, slices, devices=devices)
    dac = InputConverter(encoding.bits if converter else None, 3.0)
    encoding = encoding if converter else InputEncoding(None, None, encoding.signs)
    path = PlanePath.connect(array, dac, encoding, [OutputConverter()] * len(array.arrays), 4)
    inputs = dac.convert(vectors)[0].astype(np.float64) * dac.step
    found = path.multiply(vectors, stream(1)).values
    most = 2.0 ** (slices.weight_bits + 1) * (np.abs(inputs).sum(axis=1, keepdims=True) + 3.0 * rows)
    assert (np.abs(found - inputs @ weights) <= 1e-6 * most).all()
    np.testing.assert_allclose(array.weights, weights, atol=1e-6 * 2**slices.weight_bits)


def noisy_path(slots: int, slices: WeightSlices, encoding: InputEncoding, devices: int = 1) -> PlanePath:
    array = sliced(integers("weights", slices.limit, 30, 8), slices, "pcm", devices)
    count = len(array.arrays)
    errors = [ConverterErrors.draw(each.shape[1], 0.01, 0.5, 0.3, stream(1, i)) for i, each in enumerate(array.arrays)]
    return PlanePath.connect(array, InputConverter(encoding.bits, 3.0), encoding, [OutputConverter(9, 200.0)] * count,
                             slots, errors)  # fmt: skip


@settings(max_examples=20)
@given(cuts=st.lists(st.integers(0, 50), max_size=5), slots=st.sampled_from([1, 7, 16]), offset=st.booleans())
def test_any_cuts_change_no_byte(cuts: list[int], slots: int, offset: bool) -> None:
    path = noisy_path(slots, WeightSlices(6, 2, offset), InputEncoding(5, 2, "positive-negative"))
    vectors, noise = normal(50, 30, key="x"), stream(1, "fast")
    parts = [
        path.multiply(vectors[a:b], noise, first_mvm=a).values.tobytes()
        for a, b in pairwise([0, *sorted(cuts), 50])
    ]  # fmt: skip
    assert b"".join(parts) == path.multiply(vectors, stream(1, "fast")).values.tobytes()


@pytest.mark.parametrize("fresh", [False, True])
@pytest.mark.parametrize(("per_cycle", "sign"), [(1, "twos-complement"), (2, "bipolar"), (None, "positive-negative")])
def test_fast_noise_is_fresh_in_every_plane_and_slice(per_cycle: int | None, sign: str, fresh: bool) -> None:
    """20,000 samples of 4 columns at six standard errors: one false alarm in about 10^8."""
    slices, encoding = WeightSlices(5, 2), InputEncoding(5, per_cycle, sign, fresh)
    count, array = 20_000, sliced(integers("weights", slices.limit, 12, 4), slices, "pcm", devices=2)
    path = PlanePath.connect(array, InputConverter(5, 15.0), encoding, [OutputConverter()] * 2, 256)
    codes = integers("codes", 15, 1, 12).astype(np.float32)
    found = path.multiply_codes(np.repeat(codes, count, axis=0), stream(1, "fast")).values.astype(np.float64)
    digits = encoding.digits(codes)[:, 0].astype(np.float64)
    drives = (np.abs(digits) if fresh else digits**2, np.square(np.asarray(encoding.plane_weights, dtype=np.float64)))
    squares = drives[1] @ drives[0]
    wanted = sum(
        squares @ (each.fast_variance * (factor * array.largest_level) ** 2)
        for each, factor in zip(array.arrays, array.factors, strict=True)
    )
    assert (np.abs(found.var(axis=0) / (wanted * array.output_scale**2) - 1) < 6 * np.sqrt(2 / count)).all()


def test_what_leaves_the_converters_range_is_clipped_and_counted_in_every_plane() -> None:
    slices, encoding = WeightSlices(3, 2), InputEncoding(3, 1, "twos-complement")
    array = sliced(np.full((10, 1), 3), slices)
    path = PlanePath.connect(array, InputConverter(3, 3.0), encoding, [OutputConverter(4, 7.0)], 4)
    product = path.multiply_codes(np.array([[3.0] * 10, [1.0] + [0.0] * 9]), stream(1))
    assert product.saturated_outputs == 2
    assert product.values.tolist() == [[7 + 2 * 7], [3]]
    assert path.saturates(np.full((1, 10), 3.0, dtype=np.float32))
    assert not path.saturates(np.eye(1, 10, dtype=np.float32))


def test_several_devices_average_their_errors() -> None:
    """Programming errors of 40,000 weights: spreads within 3 % of 1/sqrt(devices), six standard errors being 2.1 %."""
    slices, weights = WeightSlices(2, 1), np.ones((200, 200), dtype=np.int64)
    spread = [sliced(weights, slices, "pcm", devices).weights.std() for devices in (1, 4)]
    assert abs(spread[0] / spread[1] / 2 - 1) < 0.03


def test_conductance_of_all_cells_counts_for_energy() -> None:
    array, single = (sliced(np.full((3, 2), 3), WeightSlices(3, 2), devices=n) for n in (4, 1))
    drive = np.array([1.0, 0.0, 2.0])
    assert single.integrated_conductance(drive) == pytest.approx(3.0 * 2 * 25e-6)
    assert array.integrated_conductance(drive) == pytest.approx(4 * 3.0 * 2 * 25e-6)


def test_row_drive_counts_digits() -> None:
    encoding = InputEncoding(8, 2, "positive-negative")
    codes = integers("codes", 127, 20, 6)
    wanted = sum((np.abs(codes) >> shift) & 3 for shift in (0, 2, 4, 6)).sum(axis=0)
    assert encoding.row_drive(codes).tolist() == wanted.tolist()


def test_what_does_not_fit_is_refused() -> None:
    array = sliced(np.array([[3, -3]]), WeightSlices(3, 2))
    with pytest.raises(SpecError, match="8 bits does not fit a converter of 4"):
        PlanePath.connect(array, InputConverter(4), InputEncoding(8), [OutputConverter()], 4)
    with pytest.raises(SpecError, match="1 slices need as many output converters, got 2"):
        PlanePath.connect(array, InputConverter(4), InputEncoding(4), [OutputConverter()] * 2, 4)
    with pytest.raises(SpecError, match=r"slots \(0\)"):
        PlanePath.connect(array, InputConverter(4), InputEncoding(4), [OutputConverter()], 0)
    path = PlanePath.connect(array, InputConverter(4), InputEncoding(4), [OutputConverter()], 4)
    with pytest.raises(InputError, match=r"1 rows cannot multiply inputs of shape \(2, 5\)"):
        path.multiply(normal(2, 5), stream(1))
    with pytest.raises(InputError, match="codes: 1 of 1 values are NaN"):
        path.multiply_codes(np.array([[np.nan]]), stream(1))
    cells = get_device("ideal")
    scale = tensor_scale(np.array([[1.0]]), cells.g_min_siemens, cells.g_max_siemens).repeat(2)
    with pytest.raises(InputError, match="scale of column 1 is too small"):
        program_slices(np.array([[1.0, -3.0]]), scale, cells, WeightSlices(3, 2), stream(1))
    for bits, per_cell in [(1, 1), (17, 1), (8, 0), (8, 8)]:
        with pytest.raises(SpecError, match="must be"):
            WeightSlices(bits, per_cell)
    with pytest.raises(SpecError, match=r"bits per cycle \(8\) must be 1 to 7"):
        InputEncoding(8, 8)
