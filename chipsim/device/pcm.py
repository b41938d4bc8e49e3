"""`Pcm`: phase-change memory after Nandakumar et al. 2019 and Joshi et al. 2020."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from chipsim.device.model import (
    CellsNow,
    CellState,
    check_age_range,
    check_at_least_zero,
    check_conductance_range,
    check_targets,
)
from chipsim.errors import SpecError

_SMALLEST_RATIO = 1e-7  # floor of target / g_max inside logarithms


@dataclass(frozen=True, slots=True)
class Pcm:
    r"""Phase-change memory with programming error, drift and 1/f read noise.

    Parameters
    ----------
    g_min_siemens, g_max_siemens : float
        Range of target conductances; 25 µS is that of the measured devices [1]_.
    t0_s : float
        Time from programming to age zero, in seconds [1]_. Age zero already carries the read noise.
    t_read_s : float
        Duration of one read, in seconds [2]_.
    corner_s : float
        Where the 1/f spectrum is split: noise slower than this is frozen for a run, the rest is drawn
        afresh in every matrix-vector product (assumption: 1 ms).
    programming_noise_scale, drift_scale, read_noise_scale : float
        Factors on the programming spread, the drift exponents and the read noise; 0 turns one off.

    Notes
    -----
    With r = target / g_max, q = programmed / g_max, T = age + t0 and N standard normal:

    * programmed: max(0, target + s N), s = (0.26348 + 1.9650 r - 1.1731 r²) g_max / 25;
    * drift: programmed (T / t0)^-nu, nu = abs(m + d N), m = clip(-0.0155 ln r + 0.0244, 0.049, 0.1),
      d = clip(-0.0125 ln r - 0.0059, 0.008, 0.045), r at least 1e-7;
    * read noise relative to the drifted conductance: Q = min(0.0088 / max(q^0.65, 0.001), 0.2), variance
      Q² ln((T + t_read) / corner) frozen, and Q² ln(corner / (2 t_read)) fresh: together
      Q² ln((T + t_read) / (2 t_read)), the noise of one read.

    The frozen part is clipped at zero conductance, the fresh part is not.

    References
    ----------
    .. [1] Joshi et al., "Accurate deep neural network inference using computational phase-change memory",
       Nature Communications 11, 2473 (2020).
    .. [2] Nandakumar et al., "Phase-change memory models for deep learning training and inference",
       ICECS (2019).

    Examples
    --------
    >>> from chipsim.streams import stream
    >>> device = Pcm()
    >>> state = device.program(np.full(20000, 12.5e-6), stream(1, "programming"))
    >>> cells = device.at_age(state, 86400.0, stream(1, "read"))
    >>> f"{cells.conductance.mean() * 1e6:.1f} uS after one day"
    '8.3 uS after one day'
    """

    name: ClassVar[str] = "pcm"
    earliest_age_s: ClassVar[float] = 0.0
    latest_age_s: ClassVar[float] = math.inf

    g_min_siemens: float = 0.0
    g_max_siemens: float = 25e-6
    t0_s: float = 20.0
    t_read_s: float = 250e-9
    corner_s: float = 1e-3
    programming_noise_scale: float = 1.0
    drift_scale: float = 1.0
    read_noise_scale: float = 1.0

    def __post_init__(self) -> None:
        check_conductance_range(self.name, self.g_min_siemens, self.g_max_siemens)
        check_at_least_zero(
            self.name,
            programming_noise_scale=self.programming_noise_scale,
            drift_scale=self.drift_scale,
            read_noise_scale=self.read_noise_scale,
        )
        if not 0 < 2 * self.t_read_s <= self.corner_s <= self.t0_s < math.inf:
            raise SpecError(
                f"device '{self.name}': needs 0 < 2 t_read_s <= corner_s <= t0_s, but t_read_s is "
                f"{self.t_read_s!r}, corner_s {self.corner_s!r} and t0_s {self.t0_s!r}"
            )

    def check_age(self, age_s: float) -> None:
        """Raise `DeviceRangeError` unless the age is finite and not negative."""
        check_age_range(self.name, age_s, self.earliest_age_s)

    def program(self, targets_siemens: ArrayLike, rng: np.random.Generator) -> CellState:
        """Draw programming error and drift exponent of each cell.

        Parameters
        ----------
        targets_siemens : array_like, any shape
            Conductances to reach, in siemens.
        rng : numpy.random.Generator
            Source of both draws, programming error first.

        Returns
        -------
        CellState
            With ``drawn["drift_exponent"]``, without unit.
        """
        targets = check_targets(self.name, targets_siemens, self.g_min_siemens, self.g_max_siemens)
        ratio = targets / np.float32(self.g_max_siemens)
        spread = (0.26348 + 1.9650 * ratio - 1.1731 * ratio**2) * np.float32(self.g_max_siemens / 25)
        noise = rng.standard_normal(targets.shape, dtype=np.float32)
        programmed = np.maximum(targets + self.programming_noise_scale * spread * noise, 0)
        return CellState(targets, programmed, {"drift_exponent": self._drift_exponent(ratio, rng)})

    def _drift_exponent(self, ratio: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
        log_ratio = np.log(np.maximum(ratio, np.float32(_SMALLEST_RATIO)))
        mean = np.clip(-0.0155 * log_ratio + 0.0244, 0.049, 0.1)
        spread = np.clip(-0.0125 * log_ratio - 0.0059, 0.008, 0.045)
        noise = rng.standard_normal(ratio.shape, dtype=np.float32)
        return np.asarray(self.drift_scale * np.abs(mean + spread * noise), dtype=np.float32)

    def at_age(self, state: CellState, age_s: float, rng: np.random.Generator) -> CellsNow:
        """Return the cells at an age, with one draw of the slow read noise.

        Parameters
        ----------
        state : CellState
            What `program` returned.
        age_s : float
            Seconds since age zero, which is ``t0_s`` after programming.
        rng : numpy.random.Generator
            Source of the slow read noise.

        Returns
        -------
        CellsNow
            Conductances and spread of the fast noise, in siemens.
        """
        self.check_age(age_s)
        drifted = state.programmed * np.exp(state.drawn["drift_exponent"] * np.float32(-math.log1p(age_s / self.t0_s)))
        if self.read_noise_scale == 0:
            return CellsNow(drifted)
        slow, fast = self._read_noise_factors(age_s)
        sigma = self._relative_read_noise(state) * drifted
        noise = rng.standard_normal(drifted.shape, dtype=np.float32)
        conductance = np.maximum(drifted + np.float32(slow) * sigma * noise, np.float32(0))
        return CellsNow(conductance, np.float32(fast) * sigma)

    def _read_noise_factors(self, age_s: float) -> tuple[float, float]:
        """Return the spreads of slow and fast noise in units of Q."""
        slow_variance = math.log((age_s + self.t0_s + self.t_read_s) / self.corner_s)
        return math.sqrt(slow_variance), math.sqrt(math.log(self.corner_s / (2 * self.t_read_s)))

    def _relative_read_noise(self, state: CellState) -> NDArray[np.float32]:
        ratio = state.programmed / np.float32(self.g_max_siemens)
        relative = np.minimum(0.0088 / np.maximum(ratio**0.65, 1e-3), 0.2)
        return np.asarray(self.read_noise_scale * relative, dtype=np.float32)
