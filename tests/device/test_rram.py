"""Both RRAM models against their published formulas; 400,000 cells, four standard errors: false alarm rate 6e-5."""

from __future__ import annotations

import math

import numpy as np
import pytest

from chipsim.device import get_device
from chipsim.device.rram_cmo import RramCmo
from chipsim.device.rram_wan import RramWan
from chipsim.errors import DeviceRangeError, SpecError
from chipsim.streams import stream

CELLS = 400_000
STD_ERRORS = 4 / math.sqrt(2 * CELLS)
DAY_S = 86_400.0


def spread_us(device: RramWan, age_s: float, g_siemens: float) -> float:
    """Spread of cells whose errors are one standard deviation."""
    state = device.program(np.full(2, g_siemens), stream(1))
    one = state.drawn["error"][0]
    return float((device.at_age(state, age_s, stream(1)).conductance[0] - np.float32(g_siemens)) / one) * 1e6


def test_wan_spread_at_the_measured_times() -> None:
    """Sums of the published coefficients at g_max, and the polynomial at half of it."""
    for age_s, full, half in [(1.0, 1.103, 2.02275), (DAY_S, 2.651, 3.909125), (2 * DAY_S, 2.677, 3.929125)]:
        assert spread_us(RramWan(), age_s, 40e-6) == pytest.approx(full, rel=1e-4)
        assert spread_us(RramWan(), age_s, 20e-6) == pytest.approx(half, rel=1e-4)


def test_wan_spread_is_linear_in_log_time_between_them() -> None:
    halfway = spread_us(RramWan(), math.sqrt(DAY_S), 40e-6)
    assert halfway == pytest.approx((1.103 + 2.651) / 2, rel=1e-4)


def test_wan_spread_belongs_to_the_measured_range_and_is_scaled_with_it() -> None:
    assert spread_us(RramWan(g_max_siemens=10e-6), DAY_S, 10e-6) == pytest.approx(2.651 / 4, rel=1e-4)


def test_wan_cells_keep_one_draw() -> None:
    device = RramWan()
    state = device.program(np.full(1000, 20e-6), stream(2))
    young, old = (device.at_age(state, age_s, stream(2, repr(age_s))) for age_s in (1.0, DAY_S))
    assert young.fast_sigma is None
    assert young.conductance.tobytes() == state.programmed.tobytes()
    assert np.corrcoef(young.conductance, old.conductance)[0, 1] > 0.999999


@pytest.mark.parametrize("age_s", [0.0, 0.99, 172_801.0, math.nan])
def test_wan_refuses_times_that_were_not_measured(age_s: float) -> None:
    with pytest.raises(DeviceRangeError, match=r"device 'rram-wan' .*allowed: from 1 s to 172800 s"):
        RramWan().check_age(age_s)


@pytest.mark.parametrize(
    ("percent", "spread"), [(2, 0.0112185391 + 0.01129027418 * 50), (0.2, 0.00081107 + 0.00106879 * 50)]
)
def test_cmo_programming_error(percent: float, spread: float) -> None:
    state = get_device("rram-cmo", acceptance_percent=percent).program(np.full(CELLS, 50e-6), stream(3))
    assert (state.programmed.astype(np.float64) * 1e6).std() == pytest.approx(spread, rel=STD_ERRORS)


@pytest.mark.parametrize("age_s", [1.0, 3600.0, 604_800.0])
def test_cmo_relaxation_and_noise_of_one_read(age_s: float) -> None:
    device = RramCmo()
    cells = device.at_age(device.program(np.full(CELLS, 50e-6), stream(4)), age_s, stream(4, "read"))
    assert cells.fast_sigma is not None
    mean = 50 - 0.08900206 * math.log(age_s)
    relaxation = 0.04201137 * math.log(age_s) + 0.41183342
    reading = 0.0277316483 * math.log10(mean) * math.sqrt(math.log((age_s + 1e-6) / 2e-6))
    total = math.sqrt((0.00081107 + 0.00106879 * 50) ** 2 + relaxation**2 + reading**2)
    read = (cells.conductance + cells.fast_sigma * stream(4, "fast").standard_normal(CELLS)).astype(np.float64) * 1e6
    assert read.mean() == pytest.approx(mean, abs=4 * total / math.sqrt(CELLS))
    assert read.std() == pytest.approx(total, rel=STD_ERRORS)


@pytest.mark.parametrize("corner_s", [2e-6, 1e-3, 1.0])
def test_cmo_slow_and_fast_noise_add_up(corner_s: float) -> None:
    device = RramCmo(corner_s=corner_s, relaxation_scale=0.0, programming_noise_scale=0.0)
    cells = device.at_age(device.program(np.full(CELLS, 10e-6), stream(5)), 100.0, stream(5, "read"))
    assert cells.fast_sigma is not None
    variance = (cells.conductance.astype(np.float64) * 1e6).var() + (float(cells.fast_sigma[0]) * 1e6) ** 2
    assert variance == pytest.approx(0.0277316483**2 * math.log((100 + 1e-6) / 2e-6), rel=2 * STD_ERRORS)


def test_cmo_is_extrapolated_only_on_purpose() -> None:
    with pytest.raises(DeviceRangeError, match="from 1 s to 604800 s"):
        RramCmo().check_age(315_360_000.0)
    RramCmo(latest_age_s=315_360_000.0).check_age(315_360_000.0)


def test_cmo_cells_at_the_lowest_conductance_are_not_held_there() -> None:
    device = RramCmo()
    cells = device.at_age(device.program(np.full(1000, 9e-6), stream(6)), 3600.0, stream(6))
    assert np.mean(cells.conductance < 9e-6) > 0.7


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"acceptance_percent": 1}, "acceptance_percent must be 0.2 or 2, got 1"),
        ({"g_min": "1 uS"}, "not within 9e-06 to 8.82e-05 S"),
        ({"g_max": "100 uS"}, "not within 9e-06 to 8.82e-05 S"),
        ({"latest_age_s": 0.5}, "latest_age_s"),
        ({"corner_s": 2.0}, "corner_s"),
        ({"relaxation_scale": -1.0}, "relaxation_scale"),
    ],
)
def test_impossible_parameters_are_refused(parameters: dict[str, object], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        get_device("rram-cmo", **parameters)
