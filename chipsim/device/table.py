"""`Table`: a cell as its user measured it, read from a CSV file."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from chipsim.device.measured import Doubles, MeasuredTable
from chipsim.device.model import (
    CellsNow,
    CellState,
    check_age_range,
    check_at_least_zero,
    check_conductance_range,
    check_targets,
)
from chipsim.device.table_file import TableFile, read_table
from chipsim.errors import SpecError


@dataclass(frozen=True, slots=True)
class Table:
    """Mean shift, spread and read noise at measured targets and times, interpolated between and refused beyond.

    Parameters
    ----------
    path : str
        A CSV file, see `chipsim.device.table_file.read_table`; relative to the working directory.
    g_min_siemens, g_max_siemens : float
        Conductances of the targets 0 and 1 where targets are fractions (0 and 25 µS unless given: assumption). A table
        in siemens says itself, and takes neither.
    offset_s : float
        Shift and spread are linear in ln(t + offset) between two measured times (assumption: 1 s, so that a table may
        start at age 0 s).

    Notes
    -----
    conductance = max(0, target + shift + spread N), one N per cell, drawn once and kept; read noise is Gaussian and
    all of it fast. Between two targets all three are linear in the target.
    """

    name: ClassVar[str] = "table"

    path: str = ""
    g_min_siemens: float = math.nan
    g_max_siemens: float = math.nan
    offset_s: float = 1.0
    _cells: MeasuredTable = field(init=False, repr=False, compare=False)
    _reads: MeasuredTable | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not self.path:
            raise SpecError(f"device '{self.name}' needs the path of a CSV file: path=FILE")
        check_at_least_zero(self.name, offset_s=self.offset_s)
        file = read_table(Path(self.path))
        if self.offset_s == 0 and file.times_s[0] == 0:
            raise SpecError(f"device '{self.name}': {self.path} starts at 0 s, so offset_s must be above 0")
        low, high = self._range(file)
        check_conductance_range(self.name, low, high)
        object.__setattr__(self, "g_min_siemens", low)
        object.__setattr__(self, "g_max_siemens", high)
        units = {
            name: 1.0 if name in file.in_siemens else high - low for name in ("mean_shift", "spread", "read_noise")
        }
        targets = file.targets if "target" in file.in_siemens else low + (high - low) * file.targets
        shift, spread = file.mean_shift * units["mean_shift"], file.spread * units["spread"]
        object.__setattr__(self, "_cells", MeasuredTable(targets, file.times_s, shift, spread, self.offset_s))
        reads = (
            None if file.read_noise is None else self._cells_with(targets, file, file.read_noise * units["read_noise"])
        )
        object.__setattr__(self, "_reads", reads)

    def _cells_with(self, targets: Doubles, file: TableFile, noise: Doubles) -> MeasuredTable:
        return MeasuredTable(targets, file.times_s, np.zeros_like(noise), noise, self.offset_s)

    def _range(self, file: TableFile) -> tuple[float, float]:
        given = [value for value in (self.g_min_siemens, self.g_max_siemens) if not math.isnan(value)]
        first, last = float(file.targets[0]), float(file.targets[-1])
        if "target" in file.in_siemens:
            if given and (self.g_min_siemens, self.g_max_siemens) != (first, last):
                raise SpecError(
                    f"device '{self.name}': {self.path} gives targets in siemens, {first:g} to {last:g}; "
                    "leave g_min_siemens and g_max_siemens out"
                )
            return first, last
        if (first, last) != (0.0, 1.0):
            raise SpecError(
                f"device '{self.name}': targets of {self.path} run from {first:g} to {last:g}; fractions must run "
                "from 0 to 1, other ranges are given in siemens ('target_siemens')"
            )
        low, high = self.g_min_siemens, self.g_max_siemens
        return (0.0 if math.isnan(low) else low), (25e-6 if math.isnan(high) else high)

    @property
    def earliest_age_s(self) -> float:
        """The first measured time."""
        return float(self._cells.times_s[0])

    @property
    def latest_age_s(self) -> float:
        """The last measured time."""
        return float(self._cells.times_s[-1])

    def check_age(self, age_s: float) -> None:
        """Raise `DeviceRangeError` unless the age lies between the first and the last measured time."""
        check_age_range(self.name, age_s, self.earliest_age_s, self.latest_age_s)

    def program(self, targets_siemens: ArrayLike, rng: np.random.Generator) -> CellState:
        """Draw the error of each cell.

        Parameters
        ----------
        targets_siemens : array_like, any shape
            Conductances to reach, in siemens.
        rng : numpy.random.Generator
            Source of the one normal draw per cell.

        Returns
        -------
        CellState
            ``programmed`` as at the first measured time; ``drawn["error"]`` in units of the spread.
        """
        targets = check_targets(self.name, targets_siemens, self.g_min_siemens, self.g_max_siemens)
        error = rng.standard_normal(targets.shape, dtype=np.float32)
        return CellState(targets, self._cells.conductance(targets, error, self.earliest_age_s), {"error": error})

    def at_age(self, state: CellState, age_s: float, rng: np.random.Generator) -> CellsNow:  # noqa: ARG002
        """Return the cells at an age, in seconds; nothing more is drawn."""
        self.check_age(age_s)
        conductance = self._cells.conductance(state.target, state.drawn["error"], age_s)
        return CellsNow(conductance, None if self._reads is None else self._reads.at(state.target, age_s)[1])
