"""`Part`: one slice between its converters, read with all planes of some inputs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from chipsim.crossbar.array import Array
from chipsim.crossbar.converter_errors import ConverterErrors
from chipsim.crossbar.converters import OutputConverter
from chipsim.crossbar.input_planes import InputEncoding
from chipsim.crossbar.output_steps import in_output_steps
from chipsim.crossbar.precision import exact_limit
from chipsim.crossbar.shared_noise import shared_noise
from chipsim.crossbar.wires_approximate import BitLineDrop

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True)
class Part:
    """One slice.

    Attributes
    ----------
    matrix : ndarray of float32 or float64, shape (rows, columns)
        Output steps per digit.
    variance : ndarray of the same type, shape (rows, columns), or None
        Squared output steps per squared digit.
    factor : float
        Levels x digits of the lowest slice and plane per output step.
    lowest, highest : float
        The converter's codes; infinite where it is off.
    sums : data type
        In which sums over planes are exact.
    offset, noise, gain, drop
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
    gain: Floats | None = None
    drop: BitLineDrop | None = None

    @classmethod
    def connect(
        cls, array: Array, factor: int, largest_level: int, converter: OutputConverter, encoding: InputEncoding,
        unsigned: bool, errors: ConverterErrors | None, exact: bool = False,
    ) -> Part:  # fmt: skip
        """Put one slice before its converters; ``factor`` is what one of its levels counts."""
        limit = None if converter.bits is None else 2**converter.bits - 1 if unsigned else converter.limit
        step = 1.0 if limit is None else converter.range / limit
        reach = None if limit is None else limit * sum(abs(weight) for weight in encoding.plane_weights)
        digit = encoding.largest_digit
        largest = exact_limit(None if encoding.bits is None else digit, array.difference.dtype) if exact else None
        highest = np.inf if limit is None else float(limit)
        return cls(
            factor=factor * step,
            lowest=0.0 if unsigned and limit is not None else -highest,
            highest=highest,
            sums=np.float32 if reach is not None and reach < 2**24 else np.float64,
            **in_output_steps(array, largest_level / step, errors, float(digit), largest),
        )

    @property
    def noisy(self) -> bool:
        """Whether conversions have noise."""
        return self.variance is not None or self.noise > 0

    def without_noise(self) -> Part:
        """Return the same slice with neither noise of cells nor of converters."""
        return replace(self, variance=None, noise=0.0)

    def normals_per_plane(self, shared: bool) -> int:
        """Standard normals that one plane of one MVM takes: one per column, two where cells and converters differ."""
        both = shared and self.variance is not None and self.noise > 0
        return int(self.matrix.shape[1]) * (2 if both else 1 if self.noisy else 0)

    def accumulate(
        self, digits: Floats, squares: Floats | None, weights: Sequence[int], place: slice, normals: Floats | None,
        scratch: Scratch, note: Callable[..., None] | None = None,
    ) -> tuple[NDArray[Any], int]:  # fmt: skip
        """Read all planes and add their codes.

        Parameters
        ----------
        digits : ndarray of float, shape (planes, slots, rows)
            Inputs.
        squares : ndarray of float, shape (planes, slots, rows), or None
            What the variance is multiplied with; None where the planes share the cells' noise.
        weights : sequence of int
            Of the planes.
        place : slice
            The slots that hold an MVM.
        normals : ndarray of float, shape (mvms, planes x columns), or None
            Where the slice is noisy; twice as many where cells and converters draw apart, those of the cells first.
        scratch : Scratch
        note : callable, optional
            Told the codes of each plane, shape (mvms, columns), and its number.

        Returns
        -------
        sums : ndarray, shape (mvms, columns)
            In output steps.
        saturated : int
        """
        columns = self.matrix.shape[1]
        outputs, sigma = scratch.outputs[:, :columns], scratch.sigma[:, :columns]
        if columns != scratch.outputs.shape[1]:
            outputs, sigma = (np.empty((len(scratch.outputs), columns), self.matrix.dtype) for _ in range(2))
        live, total, saturated = outputs[place], np.zeros((place.stop - place.start, columns), self.sums), 0
        shared = self._shared_noise(digits, place, normals) if squares is None else None
        for plane, weight in enumerate(weights):
            np.matmul(digits[plane], self.matrix, out=outputs)
            if self.gain is not None:
                live *= self.gain
            if self.drop is not None:
                outputs -= self.drop.of_inputs(digits[plane])
            if self.offset is not None:
                live += self.offset
            if shared is not None:
                live += shared[plane]
                self._add_converter_noise(live, normals, len(weights) + plane)
            elif normals is not None:
                if squares is not None and self.variance is not None:
                    np.matmul(squares[plane], self.variance, out=sigma)
                self._add_noise(live, sigma[place], normals[:, plane * columns : (plane + 1) * columns])
            saturated += self._convert(live)
            if note is not None:
                note(live, plane=plane)
            if weight != 1:
                live *= live.dtype.type(weight)
            total += live
        return total, saturated

    def _shared_noise(self, digits: Floats, place: slice, normals: Floats | None) -> Floats | None:
        """Noise of the cells in all planes, one draw for all of them."""
        if self.variance is None or normals is None:
            return None
        noise = shared_noise(digits, self.variance, place, normals)
        return noise if self.gain is None else noise * self.gain

    def _add_converter_noise(self, live: Floats, normals: Floats | None, place: int) -> None:
        columns = self.matrix.shape[1]
        if self.noise and normals is not None:
            live += normals[:, place * columns : (place + 1) * columns] * live.dtype.type(self.noise)

    def _add_noise(self, live: Floats, sigma: Floats, normals: Floats) -> None:
        if self.variance is None:
            live += normals * live.dtype.type(self.noise)
            return
        if self.gain is not None:
            sigma *= np.square(self.gain)
        if self.noise:
            sigma += sigma.dtype.type(self.noise**2)
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
        np.clip(live, live.dtype.type(self.lowest), live.dtype.type(self.highest), out=live)
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
        type_ = parts[0].matrix.dtype
        return cls(*(np.zeros((slots, columns), dtype=type_) for _ in range(2)))
