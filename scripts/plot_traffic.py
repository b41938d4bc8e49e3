"""Draw the latency-load curve of docs/topologies.md from what the benchmark measures.

python benchmarks/traffic.py --json | python scripts/plot_traffic.py [FILE]
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from chipsim.report.figures.canvas import GREY, HUES, house_style, new_figure, save

FILE = Path(__file__).parents[1] / "docs" / "images" / "traffic.png"


def draw(points: list[dict[str, Any]]) -> Figure:
    """Mean latency, and what is delivered, over the load sent."""
    figure = new_figure(8.4, 3.3)
    latency, delivered = figure.subplots(1, 2)
    for side, colour, marker in ((4, HUES[0], "o"), (8, HUES[3], "s")):
        own = [point for point in points if point["side"] == side]
        sent, most = [point["load"] for point in own], 4 / side
        style = {"color": colour, "marker": marker, "markersize": 3.5, "label": f"{side} x {side}"}
        latency.plot(sent, [point["latency_cycles"] for point in own], **style)
        delivered.plot(sent, [point["delivered"] for point in own], **style)
        for axes in (latency, delivered):
            axes.axvline(most, color=colour, linewidth=0.8, linestyle=":")
        latency.text(most, 61, f" 4/{side}", color=colour, fontsize=8, ha="left", va="bottom")
    delivered.plot([0, 1.3], [0, 1.3], color=GREY, linewidth=0.8, linestyle="--", label="all that is sent")
    latency.set(ylim=(0, 60), ylabel="mean latency (cycles)")
    delivered.set(ylim=(0, 1.3), ylabel="delivered (flits per cycle and site)")
    for axes in (latency, delivered):
        axes.set(xlim=(0, 1.3), xlabel="sent (flits per cycle and site)")
        axes.grid(True)
    delivered.legend(loc="upper left")
    return figure


def main() -> None:
    """Read the points, draw and save."""
    file = Path(sys.argv[1]) if len(sys.argv) > 1 else FILE
    with house_style():
        save(draw(json.load(sys.stdin)["meshes"]), file)
    print(file)


if __name__ == "__main__":
    main()
