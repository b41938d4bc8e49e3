"""`Faults`: cells of one block that do not follow programming, and word and bit lines that carry nothing.

``faults = Faults.none(lines, rows, columns)``, ``faults.drawn(rates, rng)`` and ``faults.marked(...)`` add some;
``faults.apply(cells, lines, device)`` is what is left of programmed cells.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from chipsim.device.model import CellsNow, DeviceModel
from chipsim.errors import SpecError

Kind = Literal["on", "off", "open"]
CODES: dict[Kind, int] = {"on": 1, "off": 2, "open": 3}


@dataclass(frozen=True, slots=True)
class FaultRates:
    """Shares of all cells, word lines and bit lines that are broken; all 0 where nothing is."""

    stuck_on: float = 0.0
    stuck_off: float = 0.0
    dead_rows: float = 0.0
    dead_columns: float = 0.0

    def __post_init__(self) -> None:
        for name in ("stuck_on", "stuck_off", "dead_rows", "dead_columns"):
            value = getattr(self, name)
            if not 0 <= value <= 1:
                raise SpecError(f"rate of {name.replace('_', ' ')} ({value!r}) must be 0 to 1")
        if self.stuck_on + self.stuck_off > 1:
            raise SpecError(f"rates of stuck cells ({self.stuck_on!r} on, {self.stuck_off!r} off) are above 1 together")

    def __bool__(self) -> bool:
        return any((self.stuck_on, self.stuck_off, self.dead_rows, self.dead_columns))


@dataclass(frozen=True, slots=True)
class Faults:
    """The broken cells of one block.

    Attributes
    ----------
    states : ndarray of int8, shape (bit lines per output, rows, columns)
        0 where a cell works, else one of `CODES`: stuck at the highest or at the lowest conductance, or without any.
        The bit lines of an output come slice by slice, lowest first; within a slice G+ before G-; within a polarity
        device by device.
    unit : ndarray of int8, shape (devices, rows)
        The same for the unit column of an offset encoding, which every block has whether it uses it or not.
    """

    states: NDArray[np.int8]
    unit: NDArray[np.int8]

    @classmethod
    def none(cls, lines: int, rows: int, columns: int, devices: int = 1) -> Faults:
        """Everything works."""
        return cls(np.zeros((lines, rows, columns), np.int8), np.zeros((devices, rows), np.int8))

    def drawn(self, rates: FaultRates, rng: np.random.Generator) -> Faults:
        """Break cells, word lines and bit lines at random; a broken line counts before a stuck cell.

        Parameters
        ----------
        rates : FaultRates
        rng : numpy.random.Generator
            Source of the draws: cells, word lines, bit lines, then the unit column.

        Examples
        --------
        >>> faults = Faults.none(2, 50, 20).drawn(FaultRates(stuck_on=0.5), np.random.default_rng(1))
        >>> sorted(set(faults.states.ravel().tolist()))
        [0, 1]
        """
        lines, rows, columns = self.states.shape
        states = np.maximum(self.states, _stuck(rates, rng.random(self.states.shape, dtype=np.float32)))
        dead_rows = rng.random(rows, dtype=np.float32) < rates.dead_rows
        dead_columns = rng.random((lines, columns), dtype=np.float32) < rates.dead_columns
        states[:, dead_rows] = CODES["open"]
        states[np.broadcast_to(dead_columns[:, None, :], states.shape)] = CODES["open"]
        unit = np.maximum(self.unit, _stuck(rates, rng.random(self.unit.shape, dtype=np.float32)))
        unit[:, dead_rows] = CODES["open"]
        unit[rng.random(len(unit), dtype=np.float32) < rates.dead_columns] = CODES["open"]
        return Faults(states, unit)

    def marked(self, kind: Kind, row: int | None = None, column: int | None = None, line: int | None = None) -> Faults:
        """Break one cell, or all of a row, column or bit line where its number is None; the unit column with a row.

        Numbers beyond the block mean cells of the tile that it does not use.
        """
        states, unit = self.states.copy(), self.unit
        where = tuple(slice(None) if number is None else slice(number, number + 1) for number in (line, row, column))
        states[where] = CODES[kind]
        if column is None and line is None:
            unit = unit.copy()
            unit[:, where[1]] = CODES[kind]
        return replace(self, states=states, unit=unit)

    @property
    def any(self) -> bool:
        """Whether anything is broken."""
        return bool(self.states.any() or self.unit.any())

    def of_unit_column(self) -> Faults:
        """The faults of the unit column as those of a block with one column."""
        return Faults(self.unit[:, :, None], self.unit)

    def of_lines(self, first: int, count: int) -> Faults:
        """The faults of some bit lines of every output."""
        return replace(self, states=self.states[first : first + count])

    def apply(self, cells: Sequence[CellsNow], device: DeviceModel) -> list[CellsNow]:
        """What is left of the cells of one array of pairs or of single cells.

        Parameters
        ----------
        cells : sequence of CellsNow
            G+ and G-, or single cells, shape (rows, columns) or (devices, rows, columns).
        device : DeviceModel
            Gives the conductances at which cells are stuck.

        Returns
        -------
        list of CellsNow
            Broken cells have no fast noise.
        """
        each = len(self.states) // len(cells)
        return [
            _broken(part, self.states[index * each : (index + 1) * each], device) for index, part in enumerate(cells)
        ]


def _stuck(rates: FaultRates, uniform: NDArray[np.float32]) -> NDArray[np.int8]:
    both = np.float32(rates.stuck_on + rates.stuck_off)
    states = np.where(uniform < both, CODES["off"], 0)
    return np.where(uniform < np.float32(rates.stuck_on), CODES["on"], states).astype(np.int8)


def _broken(cells: CellsNow, states: NDArray[np.int8], device: DeviceModel) -> CellsNow:
    states = states.reshape(cells.conductance.shape)
    held = np.array([np.nan, device.g_max_siemens, device.g_min_siemens, 0.0], np.float32)
    conductance = np.where(states == 0, cells.conductance, held[states])
    if cells.fast_sigma is None:
        return CellsNow(conductance)
    return CellsNow(conductance, np.where(states == 0, cells.fast_sigma, np.float32(0)))
