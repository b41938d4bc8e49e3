"""`draw_comparison`: how many times better or worse the chip is than its baseline."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from chipsim.report.figures.canvas import GREY, HUES, INK, add_title, new_figure
from chipsim.report.figures.letters import shorten
from chipsim.report.metrics import BYTES_MOVED, METRICS, Metric, in_words
from chipsim.result import Result

_SHOWN = (
    "latency_first_input_s", "latency_p50_s", "throughput_inputs_per_s",
    "energy_per_input_j", "tops_per_w", BYTES_MOVED,
)  # fmt: skip
_COLOURS = {"better": HUES[0], "worse": HUES[3], "": GREY}


def draw_comparison(result: Result) -> Figure | None:
    """Draw chip / baseline for the headline numbers on a logarithmic axis.

    Parameters
    ----------
    result : Result

    Returns
    -------
    Figure or None
        None without a baseline, and of several networks, which have a ratio each.
    """
    data = result.data
    if data["baseline"] is None or "networks" in data:
        return None
    figure = new_figure(9.0, 4.7)
    axes = figure.add_subplot()
    ratios = [data["ratio"].get(key) for key in _SHOWN]
    low, high = _limits([ratio for ratio in ratios if ratio])
    axes.set_xscale("log")
    axes.set_xlim(low, high)
    axes.set_ylim(len(_SHOWN) - 0.45, -0.55)
    for row, (key, ratio) in enumerate(zip(_SHOWN, ratios, strict=True)):
        _draw_row(axes, row, METRICS[key], ratio)
    labels = [_label(METRICS[key], data["chip"], data["baseline"]) for key in _SHOWN]
    axes.set_yticks(range(len(_SHOWN)), labels)
    axes.axvline(1, color=INK, linewidth=0.9)
    _finish_axis(axes)
    chip, other = shorten(data["chip"]["name"], 24), shorten(data["baseline"]["name"], 24)
    axes.set_xlabel(f"{chip} ({data['chip']['technology']}) / {other} ({data['baseline']['technology']}), logarithmic")
    add_title(figure, "How the chip compares with the baseline", result, 96)
    return figure


def _limits(ratios: list[float]) -> tuple[float, float]:
    """Room around all ratios and 1, for the words beside the bars too."""
    low, high = min([1.0, *ratios]), max([1.0, *ratios])
    room = max(3.0, (high / low) ** 0.45)
    return low / (room if low < 1 else 1.3), high * (room if high > 1 else 1.3)


def _label(metric: Metric, chip: dict[str, object], baseline: dict[str, object]) -> str:
    if metric.value(chip) is None and metric.value(baseline) is None:
        return metric.label
    return f"{metric.label}\n{metric.show(metric.value(chip))} against {metric.show(metric.value(baseline))}"


def _draw_row(axes: Axes, row: int, metric: Metric, ratio: float | None) -> None:
    verdict = metric.verdict(ratio)
    at = ratio or 1.0
    axes.barh(row, at - 1, left=1, height=0.5, color=_COLOURS[verdict])
    words = "not known" if ratio is None else f"{in_words(ratio)}{': ' if verdict else ''}{verdict}"
    leftwards = at < 1
    axes.annotate(
        words, (at, row), (-5 if leftwards else 5, 0), textcoords="offset points", va="center",
        ha="right" if leftwards else "left", color=_COLOURS[verdict], fontweight="bold",
    )  # fmt: skip


def _finish_axis(axes: Axes) -> None:
    low, high = axes.get_xlim()
    steps = (1.0, 2.0, 5.0) if high / low < 200 else (1.0,)
    axes.xaxis.set_major_locator(LogLocator(subs=steps))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}x"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.xaxis.set_tick_params(which="minor", length=0)
    axes.grid(axis="x")
