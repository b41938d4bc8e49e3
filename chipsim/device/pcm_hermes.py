"""`PcmHermes`: phase-change memory of the 64-core HERMES chip, with one or two devices per polarity."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from chipsim.device.phase_change import SMALLEST_RATIO, Floats, PhaseChange
from chipsim.errors import SpecError


@dataclass(frozen=True, slots=True)
class _Fit:
    """Published fits for one number of devices; polynomials with the constant first, log branches as a ln r + b."""

    g_max_siemens: float
    t0_s: float
    spread_us: tuple[float, ...]
    exponent_spread_below: float
    exponent_spread_log: tuple[float, float, float]  # a, b, least; at most 0.04
    exponent_spread: tuple[float, ...]
    noise_below: float
    noise_log: tuple[float, float, float]
    noise: tuple[float, ...]


_FITS = {
    1: _Fit(
        10.35e-6, 200.0, (0.15781817, 2.32443916, -2.16310839, 0.68841818),
        0.3039, (-0.0120, -0.0023, 0.0124), (0.0104, 0.0116, -0.0165),
        0.1591, (-0.0078, 0.0038, 0.0179), (0.0088, 0.0768, -0.1352, 0.0664),
    ),
    2: _Fit(
        20.7e-6, 300.0, (0.16603222, 4.71806468, -8.48101252, 4.68961419),
        0.3055, (-0.0117, -0.0057, 0.0091), (0.0073, 0.0093, -0.0118),
        0.16, (-0.0117, -0.0069, 0.015), (0.0123, 0.0211, -0.0280, 0.0069),
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class PcmHermes(PhaseChange):
    r"""Phase-change memory of the HERMES chip with programming error, drift and 1/f read noise.

    Parameters
    ----------
    g_min_siemens : float
        Lowest target conductance.
    g_max_siemens : float
        Highest target conductance; 20.7 µS with two devices per polarity and 10.35 µS with one unless given,
        which is as far as was measured [1]_.
    t0_s : float
        Time from programming to age zero, in seconds; 300 with two devices and 200 with one unless given [1]_.
    t_read_s : float
        Duration of one read, in seconds [1]_.
    corner_s : float
        Where the 1/f spectrum is split: noise slower than this is frozen for a run, the rest is drawn
        afresh in every matrix-vector product (assumption: 1 ms).
    programming_noise_scale, drift_scale, read_noise_scale : float
        Factors on the programming spread, the drift exponents and the read noise; 0 turns one off.
    devices_per_polarity : int
        Devices side by side in each cell: 2 holds twice the conductance with less relative error [2]_.

    Notes
    -----
    As `chipsim.device.pcm.Pcm`, with other fits. With r = target / g_max and q = programmed / g_max, for two
    devices:

    * s = (0.16603222 + 4.71806468 r - 8.48101252 r² + 4.68961419 r³) g_max / 20.7;
    * m = clip(-0.0387 ln r - 0.0182, 0.072, 0.13) below r = 0.0945, else 0.0736 - 0.0126 r - 0.0436 r²;
    * d = clip(-0.0117 ln r - 0.0057, 0.0091, 0.04) below r = 0.3055, else 0.0073 + 0.0093 r - 0.0118 r²;
    * Q = clip(-0.0117 ln q - 0.0069, 0.015, 0.04) below q = 0.16, else
      0.0123 + 0.0211 q - 0.0280 q² + 0.0069 q³.

    The constants for one device are in the same form; m is the same.

    References
    ----------
    .. [1] Le Gallo et al., "A 64-core mixed-signal in-memory compute chip based on phase-change memory for deep
       neural network inference", Nature Electronics 6, 680 (2023); fits as published with aihwkit 1.2.
    .. [2] Vasilopoulos et al., "Exploiting the state dependency of conductance variations in memristive devices
       for accurate in-memory computing", IEEE Transactions on Electron Devices (2023).

    Examples
    --------
    >>> f"{PcmHermes().g_max_siemens * 1e6:g} uS, {PcmHermes(devices_per_polarity=1).g_max_siemens * 1e6:g} uS"
    '20.7 uS, 10.35 uS'
    """

    name: ClassVar[str] = "pcm-hermes"

    g_min_siemens: float = 0.0
    g_max_siemens: float = math.nan
    t0_s: float = math.nan
    t_read_s: float = 512e-9
    devices_per_polarity: int = 2

    def __post_init__(self) -> None:
        if self.devices_per_polarity not in _FITS:
            raise SpecError(
                f"device '{self.name}': devices_per_polarity must be 1 or 2, got {self.devices_per_polarity!r}"
            )
        if math.isnan(self.g_max_siemens):
            object.__setattr__(self, "g_max_siemens", self._fit.g_max_siemens)
        if math.isnan(self.t0_s):
            object.__setattr__(self, "t0_s", self._fit.t0_s)
        if self.g_max_siemens > self._fit.g_max_siemens * (1 + 1e-6):
            raise SpecError(
                f"device '{self.name}': g_max_siemens ({self.g_max_siemens!r}) is above {self._fit.g_max_siemens!r}, "
                f"the most that was measured with {self.devices_per_polarity} device(s) per polarity"
            )
        PhaseChange.__post_init__(self)

    @property
    def _fit(self) -> _Fit:
        return _FITS[self.devices_per_polarity]

    def _programming_spread(self, ratio: Floats) -> NDArray[np.floating]:
        scale = self.g_max_siemens / (self._fit.g_max_siemens * 1e6)
        return _polynomial(self._fit.spread_us, ratio) * np.float32(scale)

    def _exponent_statistics(self, ratio: Floats) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
        fit, log_ratio = self._fit, np.log(ratio)
        low_mean = np.clip(-0.0387 * log_ratio - 0.0182, 0.0720, 0.13)
        mean = np.where(ratio < 0.0945, low_mean, _polynomial((0.0736, -0.0126, -0.0436), ratio))
        low = _log_branch(fit.exponent_spread_log, log_ratio)
        return mean, np.where(ratio < fit.exponent_spread_below, low, _polynomial(fit.exponent_spread, ratio))

    def _read_noise_amplitude(self, ratio: Floats) -> NDArray[np.floating]:
        fit = self._fit
        low = _log_branch(fit.noise_log, np.log(np.maximum(ratio, SMALLEST_RATIO)))
        return np.where(ratio < fit.noise_below, low, _polynomial(fit.noise, ratio))


def _log_branch(constants: tuple[float, float, float], log_ratio: Floats) -> NDArray[np.floating]:
    slope, offset, least = constants
    return np.asarray(np.clip(slope * log_ratio + offset, least, 0.04))


def _polynomial(coefficients: tuple[float, ...], ratio: Floats) -> NDArray[np.floating]:
    return np.asarray(np.polynomial.polynomial.polyval(ratio, np.asarray(coefficients, dtype=np.float32)))
