"""How fast is a noisy matrix-vector product beside the plain matrix product of the same shape?

    python benchmarks/mvm.py [--json] [--rounds 21]

The subject is what a run calls: `program_block`, ``at_age`` and `ReadPath.multiply` with PCM cells, fast read
noise and 8-bit converters. The yardstick is one float32 product (batch x rows) @ (rows x columns) in NumPy. Both use
one thread and take turns; medians are printed. Before that, the outputs are compared with closed forms.
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"  # read when NumPy is imported
os.environ["OPENBLAS_NUM_THREADS"] = "1"
os.environ["MKL_NUM_THREADS"] = "1"

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

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
from chipsim.device import get_device
from chipsim.streams import stream

ROWS, COLUMNS, BATCH, SLOTS, BITS, AGE_S = 512, 512, 1024, 256, 8, 3600.0
CHECK_MVMS = 20_000
SLICES, PLANES = (
    WeightSlices(weight_bits=BITS, bits_per_cell=2, offset=False),
    InputEncoding(BITS, 1, "twos-complement"),
)
SLICED_ADC_BITS = 12  # 512 rows x 3 levels x 1 in both directions


def build(
    weights: NDArray[np.float32], vectors: NDArray[np.float32], device_name: str
) -> tuple[Array, InputConverter, OutputConverter]:
    device = get_device(device_name)
    scale = column_scale(weights, device.g_min_siemens, device.g_max_siemens)
    array = program_block(weights, scale, device, stream(1, "programming")).at_age(AGE_S, stream(1, "slow"))
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


def measure(subjects: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Median seconds of each, taking turns."""
    for run in subjects.values():
        run()
    times: dict[str, list[float]] = {name: [] for name in subjects}
    for _ in range(rounds):
        for name, run in subjects.items():
            start = time.perf_counter()
            run()
            times[name].append(time.perf_counter() - start)
    return {name: statistics.median(values) for name, values in times.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print one flat JSON object instead of the table")
    parser.add_argument("--rounds", type=int, default=21, help="rounds of measurement, at least 15")
    options = parser.parse_args()
    data = stream(1, "data")
    weights = data.standard_normal((ROWS, COLUMNS), dtype=np.float32)
    vectors = data.standard_normal((BATCH, ROWS), dtype=np.float32)
    pcm, dac, adc = build(weights, vectors, "pcm")
    ideal, ideal_dac, ideal_adc = build(weights, vectors, "ideal")
    check(pcm, dac, vectors)
    check_quantised(ideal, ideal_dac, ideal_adc, vectors)
    check_sliced(weights, vectors, dac)
    noisy = ReadPath.connect(pcm, dac, adc, SLOTS)
    quantised = ReadPath.connect(ideal, ideal_dac, ideal_adc, SLOTS)
    sliced = build_sliced(weights, dac, "pcm", read_noise_scale=0.0)
    assert not any(part.noisy for part in sliced.parts)
    sliced_noisy = build_sliced(weights, dac, "pcm")
    codes, product, noise = dac.convert(vectors)[0], np.empty((BATCH, COLUMNS), np.float32), stream(1, "fast")
    seconds = measure(
        {
            "gemm": lambda: np.matmul(vectors, weights, out=product),
            "noisy": lambda: noisy.multiply(vectors, noise),
            "noisy_from_codes": lambda: noisy.multiply_codes(codes, noise),
            "quantised": lambda: quantised.multiply(vectors, noise),
            "bitserial": lambda: sliced.multiply(vectors, noise),
            "normals": lambda: noise.standard_normal(out=product, dtype=np.float32),
        },
        max(options.rounds, 15),
    )
    seconds |= measure({"bitserial_noisy": lambda: sliced_noisy.multiply(vectors, noise)}, 3)
    numbers = {f"{name}_s": value for name, value in seconds.items()}
    numbers |= {f"{name}_over_gemm": value / seconds["gemm"] for name, value in seconds.items() if name != "gemm"}
    numbers |= {"rows": ROWS, "columns": COLUMNS, "batch": BATCH, "slots": SLOTS, "converter_bits": BITS}
    if options.json:
        print(json.dumps(numbers))
        return
    print(f"{BATCH} vectors, {ROWS} x {COLUMNS} pairs, {BITS}-bit converters, {SLOTS} slots, one thread, medians")
    for name, value in seconds.items():
        print(f"{name:20} {value * 1e3:8.2f} ms {value / seconds['gemm']:6.2f} x gemm")


if __name__ == "__main__":
    main()
