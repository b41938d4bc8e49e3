"""Moments of the generic errors; 400,000 cells, four standard errors, false alarm rate 6e-5 for each comparison."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from chipsim.device import get_device
from chipsim.device.generic import DEPENDENCES, DISTRIBUTIONS
from chipsim.errors import SpecError
from chipsim.streams import stream

CELLS = 400_000
STD_ERRORS = 4 / math.sqrt(2 * CELLS)
WEIGHTS = {"independent": 25.0, "proportional": 10.0, "inverse": 62.5}  # of a cell of 10 uS in a range to 25 uS


def quiet(**parameters: Any) -> Any:
    return get_device("generic", **{"programming_spread": 0.0, "read_spread": 0.0} | parameters)


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
@pytest.mark.parametrize("dependence", DEPENDENCES)
def test_programming_error(dependence: str, distribution: str) -> None:
    device = quiet(programming_spread=0.02, programming_dependence=dependence, programming_distribution=distribution)
    error = device.program(np.full(CELLS, 10e-6), stream(1)).programmed.astype(np.float64) * 1e6 - 10
    spread = 0.02 * WEIGHTS[dependence]
    assert error.std() == pytest.approx(spread, rel=STD_ERRORS)
    assert error.mean() == pytest.approx(0, abs=4 * spread / math.sqrt(CELLS))
    inside = np.abs(error).max() <= math.sqrt(3) * spread * (1 + 1e-5)
    assert inside == (distribution == "uniform")


@pytest.mark.parametrize("dependence", DEPENDENCES)
def test_drift_per_decade(dependence: str) -> None:
    device = quiet(drift_shift=-0.01, drift_spread=0.005, drift_dependence=dependence, drift_t0_s=10.0)
    state = device.program(np.full(CELLS, 10e-6), stream(2))
    assert device.at_age(state, 0.0, stream(2)).conductance.tobytes() == state.target.tobytes()
    change = device.at_age(state, 990.0, stream(2)).conductance.astype(np.float64) * 1e6 - 10  # two decades
    spread = 2 * 0.005 * WEIGHTS[dependence]
    assert change.std() == pytest.approx(spread, rel=STD_ERRORS)
    assert change.mean() == pytest.approx(-2 * 0.01 * WEIGHTS[dependence], abs=4 * spread / math.sqrt(CELLS))


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_slow_and_fast_read_noise_add_up(share: float) -> None:
    device = quiet(read_spread=0.02, read_slow_share=share)
    cells = device.at_age(device.program(np.full(CELLS, 10e-6), stream(3)), 0.0, stream(3))
    fast = 0.0 if cells.fast_sigma is None else float(cells.fast_sigma[0]) * 1e6
    slow = (cells.conductance.astype(np.float64) * 1e6).std()
    assert math.hypot(slow, fast) == pytest.approx(0.5, rel=STD_ERRORS)
    assert slow == pytest.approx(0.5 * math.sqrt(share), rel=STD_ERRORS, abs=1e-5)


def test_inverse_errors_stop_growing_at_the_floor() -> None:
    device = quiet(programming_spread=0.001, programming_dependence="inverse", inverse_floor=0.1)
    state = device.program(np.zeros(CELLS), stream(4)).programmed.astype(np.float64) * 1e6
    half = state[state > 0]
    assert math.sqrt(np.mean(half**2)) == pytest.approx(0.001 * 250, rel=4 / math.sqrt(half.size))


def test_without_errors_it_is_ideal() -> None:
    device = quiet()
    state = device.program(np.linspace(0, 25e-6, 100), stream(5))
    assert device.at_age(state, 1e6, stream(5)).conductance.tobytes() == state.target.tobytes()


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"programming_dependence": "proportinal"}, "programming_dependence .*did you mean 'proportional'"),
        ({"drift_distribution": "gaussian"}, "drift_distribution .*one of normal, uniform"),
        ({"read_spread": -0.1}, "read_spread"),
        ({"drift_t0_s": 0.0}, "drift_t0_s"),
        ({"read_slow_share": 1.5}, "between 0 and 1"),
        ({"inverse_floor": 0.0}, "inverse_floor"),
        ({"read_distribution": "uniform"}, "uniform read noise needs read_slow_share 1, got 0.0"),
    ],
)
def test_impossible_parameters_are_refused(parameters: dict[str, object], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        get_device("generic", **parameters)
