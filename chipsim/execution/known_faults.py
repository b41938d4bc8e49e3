"""`known_faults`: what an architecture's map of faults says of the arrays of a plan, and of each block."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from chipsim.architecture.fault_map import KnownFault, read_fault_map
from chipsim.mapping.plan import PlacedBlock, Plan


def known_faults(plan: Plan) -> dict[str, list[KnownFault]]:
    """The faults that the architecture's map names, by array.

    Raises
    ------
    SpecError
        If the map cannot be read.
    """
    crossbar, arrays = plan.chip.spec.tile.crossbar, frozenset(plan.chip.arrays)
    found: dict[str, list[KnownFault]] = {}
    if crossbar.faults.map is not None:
        shape = (crossbar.rows, crossbar.columns, crossbar.encoding.lines)
        for fault in read_fault_map(Path(crossbar.faults.map), arrays, shape):
            found.setdefault(fault.tile, []).append(fault)
    return found


def faults_of_block(faults: Iterable[KnownFault], placed: PlacedBlock) -> list[KnownFault]:
    """Faults of an array, counted from where a block's cells begin."""
    moved = (
        replace(
            fault,
            row=None if fault.row is None else fault.row - placed.first_row,
            column=None if fault.column is None else fault.column - placed.first_column,
        )
        for fault in faults
    )
    return [fault for fault in moved if (fault.row or 0) >= 0 and (fault.column or 0) >= 0]
