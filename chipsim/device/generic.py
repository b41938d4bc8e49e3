"""`Generic`: errors of a chosen size, shape and dependence on conductance, for studies that are about no one cell."""

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
from chipsim.errors import SpecError, nearest

DEPENDENCES = ("independent", "proportional", "inverse")
DISTRIBUTIONS = ("normal", "uniform")
Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Generic:
    r"""Programming error, drift and read noise, each normal or uniform and with a dependence on conductance.

    Parameters
    ----------
    g_min_siemens, g_max_siemens : float
        Range of target conductances (assumption: 0 to 25 µS).
    programming_spread, drift_spread, read_spread : float
        Standard deviations: fractions of g_max where they are independent of conductance, of the conductance where
        they are proportional to it. Drift is per decade of time. All defaults are assumptions.
    drift_shift : float
        Mean of the drift per decade, a fraction like ``drift_spread``; negative for a loss.
    programming_dependence, drift_dependence, read_dependence : str
        ``independent``, ``proportional`` or ``inverse``, of the target for programming and of the programmed
        conductance for drift and read noise.
    programming_distribution, drift_distribution, read_distribution : str
        ``normal`` or ``uniform`` (between -sqrt(3) and sqrt(3) standard deviations).
    drift_t0_s : float
        One decade of drift ends at 9 t0, two at 99 t0, in seconds (assumption: 1 s).
    read_slow_share : float
        Share of the read noise's variance that is frozen for a run; the rest is fresh in every matrix-vector
        product. Fresh noise is Gaussian by contract, so uniform read noise needs 1.
    inverse_floor : float
        Conductances below this fraction of g_max count as that in inverse dependences (assumption: 0.01).

    Notes
    -----
    With X of zero mean and unit variance and w(g) = g_max, g, or g_max² / max(g, floor g_max) for the three
    dependences:

    * programmed p = max(0, target + programming_spread w(target) X);
    * drifted d = max(0, p + log10(1 + age / t0) w(p) (drift_shift + drift_spread X)), X drawn once per cell and kept;
    * read max(0, d + sqrt(share) read_spread w(p) X), and read_spread w(p) sqrt(1 - share) as the fast noise.

    Examples
    --------
    >>> from chipsim.streams import stream
    >>> device = Generic(programming_spread=0.1, programming_dependence="proportional", read_spread=0)
    >>> state = device.program(np.full(20000, 10e-6), stream(1, "programming"))
    >>> f"{state.programmed.std() * 1e6:.1f} uS"
    '1.0 uS'
    """

    name: ClassVar[str] = "generic"
    earliest_age_s: ClassVar[float] = 0.0
    latest_age_s: ClassVar[float] = math.inf

    g_min_siemens: float = 0.0
    g_max_siemens: float = 25e-6
    programming_spread: float = 0.02
    programming_dependence: str = "independent"
    programming_distribution: str = "normal"
    drift_shift: float = 0.0
    drift_spread: float = 0.0
    drift_dependence: str = "proportional"
    drift_distribution: str = "normal"
    drift_t0_s: float = 1.0
    read_spread: float = 0.01
    read_dependence: str = "independent"
    read_distribution: str = "normal"
    read_slow_share: float = 0.0
    inverse_floor: float = 0.01

    def __post_init__(self) -> None:
        check_conductance_range(self.name, self.g_min_siemens, self.g_max_siemens)
        spreads = {"programming_spread": self.programming_spread, "read_spread": self.read_spread}
        check_at_least_zero(self.name, **spreads, drift_spread=self.drift_spread)
        for part in ("programming", "drift", "read"):
            self._check_choice(f"{part}_dependence", DEPENDENCES)
            self._check_choice(f"{part}_distribution", DISTRIBUTIONS)
        self._check(math.isfinite(self.drift_shift), "drift_shift", "finite")
        self._check(0 < self.drift_t0_s < math.inf, "drift_t0_s", "finite and above 0")
        self._check(0 <= self.read_slow_share <= 1, "read_slow_share", "between 0 and 1")
        self._check(0 < self.inverse_floor <= 1, "inverse_floor", "above 0 and at most 1")
        if self.read_distribution == "uniform" and self.read_slow_share != 1:
            raise SpecError(
                f"device '{self.name}': read noise that is fresh in every product is Gaussian; uniform read noise "
                f"needs read_slow_share 1, got {self.read_slow_share!r}"
            )

    def _check(self, good: bool, parameter: str, wanted: str) -> None:
        if not good:
            value = getattr(self, parameter)
            raise SpecError(f"device '{self.name}': {parameter} ({value!r}) must be {wanted}")

    def _check_choice(self, parameter: str, allowed: tuple[str, ...]) -> None:
        value = getattr(self, parameter)
        hint = nearest(str(value), allowed)
        self._check(value in allowed, parameter, f"one of {', '.join(allowed)}{hint}")

    def check_age(self, age_s: float) -> None:
        """Raise `DeviceRangeError` unless the age is finite and not negative."""
        check_age_range(self.name, age_s, self.earliest_age_s)

    def program(self, targets_siemens: ArrayLike, rng: np.random.Generator) -> CellState:
        """Draw programming error and drift of each cell.

        Parameters
        ----------
        targets_siemens : array_like, any shape
            Conductances to reach, in siemens.
        rng : numpy.random.Generator
            Source of both draws, programming error first.

        Returns
        -------
        CellState
            With ``drawn["drift"]``, of unit variance.
        """
        targets = check_targets(self.name, targets_siemens, self.g_min_siemens, self.g_max_siemens)
        error = _draw(self.programming_distribution, targets.shape, rng)
        spread = np.float32(self.programming_spread) * self._weight(self.programming_dependence, targets)
        drift = _draw(self.drift_distribution, targets.shape, rng)
        return CellState(targets, np.maximum(targets + spread * error, np.float32(0)), {"drift": drift})

    def at_age(self, state: CellState, age_s: float, rng: np.random.Generator) -> CellsNow:
        """Return the cells at an age, in seconds, with one draw of the slow read noise."""
        self.check_age(age_s)
        decades = np.float32(math.log1p(age_s / self.drift_t0_s) / math.log(10))
        relative = np.float32(self.drift_shift) + np.float32(self.drift_spread) * state.drawn["drift"]
        drift = decades * relative * self._weight(self.drift_dependence, state.programmed)
        drifted = np.maximum(state.programmed + drift, np.float32(0))
        if self.read_spread == 0:
            return CellsNow(drifted)
        sigma = np.float32(self.read_spread) * self._weight(self.read_dependence, state.programmed)
        slow, fast = math.sqrt(self.read_slow_share), math.sqrt(1 - self.read_slow_share)
        noise = _draw(self.read_distribution, drifted.shape, rng)
        conductance = np.maximum(drifted + np.float32(slow) * sigma * noise, np.float32(0))
        return CellsNow(conductance, np.float32(fast) * sigma if fast else None)

    def _weight(self, dependence: str, conductance: Floats) -> Floats:
        """What a spread multiplies, in siemens."""
        g_max = np.float32(self.g_max_siemens)
        if dependence == "proportional":
            return conductance
        if dependence == "independent":
            return np.full_like(conductance, g_max)
        return np.asarray(g_max * (g_max / np.maximum(conductance, np.float32(self.inverse_floor) * g_max)))


def _draw(distribution: str, shape: tuple[int, ...], rng: np.random.Generator) -> Floats:
    """Numbers of zero mean and unit variance."""
    if distribution == "normal":
        return rng.standard_normal(shape, dtype=np.float32)
    half = np.float32(math.sqrt(3.0))
    return half * (2 * rng.random(shape, dtype=np.float32) - 1)
