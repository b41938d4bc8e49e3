"""`Pcm`: phase-change memory after Nandakumar et al. 2019 and Joshi et al. 2020."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from chipsim.device.phase_change import Floats, PhaseChange


@dataclass(frozen=True, slots=True)
class Pcm(PhaseChange):
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
    >>> import numpy as np
    >>> from chipsim.streams import stream
    >>> device = Pcm()
    >>> state = device.program(np.full(20000, 12.5e-6), stream(1, "programming"))
    >>> cells = device.at_age(state, 86400.0, stream(1, "read"))
    >>> f"{cells.conductance.mean() * 1e6:.1f} uS after one day"
    '8.3 uS after one day'
    """

    name: ClassVar[str] = "pcm"

    g_min_siemens: float = 0.0
    g_max_siemens: float = 25e-6
    t0_s: float = 20.0
    t_read_s: float = 250e-9

    def _programming_spread(self, ratio: Floats) -> NDArray[np.floating]:
        return (0.26348 + 1.9650 * ratio - 1.1731 * ratio**2) * np.float32(self.g_max_siemens / 25)

    def _exponent_statistics(self, ratio: Floats) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
        log_ratio = np.log(ratio)
        mean = np.clip(-0.0155 * log_ratio + 0.0244, 0.049, 0.1)
        return mean, np.clip(-0.0125 * log_ratio - 0.0059, 0.008, 0.045)

    def _read_noise_amplitude(self, ratio: Floats) -> NDArray[np.floating]:
        return np.asarray(np.minimum(0.0088 / np.maximum(ratio**0.65, 1e-3), 0.2))
