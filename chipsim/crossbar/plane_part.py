"""`Part`: one slice between its converters, read with all planes of some inputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from chipsim.crossbar.array import Array
from chipsim.crossbar.converter_errors import ConverterErrors
from chipsim.crossbar.converters import OutputConverter
from chipsim.crossbar.input_planes import InputEncoding

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Part:
    """One slice.

    Attributes
    ----------
    matrix : ndarray of float32, shape (rows, columns)
        Output steps per digit.
    variance : ndarray of float32, shape (rows, columns), or None
        Squared output steps per squared digit.
    factor : float
        Levels x digits of the lowest slice and plane per output step.
    lowest, highest : float
        The converter's codes; infinite where it is off.
    sums : data type
        In which sums over planes are exact.
    offset, noise
        As in `chipsim.crossbar.read_path.ReadPath`.
    """

    matrix: Floats
    variance: Floats | None
    factor: float
    lowest: float
    highest: float
    sums: DTypeLike
    offset: Floats | None = None
    noise: float = 0.0

    @classmethod
    def connect(
        cls, array: Array, factor: int, largest_level: int, converter: OutputConverter, encoding: InputEncoding,
        unsigned: bool, errors: ConverterErrors | None,
    ) -> Part:  # fmt: skip
        """Put one slice before its converters; ``factor`` is what one of its levels counts."""
        limit = None if converter.bits is None else 2**converter.bits - 1 if unsigned else converter.limit
        step = 1.0 if limit is None else converter.range / limit
        gain: Any = np.float32(largest_level / step)
        if errors is not None:
            gain = gain * errors.gain
        reach = None if limit is None else limit * sum(abs(weight) for weight in encoding.plane_weights)
        variance, highest = array.fast_variance, np.inf if limit is None else float(limit)
        return cls(
            matrix=array.difference * gain,
            variance=None if variance is None else variance * gain**2,
            factor=factor * step,
            lowest=0.0 if unsigned and limit is not None else -highest,
            highest=highest,
            sums=np.float32 if reach is not None and reach < 2**24 else np.float64,
            offset=errors.offset if errors is not None and errors.offset.any() else None,
            noise=0.0 if errors is None else errors.noise,
        )

    @property
    def noisy(self) -> bool:
        """Whether conversions have noise."""
        return self.variance is not None or self.noise > 0

    def without_noise(self) -> Part:
        """Return the same slice with neither noise of cells nor of converters."""
        return replace(self, variance=None, noise=0.0)

    def accumulate(
        self, digits: Floats, squares: Floats | None, weights: Sequence[int], place: slice, normals: Floats | None,
        scratch: Scratch,
    ) -> tuple[NDArray[Any], int]:  # fmt: skip
        """Read all planes and add their codes.

        Parameters
        ----------
        digits, squares : ndarray of float32, shape (planes, slots, rows)
            Inputs, and what the variance is multiplied with.
        weights : sequence of int
            Of the planes.
        place : slice
            The slots that hold an MVM.
        normals : ndarray of float32, shape (mvms, planes x columns), or None
            Where the slice is noisy.
        scratch : Scratch

        Returns
        -------
        sums : ndarray, shape (mvms, columns)
            In output steps.
        saturated : int
        """
        columns = self.matrix.shape[1]
        outputs, sigma = scratch.outputs[:, :columns], scratch.sigma[:, :columns]
        if columns != scratch.outputs.shape[1]:
            outputs, sigma = (np.empty((len(scratch.outputs), columns), np.float32) for _ in range(2))
        live, total, saturated = outputs[place], np.zeros((place.stop - place.start, columns), self.sums), 0
        for plane, weight in enumerate(weights):
            np.matmul(digits[plane], self.matrix, out=outputs)
            if self.offset is not None:
                live += self.offset
            if normals is not None:
                if squares is not None and self.variance is not None:
                    np.matmul(squares[plane], self.variance, out=sigma)
                self._add_noise(live, sigma[place], normals[:, plane * columns : (plane + 1) * columns])
            saturated += self._convert(live)
            if weight != 1:
                live *= np.float32(weight)
            total += live
        return total, saturated

    def _add_noise(self, live: Floats, sigma: Floats, normals: Floats) -> None:
        if self.variance is None:
            live += normals * np.float32(self.noise)
            return
        if self.noise:
            sigma += np.float32(self.noise**2)
        np.sqrt(sigma, out=sigma)
        sigma *= normals
        live += sigma

    def _convert(self, live: Floats) -> int:
        """Round and clip in place; saturation is looked for before it is counted, since it is rare."""
        if np.isinf(self.highest):
            return 0
        np.rint(live, out=live)
        if live.max(initial=0.0) <= self.highest and live.min(initial=0.0) >= self.lowest:
            return 0
        saturated = int(np.count_nonzero(live > self.highest) + np.count_nonzero(live < self.lowest))
        np.clip(live, np.float32(self.lowest), np.float32(self.highest), out=live)
        return saturated


@dataclass(frozen=True, slots=True)
class Scratch:
    """Memory of one call, so that one path can serve several threads."""

    outputs: Floats
    sigma: Floats

    @classmethod
    def of(cls, slots: int, parts: Sequence[Part]) -> Scratch:
        """Lay out zeros for products of ``slots`` vectors with the widest part."""
        columns = max(part.matrix.shape[1] for part in parts)
        return cls(*(np.zeros((slots, columns), dtype=np.float32) for _ in range(2)))
