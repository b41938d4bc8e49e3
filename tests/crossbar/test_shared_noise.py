"""Noise that the planes of an MVM share, against brute force: one draw per cell for all planes."""

from __future__ import annotations

import numpy as np
import pytest
from crossbar_blocks import normal, program

from chipsim.crossbar import (
    ConverterErrors,
    InputConverter,
    InputEncoding,
    OutputConverter,
    PlanePath,
    ReadPath,
    SlicedArray,
)
from chipsim.crossbar.shared_noise import shared_noise
from chipsim.device import get_device
from chipsim.streams import stream

MVMS, ROWS, COLUMNS, AGE_S = 20_000, 12, 3, 3600.0
PCM = get_device("pcm", read_noise_scale=3.0)


def test_covariance_between_planes_is_that_of_one_draw_per_cell():
    """20,000 MVMs, 18 comparisons at 5 standard errors: one seed in 100,000 fails."""
    digits = stream(1).integers(0, 2, (3, 1, ROWS)).astype(np.float64)
    digits[2] = digits[0] + digits[1]  # determined by the others: a singular covariance
    variance = np.square(stream(2).random((ROWS, COLUMNS)))
    repeated = np.repeat(digits, MVMS, axis=1)
    normals = stream(3).standard_normal((MVMS, 3 * COLUMNS))
    noise = shared_noise(repeated, variance, slice(0, MVMS), normals)
    wanted = np.einsum("pi,qi,ij->jpq", digits[:, 0], digits[:, 0], variance)
    found = np.einsum("pmj,qmj->jpq", noise, noise) / MVMS
    spread = np.sqrt((wanted**2 + np.einsum("jpp,jqq->jpq", wanted, wanted)) / MVMS)
    assert (np.abs(found - wanted) <= 5 * spread).all()
    np.testing.assert_allclose(noise[2], noise[0] + noise[1], atol=1e-12)


def test_planes_without_converters_add_up_to_the_noise_of_one_pulse():
    """Without rounding, planes that share their draw are one read with the whole code; 20,000 MVMs, 4.5 errors."""
    array, vector = program(normal(ROWS, COLUMNS), PCM).at_age(AGE_S, stream(1)), normal(ROWS, key="x")
    dac = InputConverter(8, 3.0)
    many = np.tile(vector, (MVMS, 1))
    wide = OutputConverter(24, 1e4)
    once = ReadPath.connect(array, dac, OutputConverter(), 256).multiply(many, stream(2)).values
    planes = {
        shared: PlanePath.connect(
            SlicedArray.of_pairs(array), dac, InputEncoding(8, 1), [wide], 256, shared_noise=shared
        ).multiply(many, stream(3)).values
        for shared in (True, False)
    }  # fmt: skip
    ratio = planes[True].var(axis=0) / once.var(axis=0)
    assert (np.abs(ratio - 1) < 4.5 * np.sqrt(4 / MVMS)).all()
    assert (planes[False].var(axis=0) < 0.8 * once.var(axis=0)).all()  # fresh draws average out


def test_converters_draw_apart_from_cells():
    array, vector = program(normal(ROWS, COLUMNS), PCM).at_age(AGE_S, stream(1)), normal(ROWS, key="x")
    errors = ConverterErrors(np.ones(COLUMNS, np.float32), np.zeros(COLUMNS, np.float32), noise=40.0)
    wide, dac, many = OutputConverter(20, 50.0), InputConverter(8, 3.0), np.tile(vector, (MVMS, 1))

    def variance(*given):
        path = PlanePath.connect(
            SlicedArray.of_pairs(array), dac, InputEncoding(8, 2), [wide], 256, given, shared_noise=True
        )
        return (path.multiply(many, stream(4)).values / path.scale).var(axis=0)

    step = 50.0 / wide.limit
    added = (40.0 * step) ** 2 * sum(weight**2 for weight in InputEncoding(8, 2).plane_weights)
    wanted = variance() + added
    assert (np.abs(variance(errors) / wanted - 1) < 4.5 * np.sqrt(4 / MVMS)).all()


@pytest.mark.parametrize("cut", [1, 7, 300])
def test_bytes_do_not_depend_on_how_mvms_are_cut(cut):
    array = program(normal(ROWS, COLUMNS), PCM).at_age(AGE_S, stream(1))
    path = PlanePath.connect(
        SlicedArray.of_pairs(array), InputConverter(8, 3.0), InputEncoding(8, 2), [OutputConverter(8, 40.0)], 16,
        shared_noise=True,
    )  # fmt: skip
    x = normal(50, ROWS, key="x")
    rng = stream(2)
    parts = [path.multiply(x[at : at + cut], rng, first_mvm=at).values for at in range(0, 50, cut)]
    assert np.concatenate(parts).tobytes() == path.multiply(x, stream(2)).values.tobytes()
