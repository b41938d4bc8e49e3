"""`PlanePath`: slices of weights read with planes of inputs, one conversion each, then shift and add.

It does for any `SlicedArray` and `InputEncoding` what `chipsim.crossbar.read_path.ReadPath` does for one array that is
read once, with the same calls.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chipsim.crossbar.activity import longest_pulse
from chipsim.crossbar.conversion_cycles import CodeTally
from chipsim.crossbar.converter_errors import ConverterErrors
from chipsim.crossbar.converters import InputConverter, OutputConverter, check_finite
from chipsim.crossbar.input_planes import InputEncoding
from chipsim.crossbar.plane_part import Part, Scratch
from chipsim.crossbar.product import Product
from chipsim.crossbar.sliced_block import SlicedArray
from chipsim.crossbar.slots import calls
from chipsim.errors import InputError, SpecError

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True)
class PlanePath:
    """Slices with their converters; make it with `connect`.

    Attributes
    ----------
    input_converter : InputConverter
    encoding : InputEncoding
        Of the input converter's codes.
    slots : int
        How many vectors each product holds.
    parts : tuple of Part
        One per slice.
    scale : ndarray of float64, shape (columns,)
        Weight units x input units per level x digit of the lowest slice and plane.
    shared_noise : bool
        The fast noise of the cells is one draw for all planes of an MVM.

    Notes
    -----
    With the digits d_p of plane p (weight u_p) and slice k (factor f_k, conversion step s_k),

        values = scale * sum_k f_k s_k sum_p u_p adc_k(d_p M_k + noise).

    Codes are added as whole numbers without rounding, in float32 below 2^24 and else in float64: the sums are those of
    64-bit integers. Every plane of every slice has noise of its own unless ``shared_noise``. Bytes repeat as those of
    `ReadPath` do: normals are drawn MVM by MVM, within one slice by slice, then plane by plane.
    """

    input_converter: InputConverter
    encoding: InputEncoding
    slots: int
    parts: tuple[Part, ...]
    scale: NDArray[np.float64]
    shared_noise: bool = False

    @classmethod
    def connect(
        cls, array: SlicedArray, input_converter: InputConverter, encoding: InputEncoding,
        output_converters: Sequence[OutputConverter], slots: int, errors: Sequence[ConverterErrors] = (), *,
        shared_noise: bool = False, exact: bool = False,
    ) -> PlanePath:  # fmt: skip
        """Put slices between converters.

        Parameters
        ----------
        array : SlicedArray
            Cells at one age.
        input_converter : InputConverter
        encoding : InputEncoding
            With the bits of the input converter.
        output_converters : sequence of OutputConverter
            One per slice, ranges in levels x digits; where neither cells nor digits have a sign, codes run from 0 to
            2^bits - 1 and the range is their end.
        slots : int
            As for `ReadPath.connect`.
        errors : sequence of ConverterErrors
            One per slice, or none.
        shared_noise : bool
            See the class.
        exact : bool
            As for `ReadPath.connect`.

        Raises
        ------
        SpecError
            If ``slots`` is below one, or the parts do not fit together.
        """
        if slots < 1:
            raise SpecError(f"slots ({slots!r}) must be at least 1")
        if input_converter.bits != encoding.bits:
            raise SpecError(f"an encoding of {encoding.bits} bits does not fit a converter of {input_converter.bits}")
        slices = len(array.arrays)
        if len(output_converters) != slices or len(errors) not in (0, slices):
            raise SpecError(f"{slices} slices need as many output converters, got {len(output_converters)}")
        unsigned = array.single and encoding.unsigned
        parts = tuple(
            Part.connect(each, factor, array.largest_level, converter, encoding, unsigned, error, exact)
            for each, factor, converter, error in zip(
                array.arrays, array.factors, output_converters, errors or (None,) * slices, strict=True
            )
        )
        return cls(input_converter, encoding, slots, parts, array.output_scale * input_converter.step, shared_noise)

    @property
    def rows(self) -> int:
        """Word lines."""
        return int(self.parts[0].matrix.shape[0])

    @property
    def conversions(self) -> int:
        """Output conversions of one MVM: columns of all slices x planes."""
        return sum(self.columns) * len(self.encoding.plane_weights)

    @property
    def columns(self) -> tuple[int, ...]:
        """Bit lines of each slice."""
        return tuple(int(part.matrix.shape[1]) for part in self.parts)

    def compensated(self, factor: float | NDArray[np.float64]) -> PlanePath:
        """Return the same path with outputs multiplied by a factor, or one per column, in the digital periphery."""
        return replace(self, scale=self.scale * factor)

    def in_steps(self) -> PlanePath:
        """Return the same path with outputs in levels x digits of the lowest slice and plane."""
        return replace(self, scale=np.ones_like(self.scale))

    def row_drive(self, codes: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
        """For how many steps each word line is driven, over all MVMs and planes."""
        return self.encoding.row_drive(codes)

    def longest_pulses(self, codes: NDArray[np.floating[Any]]) -> NDArray[np.int32]:
        """Largest magnitude of a digit, shape (mvms, planes)."""
        planes = self.encoding.planes(np.asarray(codes, dtype=np.float32))
        return np.stack([longest_pulse(plane) for plane in planes], axis=1).astype(np.int32)

    def saturates(self, codes: Floats) -> bool:
        """Whether a conversion saturates with these input codes, without noise."""
        quiet = replace(self, parts=tuple(part.without_noise() for part in self.parts))
        return quiet.multiply_codes(codes, np.random.default_rng(0)).saturated_outputs > 0

    def multiply(
        self, vectors: NDArray[np.floating[Any]], noise_rng: np.random.Generator, first_mvm: int = 0
    ) -> Product:
        """Multiply real vectors with the slices; as `ReadPath.multiply`."""
        codes, clipped = self.input_converter.convert(vectors)
        return replace(self.multiply_codes(codes, noise_rng, first_mvm), clipped_inputs=clipped)

    def multiply_codes(
        self, codes: NDArray[np.floating[Any]] | NDArray[np.integer[Any]], noise_rng: np.random.Generator,
        first_mvm: int = 0, tally: CodeTally | None = None,
    ) -> Product:  # fmt: skip
        """Multiply input codes with the slices; as `ReadPath.multiply_codes`."""
        sums, saturated = self.sums(codes, noise_rng, first_mvm, tally)
        return Product((sums * self.scale).astype(self.parts[0].matrix.dtype), 0, saturated)

    def sums(
        self, codes: NDArray[np.floating[Any]] | NDArray[np.integer[Any]], noise_rng: np.random.Generator,
        first_mvm: int = 0, tally: CodeTally | None = None,
    ) -> tuple[NDArray[np.float64], int]:  # fmt: skip
        """Shifted sums of all slices and planes, before scaling.

        Parameters
        ----------
        codes, noise_rng, first_mvm, tally
            As for `multiply_codes`.

        Returns
        -------
        sums : ndarray of float64, shape (mvms, columns)
            In levels x digits of the lowest slice and plane.
        saturated : int
            Conversions that left the range of the output converters.
        """
        if codes.ndim != 2 or codes.shape[1] != self.rows:
            raise InputError(f"an array with {self.rows} rows cannot multiply inputs of shape {codes.shape}")
        values = np.empty((len(codes), len(self.scale)))
        padded = np.zeros((self.slots, self.rows), dtype=np.float32)  # whole numbers; see `_digits`
        scratch, saturated = Scratch.of(self.slots, self.parts), 0
        for source, place in calls(len(codes), first_mvm, self.slots):
            if place != slice(0, self.slots):
                padded.fill(0)
            np.copyto(padded[place], codes[source], casting="unsafe")
            check_finite(padded[place], "crossbar input codes")
            note = None if tally is None else partial(tally.add, mvms=source)
            values[source], cut_off = self._sums(padded, place, scratch, noise_rng, note)
            saturated += cut_off
        return values, saturated

    def _sums(
        self, codes: Floats, place: slice, scratch: Scratch, noise_rng: np.random.Generator,
        note: Callable[..., None] | None,
    ) -> tuple[NDArray[np.float64], int]:  # fmt: skip
        """Shift and add over slices, in levels x digits, and how many conversions saturated."""
        digits, weights = self._digits(codes), self.encoding.plane_weights
        squares = None if self.shared_noise else self._squares(digits)
        live = place.stop - place.start
        normals = self._normals(live, noise_rng)
        total, saturated, drawn = np.zeros((live, len(self.scale))), 0, 0
        for part in self.parts:
            width = part.normals_per_plane(self.shared_noise) * len(weights)
            mine = None if normals is None else normals[:, drawn : drawn + width]
            sums, cut_off = part.accumulate(digits, squares, weights, place, mine, scratch, note)
            total += sums * part.factor
            saturated, drawn = saturated + cut_off, drawn + width
        return total, saturated

    def _digits(self, codes: Floats) -> Floats:
        """Planes of codes in the products' type."""
        return self.encoding.digits(codes).astype(self.parts[0].matrix.dtype, copy=False)

    def _squares(self, digits: Floats) -> Floats | None:
        """What the variance of the cells is multiplied with."""
        if all(part.variance is None for part in self.parts):
            return None
        if self.encoding.largest_digit == 1 and self.encoding.unsigned:
            return digits
        return np.abs(digits) if self.encoding.fresh_per_pulse else np.square(digits)

    def _normals(self, mvms: int, noise_rng: np.random.Generator) -> Floats | None:
        width = sum(part.normals_per_plane(self.shared_noise) for part in self.parts)
        if not width:
            return None
        shape, type_ = (mvms, width * len(self.encoding.plane_weights)), self.parts[0].matrix.dtype
        return noise_rng.standard_normal(shape, dtype=type_)
