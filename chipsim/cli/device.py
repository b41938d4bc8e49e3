"""``chipsim device``."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from chipsim.device import DeviceModel, get_device
from chipsim.device.sampling import Reads, sample_reads
from chipsim.errors import InputError
from chipsim.files import output_folder, write_atomically
from chipsim.stopping import Stop
from chipsim.units import human, parse_age

_AGES_S = (0.0, 1.0, 3600.0, 86_400.0, 2_592_000.0, 31_536_000.0)
_TARGETS = (0.0, 0.1, 0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True, slots=True)
class Request:
    """A model, what to ask it, and what to do with the answer."""

    model: str
    parameters: tuple[str, ...]
    targets: str | None
    ages: str | None
    samples: int
    seed: int
    out: Path | None
    json: bool


def device_command(request: Request, stop: Stop) -> None:
    """Sample, print, and write table and figure where asked."""
    model = get_device(request.model, **dict(map(_parameter, request.parameters)))
    targets = default_targets(model) if request.targets is None else _targets(request.targets)
    ages_s = default_ages(model) if request.ages is None else [parse_age(age) for age in _parts(request.ages, "ages")]
    rows = sample_reads(model, targets, ages_s, request.samples, request.seed)
    if request.out is not None:
        with output_folder(request.out, stop.whole), stop.whole():
            _save(rows, model, request.out)
    stop.patient = True  # what is left is to print it
    if request.json:
        print(json.dumps({"rows": [asdict(row) for row in rows]}, indent=2, allow_nan=False))
        return
    _print(rows, model, request)


def default_targets(model: DeviceModel) -> list[float]:
    """Targets over the whole range, or the only ones that the cells take."""
    levels = getattr(model, "levels_siemens", None)
    if not levels:
        return list(_TARGETS)
    return [(level - model.g_min_siemens) / (model.g_max_siemens - model.g_min_siemens) for level in levels]


def default_ages(model: DeviceModel) -> list[float]:
    """Ages up to a year that the model covers, with the ends of its range, in seconds."""
    inside = {age for age in _AGES_S if model.earliest_age_s <= age <= model.latest_age_s}
    ends = {age for age in (model.earliest_age_s, model.latest_age_s) if math.isfinite(age)}
    return sorted(inside | ends)


def _parts(text: str, what: str) -> list[str]:
    parts = [part.strip() for part in text.split(",")]
    if not all(parts):
        raise InputError(f"--{what} {text!r} has an empty entry; separate entries by single commas")
    return parts


def _targets(text: str) -> list[float]:
    found = []
    for part in _parts(text, "targets"):
        try:
            found.append(float(part))
        except ValueError:
            raise InputError(f"target {part!r} is not a number between 0 and 1") from None
    return found


def _parameter(text: str) -> tuple[str, Any]:
    """``name=value``: a number, true or false, or text with or without a unit."""
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise InputError(f"--set {text!r} must be FIELD=VALUE, for instance g_max='20 uS'")
    if value in ("true", "false"):
        return name, value == "true"
    for kind in (int, float):
        try:
            return name, kind(value)
        except ValueError:
            continue
    return name, value


def _save(rows: Sequence[Reads], model: DeviceModel, folder: Path) -> None:
    from chipsim.report.figures.device import save_device

    def write(path: Path) -> None:
        with path.open("w", newline="", encoding="utf-8") as file:
            table = csv.DictWriter(file, [field.name for field in fields(Reads)], lineterminator="\n")
            table.writeheader()
            table.writerows(asdict(row) for row in rows)

    write_atomically(folder / "device.csv", write)
    save_device(rows, f"device {model.name}", folder / "device.png")


def _print(rows: Sequence[Reads], model: DeviceModel, request: Request) -> None:
    from chipsim.report.ageing_rows import age_zero_words
    from chipsim.report.figures.device import age_words
    from chipsim.report.grid import add_column, new_table

    low, high = model.g_min_siemens, model.g_max_siemens
    zero = age_zero_words(getattr(model, "t0_s", None))
    size = f"{request.samples:,} cells per target"
    table = new_table(f"{model.name}: {human(low, 'S')} to {human(high, 'S')}, {size}{zero}")
    for head in ("target", "asked for", "age", "mean as read", "standard deviation"):
        add_column(table, head, right=True)
    for row in rows:
        asked, mean, std = low + row.target * (high - low), row.mean_siemens, row.std_siemens
        words = (f"{row.target:g}", human(asked, "S"), age_words(row.age_s), human(mean, "S"), human(std, "S", 3))
        table.add_row(*map(Text, words))
    console = Console()
    console.print(table)
    if request.out is not None:
        console.print(Text(f"Written to {request.out}: device.csv, device.png"))
