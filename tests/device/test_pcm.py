from __future__ import annotations

import math

import numpy as np
import pytest

from chipsim.device import get_device
from chipsim.device.pcm import Pcm
from chipsim.errors import DeviceRangeError, SpecError
from chipsim.streams import stream

YEAR_S = 31_536_000.0


def test_an_off_cell_keeps_the_mean_of_a_clipped_normal() -> None:
    """Closed form s/sqrt(2 pi) = 0.1051 uS; 400,000 cells, four standard errors, false alarm rate 6e-5."""
    off = Pcm().program(np.zeros(400_000), stream(1, "off")).programmed.astype(np.float64)
    assert off.mean() == pytest.approx(0.26348e-6 / math.sqrt(2 * math.pi), abs=4 * off.std() / math.sqrt(off.size))
    assert np.mean(off == 0) == pytest.approx(0.5, abs=4 * 0.5 / math.sqrt(off.size))


def test_drift_alone_follows_the_power_law() -> None:
    device = Pcm(read_noise_scale=0.0)
    state = device.program(np.linspace(0, 25e-6, 1000), stream(2, "drift"))
    cells = device.at_age(state, YEAR_S, stream(2, "read"))
    exponents = state.drawn["drift_exponent"].astype(np.float64)
    wanted = state.programmed * ((YEAR_S + 20.0) / 20.0) ** -exponents
    np.testing.assert_allclose(cells.conductance, wanted, rtol=2e-6)
    assert cells.fast_sigma is None


def test_drift_switched_off_leaves_the_programmed_conductance() -> None:
    device = Pcm(drift_scale=0.0, read_noise_scale=0.0)
    state = device.program(np.linspace(0, 25e-6, 100), stream(3, "drift"))
    assert device.at_age(state, YEAR_S, stream(3)).conductance.tobytes() == state.programmed.tobytes()


def test_without_any_noise_the_targets_are_programmed() -> None:
    state = Pcm(programming_noise_scale=0.0).program(np.linspace(0, 25e-6, 100), stream(4))
    assert state.programmed.tobytes() == state.target.tobytes()


@pytest.mark.parametrize("corner_s", [1e-6, 1e-3, 1.0])
def test_slow_and_fast_noise_add_up_to_the_noise_of_one_read(corner_s: float) -> None:
    """Variances, 200,000 cells of one programmed value; four standard errors each, false alarm rate 6e-5."""
    device = Pcm(corner_s=corner_s, drift_scale=0.0, programming_noise_scale=0.0)
    state = device.program(np.full(200_000, 20e-6), stream(5))
    cells = device.at_age(state, 3600.0, stream(5, "read"))
    assert cells.fast_sigma is not None
    slow = cells.conductance.astype(np.float64).var() / 20e-6**2
    fast = float(cells.fast_sigma[0] / 20e-6) ** 2
    one_read = (0.0088 / 0.8**0.65) ** 2 * math.log((3620.0 + 250e-9) / 500e-9)
    assert slow + fast == pytest.approx(one_read, abs=4 * slow * math.sqrt(2 / 200_000))


def test_a_cell_at_several_ages_keeps_its_draws() -> None:
    device = Pcm(read_noise_scale=0.0)
    state = device.program(np.full(1000, 10e-6), stream(6))
    young, old = (device.at_age(state, age, stream(6)).conductance for age in (60.0, 6000.0))
    np.testing.assert_allclose(np.log(young / old) / math.log(6020 / 80), state.drawn["drift_exponent"], rtol=1e-4)


def test_the_state_cannot_be_written_to() -> None:
    state = Pcm().program(np.full(3, 1e-6), stream(7))
    with pytest.raises(ValueError, match="read-only"):
        state.programmed[0] = 0
    with pytest.raises(TypeError):
        state.drawn["drift_exponent"] = state.target  # type: ignore[index]


@pytest.mark.parametrize(
    "parameters",
    [
        {"g_min_siemens": 30e-6},
        {"g_max_siemens": -1.0},
        {"corner_s": 1e-7},
        {"corner_s": 30.0},
        {"t0_s": 0.0},
        {"read_noise_scale": -1.0},
        {"programming_noise_scale": math.inf},
    ],
)
def test_impossible_parameters_are_refused(parameters: dict[str, float]) -> None:
    with pytest.raises(SpecError, match=next(iter(parameters))):
        get_device("pcm", **parameters)


@pytest.mark.parametrize("age_s", [-1.0, math.nan, math.inf])
def test_ages_outside_the_range_are_named(age_s: float) -> None:
    with pytest.raises(DeviceRangeError, match=r"device 'pcm' cannot be evaluated at age .*; allowed: 0 s or more"):
        Pcm().check_age(age_s)


def test_targets_outside_the_range_are_named() -> None:
    with pytest.raises(DeviceRangeError, match=r"target of 2\.6e-05 S; allowed: 0 S to 2\.5e-05 S"):
        Pcm().program([1e-6, 26e-6], stream(1))
