"""`ProgramVerify`: iterative program-and-verify, from erased cells to where programming leaves them.

``ProgramVerify(...).write(state, device) -> (CellState, WriteCounts)`` takes cells as the device model programs them
and gives what so many iterations make of them, and what it took. The counts alone go to the timing plane.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chipsim.crossbar.faults import Faults
from chipsim.device.model import CellsNow, CellState, DeviceModel
from chipsim.errors import SpecError
from chipsim.streams import stream

ROUNDING = 1e-6
"""Verify takes so much more than its tolerance for rounding: conductances are float32."""


@dataclass(frozen=True, slots=True)
class WriteCounts:
    """What writing some cells takes.

    Attributes
    ----------
    cells : int
    pulses : int
        Over all cells.
    unconverged : int
        Cells that verify never accepted.
    groups : int
        Groups of cells that are written together, one group after the other.
    rounds : int
        Iterations of all groups: each takes as many as that of its cells which needs the most.

    Examples
    --------
    >>> sum([WriteCounts(4, 9, 0, 2, 5), WriteCounts(2, 1, 1, 1, 1)], WriteCounts())
    WriteCounts(cells=6, pulses=10, unconverged=1, groups=3, rounds=6)
    """

    cells: int = 0
    pulses: int = 0
    unconverged: int = 0
    groups: int = 0
    rounds: int = 0

    def __add__(self, other: WriteCounts) -> WriteCounts:
        return WriteCounts(
            self.cells + other.cells, self.pulses + other.pulses, self.unconverged + other.unconverged,
            self.groups + other.groups, self.rounds + other.rounds,
        )  # fmt: skip

    @property
    def verifies(self) -> int:
        """Cells read: each once when it is erased, and once after each of its pulses."""
        return self.cells + self.pulses


@dataclass(frozen=True, slots=True)
class ProgramVerify:
    r"""How cells are written.

    Parameters
    ----------
    step : float
        Share of what is left to a cell's end point that one pulse closes, above 0, at most 1.
    tolerance : float
        Share of g_max - g_min, between 0 and 1: verify accepts a cell that is so near to its end point.
    max_iterations : int
        Pulses after which a cell is left as it is.
    write_heads : int
        Cells of one bit line, one below the other, that are written together.

    Notes
    -----
    A device model's programming error is what was measured *after* program-and-verify. So what the model draws, p, is
    where a cell ends if it gets there, and an accepted cell is at p: nothing is counted twice. From g_min, k pulses
    leave the distance (p - g_min) (1 - step)^k, and verify accepts after the first k with

        |p - g_min| (1 - step)^k <= tolerance (g_max - g_min).

    A cell that would need more than ``max_iterations`` has (p - g_min) (1 - step)^max_iterations left, as an error on
    top. That a pulse closes an equal share of the rest is an assumption.

    Examples
    --------
    >>> from chipsim.device import get_device
    >>> device = get_device("ideal")
    >>> cells = device.program(np.array([[0.0], [12.5e-6], [25e-6]]), stream(1, "programming"))
    >>> state, counts = ProgramVerify(0.5, 0.1, max_iterations=3, write_heads=2).write(cells, device)
    >>> (state.programmed * 1e6).ravel().tolist()
    [0.0, 12.5, 21.875]
    >>> counts
    WriteCounts(cells=3, pulses=6, unconverged=1, groups=2, rounds=6)
    """

    step: float
    tolerance: float
    max_iterations: int
    write_heads: int = 1

    def __post_init__(self) -> None:
        if not 0 < self.step <= 1:
            raise SpecError(f"step of a pulse ({self.step!r}) must be above 0 and at most 1")
        if not 0 < self.tolerance < 1:
            raise SpecError(f"tolerance of verify ({self.tolerance!r}) must be above 0 and below 1")
        if self.max_iterations < 1:
            raise SpecError(f"max_iterations ({self.max_iterations!r}) must be at least 1")
        if self.write_heads < 1:
            raise SpecError(f"write_heads ({self.write_heads!r}) must be at least 1")

    def write(
        self, state: CellState, device: DeviceModel, stuck: NDArray[np.floating[Any]] | None = None
    ) -> tuple[CellState, WriteCounts]:
        """Write erased cells.

        Parameters
        ----------
        state : CellState
            From ``device.program``, shape (rows, columns) or (devices, rows, columns).
        device : DeviceModel
        stuck : ndarray of the same shape, optional
            What broken cells show whatever is done, in siemens; NaN for cells that work. A broken cell takes no pulse
            where verify accepts it, otherwise all of them.

        Returns
        -------
        CellState
            The very same where every cell is accepted.
        WriteCounts

        Raises
        ------
        SpecError
            If cells stop short, and the device model cannot say how those age.
        """
        span = device.g_max_siemens - device.g_min_siemens
        accepted = self.tolerance * span * (1 + ROUNDING)
        left = (1 - self.step) ** np.arange(self.max_iterations + 1)
        with np.errstate(divide="ignore", over="ignore"):
            needed = np.searchsorted(accepted / left, np.abs(state.programmed - device.g_min_siemens))
        short = needed > self.max_iterations
        if stuck is not None:
            wrong = np.abs(stuck - state.programmed) > accepted
            needed = np.where(np.isnan(stuck), needed, np.where(wrong, self.max_iterations + 1, 0))
        counts = self._counts(needed)
        if not short.any():
            return state, counts
        _check_follows(device)
        return _shortened(state, device, np.where(short, left[-1], 0.0)), counts

    def _counts(self, needed: NDArray[np.integer[Any]]) -> WriteCounts:
        """Counts of cells that would need so many pulses each."""
        pulses = np.minimum(needed, self.max_iterations)
        largest = np.maximum.reduceat(pulses, range(0, pulses.shape[-2], self.write_heads), axis=-2)
        return WriteCounts(
            cells=pulses.size,
            pulses=int(pulses.sum()),
            unconverged=int(np.count_nonzero(needed > self.max_iterations)),
            groups=largest.size,
            rounds=int(largest.sum()),
        )


def write_cells(
    states: Sequence[CellState], device: DeviceModel, faults: Faults | None, verify: ProgramVerify
) -> tuple[list[CellState], WriteCounts]:
    """Write G+ and G-, or single cells, of one array, some of which may be broken."""
    stuck: list[NDArray[np.floating[Any]] | None] = [None] * len(states)
    if faults is not None:
        working = [CellsNow(np.full_like(state.programmed, np.nan)) for state in states]
        stuck = [part.conductance for part in faults.apply(working, device)]
    found = [verify.write(state, device, shown) for state, shown in zip(states, stuck, strict=True)]
    return [state for state, _ in found], sum((counts for _, counts in found), WriteCounts())


def _shortened(state: CellState, device: DeviceModel, share: NDArray[np.float64]) -> CellState:
    """Cells with a share of their way from g_min left.

    Models evaluate ages from what was programmed or from the target and errors in units of a spread; so both stop
    short, and either way a cell goes on as one that was meant to be where it is.
    """
    targets, programmed = (
        values - share * (values.astype(np.float64) - device.g_min_siemens)
        for values in (state.target, state.programmed)
    )
    return CellState(targets, programmed, state.drawn)  # type: ignore[arg-type]  # made float32 there


def _check_follows(device: DeviceModel) -> None:
    """Refuse a device model whose cells forget that they stopped short.

    Raises
    ------
    SpecError
        Naming the device and what to do.
    """
    whole = device.program(np.array([[device.g_max_siemens]]), stream(0, "program and verify"))
    half = _shortened(whole, device, np.array(0.5))
    first, second = (
        device.at_age(state, device.earliest_age_s, stream(0, "verify")).conductance for state in (whole, half)
    )
    if np.array_equal(first, second):
        raise SpecError(
            f"device '{device.name}' evaluates ages neither from CellState.programmed nor from CellState.target, so "
            "cells that verify does not accept cannot be followed; raise tile.programming.max_iterations, step or "
            "tolerance"
        )
