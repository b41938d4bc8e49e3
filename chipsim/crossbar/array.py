"""`program_block` puts weights into cells once; `ProgrammedBlock.at_age` gives the `Array` that multiplies.

* ``program_block(weights, scale, device, rng) -> ProgrammedBlock``
* ``block.at_age(age_s, rng) -> Array``
* ``chipsim.crossbar.read_path.ReadPath.connect(array, dac, adc, slots)`` then multiplies with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chipsim.crossbar.array_wires import ArrayWires
from chipsim.crossbar.faults import Faults
from chipsim.crossbar.pairs import Weights, conductance_pair
from chipsim.crossbar.program_verify import ProgramVerify, WriteCounts, write_cells
from chipsim.device.model import CellsNow, CellState, DeviceModel
from chipsim.errors import InputError, SpecError

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True)
class Array:
    """The cells of one block at one age, conductances in units of the device's span g_max - g_min.

    Attributes
    ----------
    difference : ndarray of float32 or float64, shape (rows, columns)
        (G+ - G-) / span, as the sense ends see it.
    fast_variance : ndarray of the same type, shape (rows, columns), or None
        Variance of the noise that is fresh in every MVM, (σ+² + σ-²) / span²; None where there is none.
    row_conductance_siemens : ndarray of float64, shape (rows,)
        Sum of G+ + G- over the columns of each row.
    output_scale : ndarray of float64, shape (columns,)
        Weight units per unit of span: the column scale times the span.
    segment_ratio : float or None
        Conductance of one segment of a bit line over the span, where the drop along bit lines is approximated.
    """

    difference: Floats
    fast_variance: Floats | None
    row_conductance_siemens: NDArray[np.float64]
    output_scale: NDArray[np.float64]
    segment_ratio: float | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """Rows (word lines) and columns (pairs of bit lines)."""
        rows, columns = self.difference.shape
        return rows, columns

    @property
    def weights(self) -> NDArray[np.float32]:
        """What the cells hold now, in weight units, shape (rows, columns)."""
        return (self.difference * self.output_scale).astype(np.float32)

    def integrated_conductance(self, row_drive: NDArray[np.floating[Any]]) -> float:
        """Sum of drive x conductance over all cells.

        Parameters
        ----------
        row_drive : ndarray of float, shape (rows,)
            Sum of |input code| per row over the MVMs, see `chipsim.crossbar.activity.row_drive`.

        Returns
        -------
        float
            In siemens x codes; times the time of one code and the square of the read voltage it is the
            energy that the cells took. What wires take away from the cells' voltages is not subtracted.
        """
        return float(np.asarray(row_drive, dtype=np.float64) @ self.row_conductance_siemens)


@dataclass(frozen=True, slots=True)
class Physics:
    """How cells are seen from the sense ends, and with how many digits.

    Attributes
    ----------
    wires : ArrayWires or None
        The wires of the tile, solved exactly; None where they are ideal.
    bit_line_ohm : float
        Resistance of a segment of a bit line whose drop is approximated instead, see
        `chipsim.crossbar.wires_approximate`; 0 where it is not.
    type : data type
        Of the products.
    """

    wires: ArrayWires | None = None
    bit_line_ohm: float = 0.0
    type: np.dtype[np.floating[Any]] = field(default_factory=lambda: np.dtype(np.float32))

    def seen(self, cells: Sequence[CellsNow]) -> Sequence[CellsNow]:
        """All cells on the word lines of one block, as they look through the wires."""
        return cells if self.wires is None else self.wires.seen(cells)


IDEAL_READ = Physics()


@dataclass(frozen=True, slots=True)
class ProgrammedBlock:
    """The cells of one block as programming left them, for life.

    Attributes
    ----------
    plus, minus : CellState
        Both cells of every pair, shape (rows, columns), or (devices, rows, columns) where several share a weight.
        Without ``minus`` weights are single cells, and the current of a column at g_min is taken off.
    column_scale : ndarray of float64, shape (columns,)
        Weight units per siemens.
    device : DeviceModel
        How these cells behave.
    faults : Faults or None
        Cells that do not follow programming.
    writes : WriteCounts or None
        What writing the cells took, where that was asked for.
    """

    plus: CellState
    minus: CellState | None
    column_scale: NDArray[np.float64]
    device: DeviceModel
    faults: Faults | None = None
    writes: WriteCounts | None = None

    def at_age(self, age_s: float, rng: np.random.Generator, physics: Physics = IDEAL_READ) -> Array:
        """Evaluate the cells at an age.

        Parameters
        ----------
        age_s : float
            Age in seconds.
        rng : numpy.random.Generator
            Source of the slow noise, G+ first.
        physics : Physics
            Wires, and the type of the numbers.

        Returns
        -------
        Array
            Ready to be connected to converters.
        """
        cells = self.cells_at(age_s, rng)
        return self.array_of(cells, physics.seen(cells), physics)

    def cells_at(self, age_s: float, rng: np.random.Generator) -> list[CellsNow]:
        """G+ and G-, or single cells, at an age, broken ones included."""
        states = (self.plus,) if self.minus is None else (self.plus, self.minus)
        cells = [self.device.at_age(state, age_s, rng) for state in states]
        return cells if self.faults is None else self.faults.apply(cells, self.device)

    def array_of(self, cells: Sequence[CellsNow], seen: Sequence[CellsNow], physics: Physics) -> Array:
        """Put cells together to an array.

        Parameters
        ----------
        cells, seen : sequence of CellsNow
            From `cells_at`, and the same as they look through the wires.
        physics : Physics
        """
        span = self.device.g_max_siemens - self.device.g_min_siemens
        plus, *minus = (_mean(part.conductance) for part in seen)
        if seen[0].conductance.dtype != physics.type:
            plus, minus = plus.astype(np.float64), [part.astype(np.float64) for part in minus]
        against = minus[0] if minus else plus.dtype.type(self.device.g_min_siemens)
        difference = (plus - against) / plus.dtype.type(span)
        variance = _fast_variance(seen, span)
        return Array(
            difference=difference.astype(physics.type, copy=False),
            fast_variance=None if variance is None else variance.astype(physics.type, copy=False),
            row_conductance_siemens=np.asarray(sum(_row_sums(part.conductance) for part in cells)),
            output_scale=self.column_scale * span,
            segment_ratio=1 / (physics.bit_line_ohm * span) if physics.bit_line_ohm else None,
        )


def program_block(
    weights: Weights, scale: NDArray[np.floating[Any]], device: DeviceModel, rng: np.random.Generator, *,
    devices: int = 1, single: bool = False, faults: Faults | None = None, verify: ProgramVerify | None = None,
) -> ProgrammedBlock:  # fmt: skip
    """Program the cells of one block.

    Parameters
    ----------
    weights : ndarray of float, shape (rows, columns)
        The block's part of a layer's weight matrix.
    scale : ndarray of float, shape (columns,)
        Weight per siemens of each column, over all row blocks: see `chipsim.crossbar.pairs.column_scale`.
    device : DeviceModel
        The cells.
    rng : numpy.random.Generator
        Source of everything that programming draws, G+ first.
    devices : int
        Cells per polarity; each holds the whole target, and they are read as their mean.
    single : bool
        Weights, none of them negative, stand in single cells instead of pairs.
    faults : Faults, optional
        Cells that do not follow programming.
    verify : ProgramVerify, optional
        How cells are written; without it they are as the device model programs them.

    Returns
    -------
    ProgrammedBlock
        Kept for the life of the chip; ages are evaluated from it.

    Raises
    ------
    InputError
        If the weights are not a finite matrix, or the scales do not fit them, or a single cell's is negative.
    SpecError
        If ``devices`` is below one, or the device model cannot follow cells that verify does not accept.

    Examples
    --------
    >>> from chipsim.crossbar.pairs import column_scale
    >>> from chipsim.device import get_device
    >>> from chipsim.streams import stream
    >>> weights, device = np.array([[1.0, -3.0], [2.0, 0.5]]), get_device("ideal")
    >>> scale = column_scale(weights, device.g_min_siemens, device.g_max_siemens)
    >>> block = program_block(weights, scale, device, stream(1, "programming"))
    >>> bool(np.allclose(block.at_age(0.0, stream(1, "slow")).weights, weights))
    True
    """
    states = [device.program(targets, rng) for targets in _targets(weights, scale, device, devices, single)]
    broken = faults if faults is not None and faults.any else None
    writes = None
    if verify is not None:
        states, writes = write_cells(states, device, broken, verify)
    minus = None if single else states[1]
    return ProgrammedBlock(states[0], minus, np.array(scale, dtype=np.float64), device, broken, writes)


def _targets(
    weights: Weights, scale: NDArray[np.floating[Any]], device: DeviceModel, devices: int, single: bool
) -> list[Floats]:
    """What the cells are to hold, in siemens: G+ and G-, or single cells; the same for each of several per polarity."""
    plus, minus = conductance_pair(weights, scale, device.g_min_siemens, device.g_max_siemens)
    if devices < 1:
        raise SpecError(f"devices per polarity ({devices!r}) must be at least 1")
    if single and (minus > device.g_min_siemens).any():
        raise InputError("single cells cannot hold negative weights")
    targets: list[Floats] = [plus] if single else [plus, minus]
    if devices == 1:
        return targets
    return [np.broadcast_to(target, (devices, *target.shape)) for target in targets]


def _mean(conductance: Floats) -> Floats:
    return conductance if conductance.ndim == 2 else conductance.mean(axis=0)


def _row_sums(conductance: Floats) -> NDArray[np.float64]:
    sums = conductance.sum(axis=-1, dtype=np.float64)
    return np.asarray(sums if sums.ndim == 1 else sums.sum(axis=0))


def _fast_variance(cells: Sequence[CellsNow], span_siemens: float) -> Floats | None:
    parts = [part.fast_sigma for part in cells if part.fast_sigma is not None]
    if not any(part.any() for part in parts):
        return None
    relative = [np.square(part / part.dtype.type(span_siemens)) for part in parts]
    means = [part if part.ndim == 2 else part.mean(axis=0) / part.dtype.type(len(part)) for part in relative]
    return np.asarray(sum(means[1:], means[0]))
