"""``chipsim age``."""

from __future__ import annotations

import csv
import json
import shutil
import tempfile
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from chipsim.ageing import AgeingSettings, age_network
from chipsim.cli.progress import ProgressBar
from chipsim.errors import OutputError
from chipsim.files import output_folder
from chipsim.stopping import Stop

FILES = ("ageing.csv", "ageing.json", "ageing.png")


@dataclass(frozen=True, slots=True)
class Request:
    """What to age, and what to do with the answer."""

    settings: AgeingSettings
    out: Path | None
    json: bool


def age_command(request: Request, stop: Stop) -> None:
    """Score at all ages, print, and write table, numbers and figure where asked."""
    folder = nullcontext() if request.out is None else output_folder(request.out, stop.whole)
    with folder, ProgressBar(stop) as progress:
        data = age_network(request.settings, progress=lambda text: progress(text, 0, 1))
        with stop.whole():
            paths = [] if request.out is None else save_all(data, request.out)
        stop.patient = True  # what is left is to print it
    if request.json:
        print(_text(data), end="")
        return
    from chipsim.report.ageing_rows import ageing_table
    from chipsim.report.tables import file_table

    console = Console()
    console.print(ageing_table(data))
    if request.out is not None:
        console.print()
        console.print(file_table(paths, request.out))


def save_all(data: dict[str, Any], folder: Path) -> list[Path]:
    """Write table, numbers and figure beside their place first, then move them in: all of them or none.

    Raises
    ------
    OutputError
        If they cannot be written.
    """
    from chipsim.report.figures.ageing import save_ageing

    if blocked := next((name for name in FILES if (folder / name).is_dir()), None):
        raise OutputError(f"{folder / blocked} is a folder, where a result should stand; choose another with --out")
    try:
        with tempfile.TemporaryDirectory(prefix=".chipsim-", dir=folder) as staging:
            table, numbers, figure = (Path(staging, name) for name in FILES)
            _write_rows(data["ageing"], table)
            numbers.write_text(_text(data), encoding="utf-8")
            save_ageing(data, figure)
            return [Path(shutil.move(path, folder / path.name)) for path in (table, numbers, figure)]
    except OSError as error:
        raise OutputError(f"results cannot be written to {folder} ({error.strerror or error})") from None


def _text(data: dict[str, Any]) -> str:
    return json.dumps(data, indent=2, allow_nan=False) + "\n"


def _write_rows(rows: Sequence[dict[str, Any]], path: Path) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        table.writeheader()
        table.writerows(rows)
