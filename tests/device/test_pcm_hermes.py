from __future__ import annotations

import numpy as np
import pytest

from chipsim.device import get_device
from chipsim.device.pcm_hermes import PcmHermes
from chipsim.errors import SpecError
from chipsim.streams import stream


@pytest.mark.parametrize(
    ("devices", "g_max", "t0_s", "ends"),
    [(2, 20.7e-6, 300.0, (0.16603222, 1.0926986)), (1, 10.35e-6, 200.0, (0.15781817, 1.00756712))],
)
def test_each_number_of_devices_has_its_own_fit(
    devices: int, g_max: float, t0_s: float, ends: tuple[float, float]
) -> None:
    """Spread at zero and full conductance in uS; 400,000 cells, four standard errors, false alarm rate 6e-5 each."""
    device = get_device("pcm-hermes", devices_per_polarity=devices)
    assert (device.g_max_siemens, device.t0_s) == (g_max, t0_s)  # type: ignore[attr-defined]
    cells = 400_000
    full = device.program(np.full(cells, g_max), stream(1, "full")).programmed.astype(np.float64) * 1e6
    off = device.program(np.zeros(cells), stream(1, "off")).programmed.astype(np.float64) * 1e6
    assert full.std() == pytest.approx(ends[1], abs=4 * ends[1] / np.sqrt(2 * cells))
    assert off.mean() == pytest.approx(ends[0] / np.sqrt(2 * np.pi), abs=4 * off.std() / np.sqrt(cells))


def test_a_smaller_range_scales_the_error() -> None:
    full, half = PcmHermes(), PcmHermes(g_max_siemens=10.35e-6)
    targets = np.linspace(0, 20.7e-6, 1000)
    one, other = full.program(targets, stream(2)), half.program(targets / 2, stream(2))
    np.testing.assert_allclose(other.programmed, one.programmed / 2, rtol=1e-5, atol=1e-12)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"devices_per_polarity": 3}, "devices_per_polarity must be 1 or 2, got 3"),
        ({"g_max": "25 uS"}, "above 2.07e-05, the most that was measured with 2 device"),
        ({"devices_per_polarity": 1, "g_max": "20 uS"}, "above 1.035e-05"),
        ({"t0_s": 1e-9}, "needs 0 < 2 t_read_s <= corner_s <= t0_s"),
    ],
)
def test_impossible_parameters_are_refused(parameters: dict[str, object], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        get_device("pcm-hermes", **parameters)
