"""`RramCmo`: analog RRAM with a conductive metal oxide on hafnium oxide, after Falcone et al. 2025."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from chipsim.device.model import (
    CellsNow,
    CellState,
    check_age_range,
    check_at_least_zero,
    check_conductance_range,
    check_targets,
)
from chipsim.device.one_over_f import check_split, split
from chipsim.errors import SpecError

# Spread in microsiemens after programming within a band of so many per cent: constant, and per microsiemens of target.
_PROGRAMMING_US = {2.0: (0.0112185391, 0.01129027418), 0.2: (0.00081107, 0.00106879)}
_SHIFT_US, _SPREAD_US, _SPREAD_GROWTH_US, _READ_US = -0.08900206, 0.41183342, 0.04201137, 0.0277316483
_WEEK_S = 604_800.0


@dataclass(frozen=True, slots=True)
class RramCmo:
    r"""CMO/HfOx RRAM: error of program-and-verify, relaxation with log time, 1/f read noise.

    Parameters
    ----------
    g_min_siemens, g_max_siemens : float
        Range of target conductances, which must lie within 9 to 88.2 µS, the window that was fitted [1]_.
    acceptance_percent : float
        Band around the target in which program-and-verify stops, in per cent of the target: 0.2 or 2 [1]_.
    latest_age_s : float
        The last age that may be asked for, in seconds. One week is where the measurements behind the law are taken to
        end (from an account of [1]_, not checked against its figures); a larger number extrapolates on purpose, as
        the ten years of [1]_ do.
    t_read_s : float
        Duration of one read, in seconds [2]_.
    corner_s : float
        Where the 1/f spectrum is split: noise slower than this is frozen for a run, the rest is drawn
        afresh in every matrix-vector product (assumption: 1 ms).
    programming_noise_scale, relaxation_scale, read_noise_scale : float
        Factors on the programming spread, on shift and spread of the relaxation, and on the read noise.

    Notes
    -----
    In µS, with t the seconds after programming, from 1 s on, and N standard normal:

    * programmed: target + (0.0112185391 + 0.01129027418 target) N within 2 %, or
      target + (0.00081107 + 0.00106879 target) N within 0.2 %;
    * relaxed: g = programmed - 0.08900206 ln t + (0.41183342 + 0.04201137 ln t) N, one N per cell, kept;
    * read noise: 0.0277316483 log10(g) sqrt(ln((t + t_read) / (2 t_read))), split at ``corner_s`` as in
      `chipsim.device.one_over_f.split`; none below 1 µS.

    Conductances are clipped at zero only: cells at the ends of the range may relax beyond it.

    References
    ----------
    .. [1] Falcone et al., "All-in-One Analog AI Hardware: On-Chip Training and Inference with
       Conductive-Metal-Oxide/HfOx ReRAM Devices", Advanced Functional Materials (2025), arXiv:2502.04524; fits as
       published with aihwkit 1.2.
    .. [2] Lombardo et al., "Read Noise Analysis in Analog Conductive-Metal-Oxide/HfOx ReRAM Devices", Device
       Research Conference (2024).

    Examples
    --------
    >>> from chipsim.streams import stream
    >>> device = RramCmo()
    >>> state = device.program(np.full(20000, 50e-6), stream(1, "programming"))
    >>> f"{device.at_age(state, 3600.0, stream(1, 'read')).conductance.mean() * 1e6:.1f} uS after one hour"
    '49.3 uS after one hour'
    """

    name: ClassVar[str] = "rram-cmo"
    earliest_age_s: ClassVar[float] = 1.0

    g_min_siemens: float = 9e-6
    g_max_siemens: float = 88.2e-6
    acceptance_percent: float = 0.2
    latest_age_s: float = _WEEK_S
    t_read_s: float = 1e-6
    corner_s: float = 1e-3
    programming_noise_scale: float = 1.0
    relaxation_scale: float = 1.0
    read_noise_scale: float = 1.0

    def __post_init__(self) -> None:
        check_conductance_range(self.name, self.g_min_siemens, self.g_max_siemens)
        if self.g_min_siemens < 9e-6 * (1 - 1e-6) or self.g_max_siemens > 88.2e-6 * (1 + 1e-6):
            raise SpecError(
                f"device '{self.name}': the range {self.g_min_siemens!r} to {self.g_max_siemens!r} S is not within "
                "9e-06 to 8.82e-05 S, which was measured"
            )
        if self.acceptance_percent not in _PROGRAMMING_US:
            raise SpecError(
                f"device '{self.name}': acceptance_percent must be 0.2 or 2, got {self.acceptance_percent!r}"
            )
        check_at_least_zero(
            self.name,
            latest_age_s=self.latest_age_s - self.earliest_age_s,
            programming_noise_scale=self.programming_noise_scale,
            relaxation_scale=self.relaxation_scale,
            read_noise_scale=self.read_noise_scale,
        )
        check_split(self.name, self.t_read_s, self.corner_s, "earliest_age_s", self.earliest_age_s)

    def check_age(self, age_s: float) -> None:
        """Raise `DeviceRangeError` unless the age lies between 1 s and ``latest_age_s``."""
        check_age_range(self.name, age_s, self.earliest_age_s, self.latest_age_s)

    def program(self, targets_siemens: ArrayLike, rng: np.random.Generator) -> CellState:
        """Draw programming error and relaxation of each cell.

        Parameters
        ----------
        targets_siemens : array_like, any shape
            Conductances to reach, in siemens.
        rng : numpy.random.Generator
            Source of both draws, programming error first.

        Returns
        -------
        CellState
            With ``drawn["relaxation"]``, in units of the relaxation's spread.
        """
        targets = check_targets(self.name, targets_siemens, self.g_min_siemens, self.g_max_siemens)
        constant, slope = _PROGRAMMING_US[self.acceptance_percent]
        spread = self.programming_noise_scale * (constant * 1e-6 + slope * targets)
        programmed = np.maximum(targets + spread * rng.standard_normal(targets.shape, dtype=np.float32), 0)
        return CellState(targets, programmed, {"relaxation": rng.standard_normal(targets.shape, dtype=np.float32)})

    def at_age(self, state: CellState, age_s: float, rng: np.random.Generator) -> CellsNow:
        """Return the cells at an age, with one draw of the slow read noise.

        Parameters
        ----------
        state : CellState
            What `program` returned.
        age_s : float
            Seconds since programming.
        rng : numpy.random.Generator
            Source of the slow read noise.

        Returns
        -------
        CellsNow
            Conductances and spread of the fast noise, in siemens.
        """
        self.check_age(age_s)
        log_age, scale = math.log(age_s), self.relaxation_scale * 1e-6
        shift, spread = scale * _SHIFT_US * log_age, scale * (_SPREAD_US + _SPREAD_GROWTH_US * log_age)
        relaxed = np.maximum(state.programmed + np.float32(shift) + np.float32(spread) * state.drawn["relaxation"], 0)
        if self.read_noise_scale == 0:
            return CellsNow(relaxed)
        slow, fast = split(age_s, self.t_read_s, self.corner_s)
        amplitude = np.float32(self.read_noise_scale * _READ_US * 1e-6)
        sigma = amplitude * np.log10(np.maximum(relaxed * np.float32(1e6), np.float32(1)))
        noise = rng.standard_normal(relaxed.shape, dtype=np.float32)
        return CellsNow(np.maximum(relaxed + np.float32(slow) * sigma * noise, 0), np.float32(fast) * sigma)
