"""Flash against values that were worked out from the published fits by hand; currents in nA are 1e-8 S."""

from __future__ import annotations

import math

import numpy as np
import pytest

from chipsim.device import get_device
from chipsim.device.flash import Flash
from chipsim.errors import DeviceRangeError, SpecError
from chipsim.streams import stream

DAY_S = 86_400.0
SHIFTS_NA = {
    300: (-8.4, -8.1, -8.7, -8.8, -9.6),
    500: (-16.8, -18.2, -20.8, -21.8, -23.5),
    1000: (-29.5, -35.3, -40.1, -44.2, -46.7),
    1400: (-38.9, -45.9, -54.9, -60.2, -60.3),
}


def mean_na(device: Flash, current_na: float, age_s: float) -> float:
    state = device.program([current_na * 1e-8], stream(1))
    return float(device.at_age(state, age_s, stream(1)).conductance[0]) * 1e8


@pytest.mark.parametrize("current_na", SHIFTS_NA)
def test_mean_shift_of_each_measured_day(current_na: int) -> None:
    device = Flash(error_scale=0.0)
    assert mean_na(device, current_na, 0.0) == pytest.approx(current_na, rel=1e-6)
    for day, shift in enumerate(SHIFTS_NA[current_na], start=1):
        assert mean_na(device, current_na, day * DAY_S) - current_na == pytest.approx(shift, abs=0.051)


def test_between_two_days_the_shift_is_linear_in_log_time() -> None:
    age_s = math.sqrt((DAY_S + 7200) * (2 * DAY_S + 7200)) - 7200
    found = mean_na(Flash(error_scale=0.0), 1000, age_s) - 1000
    assert found == pytest.approx((-29.5 - 35.3) / 2, abs=0.06)


def test_spread_and_read_noise_saturate() -> None:
    """400,000 cells at age zero, four standard errors, false alarm rate 6e-5; the read noise has no sampling error."""
    device = Flash()
    state = device.program(np.full(400_000, 10e-6), stream(2))
    cells = device.at_age(state, 0.0, stream(2))
    assert cells.fast_sigma is not None
    spread = 19.88665 * -math.expm1(-1000 / 176.3115)
    assert (cells.conductance.astype(np.float64) * 1e8).std() == pytest.approx(spread, rel=4 / math.sqrt(800_000))
    current = cells.conductance.astype(np.float64) * 1e8
    np.testing.assert_allclose(cells.fast_sigma * 1e8, -12.58037 * np.expm1(-current / 215.36557), rtol=1e-5)


def test_an_off_cell_has_neither_error_nor_noise_when_programmed() -> None:
    device = Flash()
    cells = device.at_age(device.program(np.zeros(100), stream(3)), 0.0, stream(3))
    assert not cells.conductance.any()
    assert cells.fast_sigma is not None
    assert not cells.fast_sigma.any()


def test_without_scales_the_cell_is_ideal() -> None:
    device = Flash(error_scale=0.0, shift_scale=0.0, read_noise_scale=0.0)
    state = device.program(np.linspace(0, 14e-6, 50), stream(4))
    cells = device.at_age(state, 3 * DAY_S, stream(4))
    assert cells.conductance.tobytes() == state.target.tobytes()
    assert cells.fast_sigma is None


def test_what_was_not_measured_is_refused() -> None:
    with pytest.raises(DeviceRangeError, match="allowed: from 0 s to 432000 s"):
        Flash().check_age(6 * DAY_S)
    with pytest.raises(SpecError, match=r"above 1\.4e-05, where the published fits end"):
        get_device("flash", g_max="16 uS")
    with pytest.raises(SpecError, match="offset_s must be above 0"):
        get_device("flash", offset="0 s")
