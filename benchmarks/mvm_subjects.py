"""What `mvm.py` measures: arrays between converters, and the checks of their outputs that come before any timing."""

from __future__ import annotations

import sys
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from wires import WIRES
from wires import check as off_by

from chipsim.crossbar import (
    Array,
    InputConverter,
    InputEncoding,
    OutputConverter,
    PlanePath,
    ReadPath,
    WeightSlices,
    column_scale,
    input_range,
    output_range,
    program_block,
    program_slices,
)
from chipsim.crossbar.array import IDEAL_READ, Physics
from chipsim.crossbar.array_wires import ArrayWires
from chipsim.crossbar.wires import effective_matrix, effective_pair
from chipsim.device import get_device
from chipsim.streams import stream

ROWS, COLUMNS, BATCH, SLOTS, BITS, AGE_S = 512, 512, 1024, 256, 8, 3600.0
CHECK_MVMS = 20_000
WIRED = 256  # rows and columns of the pair block with wires
SLICES, PLANES = (
    WeightSlices(weight_bits=BITS, bits_per_cell=2, offset=False),
    InputEncoding(BITS, 1, "twos-complement"),
)
SLICED_ADC_BITS = 12  # 512 rows x 3 levels x 1 in both directions


def build(
    weights: NDArray[np.float32], vectors: NDArray[np.float32], device_name: str, physics: Physics = IDEAL_READ
) -> tuple[Array, InputConverter, OutputConverter]:
    device = get_device(device_name)
    scale = column_scale(weights, device.g_min_siemens, device.g_max_siemens)
    array = program_block(weights, scale, device, stream(1, "programming")).at_age(AGE_S, stream(1, "slow"), physics)
    dac = InputConverter(BITS, input_range(vectors))
    adc = OutputConverter(BITS, output_range(vectors, weights, scale, device))
    return array, dac, adc


def check(array: Array, dac: InputConverter, vectors: NDArray[np.float32]) -> None:
    """Compare mean and variance of many noisy products of one vector with the closed forms; stop if they differ."""
    path = ReadPath.connect(array, dac, OutputConverter(), SLOTS)
    vector = vectors[:1]
    values = path.multiply(np.repeat(vector, CHECK_MVMS, axis=0), stream(1, "check")).values.astype(np.float64)
    codes = dac.convert(vector)[0][0].astype(np.float64) * dac.step
    mean = codes @ (array.difference * array.output_scale)
    assert array.fast_variance is not None
    variance = (codes**2) @ (array.fast_variance * array.output_scale**2)
    off_mean = np.abs(values.mean(axis=0) - mean) / np.sqrt(variance / CHECK_MVMS)
    off_variance = np.abs(values.var(axis=0) / variance - 1) / np.sqrt(2 / CHECK_MVMS)
    worst = max(float(off_mean.max()), float(off_variance.max()))
    if not worst < 6.0:  # 1,024 comparisons at six standard errors: one false alarm in about 500,000 runs
        sys.exit(f"benchmarks/mvm.py: the noisy product is wrong by {worst:.1f} standard errors; no timing is given")


def check_quantised(array: Array, dac: InputConverter, adc: OutputConverter, vectors: NDArray[np.float32]) -> None:
    """Compare the path without noise with float64 arithmetic: within one output step."""
    got = ReadPath.connect(array, dac, adc, SLOTS).multiply(vectors, stream(1, "unused")).values
    codes = dac.convert(vectors)[0].astype(np.float64)
    assert adc.limit is not None
    steps = np.rint(codes @ array.difference.astype(np.float64) * (dac.step / adc.step))
    wanted = np.clip(steps, -adc.limit, adc.limit)
    apart = np.abs(got / (adc.step * array.output_scale) - wanted)
    if apart.max() > 1.001 or np.mean(apart > 0.5) > 1e-3:
        sys.exit(f"benchmarks/mvm.py: the quantised product is wrong by {apart.max():.2f} steps; no timing is given")


def build_sliced(weights: NDArray[np.float32], dac: InputConverter, device_name: str, **parameters: float) -> PlanePath:
    """8-bit weights in 4 slices of pairs, 8-bit inputs in 8 planes, one conversion with a step of one level each."""
    device = get_device(device_name, **parameters)
    scale = column_scale(weights, device.g_min_siemens, device.g_max_siemens)
    block = program_slices(weights, scale, device, SLICES, stream(1, "programming"))
    adcs = [OutputConverter(SLICED_ADC_BITS, 2.0 ** (SLICED_ADC_BITS - 1) - 1)] * SLICES.count
    return PlanePath.connect(block.at_age(AGE_S, stream(1, "slow")), dac, PLANES, adcs, SLOTS)


def check_sliced(weights: NDArray[np.float32], vectors: NDArray[np.float32], dac: InputConverter) -> None:
    """Compare slices and planes of ideal cells with integer arithmetic: every value must be equal."""
    codes = dac.convert(vectors)[0]
    integers = SLICES.integers(weights, np.abs(weights).max(axis=0))
    found, saturated = build_sliced(weights, dac, "ideal").sums(codes, stream(1, "unused"))
    wrong = np.count_nonzero(found.astype(np.int64) != codes.astype(np.int64) @ integers.astype(np.int64))
    if wrong or saturated:
        sys.exit(f"benchmarks/mvm.py: {wrong} sums of slices and planes are not the integers; no timing is given")


@dataclass(frozen=True, slots=True)
class Subjects:
    """Everything that is timed, checked."""

    weights: NDArray[np.float32]
    vectors: NDArray[np.float32]
    codes: NDArray[np.float32]
    noisy: ReadPath
    quantised: ReadPath
    sliced: PlanePath
    sliced_noisy: PlanePath
    plain: ReadPath
    wired: ReadPath


def subjects() -> Subjects:
    """Build and check."""
    data = stream(1, "data")
    weights = data.standard_normal((ROWS, COLUMNS), dtype=np.float32)
    vectors = data.standard_normal((BATCH, ROWS), dtype=np.float32)
    pcm, dac, adc = build(weights, vectors, "pcm")
    ideal, ideal_dac, ideal_adc = build(weights, vectors, "ideal")
    check(pcm, dac, vectors)
    check_quantised(ideal, ideal_dac, ideal_adc, vectors)
    check_sliced(weights, vectors, dac)
    sliced = build_sliced(weights, dac, "pcm", read_noise_scale=0.0)
    assert not any(part.noisy for part in sliced.parts)
    plain, wired = with_and_without_wires(weights[:WIRED, :WIRED], vectors[:, :WIRED])
    return Subjects(
        weights, vectors, dac.convert(vectors)[0],
        noisy=ReadPath.connect(pcm, dac, adc, SLOTS), quantised=ReadPath.connect(ideal, ideal_dac, ideal_adc, SLOTS),
        sliced=sliced, sliced_noisy=build_sliced(weights, dac, "pcm"), plain=plain, wired=wired,
    )  # fmt: skip


def with_and_without_wires(weights: NDArray[np.float32], vectors: NDArray[np.float32]) -> tuple[ReadPath, ReadPath]:
    """The same noisy pair block with ideal wires and with resistive ones."""
    check_wires(weights, vectors)
    physics = Physics(ArrayWires(WIRES, *weights.shape))
    paths = []
    for each in (IDEAL_READ, physics):
        array, dac, adc = build(weights, vectors, "pcm", each)
        paths.append(ReadPath.connect(array, dac, adc, SLOTS))
    return paths[0], paths[1]


def check_wires(weights: NDArray[np.float32], vectors: NDArray[np.float32]) -> None:
    """Compare the effective matrix with conjugate gradients, and outputs with products of it; wires must matter."""
    device = get_device("ideal")
    scale = column_scale(weights, device.g_min_siemens, device.g_max_siemens)
    block = program_block(weights, scale, device, stream(1, "programming"))
    apart = off_by(block.plus.programmed, effective_matrix(block.plus.programmed, WIRES), row=len(weights) // 2)
    plus, minus = effective_pair(block.plus.programmed, block.minus.programmed, WIRES)
    outputs = []
    for physics in (Physics(ArrayWires(WIRES, *weights.shape)), IDEAL_READ):
        array = block.at_age(0.0, stream(1, "slow"), physics)
        path = ReadPath.connect(array, InputConverter(), OutputConverter(), SLOTS)
        outputs.append(path.multiply(vectors, stream(1, "unused")).values)
    wanted = vectors.astype(np.float64) @ ((plus - minus) * scale)
    wrong = np.abs(outputs[0] - wanted).max() / np.abs(wanted).max()
    lost = np.abs(outputs[1] - outputs[0]).max() / np.abs(wanted).max()
    if not (apart < 1e-9 and wrong < 1e-5 and lost > 0.01):
        sys.exit(
            f"benchmarks/mvm.py: wires are wrong: matrix by {apart:.1e}, outputs by {wrong:.1e}, of which they take "
            f"{lost:.1%}; no timing is given"
        )
