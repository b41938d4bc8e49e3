"""`PhaseChange`: what all phase-change memories have in common: programming error, drift, 1/f read noise."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
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
from chipsim.device.one_over_f import check_split, split

SMALLEST_RATIO = np.float32(1e-7)  # floor of conductance / g_max inside logarithms
Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class PhaseChange(ABC):
    """Phase-change memory; a subclass gives three fits as functions of conductance / g_max.

    The parameters are explained in the subclasses. With N standard normal and T = age + t0:
    programmed = max(0, target + s N); drifted = programmed (T / t0)^-nu, nu = abs(m + d N); read noise
    relative to the drifted conductance with the amplitude Q, see `chipsim.device.one_over_f.split`.
    """

    name: ClassVar[str]
    earliest_age_s: ClassVar[float] = 0.0
    latest_age_s: ClassVar[float] = math.inf

    g_min_siemens: float
    g_max_siemens: float
    t0_s: float
    t_read_s: float
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
        check_split(self.name, self.t_read_s, self.corner_s, "t0_s", self.t0_s)

    @abstractmethod
    def _programming_spread(self, ratio: Floats) -> NDArray[np.floating]:
        """s in siemens for target / g_max."""

    @abstractmethod
    def _exponent_statistics(self, ratio: Floats) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
        """m and d for target / g_max, at least `SMALLEST_RATIO`."""

    @abstractmethod
    def _read_noise_amplitude(self, ratio: Floats) -> NDArray[np.floating]:
        """Q for programmed / g_max."""

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
        noise = rng.standard_normal(targets.shape, dtype=np.float32)
        programmed = np.maximum(targets + self.programming_noise_scale * self._programming_spread(ratio) * noise, 0)
        mean, spread = self._exponent_statistics(np.maximum(ratio, SMALLEST_RATIO))
        exponent = self.drift_scale * np.abs(mean + spread * rng.standard_normal(targets.shape, dtype=np.float32))
        return CellState(targets, programmed, {"drift_exponent": np.asarray(exponent, dtype=np.float32)})

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
        slow, fast = split(age_s + self.t0_s, self.t_read_s, self.corner_s)
        amplitude = self._read_noise_amplitude(state.programmed / np.float32(self.g_max_siemens))
        sigma = np.asarray(self.read_noise_scale * amplitude, dtype=np.float32) * drifted
        noise = rng.standard_normal(drifted.shape, dtype=np.float32)
        conductance = np.maximum(drifted + np.float32(slow) * sigma * noise, np.float32(0))
        return CellsNow(conductance, np.float32(fast) * sigma)
