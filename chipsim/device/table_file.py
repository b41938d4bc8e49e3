"""`read_table`: a user's measurements of a cell from a CSV file."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from chipsim.device.measured import Doubles
from chipsim.errors import SpecError, nearest
from chipsim.files import no_pipe

QUANTITIES = ("target", "mean_shift", "spread", "read_noise")
_COLUMNS = ("time_s", *QUANTITIES, *(f"{name}_siemens" for name in QUANTITIES))


@dataclass(frozen=True, slots=True, eq=False)
class TableFile:
    """What stands in the file: one row per time and target.

    Attributes
    ----------
    times_s : ndarray of float64, shape (times,)
    targets, mean_shift, spread : ndarray of float64, shape (targets,), (times, targets), (times, targets)
    read_noise : ndarray of float64, shape (times, targets), or None
        None where the file has no such column.
    in_siemens : frozenset of str
        Those of `QUANTITIES` that are in siemens; the others are fractions of the conductance range.
    """

    times_s: Doubles
    targets: Doubles
    mean_shift: Doubles
    spread: Doubles
    read_noise: Doubles | None
    in_siemens: frozenset[str]


def read_table(path: Path) -> TableFile:
    """Read and check a CSV file.

    Parameters
    ----------
    path : Path
        With the columns ``time_s``, ``target``, ``mean_shift``, ``spread`` and optionally ``read_noise``; all but the
        first may end in ``_siemens``. Rows are sorted by time, then by target, and each time has the same targets.

    Raises
    ------
    SpecError
        Naming the file, the line and what is wrong with it.
    """
    try:
        lines = no_pipe(path).read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SpecError(f"table {path} cannot be read: {getattr(error, 'strerror', None) or error}") from None
    columns = _columns(path, lines)
    rows = list(_rows(path, lines, len(columns)))
    if not rows:
        raise SpecError(f"table {path} has no rows below its first line")
    values = {name: [row[index] for _, row in rows] for index, name in enumerate(columns)}
    numbers = [number for number, _ in rows]
    by_name = {name.removesuffix("_siemens"): values[name] for name in columns}
    _check_signs(path, numbers, by_name)
    size = _targets_per_time(path, numbers, by_name["time_s"], by_name["target"])
    grids = {name: np.array(column).reshape(-1, size) for name, column in by_name.items()}
    return TableFile(
        times_s=grids["time_s"][:, 0],
        targets=grids["target"][0],
        mean_shift=grids["mean_shift"],
        spread=grids["spread"],
        read_noise=grids.get("read_noise"),
        in_siemens=frozenset(name.removesuffix("_siemens") for name in columns if name.endswith("_siemens")),
    )


def _columns(path: Path, lines: list[str]) -> list[str]:
    columns = [name.strip() for name in next(csv.reader(lines[:1]), [])]
    for name in columns:
        if name not in _COLUMNS:
            raise SpecError(f"{path}, line 1: unknown column {name!r}{nearest(name, _COLUMNS)}")
    found = [name.removesuffix("_siemens") for name in columns]
    for name in ("time_s", "target", "mean_shift", "spread"):
        if name not in found:
            also = "" if name == "time_s" else f" (or '{name}_siemens')"
            raise SpecError(f"{path}, line 1: no column '{name}'{also}; there are: {', '.join(columns) or 'none'}")
    for name in found:
        if found.count(name) > 1:
            raise SpecError(f"{path}, line 1: column '{name}' stands there twice")
    return columns


def _rows(path: Path, lines: list[str], width: int) -> Iterator[tuple[int, list[float]]]:
    """Line number and numbers of each row; empty lines are skipped."""
    for number, line in enumerate(lines[1:], start=2):
        if not line.strip():
            continue
        cells = next(csv.reader([line]))
        if len(cells) != width:
            raise SpecError(f"{path}, line {number}: {len(cells)} values, but {width} columns")
        yield number, [_number(path, number, cell) for cell in cells]


def _number(path: Path, line: int, cell: str) -> float:
    try:
        value = float(cell)
    except ValueError:
        raise SpecError(f"{path}, line {line}: {cell.strip()!r} is not a number") from None
    if not math.isfinite(value):
        raise SpecError(f"{path}, line {line}: {cell.strip()!r} is not finite")
    return value


def _check_signs(path: Path, lines: list[int], columns: dict[str, list[float]]) -> None:
    for name in ("time_s", "target", "spread", "read_noise"):
        for line, value in zip(lines, columns.get(name, []), strict=False):
            if value < 0:
                raise SpecError(f"{path}, line {line}: {name} {value:g} is negative")


def _targets_per_time(path: Path, lines: list[int], times: list[float], targets: list[float]) -> int:
    """How many targets each time has, the same for all."""
    size = next((index for index, time in enumerate(times) if time != times[0]), len(times))
    if size < 2:
        raise SpecError(
            f"{path}, line {lines[0]}: time {times[0]:g} s needs at least two targets, the ends of the range"
        )
    for index, (line, time, target) in enumerate(zip(lines, times, targets, strict=True)):
        place = index % size
        if place and time != times[index - 1]:
            raise SpecError(
                f"{path}, line {line}: time {times[index - 1]:g} s has {place} targets, the first one {size}"
            )
        if not place and index and time <= times[index - 1]:
            raise SpecError(f"{path}, line {line}: times must rise, but {time:g} s follows {times[index - 1]:g} s")
        if place and index < size and target <= targets[index - 1]:
            raise SpecError(f"{path}, line {line}: targets must rise, but {target:g} follows {targets[index - 1]:g}")
        if target != targets[place]:
            raise SpecError(f"{path}, line {line}: target {target:g}, where the first time has {targets[place]:g}")
    if len(times) % size:
        raise SpecError(f"{path}, line {lines[-1]}: time {times[-1]:g} s has {len(times) % size} targets of {size}")
    return size
