"""`read_fault_map`: known faults of a chip's tiles, from a CSV file."""

from __future__ import annotations

import csv
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

from chipsim.errors import SpecError, nearest
from chipsim.files import no_pipe

COLUMNS = ("tile", "row", "column", "line", "fault")
FaultKind = Literal["on", "off", "open"]
_MOST_DIGITS = 9
_KINDS = ("on", "off", "open")


@dataclass(frozen=True, slots=True)
class KnownFault:
    """One line of the file; None stands for all.

    Attributes
    ----------
    tile : str
        Such as ``"tile(0,1)"``.
    row, column : int or None
        From zero: word lines, and outputs of the tile.
    line : int or None
        From zero: one of the bit lines of an output.
    fault : {"on", "off", "open"}
        Stuck at the highest or the lowest conductance, or without any.
    """

    tile: str
    row: int | None
    column: int | None
    line: int | None
    fault: FaultKind


def read_fault_map(path: Path, tiles: frozenset[str], shape: tuple[int, int, int]) -> list[KnownFault]:
    """Read known faults, in the order of the file; later lines count before earlier ones.

    Parameters
    ----------
    path : Path
        A CSV file with the columns tile, row, column, line, fault; ``*`` stands for all rows, columns or lines.
    tiles : frozenset of str
        The chip's.
    shape : tuple of int
        Rows, columns, and bit lines per column of a tile.

    Raises
    ------
    SpecError
        With the line of the file, if it cannot be read or names what the chip does not have.
    """
    try:
        with no_pipe(path).open(encoding="utf-8-sig", newline="") as file:
            lines = list(csv.reader(file))
    except (OSError, UnicodeError, csv.Error) as error:
        raise SpecError(f"fault map {path} cannot be read: {getattr(error, 'strerror', None) or error}") from None
    if not lines or tuple(cell.strip() for cell in lines[0]) != COLUMNS:
        raise SpecError(f"{path}, line 1: the columns must be {','.join(COLUMNS)}")
    numbered = ((number, [cell.strip() for cell in cells]) for number, cells in enumerate(lines[1:], 2))
    return [_fault(f"{path}, line {number}", cells, tiles, shape) for number, cells in numbered if any(cells)]


def fault_map_sha256(path: str | None) -> str | None:
    """Hash of a fault map; None without one.

    Raises
    ------
    SpecError
        If it cannot be read.
    """
    if path is None:
        return None
    try:
        return hashlib.sha256(no_pipe(Path(path)).read_bytes()).hexdigest()
    except OSError as error:
        raise SpecError(f"fault map {path} cannot be read: {error.strerror or error}") from None


def _fault(where: str, cells: list[str], tiles: frozenset[str], shape: tuple[int, int, int]) -> KnownFault:
    if len(cells) != len(COLUMNS):
        raise SpecError(f"{where}: {len(cells)} values, but {len(COLUMNS)} columns (quote names with commas)")
    tile, *places, fault = cells
    if tile not in tiles:
        raise SpecError(f"{where}: {tile!r} is no tile of the chip{nearest(tile, sorted(tiles))}")
    if fault not in _KINDS:
        raise SpecError(f"{where}: fault {fault!r} must be one of {', '.join(_KINDS)}{nearest(fault, _KINDS)}")
    row, column, line = (
        _place(where, name, text, count) for name, text, count in zip(COLUMNS[1:4], places, shape, strict=True)
    )
    return KnownFault(tile, row, column, line, cast(FaultKind, fault))


def _place(where: str, name: str, text: str, count: int) -> int | None:
    if text == "*":
        return None
    if not (text.isascii() and text.isdigit()) or len(text) > _MOST_DIGITS or int(text) >= count:
        raise SpecError(f"{where}: {name} {text!r} must be 0 to {count - 1}, or * for all")
    return int(text)
