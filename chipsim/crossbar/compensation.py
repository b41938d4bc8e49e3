"""`Reference`: global drift compensation, one digital factor per block from a few reference reads.

* ``reference = Reference.take(path_at_start, pattern_rng, noise_rng, reads)``
* ``factor = reference.factor(path_now, noise_rng)``, then ``path_now.compensated(factor)``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chipsim.crossbar.product import Path
from chipsim.errors import SpecError


@dataclass(frozen=True, slots=True)
class Reference:
    """Fixed inputs and what a block answered to them at the start; make it with `take`.

    Attributes
    ----------
    codes : ndarray of float32, shape (reads, rows)
        The reference inputs: every row driven with the same magnitude and a random sign.
    magnitude : float
        Sum of the magnitudes of all outputs at the start, in output steps.

    Notes
    -----
    The factor is sum|y(start)| / sum|y(now)| over the same inputs, both through the converters and with fast
    noise. Where output noise is not small beside the outputs, sum|y| holds some of it and the factor comes out too
    small. Each `take` and each `factor` costs ``reads`` MVMs, which the caller accounts for.

    References
    ----------
    Joshi et al., Nature Communications 11, 2473 (2020): a factor from summed column currents at the start and now.
    Random signs, and the drive, are assumptions.
    """

    codes: NDArray[np.float32]
    magnitude: float

    @property
    def reads(self) -> int:
        """How many MVMs one reference read takes."""
        return len(self.codes)

    @classmethod
    def take(
        cls, path: Path, pattern_rng: np.random.Generator, noise_rng: np.random.Generator, reads: int = 8
    ) -> Reference:
        """Choose reference inputs and read the block with them.

        Parameters
        ----------
        path : Path
            The block at the start, normally at age zero.
        pattern_rng : numpy.random.Generator
            Source of the signs.
        noise_rng : numpy.random.Generator
            Source of the fast noise of these reads.
        reads : int
            How many inputs (assumption: 8).

        Raises
        ------
        SpecError
            If ``reads`` is below one.
        """
        if reads < 1:
            raise SpecError(f"reference reads ({reads!r}) must be at least 1")
        signs = 2.0 * pattern_rng.integers(0, 2, size=(reads, path.rows)) - 1.0
        codes = (_drive(path, signs.astype(np.float32)) * signs).astype(np.float32)
        return cls(codes, _magnitude(path, codes, noise_rng))

    def factor(self, path: Path, noise_rng: np.random.Generator) -> float:
        """Read the block again and return what its outputs have to be multiplied by.

        Parameters
        ----------
        path : Path
            The same block now, with the same converters.
        noise_rng : numpy.random.Generator
            Source of the fast noise of these reads.

        Returns
        -------
        float
            Above one when conductances have decayed; one when the block answers nothing.
        """
        now = _magnitude(path, self.codes, noise_rng)
        return self.magnitude / now if now > 0 and self.magnitude > 0 else 1.0


def _drive(path: Path, signs: NDArray[np.float32]) -> float:
    """Return the largest drive (full, a half, a quarter...) at which no output converter saturates."""
    drive = path.input_converter.full_drive
    smallest = 0.0 if path.input_converter.limit is None else 1.0
    while drive / 2 >= smallest and drive > 0 and path.saturates((drive * signs).astype(np.float32)):
        drive = drive / 2 if smallest == 0 else float(drive // 2)
    return drive


def _magnitude(path: Path, codes: NDArray[np.float32], noise_rng: np.random.Generator) -> float:
    return float(np.abs(path.in_steps().multiply_codes(codes, noise_rng).values).sum(dtype=np.float64))
