"""`InputEncoding`: how input codes reach the word lines, as planes of digits that are read one after the other.

``encoding.digits(codes)`` takes codes apart and ``encoding.plane_weights`` says what a digit of each plane counts:
the codes are the weighted sum of the planes. A pulse-width input is one plane, which is the whole code.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from chipsim.errors import SpecError

Floats = NDArray[np.float32]
Signs = Literal["bipolar", "positive-negative", "twos-complement"]


@dataclass(frozen=True, slots=True)
class InputEncoding:
    """Planes of the codes of one input converter.

    Parameters
    ----------
    bits : int or None
        Of the converter, sign included; None where it is off: one plane then, the real inputs themselves.
    bits_per_cycle : int or None
        Bits of the magnitude in each plane; None for all at once.
    signs : str
        ``bipolar``: word lines carry both signs, and a digit has its code's sign. ``positive-negative``: the planes of
        the positive codes, then those of the negative ones, which count negatively. ``twos-complement``: digits of
        the code modulo 2^(bits-1), then a plane of the sign bits, which counts -2^(bits-1).
    fresh_per_pulse : bool
        Fast noise is drawn anew for each pulse of a digit (pulse count) rather than for the digit (pulse width).

    Examples
    --------
    >>> encoding = InputEncoding(bits=4, bits_per_cycle=1, signs="twos-complement")
    >>> encoding.plane_weights
    (1, 2, 4, -8)
    >>> encoding.digits(np.array([[5.0, -3.0]], dtype=np.float32))[:, 0].tolist()
    [[1.0, 1.0], [0.0, 0.0], [1.0, 1.0], [0.0, 1.0]]
    """

    bits: int | None = None
    bits_per_cycle: int | None = None
    signs: Signs = "bipolar"
    fresh_per_pulse: bool = False

    def __post_init__(self) -> None:
        if self.bits_per_cycle is not None and not 1 <= self.bits_per_cycle < (self.bits or 25):
            raise SpecError(f"bits per cycle ({self.bits_per_cycle!r}) must be 1 to {(self.bits or 25) - 1}")

    @property
    def digit_bits(self) -> int:
        """Bits of one digit."""
        magnitude = 1 if self.bits is None else self.bits - 1
        return magnitude if self.bits_per_cycle is None else self.bits_per_cycle

    @property
    def largest_digit(self) -> int:
        """The largest magnitude of a digit."""
        return int(2**self.digit_bits - 1)

    @property
    def unsigned(self) -> bool:
        """Whether no digit is negative."""
        return self.bits is not None and self.signs != "bipolar"

    @property
    def plane_weights(self) -> tuple[int, ...]:
        """What a digit of each plane counts."""
        if self.bits is None:
            return (1,)
        one_sign = tuple(2**shift for shift in self._shifts)
        if self.signs == "positive-negative":
            return one_sign + tuple(-weight for weight in one_sign)
        return one_sign if self.signs == "bipolar" else (*one_sign, -(2 ** (self.bits - 1)))

    @property
    def _shifts(self) -> range:
        assert self.bits is not None
        return range(0, self.bits - 1, self.digit_bits)

    def digits(self, codes: Floats) -> Floats:
        """Take codes apart.

        Parameters
        ----------
        codes : ndarray of float32, shape (mvms, rows)
            Integers within the converter's limit, or real inputs where it is off.

        Returns
        -------
        ndarray of float32, shape (planes, mvms, rows)
        """
        planes = np.empty((len(self.plane_weights), *codes.shape), np.float32)
        for target, plane in zip(planes, self.planes(codes), strict=True):
            np.copyto(target, plane)
        return planes

    def planes(self, codes: Floats) -> Iterator[Floats]:
        """Take codes apart one plane at a time, each of shape (mvms, rows)."""
        if self.bits is None:
            yield codes
            return
        whole = codes.astype(np.int16 if self.bits <= 16 else np.int32)
        if self.signs == "twos-complement":
            yield from self._split(whole & (2 ** (self.bits - 1) - 1))
            yield (codes < 0).astype(np.float32)
        elif self.signs == "positive-negative":
            yield from self._split(np.maximum(whole, 0))
            yield from self._split(np.maximum(np.negative(whole), 0))
        else:
            signs = np.sign(codes)
            for plane in self._split(np.abs(whole)):
                yield plane * signs

    def _split(self, magnitudes: NDArray[np.signedinteger]) -> Iterator[Floats]:
        for shift in self._shifts:
            yield ((magnitudes >> shift) & self.largest_digit).astype(np.float32)

    def row_drive(self, codes: NDArray[np.floating]) -> NDArray[np.float64]:
        """Sum of |digit| per row over all MVMs and planes: for how many steps each word line was driven.

        Examples
        --------
        >>> InputEncoding(bits=4, bits_per_cycle=1).row_drive(np.array([[5.0, -3.0], [0.0, 1.0]])).tolist()
        [2.0, 3.0]
        """
        planes = self.planes(np.asarray(codes, dtype=np.float32))
        return np.asarray(sum(np.abs(plane).sum(axis=0, dtype=np.float64) for plane in planes))
