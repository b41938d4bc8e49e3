"""From an architecture's fields to the cells and converters of one block.

`program_cells` puts weights into cells, `connect` puts what they have become between converters, and `output_ranges`
finds the ranges of the output converters.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from chipsim.architecture.spec import Adc, InMemorySpec
from chipsim.crossbar.array import Array, ProgrammedBlock, program_block
from chipsim.crossbar.calibration import output_range
from chipsim.crossbar.converter_errors import ConverterErrors
from chipsim.crossbar.converters import InputConverter, OutputConverter
from chipsim.crossbar.input_planes import InputEncoding
from chipsim.crossbar.plane_path import PlanePath
from chipsim.crossbar.read_path import ReadPath
from chipsim.crossbar.sliced_block import SlicedArray, SlicedBlock, program_slices
from chipsim.crossbar.weight_slices import WeightSlices
from chipsim.device.model import DeviceModel

Values = NDArray[np.float32]


def input_encoding(spec: InMemorySpec) -> InputEncoding:
    """How the codes of an architecture's input converters reach the word lines."""
    dac = spec.tile.dac
    return InputEncoding(dac.bits, dac.digit_bits, dac.signs, fresh_per_pulse=dac.encoding == "pulse-count")


def weight_slices(spec: InMemorySpec) -> WeightSlices | None:
    """How an architecture cuts weights into slices; None for analog weights."""
    encoding = spec.tile.crossbar.encoding
    if encoding.weight_bits is None or encoding.bits_per_cell is None:
        return None
    return WeightSlices(encoding.weight_bits, encoding.bits_per_cell, encoding.kind == "offset")


def program_cells(
    weights: Values, scale: NDArray[np.float64], device: DeviceModel, spec: InMemorySpec, rng: np.random.Generator
) -> ProgrammedBlock | SlicedBlock:
    """Program a block as the architecture encodes weights."""
    devices, slices = spec.tile.crossbar.encoding.devices_per_polarity, weight_slices(spec)
    if slices is None:
        return program_block(weights, scale, device, rng, devices=devices)
    return program_slices(weights, scale, device, slices, rng, devices=devices)


def connect(
    array: Array | SlicedArray, dac: InputConverter, ranges: tuple[float, ...], slots: int, spec: InMemorySpec,
    spread: np.random.Generator,
) -> ReadPath | PlanePath:  # fmt: skip
    """Put an array between the architecture's converters.

    Parameters
    ----------
    array : Array or SlicedArray
    dac : InputConverter
    ranges : tuple of float
        From `output_ranges`.
    slots : int
    spec : InMemorySpec
    spread : numpy.random.Generator
        Source of the errors of the output converters.
    """
    encoding = input_encoding(spec)
    adcs = [OutputConverter(spec.tile.adc.bits, range_) for range_ in ranges]
    if isinstance(array, Array) and spec.tile.dac.planes == 1:
        errors = _errors(spec.tile.adc, array, spread)
        return ReadPath.connect(array, dac, adcs[0], slots, errors, fresh_per_pulse=encoding.fresh_per_pulse)
    sliced = SlicedArray.of_pairs(array) if isinstance(array, Array) else array
    found = [_errors(spec.tile.adc, part, spread) for part in sliced.arrays]
    return PlanePath.connect(sliced, dac, encoding, adcs, slots, [part for part in found if part is not None])


def output_ranges(
    vectors: Values, weights: Values, scale: NDArray[np.float64], device: DeviceModel, dac: InputConverter,
    spec: InMemorySpec,
) -> tuple[float, ...]:  # fmt: skip
    """Ranges of a block's output converters.

    Parameters
    ----------
    vectors : ndarray of float32, shape (mvms, rows)
        The block's inputs for the calibration data, in input units.
    weights : ndarray of float32, shape (rows, columns)
    scale : ndarray of float64, shape (columns,)
        Weight per siemens.
    device : DeviceModel
    dac : InputConverter
    spec : InMemorySpec

    Returns
    -------
    tuple of float
        One per slice, in levels x digits; of analog weights that are read once, a single one in input units.
    """
    adc, encoding, slices = spec.tile.adc, input_encoding(spec), weight_slices(spec)
    if slices is None and spec.tile.dac.planes == 1:
        if adc.range == "full-scale":
            return (dac.range * len(weights),)
        return (output_range(vectors, weights, scale, device, adc.range_percentile),)
    largest = scale * (device.g_max_siemens - device.g_min_siemens)
    levels = (
        [(weights / largest).astype(np.float32)] if slices is None else slices.levels(slices.integers(weights, largest))
    )
    if adc.range == "one-lsb":
        unsigned = slices is not None and slices.offset and encoding.unsigned
        return (2.0 ** (adc.bits - (not unsigned)) - 1,) * len(levels)
    if adc.range == "full-scale":
        top = 1 if slices is None else slices.largest_level
        return (float(len(weights) * top * encoding.largest_digit),) * len(levels)
    return _calibrated(levels, encoding.planes(dac.convert(vectors)[0]), adc.range_percentile)


def _calibrated(levels: list[Values], planes: Iterator[Values], percentile: float) -> tuple[float, ...]:
    """Find the largest percentile of any plane's sums, per slice; where all sums are zero it is 1."""
    found = [0.0] * len(levels)
    for plane in planes:
        for index, level in enumerate(levels):
            sums = np.abs(plane @ level)
            found[index] = max(found[index], float(np.percentile(sums, percentile)))
    return tuple(each or 1.0 for each in found)


def _errors(adc: Adc, array: Array, rng: np.random.Generator) -> ConverterErrors | None:
    if not (adc.gain_spread or adc.offset_spread or adc.noise):
        return None
    return ConverterErrors.draw(array.shape[1], adc.gain_spread, adc.offset_spread, adc.noise, rng)
