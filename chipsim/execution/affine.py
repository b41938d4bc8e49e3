"""`Affine`: a digital scale and shift per output channel of a layer, and the `Moments` that it is made from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
_NOTHING = 1e-6
"""Share of a layer's largest standard deviation below which a channel counts as constant (assumption)."""

_ROWS = 4096
"""Positions that are looked at together in float64: bounds memory, and is always the same, so bytes are, too."""


@dataclass(frozen=True, slots=True)
class Moments:
    """What the channels of a layer put out before the activation.

    Attributes
    ----------
    mean, std : ndarray of float64, shape (channels,)
        Over all positions of all inputs.
    """

    mean: NDArray[np.float64]
    std: NDArray[np.float64]

    @classmethod
    def of(cls, sums: Floats) -> Moments:
        """Moments of the columns of a matrix; the order of the sums is that of its rows.

        Examples
        --------
        >>> Moments.of(np.float32([[1, 5], [3, 5]]))
        Moments(mean=array([2., 5.]), std=array([1., 0.]))
        """
        parts = [sums[start : start + _ROWS] for start in range(0, len(sums), _ROWS)]
        mean = np.sum([part.sum(axis=0, dtype=np.float64) for part in parts], axis=0) / len(sums)
        squares = np.sum([np.square(part - mean).sum(axis=0) for part in parts], axis=0)
        return cls(mean, np.sqrt(squares / len(sums)))


@dataclass(frozen=True, slots=True)
class Affine:
    """What the neuron units do to each channel: multiply, then add.

    Attributes
    ----------
    scale, shift : ndarray of float64, shape (channels,)
    """

    scale: NDArray[np.float64]
    shift: NDArray[np.float64]

    @classmethod
    def between(cls, now: Moments, wanted: Moments) -> Affine:
        """Scale and shift that give channels the wanted mean and standard deviation.

        A channel that is constant, now or as wanted, gets the median scale of the others, so that only its mean fits; a
        layer of nothing but such channels gets none.

        Examples
        --------
        >>> one, other = Moments.of(np.float32([[1], [3]])), Moments.of(np.float32([[4], [8]]))
        >>> Affine.between(one, other)
        Affine(scale=array([2.]), shift=array([2.]))
        """
        live = _varies(now.std) & _varies(wanted.std)
        usual = float(np.median(wanted.std[live] / now.std[live])) if live.any() else 1.0
        scale = np.divide(wanted.std, now.std, out=np.full(len(live), usual), where=live)
        return cls(scale, wanted.mean - scale * now.mean)

    def apply(self, sums: Floats) -> Floats:
        """Scaled and shifted sums, shape (mvms, channels), of the same type."""
        return sums * self.scale.astype(sums.dtype) + self.shift.astype(sums.dtype)


def _varies(std: NDArray[np.float64]) -> NDArray[np.bool_]:
    return std > _NOTHING * float(std.max(initial=0.0))
