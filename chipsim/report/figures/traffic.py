"""`draw_traffic`: links between the sites of a floor plan, the host's port, and the digital units in use."""

from __future__ import annotations

from collections.abc import Sequence
from math import hypot
from typing import Any

from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import Colormap, LinearSegmentedColormap, Normalize

from chipsim.report.figures.canvas import INK, nice_top

_WARM = LinearSegmentedColormap.from_list("traffic", ["#f6d3a8", "#e8862b", "#a63603"])
_APART = 0.055
Point = tuple[float, float]


def traffic_colours() -> Colormap:
    """The colours of links, from idle to always busy."""
    return _WARM


def draw_traffic(
    axes: Axes, links: Sequence[dict[str, Any]], ledger: Sequence[dict[str, Any]], points: float
) -> Normalize | None:
    """Draw each direction of each link as a line below the tiles, wider and darker where it is busier.

    Parameters
    ----------
    axes : Axes
    links, ledger : sequence of dict
        Tables of a result.
    points : float
        Side of a tile on paper.

    Returns
    -------
    Normalize or None
        The scale of the colours; None if nothing moved between sites.
    """
    _mark_digital_units(axes, links, ledger, points)
    moving = [link for link in links if link["kind"] in ("link", "host")]
    if not moving:
        return None
    moving.sort(key=lambda link: float(link["utilisation"]))
    top = nice_top(moving[-1]["utilisation"])
    scale = Normalize(0, top)
    widest = min(6.0, points * 0.1)
    axes.add_collection(
        LineCollection(
            [_segment(link) for link in moving],
            colors=[_WARM(scale(link["utilisation"])) for link in moving],
            linewidths=[widest * (0.2 + 0.8 * link["utilisation"] / top) for link in moving],
            capstyle="butt", zorder=2,
        ),
        autolim=False,
    )  # fmt: skip
    for link in moving:
        if link["kind"] == "host" and link["source"] == "host":
            size = max(5.0, min(8.0, points / 5.2))
            axes.text(link["source_x"] - 0.92, link["source_y"], "host", ha="right", va="center", size=size, color=INK)
    return scale


def _segment(link: dict[str, Any]) -> list[Point]:
    """From site to site, shifted to its right-hand side so that both directions are seen."""
    start, end = (link["source_x"], link["source_y"]), (link["target_x"], link["target_y"])
    if link["kind"] == "host":
        outside = (start[0] - 0.85, start[1])
        start, end = (outside, end) if link["source"] == "host" else (start, outside)
    along = (end[0] - start[0], end[1] - start[1])
    length = hypot(*along) or 1.0
    aside = (-along[1] / length * _APART, along[0] / length * _APART)
    return [(start[0] + aside[0], start[1] + aside[1]), (end[0] + aside[0], end[1] + aside[1])]


def _mark_digital_units(
    axes: Axes, links: Sequence[dict[str, Any]], ledger: Sequence[dict[str, Any]], points: float
) -> None:
    units = {row["component"] for row in ledger if row["machine"] == "chip" and row["kind"] == "digital unit"}
    places = {(link["source_x"], link["source_y"]) for link in links if link["source"] in units}
    if not places:
        return
    xs, ys = zip(*sorted(places), strict=True)
    axes.scatter(
        [x + 0.5 for x in xs], [y + 0.5 for y in ys], marker="D", s=(points * 0.13) ** 2, color=INK, linewidths=0,
        zorder=5, label="digital unit in use",
    )  # fmt: skip
    axes.legend(loc="upper right", bbox_to_anchor=(1.0, 0.0), handletextpad=0.2, borderaxespad=0.1)
