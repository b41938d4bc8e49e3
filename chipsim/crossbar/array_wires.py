"""`ArrayWires`: what the wires of a tile leave of the cells of one block, all its bit lines solved together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chipsim.crossbar.wires import WireResistance, effective_matrix, first_order_gain
from chipsim.device.model import CellsNow

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ArrayWires:
    """The wires of a tile and how many of its rows and columns a block leaves unused.

    Attributes
    ----------
    wires : WireResistance
    rows, columns : int
        Of the tile: word lines, and outputs.

    Notes
    -----
    A block stands next to the sense ends and next to the drivers of a one-sided array; its unused cells conduct
    nothing. So the wires beyond it carry no current and are left out, but for the leads from a second driver or a
    second sense end.

    With M the effective matrix of all bit lines, cells of conductance G and fast noise σ look like cells of
    conductance M and fast noise σ M / G (first order, `chipsim.crossbar.wires.first_order_gain`).
    """

    wires: WireResistance
    rows: int
    columns: int

    def seen(self, cells: Sequence[CellsNow]) -> list[CellsNow]:
        """What the sense ends see of cells.

        Parameters
        ----------
        cells : sequence of CellsNow
            All that stand on the block's word lines, slice by slice, shape (rows, columns) or (devices, rows, columns).
            A part with fewer columns than the first, a unit column, stands behind all others.

        Returns
        -------
        list of CellsNow
            In the same shapes, conductances in float64.
        """
        planes = [plane for part in cells for plane in _planes(part.conductance)]
        places = self._places([plane.shape[1] for plane in planes])
        array = np.zeros((self._rows_solved(len(planes[0])), 1 + max(int(place.max()) for place in places)))
        if self.wires.drive == "two-sided":  # leads to the second drivers pass the unused columns
            unused = (self.columns - planes[0].shape[1]) * sum(plane.shape == planes[0].shape for plane in planes)
            array = np.pad(array, ((0, 0), (0, unused)))
        for plane, place in zip(planes, places, strict=True):
            array[-len(plane) :, place] = plane
        effective = effective_matrix(array, self.wires)[-len(planes[0]) :]
        found = iter([np.ascontiguousarray(effective[:, place]) for place in places])
        return [_as_seen(part, [next(found) for _ in _planes(part.conductance)]) for part in cells]

    def _rows_solved(self, rows: int) -> int:
        """Leads to the second sense ends pass the unused rows."""
        return self.rows if self.wires.sense == "two-sided" else rows

    def _places(self, widths: list[int]) -> list[NDArray[np.int64]]:
        """On which bit lines of the array the columns of each plane stand."""
        full = widths[0]
        lines = sum(width == full for width in widths)
        places, line, end = [], 0, full * lines
        for width in widths:
            columns = np.arange(width)
            if width != full:
                places.append(end + columns)
                end += width
                continue
            places.append(columns * lines + line if self.wires.pair_layout == "interleaved" else line * full + columns)
            line += 1
        return places


def _planes(conductance: NDArray[np.floating]) -> list[Floats]:
    """The arrays of one polarity, one per device."""
    return [np.asarray(plane, np.float64) for plane in conductance.reshape(-1, *conductance.shape[-2:])]


def _as_seen(cells: CellsNow, effective: list[Floats]) -> CellsNow:
    """Conductances through the wires, and fast noise to first order."""
    shape = cells.conductance.shape
    seen = np.stack(effective).reshape(shape)
    if cells.fast_sigma is None:
        return CellsNow(seen)
    return CellsNow(seen, cells.fast_sigma * first_order_gain(seen, cells.conductance))
