from __future__ import annotations

import numpy as np
import pytest
from crossbar_blocks import normal

from chipsim.crossbar import (
    InputConverter,
    OutputConverter,
    ReadPath,
    Reference,
    column_scale,
    input_range,
    output_range,
    program_block,
)
from chipsim.device import get_device
from chipsim.errors import SpecError
from chipsim.streams import stream

YEAR_S = 31_536_000.0
WEIGHTS, VECTORS = normal(256, 64), np.maximum(normal(400, 256, key="inputs"), 0)
PCM = get_device("pcm")


def path_at(age_s: float, bits: int | None) -> ReadPath:
    scale = column_scale(WEIGHTS, PCM.g_min_siemens, PCM.g_max_siemens)
    block = program_block(WEIGHTS, scale, PCM, stream(1, "programming"))
    dac = InputConverter(bits, input_range(VECTORS))
    adc = OutputConverter(bits, output_range(VECTORS, WEIGHTS, scale, PCM))
    return ReadPath.connect(block.at_age(age_s, stream(1, "slow", repr(age_s))), dac, adc, slots=64)


def gain(path: ReadPath) -> float:
    """Slope of the outputs over the exact products."""
    exact = VECTORS.astype(np.float64) @ WEIGHTS
    return float((path.multiply(VECTORS, stream(2, "fast")).values * exact).sum() / (exact**2).sum())


@pytest.mark.parametrize("bits", [None, 8])
def test_the_gain_after_a_year_is_restored(bits: int | None) -> None:
    """A gain of one half comes back to within 3 % (400 MVMs of 256 x 64, eight reference reads, fixed seed)."""
    start, now = path_at(0.0, bits), path_at(YEAR_S, bits)
    reference = Reference.take(start, stream(3, "signs"), stream(3, "start"), reads=8)
    factor = reference.factor(now, stream(3, "now"))
    assert reference.reads == 8
    assert gain(now) < 0.6
    assert factor > 1.7
    assert gain(now.compensated(factor)) == pytest.approx(gain(start), rel=0.03)


def test_no_reference_output_saturates() -> None:
    start = path_at(0.0, 8)
    reference = Reference.take(start, stream(3, "signs"), stream(3, "start"), reads=8)
    assert np.unique(np.abs(reference.codes)).size == 1
    assert start.multiply_codes(reference.codes, stream(3, "again")).saturated_outputs < 3


def test_nothing_has_changed_at_the_start_itself() -> None:
    start = path_at(0.0, 8)
    reference = Reference.take(start, stream(3, "signs"), stream(3, "start"))
    assert reference.factor(start, stream(3, "start")) == 1.0


def test_a_block_of_zeros_is_left_alone() -> None:
    device = get_device("ideal")
    scale = column_scale(np.zeros((4, 2)), 0.0, 25e-6)
    array = program_block(np.zeros((4, 2)), scale, device, stream(1)).at_age(0.0, stream(1))
    path = ReadPath.connect(array, InputConverter(8), OutputConverter(8), 4)
    assert Reference.take(path, stream(1), stream(1)).factor(path, stream(1)) == 1.0


def test_at_least_one_read_is_needed() -> None:
    with pytest.raises(SpecError, match=r"reference reads \(0\) must be at least 1"):
        Reference.take(path_at(0.0, 8), stream(1), stream(1), reads=0)
