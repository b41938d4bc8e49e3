"""`Flash`: SONOS charge-trap flash in subthreshold operation, after Agrawal et al. 2022."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from chipsim.device.measured import Doubles, MeasuredTable
from chipsim.device.model import (
    CellsNow,
    CellState,
    check_age_range,
    check_at_least_zero,
    check_conductance_range,
    check_targets,
)
from chipsim.errors import SpecError

_DAY_S = 86_400.0
_SIEMENS_PER_NA = 1e-8  # 16 µS carry 1600 nA: 0.1 V from drain to source
_LARGEST_NA = 1400.0
# Fits to currents in nanoamperes at 0 to 5 days: mean shift as a polynomial, the constant first, ...
_SHIFTS = (
    (0.0,),
    (6.83650e-01, 6.51250e-03, -4.03163e-04, 3.37944e-06, -1.87435e-08, 5.88902e-11, -1.07685e-13, 1.17751e-16,
     -7.60016e-20, 2.67255e-23, -3.94954e-27),
    (6.60925e-01, 8.60627e-03, -1.72936e-04, 7.44096e-07, -5.94866e-09, 2.36734e-11, -4.83740e-14, 5.56072e-17,
     -3.65397e-20, 1.28405e-23, -1.87450e-27),
    (1.15821e00, 1.96116e-02, -4.70807e-04, 3.67510e-06, -2.08786e-08, 6.59752e-11, -1.19499e-13, 1.28435e-16,
     -8.11574e-20, 2.78802e-23, -4.02057e-27),
    (8.72216e-01, 1.70926e-02, -2.23370e-04, 1.57526e-06, -1.32779e-08, 5.08256e-11, -1.01251e-13, 1.14633e-16,
     -7.46124e-20, 2.60559e-23, -3.78724e-27),
    (1.15294e00, 1.03149e-02, -6.05199e-05, 1.76086e-08, -6.46690e-09, 3.39044e-11, -7.53872e-14, 8.98185e-17,
     -6.00346e-20, 2.12615e-23, -3.11099e-27),
)  # fmt: skip
# ... and spread A (1 - exp(-I / B)) of the shifted current I: A and B.
_SPREADS = (
    (19.88665, 176.3115), (25.59102, 186.85544), (28.72753, 193.56834),
    (31.04318, 198.90332), (33.76214, 204.77023), (34.57909, 207.34309),
)  # fmt: skip
_READ_NOISE = (12.58037, 215.36557)  # the same form, at all times


@dataclass(frozen=True, slots=True)
class Flash:
    r"""SONOS flash: error after programming, loss of charge over five days, read noise.

    Parameters
    ----------
    g_min_siemens, g_max_siemens : float
        Range of target conductances, within 0 to 14 µS (0 to 1400 nA at 0.1 V), where the published fits hold.
    offset_s : float
        Shift and spread are linear in ln(t + offset) between the measured days; with two hours the mean shifts of the
        five days lie on straight lines to 1 nA (fitted here). It matters on the first day only.
    error_scale, shift_scale, read_noise_scale : float
        Factors on the spread, the mean shift and the read noise; 0 turns one off.

    Notes
    -----
    In nA of cell current, at 0, 1, 2, 3, 4 and 5 days after programming, with N standard normal:

    * mean I = target + P(target), P a polynomial of degree 10 for each day, zero at age zero [1]_;
    * cell = max(0, I + A (1 - exp(-I / B)) N), one N per cell, kept; A grows from 19.9 to 34.6 nA and B from 176 to
      207 nA [1]_ (that N is the same on all days is an assumption);
    * read noise 12.58037 (1 - exp(-cell / 215.36557)) [1]_, all of it fast: fresh in every matrix-vector product.

    The polynomials are evaluated every 10 nA. Above 1400 nA they run away (at 1600 nA: -246 nA after one day but -118
    nA after five), so that range is refused.

    References
    ----------
    .. [1] Agrawal et al., "Subthreshold operation of SONOS analog memory to enable accurate low-power neural network
       inference", IEDM 2022, 21.7, Figs. 10 and 11 (128,000 cells, 40 nm); fits as published with CrossSim 3.

    Examples
    --------
    >>> from chipsim.streams import stream
    >>> device = Flash()
    >>> state = device.program(np.full(20000, 10e-6), stream(1, "programming"))
    >>> f"{device.at_age(state, 86400.0, stream(1, 'read')).conductance.mean() * 1e6:.1f} uS after one day"
    '9.7 uS after one day'
    """

    name: ClassVar[str] = "flash"
    earliest_age_s: ClassVar[float] = 0.0
    latest_age_s: ClassVar[float] = 5 * _DAY_S

    g_min_siemens: float = 0.0
    g_max_siemens: float = _LARGEST_NA * _SIEMENS_PER_NA
    offset_s: float = 7200.0
    error_scale: float = 1.0
    shift_scale: float = 1.0
    read_noise_scale: float = 1.0

    def __post_init__(self) -> None:
        check_conductance_range(self.name, self.g_min_siemens, self.g_max_siemens)
        largest = _LARGEST_NA * _SIEMENS_PER_NA
        if self.g_max_siemens > largest * (1 + 1e-6):
            raise SpecError(
                f"device '{self.name}': g_max_siemens ({self.g_max_siemens!r}) is above {largest:g}, where the "
                "published fits end"
            )
        scales = {"error_scale": self.error_scale, "shift_scale": self.shift_scale}
        check_at_least_zero(self.name, **scales, read_noise_scale=self.read_noise_scale, offset_s=self.offset_s)
        if self.offset_s == 0:
            raise SpecError(f"device '{self.name}': offset_s must be above 0, for ages from 0 on")

    def check_age(self, age_s: float) -> None:
        """Raise `DeviceRangeError` unless the age lies within the five measured days."""
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
            With ``drawn["error"]``, in units of the spread.
        """
        targets = check_targets(self.name, targets_siemens, self.g_min_siemens, self.g_max_siemens)
        error = rng.standard_normal(targets.shape, dtype=np.float32)
        return CellState(targets, self._table.conductance(targets, error, 0.0), {"error": error})

    def at_age(self, state: CellState, age_s: float, rng: np.random.Generator) -> CellsNow:  # noqa: ARG002
        """Return the cells at an age, in seconds after programming; nothing more is drawn."""
        self.check_age(age_s)
        conductance = self._table.conductance(state.target, state.drawn["error"], age_s)
        if self.read_noise_scale == 0:
            return CellsNow(conductance)
        largest, scale = _READ_NOISE
        relative = -np.expm1(conductance * np.float32(-1 / (scale * _SIEMENS_PER_NA)))
        return CellsNow(conductance, np.float32(self.read_noise_scale * largest * _SIEMENS_PER_NA) * relative)

    @property
    def _table(self) -> MeasuredTable:
        return _table(self.offset_s, self.error_scale, self.shift_scale)


@cache
def _table(offset_s: float, error_scale: float, shift_scale: float) -> MeasuredTable:
    """The fits on a grid of 10 nA."""
    targets = np.linspace(0.0, _LARGEST_NA, 141)
    shift = np.array([np.polynomial.polynomial.polyval(targets, fit) for fit in _SHIFTS], dtype=np.float64)
    spread = np.array([_spread(current, fit) for current, fit in zip(targets + shift, _SPREADS, strict=True)])
    unit, days = _SIEMENS_PER_NA, np.array([_DAY_S * day for day in range(len(_SHIFTS))])
    return MeasuredTable(targets * unit, days, shift_scale * unit * shift, error_scale * unit * spread, offset_s)


def _spread(current: Doubles, fit: tuple[float, float]) -> Doubles:
    """A (1 - exp(-I / B)), at least zero."""
    return np.asarray(-fit[0] * np.expm1(-np.maximum(current, 0) / fit[1]), dtype=np.float64)
