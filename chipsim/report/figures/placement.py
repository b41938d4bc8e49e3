"""`draw_placement`: the chip from above, each tile in the colour of the layer whose weights it holds."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, Rectangle

from chipsim.mapping.plan import Plan
from chipsim.report.figures.canvas import GREY, HUES, INK, PALE, bare, new_figure
from chipsim.report.figures.letters import shorten

_SIDE = 0.86  # of a square, in steps between tiles
_LINE, _LINE_INCHES = 44, 0.2
"""Characters of a line of the legend, and its height."""
_MOST_WITH_WAYS = 20
_LOOP = 0.2  # from the middle of a layer to the ends of the arrow to itself, over the layer's number
_BRIGHT = 0.5
"""Of white; letters on brighter colours are dark."""


def draw_placement(plan: Plan) -> Figure:
    """Draw where a plan puts its blocks.

    Parameters
    ----------
    plan : Plan
    """
    chip = plan.chip
    xs, ys = zip(*(chip.position(tile) for tile in chip.tiles), strict=True)
    across, down = max(xs) - min(xs) + 1, max(ys) - min(ys) + 1
    step = min(0.8, 9.0 / max(across, down))
    names = list(plan.layers)
    shown = names[: max(8, int(5 * step * down))]
    high = max(2.2, step * down, _LINE_INCHES * (len(shown) + 2))
    figure = new_figure(max(2.6, step * across) + 3.4, high + 0.9)
    axes, legend = figure.subplots(1, 2, width_ratios=[max(2.6, step * across), 3.2])
    for each in (axes, legend):
        bare(each)
    axes.set_xlim(min(xs) - 0.7, max(xs) + 0.7)
    axes.set_ylim(max(ys) + 0.7, min(ys) - 0.7)
    axes.set_aspect("equal")
    _draw_tiles(axes, plan, names, step * 72 * _SIDE)
    ways = len(names) <= _MOST_WITH_WAYS and _draw_ways(axes, plan, step * 72 * _SIDE / 4)
    _list_layers(legend, plan, shown, high / _LINE_INCHES)
    if ways:
        _put_line(
            legend, len(shown) + (1 if len(shown) < len(names) else 0), "arrows: from a layer to the one that reads it"
        )
    strategy = shorten(chip.spec.mapping.strategy, 30)
    figure.suptitle(
        f"{shorten(plan.network.name, 30)} on {shorten(chip.spec.name, 24)}, mapping {strategy}\n"
        f"{_held(plan)}", fontsize=9.5, color=INK,
    )  # fmt: skip
    return figure


def _held(plan: Plan) -> str:
    """Words for the tiles that hold weights, also of a chip that is drawn once for each round."""
    rounds = getattr(plan.chip, "rounds", 1)
    if rounds > 1:
        return f"{len(plan.chip.tiles) // rounds:,} tiles, {rounds} rounds one below the other"
    return f"{plan.tiles_used:,} of {len(plan.chip.tiles):,} tiles hold weights"


def _hue(number: int) -> str:
    return HUES[number % len(HUES)]


def _letters(number: int) -> str:
    """Colour of the letters on a layer's colour."""
    red, green, blue = to_rgb(_hue(number))
    return INK if 0.299 * red + 0.587 * green + 0.114 * blue > _BRIGHT else "white"


def _draw_tiles(axes: Axes, plan: Plan, names: list[str], points: float) -> None:
    """Squares, and in each the number of its layer."""
    holds: dict[str, list[int]] = {tile: [] for tile in plan.chip.tiles}
    for number, name in enumerate(names):
        for placed in plan.layers[name].blocks:
            if number not in holds[placed.tile]:
                holds[placed.tile].append(number)
    for tile, numbers in holds.items():
        x, y = plan.chip.position(tile)
        if not numbers:
            axes.add_patch(Rectangle((x - _SIDE / 2, y - _SIDE / 2), _SIDE, _SIDE, facecolor=PALE, edgecolor="none"))
            continue
        high = _SIDE / len(numbers)
        for place, number in enumerate(numbers):
            corner = (x - _SIDE / 2, y - _SIDE / 2 + place * high)
            axes.add_patch(Rectangle(corner, _SIDE, high, facecolor=_hue(number), edgecolor="white", linewidth=0.5))
            size = min(9.0, points / 2.6 / max(1, len(numbers) ** 0.5))
            if size >= 4:
                axes.text(
                    x,
                    corner[1] + high / 2,
                    str(number + 1),
                    ha="center",
                    va="center",
                    size=size,
                    color=_letters(number),
                )


def _draw_ways(axes: Axes, plan: Plan, gap: float) -> bool:
    """An arrow from the middle of each layer to that of the layer that reads it on tiles, ends so many points apart.

    A layer that reads itself, a step later, has one that comes back.
    """
    drawn = False
    middles = {}
    for name, layer in plan.layers.items():
        places = [plan.chip.position(placed.tile) for placed in layer.blocks]
        middles[name] = (sum(x for x, _ in places) / len(places), sum(y for _, y in places) / len(places))
    for name, middle in middles.items():
        for producer in _matrix_producers(plan, name):
            drawn = True
            if middles[producer] != middle:
                axes.add_patch(_arrow(middles[producer], middle, gap, 0.12))
            elif producer == name:
                x, y = middle
                axes.add_patch(_arrow((x - _LOOP, y - _LOOP), (x + _LOOP, y - _LOOP), 0, -0.9))
    return drawn


def _arrow(start: tuple[float, float], end: tuple[float, float], gap: float, bend: float) -> FancyArrowPatch:
    return FancyArrowPatch(
        start, end, arrowstyle="-|>", mutation_scale=7, color=INK, linewidth=0.7, alpha=0.55, shrinkA=gap, shrinkB=gap,
        connectionstyle=f"arc3,rad={bend}",
    )  # fmt: skip


def _matrix_producers(plan: Plan, name: str) -> list[str]:
    """The layers on tiles that feed a layer, looked for behind digital layers and views."""
    found: list[str] = []
    seen: set[str] = set()
    waiting = list(plan.network.layers[name].inputs)
    while waiting:
        before = waiting.pop()
        if before in seen:
            continue
        seen.add(before)
        if before in plan.layers:
            found.append(before)
        else:
            waiting += plan.network.layers[before].inputs
    return sorted(found)


def _list_layers(axes: Axes, plan: Plan, shown: list[str], room: float) -> None:
    """A line per layer, as many as there is room for."""
    total = len(plan.layers)
    axes.set_xlim(0, 1)
    axes.set_ylim(max(room, len(shown) + 2), 0)
    for number, name in enumerate(shown):
        layer = plan.layers[name]
        axes.add_patch(Rectangle((0.0, number + 0.15), 0.07, 0.7, facecolor=_hue(number), edgecolor="none"))
        axes.text(0.035, number + 0.5, str(number + 1), ha="center", va="center", size=6, color=_letters(number))
        tiles = len({placed.tile for placed in layer.blocks})
        copies = f", {layer.replicas} copies" if layer.replicas > 1 else ""
        text = f"{shorten(name, _LINE - 14 - len(copies))}: {tiles} tile{'s' if tiles > 1 else ''}{copies}"
        axes.text(0.1, number + 0.5, text, ha="left", va="center", size=7)
    if len(shown) < total:
        _put_line(axes, len(shown), f"... and {total - len(shown)} more")


def _put_line(axes: Axes, number: int, text: str) -> None:
    axes.text(0.1, number + 0.5, text, ha="left", va="center", size=7, color=GREY)
