"""`MeasuredTable`: mean shift and spread of cells, measured at some targets and times and interpolated between."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class MeasuredTable:
    """Statistics on a grid of targets and times.

    Attributes
    ----------
    targets : ndarray of float64, shape (targets,)
        In siemens, rising.
    times_s : ndarray of float64, shape (times,)
        In seconds, rising, not negative.
    shift, spread : ndarray of float64, shape (times, targets)
        Mean of conductance - target, and standard deviation, in siemens.
    offset_s : float
        Values are linear in ln(t + offset) between two times, and linear in the target between two targets.

    Examples
    --------
    >>> zero = np.zeros((2, 2))
    >>> table = MeasuredTable(np.array([0.0, 1e-6]), np.array([0.0, 99.0]), zero, np.array([[0, 0], [0, 2e-7]]), 1.0)
    >>> shift, spread = table.at(np.float32([5e-7]), 9.0)
    >>> f"{spread[0]:.2g}"
    '5e-08'
    """

    targets: Doubles
    times_s: Doubles
    shift: Doubles
    spread: Doubles
    offset_s: float = 0.0

    def at(self, targets: NDArray[np.float32], age_s: float) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Shift and spread in siemens of cells with these targets, at an age within the measured times."""
        return self._interpolate(self.shift, targets, age_s), self._interpolate(self.spread, targets, age_s)

    def conductance(
        self, targets: NDArray[np.float32], error: NDArray[np.float32], age_s: float
    ) -> NDArray[np.float32]:
        """Conductances in siemens of cells whose errors, in units of the spread, were drawn once."""
        shift, spread = self.at(targets, age_s)
        return np.asarray(np.maximum(targets + shift + spread * error, np.float32(0)))

    def _interpolate(self, values: Doubles, targets: NDArray[np.float32], age_s: float) -> NDArray[np.float32]:
        later = int(np.clip(np.searchsorted(self.times_s, age_s), 1, max(1, len(self.times_s) - 1)))
        before, after = values[later - 1], values[min(later, len(values) - 1)]
        row = before + self._share(later, age_s) * (after - before)
        return np.asarray(np.interp(targets, self.targets, row), dtype=np.float32)

    def _share(self, later: int, age_s: float) -> float:
        """How far the age is from the measured time before it to the one after, 0 to 1."""
        if len(self.times_s) == 1:
            return 0.0
        start, end = (float(time) + self.offset_s for time in self.times_s[later - 1 : later + 1])
        return math.log((age_s + self.offset_s) / start) / math.log(end / start)
