"""`save_figures`: what a run looked like, as PNG files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from matplotlib.figure import Figure

from chipsim.report.figures.canvas import house_style, save
from chipsim.report.figures.comparison import draw_comparison
from chipsim.report.figures.energy import draw_energy
from chipsim.report.figures.floor_plan import draw_floor_plan
from chipsim.report.figures.pipeline import draw_pipeline
from chipsim.result import Result

FIGURES: dict[str, Callable[[Result], Figure | None]] = {
    "utilisation.png": draw_floor_plan,
    "pipeline.png": draw_pipeline,
    "energy.png": draw_energy,
    "comparison.png": draw_comparison,
}


def save_figures(result: Result, folder: Path) -> list[Path]:
    """Write every figure that a result has something for.

    The same result gives the same bytes.

    Parameters
    ----------
    result : Result
    folder : Path
        Existing.

    Returns
    -------
    list of Path
        What was written; ``comparison.png`` only where there is a baseline.

    Raises
    ------
    OutputError
        If a file cannot be written.
    """
    written = []
    with house_style():
        for name, draw in FIGURES.items():
            figure = draw(result)
            if figure is not None:
                save(figure, folder / name)
                written.append(folder / name)
    return written


__all__ = ["FIGURES", "save_figures"]
