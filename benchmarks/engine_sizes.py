"""`print_sizes`: what the timing plane costs against tiles and inputs, with fitted exponents and a plot."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import numpy as np

from chipsim.architecture.chip import build_chip
from chipsim.architecture.loader import load_spec
from chipsim.mapping.placement import place
from chipsim.mapping.plan import Plan
from chipsim.network.graph import Network
from chipsim.network.layers import AnyLayer, InputLayer, MatrixLayer, Window
from chipsim.network.matrix import Matrix
from chipsim.simulation.engine import simulate_chip

PICTURE = Path(__file__).parents[1] / "docs" / "images" / "engine_sizes.png"
SIDES = (8, 16, 32, 64)
INPUTS = (1, 10, 100, 1000)
MAP = 8
"""Positions a side of every layer."""


def chain(tiles: int) -> Plan:
    """As many 1 x 1 convolutions of one tile each as there are tiles: every tile works on every input."""
    side = int(tiles**0.5)
    chip = build_chip(load_spec("hermes64", [f"grid.shape=[{side},{side}]"]))
    channels, shape = 16, (16, MAP, MAP)
    layers: list[AnyLayer] = [InputLayer("x", (), shape)]
    for number in range(tiles):
        matrix = Matrix(f"w{number}", np.zeros((channels, channels), np.float32), np.zeros(channels, np.float32))
        layers.append(MatrixLayer(f"c{number}", (layers[-1].name,), shape, shape, Window(), (matrix,)))
    network = Network(
        "chain", {layer.name: layer for layer in layers}, (layers[-1].name,), weights="synthetic", onnx_bytes=b"",
        input_name="x", sha256="",
    )  # fmt: skip
    return place(network, chip)


def print_sizes() -> None:
    """Print both tables with their exponents, and draw them."""
    tiles = [side * side for side in SIDES]
    by_tiles = [simulate_chip(chain(count), 1).cost.cpu_s for count in tiles]
    small = chain(64)
    every = [simulate_chip(small, count, exact_all=True).cost.cpu_s for count in INPUTS]
    jumped = [simulate_chip(small, count).cost.cpu_s for count in INPUTS]
    for title, sizes, seconds in (
        ("tiles, one input", tiles, by_tiles),
        ("inputs, 64 tiles, all simulated", INPUTS, every),
        ("inputs, 64 tiles, with the jump", INPUTS, jumped),
    ):
        print(f"{title}: exponent {exponent(sizes, seconds):.2f}")
        for size, cost in zip(sizes, seconds, strict=True):
            print(f"  {size:6d} {cost:10.4g} s")
    draw(tiles, by_tiles, every, jumped)


def exponent(sizes: tuple[int, ...] | list[int], seconds: list[float]) -> float:
    """Slope of the straight line through the logarithms."""
    return float(np.polyfit(np.log(sizes), np.log(seconds), 1)[0])


def draw(tiles: list[int], by_tiles: list[float], every: list[float], jumped: list[float]) -> None:
    """Save the plot that the documentation shows."""
    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3.2), sharey=True, layout="constrained")
    left.loglog(tiles, by_tiles, "o-", label=f"one input, exponent {exponent(tiles, by_tiles):.2f}")
    left.set(xlabel="tiles", ylabel="processor time, s")
    right.loglog(INPUTS, every, "o-", label=f"every input simulated, exponent {exponent(INPUTS, every):.2f}")
    right.loglog(INPUTS, jumped, "s--", label="with the jump")
    right.set(xlabel="inputs, 64 tiles")
    for axes in (left, right):
        axes.grid(alpha=0.3)
        axes.legend(frameon=False)
    figure.savefig(PICTURE, dpi=120)
    plt.close(figure)
