"""`ConverterErrors`: how the output converters of one block differ from ideal ones.

``errors = ConverterErrors.draw(columns, gain_spread, offset_spread, noise, rng)``; a read path takes them at `connect`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chipsim.errors import SpecError


@dataclass(frozen=True, slots=True)
class ConverterErrors:
    """Gain and offset of each column's converter, and the noise of every conversion.

    Attributes
    ----------
    gain : ndarray of float32, shape (columns,)
        What a converter multiplies its input by; ideally 1.
    offset : ndarray of float32, shape (columns,)
        Added before rounding, in output steps; ideally 0.
    noise : float
        Standard deviation added to every conversion before rounding, in output steps.

    Notes
    -----
    With the ideal input y in output steps and n standard normal, fresh in every conversion, a converter rounds and
    clips ``gain y + offset + noise n``.
    """

    gain: NDArray[np.float32]
    offset: NDArray[np.float32]
    noise: float = 0.0

    @classmethod
    def draw(
        cls, columns: int, gain_spread: float, offset_spread: float, noise: float, rng: np.random.Generator
    ) -> ConverterErrors:
        """Draw the errors of one block's converters, once for the life of the chip.

        Parameters
        ----------
        columns : int
            How many converters; columns that share one physically are drawn apart.
        gain_spread : float
            Standard deviation of the gain around 1.
        offset_spread, noise : float
            Standard deviations in output steps.
        rng : numpy.random.Generator
            Source of gains and offsets, gains first.

        Raises
        ------
        SpecError
            If a spread is negative or not finite.

        Examples
        --------
        >>> errors = ConverterErrors.draw(3, 0.0, 0.0, 0.5, np.random.default_rng(1))
        >>> errors.gain.tolist(), errors.offset.tolist(), errors.noise
        ([1.0, 1.0, 1.0], [0.0, 0.0, 0.0], 0.5)
        """
        for name, value in {"gain spread": gain_spread, "offset spread": offset_spread, "noise": noise}.items():
            if not (math.isfinite(value) and value >= 0):
                raise SpecError(f"{name} of output converters ({value!r}) must be finite and at least 0")
        normals = rng.standard_normal((2, columns), dtype=np.float32)
        gain, offset = 1 + np.float32(gain_spread) * normals[0], np.float32(offset_spread) * normals[1]
        return cls(gain.astype(np.float32), offset.astype(np.float32), noise)
