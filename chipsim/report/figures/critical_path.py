"""`draw_critical_path`: an input's critical path by layer, over time, and what sets the pace."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from chipsim.explain.explanation import Explanation
from chipsim.report.figures.canvas import GREY, HUES, INK, house_style, new_figure, save, unit_of
from chipsim.report.figures.letters import shorten, shorten_all
from chipsim.result import Records
from chipsim.units import human

CRITICAL_PATH = "critical_path.png"
_LANES = ("tile", "neuron unit", "digital unit", "link", "host")
_LANE_OF = {
    "tile": "tile", "neuron_unit": "neuron unit", "digital_unit": "digital unit", "link": "link", "port": "link",
    "router": "link", "host": "host", "host port": "host", "memory": "memory",
}  # fmt: skip
_COLOURS = dict(zip((*_LANES, "memory"), HUES, strict=False))
_MOST_LAYERS = 24
_THINNEST = 0.0012  # of the time axis: still visible
_PALE = 0.45


def save_critical_path(found: Explanation, folder: Path) -> Path:
    """Write ``critical_path.png``; the same explanation gives the same bytes.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    with house_style():
        save(draw_critical_path(found), folder / CRITICAL_PATH)
    return folder / CRITICAL_PATH


def draw_critical_path(found: Explanation) -> Figure:
    """Draw a bar for each layer above, the path over time below.

    Parameters
    ----------
    found : Explanation
    """
    rows, data = found.tables["critical_path"], found.data
    layers = _layers(rows)
    inches = max(0.8, 0.22 * len(layers))
    figure = new_figure(10.0, inches + 3.9)
    above, below = figure.subplots(2, 1, height_ratios=[inches, 1.9])
    _draw_bars(above, rows, layers)
    _draw_lanes(below, rows)
    handles = [Patch(color=_COLOURS[lane], label=lane) for lane in _lanes(rows)]
    if any(_of_others(row, data["path"]["input"]) for row in rows):
        handles.append(Patch(color=INK, alpha=_PALE, label="pale: for other inputs"))
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), handlelength=1.0)
    figure.suptitle(_title(found), fontsize=10.5, color=INK)
    return figure


def _lanes(rows: Records) -> tuple[str, ...]:
    """Kinds of components; a memory only where the path goes through one."""
    return (*_LANES, "memory") if any(row["kind"] == "memory" for row in rows) else _LANES


def _title(found: Explanation) -> str:
    data = found.data
    path, steady = data["path"], data["steady"]
    first = f"Critical path of input {path['input']}: {human(path['latency_s'], 's')} from its release to its last byte"
    who = f"{shorten(data['network'], 30)} on {shorten(data['chip'], 24)}"
    if steady is None:
        return f"{first}\n{who}"
    pace = f"{human(steady['interval_s'], 's')} per input, set by {shorten(steady['component'], 30)}"
    return f"{first}\n{who}; pace of the stream: {pace}"


def _layers(rows: Records) -> list[str]:
    """Layers on the path as they come, the longest ones only where there are too many."""
    times: defaultdict[str, int] = defaultdict(int)
    for row in rows:
        times[row["layer"]] += row["end_ps"] - row["start_ps"]
    longest = set(sorted(times, key=lambda layer: -times[layer])[:_MOST_LAYERS])
    return [layer for layer in times if layer in longest]


def _draw_bars(axes: Axes, rows: Records, layers: list[str]) -> None:
    times: defaultdict[tuple[str, str], int] = defaultdict(int)
    for row in rows:
        times[row["layer"], _LANE_OF[row["kind"]]] += row["end_ps"] - row["start_ps"]
    lanes = _lanes(rows)
    totals = {layer: sum(times[layer, lane] for lane in lanes) for layer in layers}
    scale, unit = unit_of(max(totals.values()) / 1e12, "s")
    whole = sum(times.values())
    left = dict.fromkeys(layers, 0.0)
    for lane in lanes:
        widths = [times[layer, lane] / 1e12 / scale for layer in layers]
        axes.barh(range(len(layers)), widths, left=list(left.values()), height=0.72, color=_COLOURS[lane])
        for layer, width in zip(layers, widths, strict=True):
            left[layer] += width
    for place, layer in enumerate(layers):
        text = f" {totals[layer] / whole:.1%}"
        axes.text(left[layer], place, text, va="center", fontsize=7.5, color=GREY)
    axes.set_yticks(range(len(layers)), shorten_all([layer or "-" for layer in layers], 24), fontsize=8)
    axes.set_ylim(len(layers) - 0.4, -0.6)
    axes.set_xlim(0, max(left.values()) * 1.08)
    axes.set_xlabel(f"time on the path ({unit})")
    distinct = len({row["layer"] for row in rows})
    shown = "" if distinct == len(layers) else f" (the {len(layers)} longest of {distinct})"
    axes.set_title(f"By layer{shown}", loc="left", fontsize=9)
    axes.grid(axis="x")


def _draw_lanes(axes: Axes, rows: Records) -> None:
    own, begin, end = rows[-1]["input"], rows[0]["start_ps"], rows[-1]["end_ps"]
    scale, unit = unit_of((end - begin) / 1e12, "s")
    thinnest = _THINNEST * (end - begin)
    lanes = _lanes(rows)
    for row in _merged(rows):
        lane = _LANE_OF[row["kind"]]
        axes.barh(
            lanes.index(lane), max(row["end_ps"] - row["start_ps"], thinnest) / 1e12 / scale,
            left=(row["start_ps"] - begin) / 1e12 / scale, height=0.72, color=_COLOURS[lane],
            alpha=_PALE if _of_others(row, own) else 1.0, linewidth=0,
        )  # fmt: skip
    axes.set_yticks(range(len(lanes)), list(lanes), fontsize=8)
    axes.set_ylim(len(lanes) - 0.4, -0.6)
    axes.set_xlim(0, (end - begin) / 1e12 / scale * 1.01)
    axes.set_xlabel(f"time since the release of the input ({unit})")
    axes.set_title("Over time", loc="left", fontsize=9)
    axes.grid(axis="x")


def _whose(row: dict[str, Any]) -> tuple[str, int, str]:
    return _LANE_OF[row["kind"]], row["input"], row.get("network", "")


def _of_others(row: dict[str, Any], own: int) -> bool:
    """Whether a segment is of another input, or of another network beside the one that is asked about."""
    return row["input"] != own or bool(row.get("network"))


def _merged(rows: Records) -> Records:
    """Segments that follow each other on one lane for one input, as one."""
    found: Records = []
    for row in rows:
        last = found[-1] if found else None
        if last and _whose(last) == _whose(row):
            found[-1] = {**last, "end_ps": row["end_ps"]}
        else:
            found.append(row)
    return found
