"""What all figures share: style, colours, titles, labels that fit, and saving."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from chipsim.files import write_atomically
from chipsim.report.figures.letters import shorten
from chipsim.report.partial_words import title
from chipsim.result import Result

DPI = 150
INK, GREY, PALE = "#222222", "#767676", "#e9e9e6"
# Eight hues that stay apart for the common kinds of colour blindness (Okabe and Ito 2008), the palest last.
HUES = ("#0072b2", "#e69f00", "#009e73", "#d55e00", "#56b4e9", "#cc79a7", "#404040", "#d9cb1e")
_STYLE: Any = {
    "font.family": "DejaVu Sans", "font.size": 9.0, "text.color": INK, "text.parse_math": False,
    "axes.edgecolor": GREY, "axes.labelcolor": INK, "axes.linewidth": 0.6, "axes.spines.top": False,
    "axes.spines.right": False, "axes.axisbelow": True, "grid.color": "#dddddd", "grid.linewidth": 0.5,
    "xtick.color": INK, "ytick.color": INK, "xtick.labelsize": 8.0, "ytick.labelsize": 8.0, "hatch.linewidth": 0.6,
    "legend.frameon": False, "legend.fontsize": 8.0, "savefig.dpi": DPI, "path.simplify": True,
}  # fmt: skip


@contextmanager
def house_style() -> Iterator[None]:
    """Draw as designed, whatever the user's matplotlibrc says, and leave their settings as they were."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(_STYLE)
        yield


def new_figure(width: float, height: float) -> Figure:
    """A figure of a size in inches that belongs to no window and no global list."""
    figure = Figure(figsize=(width, height), dpi=DPI, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def save(figure: Figure, path: Path) -> None:
    """Write a PNG without dates or version, or nothing, and let go of the figure."""
    try:
        write_atomically(path, lambda file: figure.savefig(file, format="png", dpi=DPI, metadata={"Software": None}))
    finally:
        figure.clear()


def add_title(figure: Figure, what: str, result: Result, most: int = 84, *, baseline: bool = True) -> None:
    """What is shown, and below it of which machine, network and inputs.

    Parameters
    ----------
    figure : Figure
    what : str
    result : Result
    most : int
        Characters that a line has room for.
    baseline : bool
        Whether the baseline, if there is one, is in the figure.
    """
    data = result.data
    settings = data["settings"]
    several = "s" if settings["inputs"] != 1 else ""
    batch = settings["batch"]  # a list where there are several networks
    batches = ", ".join(map(str, dict.fromkeys(batch))) if isinstance(batch, list) else batch
    rest = title(f"{settings['inputs']:,} input{several}, batch {batches}", data)
    shown = ["chip", "baseline"] if baseline and data["baseline"] is not None else ["chip"]
    machines = " and ".join(shorten(data[key]["name"], 24) for key in shown)
    network = shorten(data["network"]["name"], max(16, most - len(rest) - len(machines) - 6))
    size = 10.5 * max(1.0, figure.get_figwidth() / 12)
    figure.suptitle(f"{what}\n{network} on {machines}, {rest}", fontsize=size, color=INK)


def unit_of(largest: float, unit: str) -> tuple[float, str]:
    """Divisor and name of the unit in which the largest value reads best.

    Examples
    --------
    >>> unit_of(3.2e-5, "s")
    (1e-06, 'µs')
    """
    steps = [(1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, ""), (1e-3, "m"), (1e-6, "µ"), (1e-9, "n"), (1e-12, "p"),
             (1e-15, "f")]  # fmt: skip
    scale, prefix = next((step for step in steps if largest >= step[0]), steps[-1] if largest > 0 else (1.0, ""))
    return scale, f"{prefix}{unit}"


def nice_top(largest: float) -> float:
    """The end of a colour scale: 100 % unless everything is far below.

    Examples
    --------
    >>> nice_top(0.54), nice_top(0.032), nice_top(0.0)
    (1.0, 0.05, 1.0)
    """
    if largest > 0.3 or largest <= 0:
        return 1.0
    return next(top for decade in range(-12, 1) for top in (1 * 10.0**decade, 2 * 10.0**decade, 5 * 10.0**decade)
                if top >= largest)  # fmt: skip


def bare(axes: Axes) -> None:
    """Take frame and ticks away."""
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)
