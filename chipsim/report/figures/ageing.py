"""`draw_ageing`: accuracy over time, one line per drift compensation."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from chipsim.report.ageing_rows import age_in_words
from chipsim.report.figures.canvas import GREY, HUES, INK, house_style, new_figure, save
from chipsim.report.figures.letters import shorten

# colour, line, marker, name: lines and markers alone tell them apart, so a grey print does, too
_LOOKS: dict[str, tuple[str, Any, str, str]] = {
    "none": (HUES[3], (0, (1, 1)), "x", "no compensation"),
    "global": (HUES[1], (0, (4, 1.5)), "s", "global: a factor per block"),
    "per-column": (HUES[0], (0, (5, 1.5, 1, 1.5)), "^", "per column"),
    "affine": (HUES[2], "-", "o", "affine refit (AdaBS)"),
}
_APART = 1.12
_MOST_TICKS = 9


def save_ageing(data: dict[str, Any], path: Path) -> None:
    """Write the figure as a PNG; the same data give the same bytes.

    Parameters
    ----------
    data : dict
        What ``ageing.json`` holds.
    path : Path
        Its folder exists.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    with house_style():
        save(draw_ageing(data), path)


def draw_ageing(data: dict[str, Any]) -> Figure:
    """Mean, band of one standard deviation, and minimum over the programmings, on a logarithmic axis of time.

    Accuracy on the left, where there are labels; signal-to-noise of the outputs after division by their gain.

    Parameters
    ----------
    data : dict
        What ``ageing.json`` holds.
    """
    reference = data["accuracy"]["reference"]
    figure = new_figure(5.4 if reference is None else 8.6, 4.0)
    *scored, last = figure.subplots(1, 1 if reference is None else 2, squeeze=False)[0]
    for axes in scored:
        _draw_kinds(axes, data, "accuracy", 100.0)
        axes.axhline(100 * reference, color=INK, linestyle=(0, (7, 3)), linewidth=0.9, label="reference (software)")
        axes.set_ylabel("accuracy (%)")
    _draw_kinds(last, data, "signal_to_noise_without_gain_db", 1.0)
    last.set_ylabel("signal to noise without gain (dB)")
    first = (scored or [last])[0]
    first.scatter([], [], marker="v", s=20, facecolor="white", edgecolor=GREY, label="lowest of the programmings")
    handles, labels = first.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2 if reference is None else 3, handlelength=4.2)
    figure.suptitle(_title(data), fontsize=9.5, color=INK)
    return figure


def _draw_kinds(axes: Axes, data: dict[str, Any], measure: str, factor: float) -> None:
    """All compensations, a little apart so that equal points do not hide each other."""
    kinds = list(dict.fromkeys(row["compensation"] for row in data["ageing"]))
    for index, kind in enumerate(kinds):
        rows = [row for row in data["ageing"] if row["compensation"] == kind]
        _draw_kind(axes, rows, kind, measure, factor, _APART ** (index - (len(kinds) - 1) / 2))
    _age_axis(axes, data["settings"]["ages_s"])
    axes.grid(True)


def _title(data: dict[str, Any]) -> str:
    settings = data["settings"]
    count = settings["programmings"]
    what = f"mean and ± one standard deviation of {count} programmings" if count > 1 else "1 programming"
    network, chip = shorten(data["network"]["name"], 32), shorten(data["chip"]["name"], 24)
    return f"{network} on {chip}, {data['chip']['device']} cells, {settings['inputs']:,} inputs\n{what}"


def _draw_kind(axes: Axes, rows: list[dict[str, Any]], kind: str, measure: str, factor: float, apart: float) -> None:
    known = [row for row in rows if row[f"{measure}_mean"] is not None]
    ages = [apart * row["age_s"] for row in known]
    means, spreads, lowest = ([factor * row[f"{measure}_{what}"] for row in known] for what in ("mean", "std", "min"))
    top = 100.0 if measure == "accuracy" else math.inf
    low = [mean - spread for mean, spread in zip(means, spreads, strict=True)]
    high = [min(top, mean + spread) for mean, spread in zip(means, spreads, strict=True)]
    colour, line, marker, name = _LOOKS[kind]
    axes.fill_between(ages, low, high, color=colour, alpha=0.16, linewidth=0)
    axes.plot(ages, means, color=colour, linestyle=line, marker=marker, markersize=4.5, linewidth=1.3, label=name)
    axes.scatter(ages, lowest, marker="v", s=20, facecolor="white", edgecolor=colour, linewidth=0.9, zorder=3)


def _age_axis(axes: Axes, ages: list[float]) -> None:
    """Logarithmic where there are several ages, from zero where zero is one of them."""
    axes.set_xlabel("age of the cells")
    positive = [age for age in ages if age > 0]
    if len(ages) > 1 and positive:
        if ages[0] == 0:
            axes.set_xscale("symlog", linthresh=positive[0])
        else:
            axes.set_xscale("log")
    step = -(-len(ages) // _MOST_TICKS)
    shown = ages[::-1][::step][::-1]
    axes.set_xticks(shown, [age_in_words(age) for age in shown], rotation=30, ha="right", rotation_mode="anchor")
    axes.xaxis.set_minor_locator(NullLocator())
