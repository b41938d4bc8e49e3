"""`draw_traffic`: links between the routers of a floor plan, the host, switches, and the digital units in use."""

from __future__ import annotations

from collections.abc import Sequence, Set
from math import ceil, floor, hypot
from typing import Any

from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import Colormap, LinearSegmentedColormap, Normalize

from chipsim.report.figures.canvas import INK, nice_top

_WARM = LinearSegmentedColormap.from_list("traffic", ["#f6d3a8", "#e8862b", "#a63603"])
_APART = 0.055
_DETOUR = 0.44
Point = tuple[float, float]


def traffic_colours() -> Colormap:
    """The colours of links, from idle to always busy."""
    return _WARM


def draw_traffic(
    axes: Axes, links: Sequence[dict[str, Any]], ledger: Sequence[dict[str, Any]], points: float, places: Set[Point]
) -> Normalize | None:
    """Draw each direction of each link as a line below the tiles, wider and darker where it is busier.

    Parameters
    ----------
    axes : Axes
    links, ledger : sequence of dict
        Tables of a result.
    points : float
        Side of a tile on paper.
    places : set of (float, float)
        Where there are tiles.

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
            [_way(link, places) for link in moving],
            colors=[_WARM(scale(link["utilisation"])) for link in moving],
            linewidths=[widest * (0.2 + 0.8 * link["utilisation"] / top) for link in moving],
            capstyle="butt", zorder=2,
        ),
        autolim=False,
    )  # fmt: skip
    _mark_switches(axes, moving, points, places)
    for height in sorted({_beside_host(link)[1] for link in moving if link["kind"] == "host"}):
        size = max(5.0, min(8.0, points / 5.2))
        axes.text(_outside(places) - 0.07, height, "host", ha="right", va="center", size=size, color=INK)
    return scale


def _beside_host(link: dict[str, Any]) -> Point:
    """The router at the other end of a link from or to the host; there are several where rounds are drawn."""
    end = "target" if link["source"] == "host" else "source"
    return link[f"{end}_x"], link[f"{end}_y"]


def _outside(places: Set[Point]) -> float:
    """Where the host's port leaves the chip: left of all tiles."""
    return min(x for x, _ in places) - 0.85


def _way(link: dict[str, Any], places: Set[Point]) -> list[Point]:
    """From router to router, shifted to the right-hand side so that both directions are seen, and round tiles."""
    start, end = (link["source_x"], link["source_y"]), (link["target_x"], link["target_y"])
    if link["kind"] == "host":
        outside = (_outside(places), _beside_host(link)[1])
        start, end = (outside, end) if link["source"] == "host" else (start, outside)
    along = (end[0] - start[0], end[1] - start[1])
    length = hypot(*along) or 1.0
    right = (-along[1] / length, along[0] / length)
    if link["kind"] == "link" and _passes_a_tile(start, end, places):
        return [start, _shifted(start, right, _DETOUR), _shifted(end, right, _DETOUR), end]
    return [_shifted(start, right, _APART), _shifted(end, right, _APART)]


def _shifted(point: Point, direction: Point, distance: float) -> Point:
    return point[0] + distance * direction[0], point[1] + distance * direction[1]


def _passes_a_tile(start: Point, end: Point, places: Set[Point]) -> bool:
    """Whether the middle of a tile lies between two places in one row or column."""
    if start[0] == end[0]:
        low, high = sorted((start[1], end[1]))
        return any((start[0], float(y)) in places for y in range(floor(low) + 1, ceil(high)))
    low, high = sorted((start[0], end[0]))
    return start[1] == end[1] and any((float(x), start[1]) in places for x in range(floor(low) + 1, ceil(high)))


def _mark_switches(axes: Axes, moving: Sequence[dict[str, Any]], points: float, places: Set[Point]) -> None:
    """Dots at routers that have no tile."""
    ends = {(link[f"{end}_x"], link[f"{end}_y"]) for link in moving for end in ("source", "target")} - places
    if ends:
        xs, ys = zip(*sorted(ends), strict=True)
        axes.scatter(xs, ys, marker="o", s=(points * 0.1) ** 2, facecolors="white", edgecolors=INK, linewidths=0.6,
                     zorder=2.5)  # fmt: skip


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
