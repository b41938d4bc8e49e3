"""`draw_pipeline`: when each layer worked on each of the first inputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from chipsim.report.figures.canvas import GREY, HUES, add_title, new_figure, unit_of
from chipsim.report.figures.letters import shorten, shorten_all
from chipsim.report.figures.writing_spans import writing_spans
from chipsim.result import Records, Result

_MANY_LAYERS = 40
_LABEL_INCHES = 0.125
_FAR_APART = 8.0
_WRITING = "(writing of tiles)"
_THINNEST = 0.0012  # of the time axis: still visible


@dataclass(frozen=True, slots=True)
class Panel:
    """One machine's spans.

    Attributes
    ----------
    name : str
    layers : list of str
        From top to bottom.
    spans : list of dict
        Rows of the table ``pipeline``.
    writings : list of (float, float)
        Starts and ends in seconds of the writings of tiles between rounds; they have a row of their own, the last.
    """

    name: str
    layers: list[str]
    spans: Records
    writings: list[tuple[float, float]]

    @property
    def end_s(self) -> float:
        """Last end."""
        return float(max(span["end_s"] for span in self.spans))

    @property
    def overlapping(self) -> bool:
        """Whether a layer starts an input before it has ended the one before."""
        ends: dict[str, float] = {}
        for span in sorted(self.spans, key=lambda span: int(span["input"])):
            if span["start_s"] < ends.get(span["layer"], 0.0):
                return True
            ends[span["layer"]] = span["end_s"]
        return False

    @property
    def inches(self) -> float:
        """Height of the rows: less for each where there are many."""
        count = len(self.layers) + bool(self.writings)
        return max(0.9, min(12.0, 0.36 * count, 2.2 + 0.16 * count, 5.2 + 0.06 * count))


def draw_pipeline(result: Result) -> Figure | None:
    """Draw a Gantt chart of the chip and, below, of the baseline.

    Parameters
    ----------
    result : Result

    Returns
    -------
    Figure or None
        None where no spans were kept.
    """
    panels = _panels(result)
    if not panels:
        return None
    heights = [panel.inches for panel in panels]
    figure = new_figure(10.0, sum(heights) + 0.65 * len(panels) + 0.9)
    ends = [panel.end_s for panel in panels]
    together = max(ends) <= _FAR_APART * min(ends)
    drawn = figure.subplots(len(panels), 1, squeeze=False, height_ratios=heights)[:, 0]
    inputs = sorted({span["input"] for panel in panels for span in panel.spans})
    for axes, panel in zip(drawn, panels, strict=True):
        _draw_panel(axes, panel, inputs, max(ends) if together else panel.end_s)
        note = "" if together else " (a time scale of its own)"
        axes.set_title(f"{shorten(panel.name, 50)}{note}", loc="left", fontsize=9)
    handles = [Patch(color=HUES[place % len(HUES)], label=f"input {number}") for place, number in enumerate(inputs)]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), handlelength=1.0, columnspacing=1.4)
    count = f"the first {len(inputs)} inputs" if len(inputs) > 1 else "the first input"
    count += " of each network" if "networks" in result.data else ""
    add_title(
        figure, f"How {count} flow through the layers (from first start to last end, waiting included)", result, 100
    )
    return figure


def _panels(result: Result) -> list[Panel]:
    rows = [row | {"layer": _named(row)} for row in result.tables.get("pipeline", [])]
    order = [_named(row) for row in result.tables.get("layers", [])]
    found = []
    for machine in ("chip", "baseline"):
        spans = [row for row in rows if row["machine"] == machine]
        if spans:
            layers = _in_network_order(order, spans)
            most = 4 if len(layers) > _MANY_LAYERS else len(HUES)
            by_itself = ", each network by itself" if machine == "baseline" and "networks" in result.data else ""
            name = f"{result.data[machine]['name']} ({machine}{by_itself})"
            shown = [span for span in spans if span["input"] < most]
            found.append(Panel(name, layers, shown, writing_spans(result, shown) if machine == "chip" else []))
    return found


def _named(row: dict[str, Any]) -> str:
    """The layer, with its network where there are several."""
    return f"{row['network']}: {row['layer']}" if row.get("network") else str(row["layer"])


def _in_network_order(order: Sequence[str], spans: Records) -> list[str]:
    """Layers that have spans: as the network lists them, unknown ones after by their first start."""
    starts: dict[str, float] = {}
    for span in spans:
        starts[span["layer"]] = min(span["start_s"], starts.get(span["layer"], span["start_s"]))
    place = {layer: index for index, layer in enumerate(order)}
    return sorted(starts, key=lambda layer: (place.get(layer, len(place)), starts[layer], layer))


def _draw_panel(axes: Axes, panel: Panel, inputs: Sequence[int], end_s: float) -> None:
    """Each layer is a row; where work overlaps each input has a lane of its row."""
    scale, unit = unit_of(end_s, "s")
    lanes = len(inputs) if panel.overlapping else 1
    lane = 0.84 / lanes
    rows = {layer: row for row, layer in enumerate(panel.layers)}
    for place, number in enumerate(inputs):
        mine = [span for span in panel.spans if span["input"] == number]
        axes.barh(
            [rows[span["layer"]] - 0.42 + (place % lanes + 0.5) * lane for span in mine],
            [max(span["end_s"] - span["start_s"], _THINNEST * end_s) / scale for span in mine],
            left=[span["start_s"] / scale for span in mine],
            height=lane, color=HUES[place % len(HUES)], linewidth=0.4,
        )  # fmt: skip
    names = shorten_all(panel.layers, 24)
    if panel.writings:
        lengths = [(end - start) / scale for start, end in panel.writings]
        starts = [start / scale for start, _ in panel.writings]
        axes.barh([len(names)] * len(starts), lengths, left=starts, height=0.84, color=GREY, linewidth=0.4)
        names.append(_WRITING)
    every = ceil(_LABEL_INCHES * len(names) / panel.inches)
    shown = sorted({*range(0, len(rows), every), *range(len(rows), len(names))})
    axes.set_yticks(shown, [names[row] for row in shown], fontsize=min(8.0, 7.0 + every))
    if every > 1:
        axes.set_ylabel(f"one layer in {every} is named", color=GREY, fontsize=7.5)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_xlim(0, end_s / scale * 1.01)
    axes.set_xlabel(f"time ({unit})")
    axes.grid(axis="x")
