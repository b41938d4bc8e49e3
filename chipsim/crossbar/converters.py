"""`InputConverter` (DAC) and `OutputConverter` (ADC): real values to integer codes and back.

* ``InputConverter(bits, range).convert(values) -> (codes, clipped)``, value = code x ``step``;
* ``OutputConverter(bits, range)`` is applied inside `chipsim.crossbar.read_path.ReadPath`, output = code x ``step``.

Both are signed and symmetric: codes run from -limit to limit with limit = 2^(bits-1) - 1, and one step is
range / limit. ``bits=None`` switches a converter off.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chipsim.errors import InputError, SpecError

SMALLEST_RANGE = 1e-30  # steps of a smaller one would leave what float32 resolves
MOST_BITS = 24  # float32 holds integers up to 2^24 exactly

Codes = NDArray[np.float32]
Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True)
class Converter:
    """What both converters share.

    Parameters
    ----------
    bits : int or None
        Resolution, 2 to 24; None passes values through unchanged.
    range : float
        The largest magnitude that has a code; zero is taken as one, and at least 1e-30.

    Examples
    --------
    >>> Converter(8, 2.54).step
    0.02
    """

    bits: int | None = None
    range: float = 1.0

    def __post_init__(self) -> None:
        if self.bits is not None and not 2 <= self.bits <= MOST_BITS:
            raise SpecError(f"converter bits ({self.bits!r}) must be 2 to {MOST_BITS}, or None to switch it off")
        if not 0 <= self.range < math.inf:
            raise SpecError(f"converter range ({self.range!r}) must be finite and at least 0")
        if self.range < SMALLEST_RANGE:
            object.__setattr__(self, "range", SMALLEST_RANGE if self.range else 1.0)

    @property
    def limit(self) -> int | None:
        """The largest code, 2^(bits-1) - 1; None where the converter is off."""
        return None if self.bits is None else 2 ** (self.bits - 1) - 1

    @property
    def step(self) -> float:
        """The value of one code; 1 where the converter is off."""
        return 1.0 if self.limit is None else self.range / self.limit

    @property
    def full_drive(self) -> float:
        """The code of a value as large as the range; the range itself where the converter is off."""
        return self.range if self.limit is None else float(self.limit)


def round_and_clip(values: Floats, work: Floats, limit: int) -> int:
    """Round to even and clip to ±limit in place; return how many were clipped.

    Parameters
    ----------
    values, work : ndarray of float, same shape
        Values in units of one step, and scratch space.
    limit : int
        The largest code.
    """
    np.rint(values, out=work)
    np.clip(work, np.float32(-limit), np.float32(limit), out=values)
    return int(np.count_nonzero(np.not_equal(values, work)))


def check_finite(values: Floats, what: str) -> None:
    """Refuse arrays that hold NaN or infinity.

    Raises
    ------
    InputError
        Saying how many, and where the first one is.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        if math.isfinite(float(values.sum())):
            return
    bad = np.argwhere(~np.isfinite(values))
    if len(bad):
        first = tuple(int(i) for i in bad[0])
        raise InputError(f"{what}: {len(bad)} of {values.size} values are NaN or infinite; the first is at {first}")


class InputConverter(Converter):
    """The digital-to-analog converters of the word lines.

    Examples
    --------
    >>> codes, clipped = InputConverter(bits=4, range=7.0).convert([-9.0, 0.5, 1.5, 7.2])
    >>> codes.tolist(), clipped
    ([-7.0, 0.0, 2.0, 7.0], 1)
    """

    __slots__ = ()

    def convert(self, values: NDArray[np.floating] | list[float]) -> tuple[Codes, int]:
        """Turn real values into codes, rounding half to even.

        Parameters
        ----------
        values : ndarray of float, any shape
            Real inputs.

        Returns
        -------
        codes : ndarray of float32, same shape
            Integers, or the values themselves where the converter is off.
        clipped : int
            How many values lay outside the range.

        Raises
        ------
        InputError
            If a value is NaN or infinite.
        """
        with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite and is refused below
            codes = np.array(values, dtype=np.float32, order="C")
        return codes, self.convert_in_place(codes, np.empty_like(codes))

    def convert_in_place(self, values: Floats, work: Floats) -> int:
        """Do what `convert` does without allocating; return how many values were clipped."""
        check_finite(values, "crossbar inputs")
        if self.limit is None:
            return 0
        with np.errstate(over="ignore"):  # far outside the range: clipped and counted
            np.divide(values, np.float32(self.step), out=values)
        return round_and_clip(values, work, self.limit)


class OutputConverter(Converter):
    """The analog-to-digital converters of the bit lines.

    ``range`` is in units of input x (G+ - G-) / (g_max - g_min), as `chipsim.crossbar.calibration.output_range`
    returns it.
    """

    __slots__ = ()

    def convert_in_place(self, outputs: Floats, work: Floats) -> int:
        """Round outputs, in units of one step, to codes; return how many saturated."""
        return 0 if self.limit is None else round_and_clip(outputs, work, self.limit)
