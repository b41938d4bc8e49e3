"""`ProgressBar`: one line on a terminal that says what is being done."""

from __future__ import annotations

from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from chipsim.stopping import Stop
from chipsim.units import from_ps, human


class ProgressBar:
    """One line on a terminal's error stream that says what is being done; silent elsewhere.

    Parameters
    ----------
    stop : Stop
        Once it is asked for, the line says that the run is coming to its end.
    """

    def __init__(self, stop: Stop) -> None:
        console = Console(stderr=True)
        columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
        self._progress = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
        self._task: TaskID | None = None
        self._stop = stop
        self._what, self._done, self._total, self._time_ps = "", 0, 1, 0

    def __enter__(self) -> ProgressBar:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._stop.whole():
            self._progress.stop()

    def __call__(self, what: str, done: int, total: int) -> None:
        """Show what is being done, and how far it is."""
        if what != self._what:
            self._time_ps = 0
        self._what, self._done, self._total = what, done, total
        self._show()

    def at_time(self, time_ps: int) -> None:
        """Show the simulated time, too."""
        self._time_ps = time_ps
        self._show()

    def _show(self) -> None:
        self._stop.again()
        if self._task is None:
            self._task = self._progress.add_task(self._what)
        total = self._total if self._total > 1 else None
        self._progress.update(self._task, description=self._label(), completed=self._done, total=total)

    def _label(self) -> str:
        label = self._what
        if self._total > 1:
            label += f" {self._done}/{self._total} inputs"
        if self._time_ps:
            label += f", at {human(from_ps(self._time_ps), 's')}"
        if self._stop.asked:
            label += "; ending (Ctrl-C again: at once)"
        return label
