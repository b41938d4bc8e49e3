"""``chipsim explain``."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from chipsim.cli.progress import ProgressBar
from chipsim.explain.explain import Question, explain
from chipsim.explain.explanation import Explanation
from chipsim.files import output_folder
from chipsim.stopping import Stop


@dataclass(frozen=True, slots=True)
class Request:
    """What to explain, and what to do with the answer."""

    question: Question
    out: Path | None
    json: bool


def explain_command(request: Request, stop: Stop) -> None:
    """Simulate again, print, and write tables and a figure where asked."""
    folder = nullcontext() if request.out is None else output_folder(request.out, stop.whole)
    with folder, ProgressBar(stop) as progress:
        found = explain(request.question, progress)
        with stop.whole():
            paths = [] if request.out is None else _save(found, request.out)
        stop.patient = True  # what is left is to print it
    if request.json:
        print(found.json(), end="")
        return
    from chipsim.report.explanation import explanation_table
    from chipsim.report.tables import file_table

    console = Console()
    console.print(explanation_table(found))
    if request.out is not None:
        console.print(file_table(paths, request.out))


def _save(found: Explanation, folder: Path) -> list[Path]:
    from chipsim.report.figures.critical_path import save_critical_path

    return [*found.save(folder), save_critical_path(found, folder)]
