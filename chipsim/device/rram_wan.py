"""`RramWan`: filamentary RRAM of the NeuRRAM chip, after Wan et al. 2022."""

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

_DAY_S = 86_400.0
_FIT_G_MAX_US = 40.0
# Spread in microsiemens at three measured times, as a polynomial of target / g_max with the constant first.
_SPREADS_US = {
    1.0: (0.348, 16.030, -43.853, 45.393, -16.815),
    _DAY_S: (0.701, 22.086, -50.773, 47.095, -16.458),
    2 * _DAY_S: (0.782, 20.274, -43.507, 37.062, -11.934),
}


@dataclass(frozen=True, slots=True)
class RramWan:
    r"""RRAM whose conductances spread after programming; no drift of the mean, no read noise of its own.

    Parameters
    ----------
    g_min_siemens, g_max_siemens : float
        Range of target conductances; 40 µS is that of the measured cells [1]_.
    noise_scale : float
        Factor on the spread; 0 turns it off.

    Notes
    -----
    conductance = max(0, target + s(r, t) N), r = target / g_max, N standard normal, drawn once per cell and kept: only
    the spread changes with time. s is a fourth-degree polynomial in r at 1 s, 1 day and 2 days after programming, times
    g_max / 40 µS, and linear in ln t between these times (assumption: between them nothing was measured). Other
    times are refused. What was measured includes the noise of the reads, all of it slow here: there is no fast noise.

    References
    ----------
    .. [1] Wan et al., "A compute-in-memory chip based on resistive random-access memory", Nature 608, 504 (2022),
       Extended Data Fig. 3; fits as published with aihwkit 1.2.

    Examples
    --------
    >>> from chipsim.streams import stream
    >>> device = RramWan()
    >>> state = device.program(np.full(20000, 20e-6), stream(1, "programming"))
    >>> f"{device.at_age(state, 86400.0, stream(1, 'read')).conductance.std() * 1e6:.1f} uS"
    '3.9 uS'
    """

    name: ClassVar[str] = "rram-wan"
    earliest_age_s: ClassVar[float] = min(_SPREADS_US)
    latest_age_s: ClassVar[float] = max(_SPREADS_US)

    g_min_siemens: float = 0.0
    g_max_siemens: float = 40e-6
    noise_scale: float = 1.0

    def __post_init__(self) -> None:
        check_conductance_range(self.name, self.g_min_siemens, self.g_max_siemens)
        check_at_least_zero(self.name, noise_scale=self.noise_scale)

    def check_age(self, age_s: float) -> None:
        """Raise `DeviceRangeError` unless the age lies between the first and the last measured time."""
        check_age_range(self.name, age_s, self.earliest_age_s, self.latest_age_s)

    def program(self, targets_siemens: ArrayLike, rng: np.random.Generator) -> CellState:
        """Draw the error of each cell.

        Parameters
        ----------
        targets_siemens : array_like, any shape
            Conductances to reach, in siemens.
        rng : numpy.random.Generator
            Source of the one normal draw per cell.

        Returns
        -------
        CellState
            ``programmed`` as 1 s after programming; ``drawn["error"]`` in units of the spread.
        """
        targets = check_targets(self.name, targets_siemens, self.g_min_siemens, self.g_max_siemens)
        error = rng.standard_normal(targets.shape, dtype=np.float32)
        return CellState(targets, self._conductance(targets, error, self.earliest_age_s), {"error": error})

    def at_age(self, state: CellState, age_s: float, rng: np.random.Generator) -> CellsNow:  # noqa: ARG002
        """Return the cells at an age, in seconds after programming; nothing more is drawn."""
        self.check_age(age_s)
        return CellsNow(self._conductance(state.target, state.drawn["error"], age_s))

    def _conductance(
        self, targets: NDArray[np.float32], error: NDArray[np.float32], age_s: float
    ) -> NDArray[np.float32]:
        times = np.log(list(_SPREADS_US))
        constants = [np.interp(math.log(age_s), times, fitted) for fitted in zip(*_SPREADS_US.values(), strict=True)]
        ratio = targets / np.float32(self.g_max_siemens)
        scale = self.noise_scale * self.g_max_siemens / _FIT_G_MAX_US
        spread = np.polynomial.polynomial.polyval(ratio, np.asarray(constants, dtype=np.float32)) * np.float32(scale)
        return np.asarray(np.maximum(targets + spread * error, 0), dtype=np.float32)
