"""``chipsim run``."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from chipsim.errors import OutputError
from chipsim.files import output_folder
from chipsim.result import Result
from chipsim.settings import Settings
from chipsim.simulate import simulate


@dataclass(frozen=True, slots=True)
class Request:
    """A run and what to do with its result."""

    settings: Settings
    out: Path | None
    json: bool


class ProgressBar:
    """One line on a terminal's error stream that says what is being done; silent elsewhere."""

    def __init__(self) -> None:
        console = Console(stderr=True)
        columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
        self._progress = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
        self._task: TaskID | None = None

    def __enter__(self) -> ProgressBar:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def __call__(self, what: str, done: int, total: int) -> None:
        """Show progress."""
        if self._task is None:
            self._task = self._progress.add_task(what)
        many = total > 1
        label = f"{what} {done}/{total} inputs" if many else what
        self._progress.update(self._task, description=label, completed=done, total=total if many else None)


def run_command(request: Request) -> None:
    """Simulate, print, and write the results where asked."""
    with nullcontext() if request.out is None else output_folder(request.out), ProgressBar() as progress:
        result = simulate(request.settings, threads=2, chunk=None, progress=progress)
        paths = [] if request.out is None else save_all(result, request.out, progress)
    if request.json:
        print(result.json(), end="")
        return
    from chipsim.report.tables import file_table, result_table

    console = Console()
    console.print(result_table(result))
    if request.out is not None:
        console.print(file_table(paths, request.out))


def save_all(result: Result, folder: Path, progress: ProgressBar) -> list[Path]:
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
        return _move_in(written, folder, possible)
    except OSError as error:
        raise OutputError(f"results cannot be written to {folder} ({error.strerror or error})") from None
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _move_in(written: list[Path], folder: Path, possible: set[str]) -> list[Path]:
    """Replace the results of an earlier run, those that this run has none of included."""
    if blocked := next((name for name in sorted(possible) if (folder / name).is_dir()), None):
        raise OutputError(f"{folder / blocked} is a folder, where a result should stand; choose another with --out")
    moved = [path.replace(folder / path.name) for path in written]
    for name in possible - {path.name for path in moved}:
        (folder / name).unlink(missing_ok=True)
    return moved
