"""``chipsim run``."""

from __future__ import annotations

import shutil
import sys
import tempfile
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from chipsim.cli.interrupts import INTERRUPTED_CODE
from chipsim.cli.progress import ProgressBar
from chipsim.errors import OutputError
from chipsim.files import output_folder
from chipsim.result import Result
from chipsim.settings import Settings
from chipsim.simulate import simulate
from chipsim.stopping import Stop


@dataclass(frozen=True, slots=True)
class Request:
    """A run and what to do with its result."""

    settings: Settings
    out: Path | None
    json: bool
    save_programming: Path | None = None
    threads: int = 2
    chunk: int | None = None
    exact_all: bool = False


def run_command(request: Request, stop: Stop) -> int:
    """Simulate, print, and write the results where asked; return the exit code.

    After one Ctrl-C these are the results of what was complete by then (rule T30).
    """
    folder = nullcontext() if request.out is None else output_folder(request.out, stop.whole)
    with folder, ProgressBar(stop) as progress:
        result = simulate(
            request.settings, threads=request.threads, chunk=request.chunk, progress=progress,
            save_programming=request.save_programming,
            stop=stop, at_time=progress.at_time, exact_all=request.exact_all,
        )  # fmt: skip
        paths = [] if request.out is None else save_all(result, request.out, progress, stop)
    try:
        _print(result, request, paths)
    except KeyboardInterrupt:
        if request.out is None:
            raise
    return _say_interrupted(result) if stop.asked else 0


def _print(result: Result, request: Request, paths: list[Path]) -> None:
    if request.json:
        print(result.json(), end="")
        return
    from chipsim.report.tables import file_table, result_table, several_table

    console = Console()
    console.print(several_table(result) if "networks" in result.data else result_table(result))
    if request.out is not None:
        console.print(file_table(paths, request.out))


def _say_interrupted(result: Result) -> int:
    from chipsim.report.partial_words import in_words

    partial = result.data["partial"]
    what = "the results are complete" if partial is None else f"the results are partial ({in_words(partial)})"
    sys.stdout.flush()
    sys.stderr.write(f"interrupted: {what}\n")
    return INTERRUPTED_CODE


def save_all(result: Result, folder: Path, progress: ProgressBar, stop: Stop) -> list[Path]:
    """Write tables and figures into a folder beside them first, then move them in: all of them or none.

    Raises
    ------
    OutputError
        If they cannot be written.
    """
    from chipsim.report.figures import FIGURES, save_figures

    progress("figures", 0, 1)
    try:
        staging = Path(tempfile.mkdtemp(prefix=".chipsim-", dir=folder))
    except OSError as error:
        raise OutputError(f"{folder} cannot be written to ({error.strerror or error})") from None
    try:
        written = [*result.save(staging), *save_figures(result, staging)]
        possible = {*(f"{name}.csv" for name in result.tables), *FIGURES}
        with stop.whole():
            return _move_in(written, folder, possible)
    except OSError as error:
        raise OutputError(f"results cannot be written to {folder} ({error.strerror or error})") from None
    finally:
        with stop.whole():
            shutil.rmtree(staging, ignore_errors=True)


def _move_in(written: list[Path], folder: Path, possible: set[str]) -> list[Path]:
    """Replace the results of an earlier run, those that this run has none of included."""
    if blocked := next((name for name in sorted(possible) if (folder / name).is_dir()), None):
        raise OutputError(f"{folder / blocked} is a folder, where a result should stand; choose another with --out")
    moved = [path.replace(folder / path.name) for path in written]
    for name in possible - {path.name for path in moved}:
        (folder / name).unlink(missing_ok=True)
    return moved
