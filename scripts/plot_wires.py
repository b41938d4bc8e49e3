"""Draw the figures of docs/wires.md: what wires do, and how wrong the two approximations are.

    python scripts/plot_wires.py [FOLDER]

Takes about a minute.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # read when NumPy is imported

import sys
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, PercentFormatter
from numpy.typing import NDArray

from chipsim.crossbar.wires import WireResistance, effective_matrix, effective_pair, first_order_gain
from chipsim.crossbar.wires_approximate import approximate_products
from chipsim.report.figures.canvas import GREY, HUES, house_style, new_figure, save
from chipsim.streams import stream

Floats = NDArray[np.float64]
G_MAX = 25e-6
NOISE = 0.05  # of the largest conductance, growing with the square root of a cell's own
OHMS = np.geomspace(0.01, 10.0, 10)
INPUTS = {"0 to 1": HUES[0], "-1 to 1": HUES[2], "one in ten, 1": HUES[3]}


def draw_gain() -> Figure:
    """Maps of M / G."""
    figure = new_figure(8.0, 2.9)
    cells = np.full((256, 256), G_MAX / 2)
    kinds = [("one-sided", "one-sided"), ("two-sided", "one-sided"), ("two-sided", "two-sided")]
    axes = figure.subplots(1, 3, sharey=True)
    for place, (drive, sense) in zip(axes, kinds, strict=True):
        gain = first_order_gain(effective_matrix(cells, WireResistance(1.0, 1.0, drive=drive, sense=sense)), cells)
        image = place.imshow(gain, vmin=0.5, vmax=1.0, cmap="viridis", interpolation="nearest", extent=(0, 256, 256, 0))
        place.set_title(f"drive {drive}, sense {sense}\nmean {gain.mean():.2f}", fontsize=8.5)
        place.set_xlabel("column")
        place.spines[["top", "right"]].set_visible(True)
    axes[0].set_ylabel("row")
    figure.colorbar(image, ax=axes, label="effective over programmed conductance", shrink=0.9)
    return figure


def draw_approximation() -> Figure:
    """Error of the polynomial, beside the error of no wires at all."""
    figure = new_figure(8.4, 3.4)
    curves = [
        ("no wires, against both lines exact", GREY, "s"),
        ("polynomial, against both lines exact", HUES[3], "o"),
        ("polynomial, against bit lines exact", HUES[0], "^"),
    ]
    for place, rows in zip(figure.subplots(1, 2, sharey=True), (64, 256), strict=True):
        weights = stream(2, rows).uniform(-1, 1, (rows, rows // 2))
        vectors = stream(3, rows).random((64, rows))
        errors = np.array([_errors(vectors, weights, float(ohm)) for ohm in OHMS]).T
        for (label, colour, marker), error in zip(curves, errors, strict=True):
            place.loglog(OHMS, error, color=colour, marker=marker, markersize=3, label=label)
        place.set_title(f"{rows} rows, {rows // 2} pairs, inputs 0 to 1", fontsize=9)
        place.set_xlabel("resistance of a segment (Ω), cells up to 25 µS")
        place.set_ylim(1e-5, 10)
        place.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        place.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:g} %"))
        place.grid(True)
    figure.axes[0].set_ylabel("rms error over rms output")
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3)
    return figure


def _errors(vectors: Floats, weights: Floats, ohm: float) -> list[float]:
    plus, minus = np.maximum(weights, 0), np.maximum(-weights, 0)
    exact = []
    for wires in (WireResistance(ohm, ohm), WireResistance(0.0, ohm)):
        found = effective_pair(plus * G_MAX, minus * G_MAX, wires)
        exact.append(vectors @ (found[0] - found[1]) / G_MAX)
    simple = approximate_products(vectors, weights, 1 / (ohm * G_MAX))
    pairs = [(vectors @ weights, exact[0]), (simple, exact[0]), (simple, exact[1])]
    return [float(np.sqrt(np.mean((a - b) ** 2) / np.mean(b**2))) for a, b in pairs]


def draw_noise() -> Figure:
    """Error of the spread that the first-order gain gives, against fresh networks."""
    figure = new_figure(6.2, 3.4)
    place: Axes = figure.subplots()
    for size, draws, line in ((64, 150, "-"), (128, 40, "--")):
        points = [_noise_errors(size, float(ohm), draws) for ohm in np.geomspace(0.3, 60.0, 8) * (64 / size) ** 2]
        lost = [point[0] for point in points]
        for kind, (name, colour) in enumerate(INPUTS.items()):
            label = f"inputs {name}" if size == 64 else None
            errors = [point[1][kind] for point in points]
            place.plot(lost, errors, line, color=colour, marker="o", markersize=3, label=label)
    place.plot([], [], "-", color=GREY, label="64x64 cells")
    place.plot([], [], "--", color=GREY, label="128x128 cells")
    place.axhline(0.05, color=GREY, linewidth=0.8)
    place.set_xlim(0, 0.5)
    place.set_ylim(-0.01, 0.3)
    for axis in (place.xaxis, place.yaxis):
        axis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    place.set_xlabel("current that the wires cost, all rows driven alike")
    place.set_ylabel("spread too large by")
    place.grid(True)
    place.legend()
    return figure


def _noise_errors(size: int, ohm: float, draws: int) -> tuple[float, list[float]]:
    """Part of the current lost; and for each kind of inputs how much too large the first-order spread is.

    Both spreads come from the same draws, so that the ratio needs few of them.
    """
    rng, wires = stream(4, size), WireResistance(ohm, ohm)
    cells = G_MAX * rng.random((size, size))
    vectors = np.stack([rng.random(size), rng.uniform(-1, 1, size), (rng.random(size) < 0.1).astype(float)])
    matrix = effective_matrix(cells, wires)
    gain, sigma = first_order_gain(matrix, cells), NOISE * np.sqrt(G_MAX * cells)
    brute, first = np.empty((2, draws, len(vectors), size))
    for draw in range(draws):
        noisy = np.maximum(cells + sigma * rng.standard_normal(cells.shape), 0)
        brute[draw] = vectors @ effective_matrix(noisy, wires)
        first[draw] = vectors @ ((noisy - cells) * gain)
    ratio = first.std(axis=0).mean(axis=1) / brute.std(axis=0).mean(axis=1)
    return 1 - float(matrix.sum() / cells.sum()), [float(value) - 1 for value in ratio]


def main() -> None:
    """Draw and save them all."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent.parent / "docs" / "images" / "wires"
    folder.mkdir(parents=True, exist_ok=True)
    with house_style():
        for name, draw in (("gain", draw_gain), ("approximation", draw_approximation), ("noise", draw_noise)):
            save(draw(), folder / f"{name}.png")
            print(folder / f"{name}.png")


if __name__ == "__main__":
    main()
