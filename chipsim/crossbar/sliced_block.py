"""`program_slices` puts integer weights into slices of cells; `SlicedBlock.at_age` gives the `SlicedArray`.

The way of a sliced block is that of `chipsim.crossbar.array`, slice by slice, and
`chipsim.crossbar.plane_path.PlanePath` multiplies with what comes out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chipsim.crossbar.array import IDEAL_READ, Array, Physics, ProgrammedBlock, program_block
from chipsim.crossbar.faults import Faults
from chipsim.crossbar.pairs import Weights
from chipsim.crossbar.program_verify import ProgramVerify, WriteCounts
from chipsim.crossbar.weight_slices import WeightSlices
from chipsim.device.model import DeviceModel


@dataclass(frozen=True, slots=True)
class SlicedArray:
    """The arrays of one block at one age, side by side on the same word lines.

    Attributes
    ----------
    arrays : tuple of Array
        One per slice, lowest bits first, the unit column last where there is one.
    factors : tuple of int
        What one level of each counts.
    output_scale : ndarray of float64, shape (columns,)
        Weight units per level of the first slice.
    largest_level : int
        What a cell at g_max holds.
    single : bool
        Cells instead of pairs: no array has a negative difference, but for noise.
    """

    arrays: tuple[Array, ...]
    factors: tuple[int, ...]
    output_scale: NDArray[np.float64]
    largest_level: int = 1
    single: bool = False

    @classmethod
    def of_pairs(cls, array: Array) -> SlicedArray:
        """An array of pairs as a single slice of one level: analog weights."""
        return cls((array,), (1,), array.output_scale)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows, and columns of outputs."""
        return self.arrays[0].shape

    @property
    def weights(self) -> NDArray[np.float32]:
        """What the cells hold now, in weight units, shape (rows, columns)."""
        levels = [array.difference.astype(np.float64) * self.largest_level for array in self.arrays]
        total = sum(level * factor for level, factor in zip(levels, self.factors, strict=True))
        return np.asarray(total * self.output_scale, dtype=np.float32)

    def integrated_conductance(self, row_drive: NDArray[np.floating[Any]]) -> float:
        """Sum of drive x conductance over all cells of all slices, as `Array.integrated_conductance`."""
        return sum(array.integrated_conductance(row_drive) for array in self.arrays)


@dataclass(frozen=True, slots=True)
class SlicedBlock:
    """The slices of one block as programming left them, for life.

    Attributes
    ----------
    blocks : tuple of ProgrammedBlock
        One per slice, in levels.
    slices : WeightSlices
        The encoding.
    weight_step : ndarray of float64, shape (columns,)
        Weight units per integer weight.
    """

    blocks: tuple[ProgrammedBlock, ...]
    slices: WeightSlices
    weight_step: NDArray[np.float64]

    @property
    def writes(self) -> WriteCounts | None:
        """What writing the cells of all slices took, where that was asked for."""
        counts = [block.writes for block in self.blocks if block.writes is not None]
        return sum(counts, WriteCounts()) if counts else None

    def at_age(self, age_s: float, rng: np.random.Generator, physics: Physics = IDEAL_READ) -> SlicedArray:
        """Evaluate all cells at an age in seconds, slice after slice; all share their word lines."""
        cells = [block.cells_at(age_s, rng) for block in self.blocks]
        seen = iter(physics.seen([part for each in cells for part in each]))
        arrays = tuple(
            block.array_of(each, [next(seen) for _ in each], physics)
            for block, each in zip(self.blocks, cells, strict=True)
        )
        largest, offset = self.slices.largest_level, self.slices.offset
        return SlicedArray(arrays, self.slices.factors, self.weight_step, largest, offset)


def program_slices(
    weights: Weights, scale: NDArray[np.floating[Any]], device: DeviceModel, slices: WeightSlices,
    rng: np.random.Generator, *, devices: int = 1, faults: Faults | None = None, verify: ProgramVerify | None = None,
) -> SlicedBlock:  # fmt: skip
    """Round weights to integers and program their slices.

    Parameters
    ----------
    weights : ndarray of float, shape (rows, columns)
        The block's part of a layer's weight matrix.
    scale : ndarray of float, shape (columns,)
        Weight per siemens of each column, as for `chipsim.crossbar.array.program_block`: the largest integer takes
        the place of the whole span.
    device : DeviceModel
        The cells.
    slices : WeightSlices
        The encoding.
    rng : numpy.random.Generator
        Source of everything that programming draws, lowest slice first.
    devices : int
        Cells per polarity and slice.
    faults : Faults, optional
        Cells that do not follow programming.
    verify : ProgramVerify, optional
        How cells are written.

    Raises
    ------
    InputError
        If the weights are not a finite matrix, or the scales do not fit them.

    Examples
    --------
    >>> from chipsim.crossbar.pairs import column_scale
    >>> from chipsim.device import get_device
    >>> from chipsim.streams import stream
    >>> weights, device = np.array([[7.0, -3.5], [2.0, 0.5]]), get_device("ideal")
    >>> scale = column_scale(weights, device.g_min_siemens, device.g_max_siemens)
    >>> block = program_slices(weights, scale, device, WeightSlices(4, 2), stream(1, "programming"))
    >>> block.at_age(0.0, stream(1, "slow")).weights.tolist()
    [[7.0, -3.5], [2.0, 0.5]]
    """
    span = device.g_max_siemens - device.g_min_siemens
    largest = np.asarray(scale, dtype=np.float64) * span
    levels = slices.levels(slices.integers(weights, largest))
    blocks = tuple(
        program_block(
            level, np.full(level.shape[1], slices.largest_level / span), device, rng, devices=devices,
            single=slices.offset, faults=broken, verify=verify,
        )
        for level, broken in zip(levels, _faults_of_slices(faults, slices, devices), strict=True)
    )  # fmt: skip
    return SlicedBlock(blocks, slices, largest / slices.limit)


def _faults_of_slices(faults: Faults | None, slices: WeightSlices, devices: int) -> list[Faults | None]:
    """The faults of each slice, and of the unit column where there is one."""
    if faults is None:
        return [None] * len(slices.factors)
    lines = devices * (1 if slices.offset else 2)
    found: list[Faults | None] = [faults.of_lines(index * lines, lines) for index in range(slices.count)]
    return [*found, faults.of_unit_column()] if slices.offset else found
