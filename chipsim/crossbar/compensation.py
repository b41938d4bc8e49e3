"""`Reference`: drift compensation by digital factors from a few reference reads.

* ``reference = Reference.take(path_at_start, pattern_rng, noise_rng, reads)``
* ``factor = reference.factor(path_now, noise_rng)`` of the whole block, or ``reference.column_factors`` of each column;
* then ``path_now.compensated(factor)``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chipsim.crossbar.product import Path
from chipsim.errors import SpecError

Answers = NDArray[np.floating[Any]]
_LEAST_ERROR = 1e-4
"""Relative error that the factor of a column is known to at best, so that exact answers have a finite weight."""


@dataclass(frozen=True, slots=True)
class Reference:
    """Fixed inputs and what a block answered to them at the start; make it with `take`.

    Attributes
    ----------
    codes : ndarray of float32, shape (reads, rows)
        The reference inputs: every row driven with the same magnitude and a random sign.
    start : ndarray of float32 or float64, shape (reads, columns)
        The outputs at the start, in output steps.

    Notes
    -----
    The factor of the block is sum|y(start)| / sum|y(now)| over the same inputs, both through the converters and with
    fast noise. Where output noise is not small beside the outputs, sum|y| holds some of it and the factor comes out
    too small. Each `take`, `factor` and `column_factors` costs ``reads`` MVMs, which the caller accounts for.

    References
    ----------
    Joshi et al., Nature Communications 11, 2473 (2020): a factor from summed column currents at the start and now.
    Random signs, and the drive, are assumptions.
    """

    codes: NDArray[np.float32]
    start: Answers

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
        return cls(codes, _answers(path, codes, noise_rng))

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
        return _block_factor(self.start, _answers(path, self.codes, noise_rng))

    def column_factors(self, path: Path, noise_rng: np.random.Generator) -> NDArray[np.float64]:
        """Read the block again and return what each of its columns has to be multiplied by.

        Parameters
        ----------
        path, noise_rng
            As for `factor`.

        Returns
        -------
        ndarray of float64, shape (columns,)
            Each between the column's own factor and the block's; the block's where a column answers nothing, or nothing
            that has to do with its answers at the start.

        Notes
        -----
        From the sums over N reads, a column's own factor is f = sqrt(sum y(start)^2 / sum y(now)^2). The cells of a
        column drift apart and answers are noisy, so it is known with the variance v = f^2 (1 - r^2) / (N - 1) only,
        r being the correlation of both answers about zero. How much columns really differ, t^2, is what the spread of
        all f has beyond v, by the method of moments with weights 1 / v. A column gets the share t^2 / (t^2 + v) of
        its own factor, and of the block's the rest.

        References
        ----------
        DerSimonian and Laird, Controlled Clinical Trials 7, 177 (1986): t^2 from estimates of unequal certainty.
        """
        now = _answers(path, self.codes, noise_rng)
        return _drawn_together(*_own_factors(self.start, now), _block_factor(self.start, now))


def _drive(path: Path, signs: NDArray[np.float32]) -> float:
    """Return the largest drive (full, a half, a quarter...) at which no output converter saturates."""
    drive = path.input_converter.full_drive
    smallest = 0.0 if path.input_converter.limit is None else 1.0
    while drive / 2 >= smallest and drive > 0 and path.saturates((drive * signs).astype(np.float32)):
        drive = drive / 2 if smallest == 0 else float(drive // 2)
    return drive


def _answers(path: Path, codes: NDArray[np.float32], noise_rng: np.random.Generator) -> Answers:
    return path.in_steps().multiply_codes(codes, noise_rng).values


def _block_factor(start: Answers, now: Answers) -> float:
    before, after = (float(np.abs(answers).sum(dtype=np.float64)) for answers in (start, now))
    return before / after if after > 0 and before > 0 else 1.0


def _own_factors(start: Answers, now: Answers) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Factor of each column and the variance with which it is known, infinite where it is not."""
    before, after = start.astype(np.float64), now.astype(np.float64)
    power, left, common = (before**2).sum(axis=0), (after**2).sum(axis=0), (before * after).sum(axis=0)
    known = (common > 0) & (len(start) > 1)
    ratio = np.divide(power, left, out=np.ones_like(power), where=known)
    agreement = np.divide(common**2, power * left, out=np.zeros_like(power), where=known)
    doubt = np.maximum((1 - agreement) / max(1, len(start) - 1), _LEAST_ERROR**2)
    return np.sqrt(ratio), np.where(known, ratio * doubt, np.inf)


def _drawn_together(own: NDArray[np.float64], variance: NDArray[np.float64], block: float) -> NDArray[np.float64]:
    """Mix each column's own factor with the block's by how well it is known."""
    weight = 1 / variance
    known = np.count_nonzero(weight)
    if known < 2:
        return np.full(len(own), block)
    total = float(weight.sum())
    mean = float((weight * own).sum()) / total
    excess = float((weight * (own - mean) ** 2).sum()) - (known - 1)
    spread = max(0.0, excess / (total - float((weight**2).sum()) / total))
    return np.asarray(block + spread / (spread + variance) * (own - block), dtype=np.float64)
