from __future__ import annotations

import numpy as np
import pytest

from chipsim.device import get_device
from chipsim.errors import DeviceRangeError, SpecError
from chipsim.streams import stream


def test_both_levels_are_exact_for_ever() -> None:
    device = get_device("sram")
    state = device.program([[0.0, 50e-6]], stream(1))
    cells = device.at_age(state, 1e9, stream(1))
    assert cells.conductance.tobytes() == state.target.tobytes()
    assert cells.fast_sigma is None


def test_a_target_between_the_levels_is_refused() -> None:
    with pytest.raises(
        DeviceRangeError, match=r"holds one bit: 0 S or 5e-05 S, not a target of 1e-05 S; slice weights"
    ):
        get_device("sram").program([0.0, 10e-6], stream(1))


def test_targets_are_rounded_on_demand() -> None:
    device = get_device("sram", round_targets=True, g_min="10 uS", g_max="30 uS")
    state = device.program([10e-6, 19e-6, 21e-6, 30e-6], stream(1))
    np.testing.assert_allclose(state.programmed, [10e-6, 10e-6, 30e-6, 30e-6], rtol=1e-6)


def test_rounding_is_yes_or_no() -> None:
    with pytest.raises(SpecError, match="round_targets must be true or false, got 1"):
        get_device("sram", round_targets=1)
