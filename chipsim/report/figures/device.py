"""`draw_device`: what cells of one device model show when they are read, over time and over the range of targets."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from chipsim.device.sampling import Reads
from chipsim.report.figures.canvas import HUES, house_style, new_figure, save, unit_of

_UNITS = (("year", 31_536_000.0), ("day", 86_400.0), ("h", 3600.0), ("min", 60.0), ("s", 1.0))
_TICKS = (0.0, 1e-6, 1e-3, 1.0, 60.0, 3600.0, 86_400.0, 2_592_000.0, 31_536_000.0, 315_360_000.0)
_MOST_LINES = 6


def age_words(age_s: float) -> str:
    """An age in the largest unit that it is at least one of.

    Examples
    --------
    >>> age_words(172800.0), age_words(0.0), age_words(5400.0)
    ('2 days', '0 s', '1.5 h')
    """
    unit, scale = next((step for step in _UNITS if age_s >= step[1]), ("s", 1.0))
    count = age_s / scale
    plural = "s" if unit in ("day", "year") and count != 1 else ""
    return f"{count:.4g} {unit}{plural}"


def save_device(rows: Sequence[Reads], title: str, path: Path, over_target: Sequence[Reads] | None = None) -> None:
    """Write the figure as a PNG.

    Parameters
    ----------
    rows : sequence of Reads
        At least one.
    title : str
    path : Path
        Its folder exists.
    over_target : sequence of Reads, optional
        What the right half shows, if not the same.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    with house_style():
        save(draw_device(rows, title, over_target), path)


def draw_device(rows: Sequence[Reads], title: str, over_target: Sequence[Reads] | None = None) -> Figure:
    """Mean and standard deviation over age on the left, standard deviation over target on the right.

    Parameters
    ----------
    rows : sequence of Reads
        At least one.
    title : str
    over_target : sequence of Reads, optional
        What the right half shows, if not the same.
    """
    scale, unit = unit_of(max(row.mean_siemens + row.std_siemens for row in rows), "S")
    figure = new_figure(7.4, 3.2)
    left, right = figure.subplots(1, 2)
    figure.suptitle(title, fontsize=10.5)
    _draw_ages(left, rows, scale)
    left.set_ylabel(f"conductance as read ({unit})")
    _draw_targets(right, over_target or rows, scale)
    right.set_ylabel(f"standard deviation ({unit})")
    for axes in (left, right):
        axes.grid(True)
        axes.set_ylim(bottom=0)
    return figure


def _few(values: Sequence[float]) -> list[float]:
    """At most six of them, the first and the last included, rising."""
    ordered = sorted(set(values))
    if len(ordered) <= _MOST_LINES:
        return ordered
    return [ordered[round(index * (len(ordered) - 1) / (_MOST_LINES - 1))] for index in range(_MOST_LINES)]


def _draw_ages(axes: Axes, rows: Sequence[Reads], scale: float) -> None:
    targets = _few([row.target for row in rows])
    for target, colour in zip(reversed(targets), HUES, strict=False):
        points = sorted((row.age_s, row.mean_siemens / scale, row.std_siemens / scale)
                        for row in rows if row.target == target)  # fmt: skip
        ages, means, spreads = zip(*points, strict=True)
        axes.plot(ages, means, color=colour, marker="o", markersize=2.5, linewidth=1.2, label=f"{target:g}")
        low = [max(0.0, mean - spread) for mean, spread in zip(means, spreads, strict=True)]
        high = [mean + spread for mean, spread in zip(means, spreads, strict=True)]
        axes.fill_between(ages, low, high, color=colour, alpha=0.18, linewidth=0)
    _age_axis(axes, sorted({row.age_s for row in rows}))
    axes.legend(title="target", title_fontsize=8, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    axes.set_title("mean, and band of one standard deviation", fontsize=8.5)


def _age_axis(axes: Axes, ages: list[float]) -> None:
    """A logarithmic axis, which begins with a linear piece from zero where zero is among the ages."""
    positive = [age for age in ages if age > 0]
    axes.set_xlabel("age")
    if len(ages) == 1 or not positive:
        axes.set_xticks(ages, [age_words(age) for age in ages])
        return
    if ages[0] == 0:
        axes.set_xscale("symlog", linthresh=positive[0], linscale=1.0)
        axes.set_xlabel(f"age, linear from 0 to {age_words(positive[0])}, then logarithmic")
    else:
        axes.set_xscale("log")
        axes.set_xlabel("age, logarithmic")
    inside = [tick for tick in _TICKS if ages[0] <= tick <= ages[-1] and (tick == 0 or tick >= positive[0])]
    ticks = inside or [ages[0]]
    if ages[-1] > 2 * ticks[-1] or len(ticks) == 1:
        ticks.append(ages[-1])
    axes.set_xticks(ticks, [age_words(tick) for tick in ticks], rotation=35, ha="right", rotation_mode="anchor")
    axes.xaxis.set_minor_locator(NullLocator())


def _draw_targets(axes: Axes, rows: Sequence[Reads], scale: float) -> None:
    ages = _few([row.age_s for row in rows])
    for age_s, colour in zip(ages, HUES, strict=False):
        points = sorted((row.target, row.std_siemens / scale) for row in rows if row.age_s == age_s)
        targets, spreads = zip(*points, strict=True)
        axes.plot(targets, spreads, color=colour, marker="o", markersize=2.5, linewidth=1.2, label=age_words(age_s))
    axes.set_xlabel("target (0 = lowest, 1 = highest conductance)")
    axes.legend(title="age", title_fontsize=8, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    axes.set_title("error and noise of one read", fontsize=8.5)
