"""Calibration and runs take bounded memory, and bytes do not depend on how the inputs are cut."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable

import numpy as np
import pytest
from analog_plans import convolution, dense_network, plan_of

from chipsim.execution.calibration import calibrate
from chipsim.execution.functional import Fidelity, program_network
from chipsim.streams import stream

MIB = 2**20
BIT_SERIAL = "tile.dac.encoding=bit-serial"
SLICES = "tile.crossbar.encoding={kind: slices, weight_bits: 8, bits_per_cell: 2}"
PER_VECTOR = "tile.dac.range=per-vector"


def first_layer_of_resnet(*overrides: str):
    """112 x 112 positions, 7 x 7 x 3 kernel, 64 channels; a wider image instead of a stride, which changes no size."""
    kernel = stream(1, "kernel").standard_normal((64, 3, 7, 7), dtype=np.float32)
    return plan_of(convolution(kernel, 112 + 6), *overrides)


def images(count: int) -> np.ndarray:
    return stream(1, "images").standard_normal((count, 3, 118, 118), dtype=np.float32)


def peak_beyond_outputs_mib(work: Callable[[], object], count: int) -> float:
    """What `work` takes at its peak; inputs and weights were there before, and one copy of the outputs is free."""
    tracemalloc.start()
    kept = work()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    del kept
    return (peak - count * 64 * 112 * 112 * 4) / MIB


@pytest.mark.parametrize("overrides", [(), (BIT_SERIAL,), (PER_VECTOR, SLICES)])
def test_calibration_takes_less_than_an_eighth_of_a_gibibyte(overrides: tuple[str, ...]) -> None:
    """16 of the 128 inputs that a GiB was promised for: an eighth of it. All at once takes 110 MiB of vectors alone."""
    plan, x = first_layer_of_resnet(*overrides), images(16)
    assert peak_beyond_outputs_mib(lambda: calibrate(plan, x), len(x)) < 128


@pytest.mark.parametrize("percentile", [50, 99])
def test_lower_percentiles_take_no_more(percentile: int) -> None:
    plan, x = first_layer_of_resnet(f"tile.adc.range_percentile={percentile}"), images(16)
    assert peak_beyond_outputs_mib(lambda: calibrate(plan, x), len(x)) < 128


@pytest.mark.parametrize("overrides", [(), (BIT_SERIAL,), (PER_VECTOR,)])
def test_a_run_takes_less_than_a_quarter_of_a_gibibyte(overrides: tuple[str, ...]) -> None:
    """All 16 inputs at once would take 110 MiB of vectors, and several times that while they are taken apart."""
    plan, x = first_layer_of_resnet(*overrides), images(16)
    analog = program_network(plan, calibrate(plan, x[:1]), Fidelity(converters=True, devices=True), seed=0)
    (name,) = plan.layers
    assert peak_beyond_outputs_mib(lambda: analog.run(x, (name,)), len(x)) < 256


@pytest.mark.parametrize(
    "overrides",
    [
        (),
        ("tile.adc.range_percentile=40", "tile.dac.range_percentile=30"),
        (BIT_SERIAL,),
        (PER_VECTOR,),
        (SLICES, BIT_SERIAL, "tile.dac.signs=twos-complement"),
        ("tile.crossbar.rows=20", "tile.crossbar.columns=5"),
    ],
)
def test_parts_of_any_size_give_the_same_ranges(overrides: tuple[str, ...]) -> None:
    kernel = stream(2, "kernel").standard_normal((12, 3, 3, 3), dtype=np.float32)
    plan = plan_of(convolution(kernel, 11), *overrides)
    x = stream(2, "images").standard_normal((9, 3, 11, 11), dtype=np.float32)
    whole = calibrate(plan, x)
    for chunk in (1, 2, 5, 9, 100):
        assert calibrate(plan, x, chunk) == whole
    assert calibrate(plan, x[:5]) != whole


@pytest.mark.parametrize("percentile", [25, 50, 99, 99.99, 100])
def test_ranges_are_those_of_numpy_over_all_values(percentile: float) -> None:
    """Whole numbers and weights of at most 1, so that sums have no rounding and any order gives the same."""
    rng = stream(3, "numbers")
    kernel = rng.integers(-8, 9, (6, 2, 3, 3)).astype(np.float32)
    kernel[:, 0, 0, 0] = 8
    x = rng.integers(-20, 21, (7, 2, 9, 9)).astype(np.float32)
    plan = plan_of(
        convolution(kernel, 9), f"tile.adc.range_percentile={percentile}", f"tile.dac.range_percentile={percentile}"
    )
    sums = np.array(
        [
            (image[:, row : row + 3, column : column + 3] * channel).sum()
            for image in x for row in range(7) for column in range(7) for channel in kernel
        ],
        np.float32,
    )  # fmt: skip
    (found,) = calibrate(plan, x).values()
    assert found.input == float(np.percentile(np.abs(x), percentile))
    assert found.outputs == {(0, 0, 0): (float(np.percentile(np.abs(sums) / 8, percentile)),)}


def test_inputs_of_zero_give_ranges_of_one() -> None:
    plan = plan_of(dense_network(np.zeros((5, 3), np.float32)))
    (found,) = calibrate(plan, np.zeros((4, 5), np.float32)).values()
    assert (found.input, found.outputs) == (1.0, {(0, 0, 0): (1.0,)})
