"""`draw_floor_plan`: every tile at its place, coloured by how busy it was, and the traffic between the sites."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import PatchCollection
from matplotlib.colors import Colormap, LinearSegmentedColormap, LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import FuncFormatter

from chipsim.report.figures.canvas import INK, PALE, add_title, bare, new_figure, nice_top
from chipsim.report.figures.letters import shorten
from chipsim.report.figures.traffic import draw_traffic, traffic_colours
from chipsim.result import Records, Result

_SIDE = 0.72  # of a square, in steps between tiles
_SMALLEST_LETTERS = 4.5
_FAR_ABOVE = 300.0
_BUSY = LinearSegmentedColormap.from_list("busy", ["#d6e6f4", "#5b9bd0", "#08478c", "#06294f"])


def draw_floor_plan(result: Result) -> Figure | None:
    """Draw the chip from above.

    Parameters
    ----------
    result : Result

    Returns
    -------
    Figure or None
        None without tiles.
    """
    tiles = _by_tile(result.tables.get("tiles", []))
    if not tiles:
        return None
    xs, ys = [tile["x"] for tile in tiles], [tile["y"] for tile in tiles]
    across, down = max(xs) - min(xs) + 1, max(ys) - min(ys) + 1
    step = min(1.05, 13.5 / max(across, down))
    wide, high = max(3.0, step * (across + 1.1)), max(1.6, step * (down + 0.3))
    figure = new_figure(wide + 2.3, high + 1.2)
    axes, *bars = figure.subplots(1, 3, width_ratios=[wide, 0.16, 0.16])
    bare(axes)
    axes.set_xlim(min(xs) - 1.45, max(xs) + 0.65)
    axes.set_ylim(max(ys) + 0.65, min(ys) - 0.65)
    axes.set_aspect("equal")
    points = step * 72 * _SIDE
    scale = _scale([tile["utilisation"] for tile in tiles if tile["layer"]])
    _draw_tiles(axes, tiles, scale)
    _write_labels(axes, [tile for tile in tiles if tile["layer"]], points, scale)
    places = set(zip(xs, ys, strict=True))
    links = draw_traffic(axes, result.tables.get("links", []), result.tables.get("ledger", []), points, places)
    _bar(figure, bars[0], scale, _BUSY, "tile: busy share of the run")
    _bar(figure, bars[1], links, traffic_colours(), "link: busy share of the run")
    rounds = len({tile["tile"].rpartition("@")[2] for tile in tiles if "@" in tile["tile"]})
    used = sum(1 for tile in tiles if tile["layer"])
    held = f"{rounds} rounds one below the other" if rounds else f"{used:,} of {len(tiles):,} hold weights"
    what = f"How busy the tiles were: {held}"
    add_title(figure, what, result, int(9 * wide + 20), baseline=False)
    return figure


def _by_tile(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """One row for each tile: its layers, and the mean busy share of those of its arrays that hold blocks."""
    found: dict[str, dict[str, Any]] = {}
    arrays: defaultdict[str, set[Any]] = defaultdict(set)
    for row in rows:
        tile = found.setdefault(row["tile"], {**row, "layer": "", "utilisation": 0.0})
        if row["layer"] and row["layer"] not in tile["layer"].split():
            tile["layer"] = f"{tile['layer']} {row['layer']}".strip()
        tile["utilisation"] += row["utilisation"]
        arrays[row["tile"]].add(row.get("crossbar"))
    return [{**tile, "utilisation": tile["utilisation"] / len(arrays[name])} for name, tile in found.items()]


def _scale(shares: Sequence[float]) -> Normalize:
    """Linear, or logarithmic where the busiest tile is far above the least busy one."""
    top, least = max(shares, default=0.0), min((share for share in shares if share > 0), default=1.0)
    if top > _FAR_ABOVE * least:
        return LogNorm(max(least, top * 1e-4), top, clip=True)
    return Normalize(0, nice_top(top))


def short(share: float) -> str:
    """A share in as few letters as say something.

    Examples
    --------
    >>> short(0.998745), short(0.0156), short(0.000422), short(3e-6), short(0.0)
    ('99.9%', '1.6%', '0.042%', '<0.01%', '0%')
    """
    if 0 < share < 1e-4:
        return "<0.01%"
    if 0.995 <= share < 1:
        return f"{100 * share:.1f}%"
    return f"{100 * share:.0f}%" if share >= 0.0995 or share == 0 else f"{100 * share:.2g}%"


def _tick(share: float, _: int | None) -> str:
    return f"{100 * share:.4g}%"


def label(layers: Sequence[str], most: int) -> str:
    """Names of a tile's layers in at most so many characters: as much of the end of a path as there is room for.

    An operator at the end, as exporters put there, is left out first.

    Examples
    --------
    >>> label(["/conv1/Conv"], 10), label(["/lstm/LSTM/recurrent"], 10), label(["stem", "block1", "block2"], 10)
    ('conv1', 'recurrent', 'stem +2')
    """
    more = f" +{len(layers) - 1}" if len(layers) > 1 else ""
    if len(" ".join(layers)) <= most:
        return shorten(" ".join(layers), most)
    parts = layers[0].strip("/").split("/")
    if len(parts) > 1 and parts[-1][:1].isupper():
        parts.pop()
    ends = ("/".join(parts[first:]) for first in range(len(parts)))
    room = max(1, most - len(more))
    return shorten(next((end for end in ends if len(end) <= room), layers[0]), room) + more


def _draw_tiles(axes: Axes, tiles: Records, scale: Normalize) -> None:
    squares = [Rectangle((tile["x"] - _SIDE / 2, tile["y"] - _SIDE / 2), _SIDE, _SIDE) for tile in tiles]
    faces: Sequence[object] = [_BUSY(scale(tile["utilisation"])) if tile["layer"] else PALE for tile in tiles]
    axes.add_collection(
        PatchCollection(squares, facecolors=faces, edgecolors="white", linewidths=0.4, zorder=3), autolim=False
    )


def _write_labels(axes: Axes, tiles: Records, points: float, scale: Normalize) -> None:
    """Network where there are several, layer and percent in each square, or nothing if letters would be too small."""
    size = min(8.0, points / 5.2)
    if size < _SMALLEST_LETTERS:
        return
    most = int(points / (0.62 * size))
    for tile in tiles:
        share = tile["utilisation"]
        network = f"{shorten(tile['network'], most)}\n" if tile.get("network") else ""
        text = f"{network}{label(tile['layer'].split(), most)}\n{short(share)}"
        colour = "white" if scale(share) > 0.4 else INK
        axes.text(tile["x"], tile["y"], text, ha="center", va="center", size=size, color=colour, zorder=4)


def _bar(figure: Figure, axes: Axes, scale: Normalize | None, colours: Colormap, label: str) -> None:
    if scale is None:
        axes.set_axis_off()
        return
    logarithmic = ", logarithmic" if isinstance(scale, LogNorm) else ""
    bar = figure.colorbar(ScalarMappable(scale, colours), cax=axes, format=FuncFormatter(_tick))
    bar.set_label(f"{label}{logarithmic}")
    bar.minorticks_off()
    axes.spines[:].set_visible(False)
