"""`RangeFinder`: the ranges of one block's output converters, from calibration inputs that come in parts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chipsim.architecture.spec import InMemorySpec
from chipsim.crossbar.converters import InputConverter
from chipsim.crossbar.input_planes import InputEncoding
from chipsim.crossbar.percentile import StreamedPercentile
from chipsim.device.model import DeviceModel
from chipsim.execution.block_path import input_encoding, weight_slices

Values = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class RangeFinder:
    """Watches a block's column sums; make it with `range_finder`.

    Attributes
    ----------
    levels : list of ndarray of float32, shape (rows, columns)
        What the cells of each slice hold, relative to the largest or in levels.
    encoding : InputEncoding or None
        How codes are taken apart into planes; None where the array is read once, with real inputs.
    dac : InputConverter
    sums : list of list of StreamedPercentile
        Per plane and slice.
    fixed : tuple of float
        The ranges, where they do not depend on the inputs.
    """

    levels: list[Values]
    encoding: InputEncoding | None
    dac: InputConverter
    sums: list[list[StreamedPercentile]]
    fixed: tuple[float, ...] = ()

    @property
    def passes(self) -> int:
        """How often `add` must see all inputs."""
        return max((each.passes for plane in self.sums for each in plane), default=0)

    def add(self, vectors: Values, live: slice) -> None:
        """Take more MVMs.

        Parameters
        ----------
        vectors : ndarray of float32, shape (slots, rows)
            The block's inputs, zero where there are none.
        live : slice
            Which of them are MVMs.
        """
        for plane, percentiles in zip(self._planes(vectors), self.sums, strict=True):
            for level, each in zip(self.levels, percentiles, strict=True):
                each.add((plane @ level)[live])

    def ranges(self) -> tuple[float, ...]:
        """One per slice, in levels x digits; of analog weights that are read once, a single one in input units.

        The largest percentile of any plane's sums; where all sums are zero it is 1.
        """
        if self.fixed:
            return self.fixed
        return tuple(max(each.value() for each in planes) or 1.0 for planes in zip(*self.sums, strict=True))

    def _planes(self, vectors: Values) -> Iterable[Values]:
        return [vectors] if self.encoding is None else self.encoding.planes(self.dac.convert(vectors)[0])


def range_finder(
    weights: Values, scale: NDArray[np.float64], device: DeviceModel, dac: InputConverter, spec: InMemorySpec, mvms: int
) -> RangeFinder:
    """Prepare to find the ranges of a block's output converters.

    Parameters
    ----------
    weights : ndarray of float32, shape (rows, columns)
    scale : ndarray of float64, shape (columns,)
        Weight per siemens.
    device : DeviceModel
    dac : InputConverter
    spec : InMemorySpec
    mvms : int
        How many there will be.
    """
    encoding, adc = input_encoding(spec), spec.tile.adc
    once = weight_slices(spec) is None and spec.tile.dac.planes == 1
    levels = _levels(weights, scale * (device.g_max_siemens - device.g_min_siemens), spec)
    fixed = _fixed(levels, dac, spec)
    if fixed:
        return RangeFinder([], None, dac, [], fixed)
    planes = 1 if once else len(encoding.plane_weights)
    sums = [[StreamedPercentile(mvms * each.shape[1], adc.range_percentile) for each in levels] for _ in range(planes)]
    return RangeFinder(levels, None if once else encoding, dac, sums)


def _levels(weights: Values, largest: NDArray[np.float64], spec: InMemorySpec) -> list[Values]:
    slices = weight_slices(spec)
    return (
        [(weights / largest).astype(np.float32)] if slices is None else slices.levels(slices.integers(weights, largest))
    )


def _fixed(levels: list[Values], dac: InputConverter, spec: InMemorySpec) -> tuple[float, ...]:
    """Ranges that follow from the architecture alone, or none."""
    adc, encoding, slices = spec.tile.adc, input_encoding(spec), weight_slices(spec)
    rows, once = len(levels[0]), slices is None and spec.tile.dac.planes == 1
    if adc.range == "full-scale":
        top = 1 if slices is None else slices.largest_level
        return (rows * dac.range,) if once else (float(rows * top * encoding.largest_digit),) * len(levels)
    if adc.range == "one-lsb" and not once:
        unsigned = slices is not None and slices.offset and encoding.unsigned
        return (2.0 ** (adc.bits - (not unsigned)) - 1,) * len(levels)
    return ()
