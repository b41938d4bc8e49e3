"""Throughput of ResNet-50 against copies of its slowest layers, beside the model of a balanced pipeline.

`python scripts/plot_replication.py` prints the table of docs/usage.md and draws docs/images/replication.png: some four
processor minutes. With k as the speed-up, a layer gets as many copies as bring it below 1 / k of the time that the
slowest one takes with one copy; the model says that the pipeline is then k times as fast. It holds until something that
all layers share is busy all the time.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl

from chipsim.architecture.chip import build_chip
from chipsim.architecture.loader import load_spec
from chipsim.architecture.spec import InMemorySpec
from chipsim.mapping.placement import place
from chipsim.network.graph import Network
from chipsim.network.zoo import load_network
from chipsim.simulation.engine import simulate_chip
from chipsim.simulation.tiles.pace import position_interval_ps
from chipsim.units import PS_PER_S

PICTURE = Path(__file__).parents[1] / "docs" / "images" / "replication.png"
SPEED_UPS = (1, 2, 4, 8, 16)
SIDE, INPUTS = 24, 4
WIDE = ["link.bandwidth=64 GB/s", "digital_unit.rate=1 Top/s", "neuron_unit.rate=100 Gop/s"]
CHIPS: dict[str, list[str]] = {
    "hermes64": [],
    "wide links, fast units": WIDE,
    "links and host of 4 GB/s, fast units": [*WIDE, "link.bandwidth=4 GB/s", "host.bandwidth=4 GB/s"],
}


@dataclass(frozen=True, slots=True)
class Point:
    """One chip with one speed-up: inputs per second as the model says and as simulated, and the busiest part."""

    speed_up: int
    tiles: int
    model_per_s: float
    simulated_per_s: float
    busiest: str
    share: float


def points(network: Network, overrides: list[str]) -> list[Point]:
    """Simulate every speed-up until one brings nothing any more."""
    found: list[Point] = []
    for speed_up in SPEED_UPS:
        found.append(point(network, overrides, speed_up))
        if len(found) > 1 and found[-1].simulated_per_s < 1.02 * found[-2].simulated_per_s:
            break
    return found


def point(network: Network, overrides: list[str], speed_up: int) -> Point:
    """Give copies to the slowest layers, and simulate a stream."""
    spec = load_spec("hermes64", [f"grid.shape=[{SIDE},{SIDE}]", *overrides])
    assert isinstance(spec, InMemorySpec)
    chip = build_chip(spec)
    single = place(network, chip).layers
    work = {name: layer.layer.positions * position_interval_ps(spec, layer) for name, layer in single.items()}
    slowest = max(work.values())
    plan = place(network, chip, {name: math.ceil(ps * speed_up / slowest) for name, ps in work.items()})
    outcome = simulate_chip(plan, INPUTS)
    interval = outcome.interval_ps
    assert interval is not None
    busy = outcome.timeline.busy_ps
    busiest = max(busy, key=lambda name: (busy[name], name))
    share = busy[busiest] / INPUTS / interval
    return Point(speed_up, plan.tiles_used, speed_up * PS_PER_S / slowest, PS_PER_S / interval, busiest, share)


def draw(curves: dict[str, list[Point]]) -> None:
    """Save the plot that the documentation shows."""
    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(8.4, 3.4), layout="constrained")
    model = curves["wide links, fast units"]
    axes.plot([p.speed_up for p in model], [p.model_per_s for p in model], "k:", label="model, wide links")
    for (name, found), mark in zip(curves.items(), "sov", strict=True):
        label = f"{name}\n    in the end {found[-1].busiest}"
        axes.plot([p.speed_up for p in found], [p.simulated_per_s for p in found], mark + "-", label=label)
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.set(xlabel="speed-up asked of the slowest layers", ylabel="inputs per second")
    axes.set_xticks(SPEED_UPS, [str(speed_up) for speed_up in SPEED_UPS])
    axes.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    axes.grid(alpha=0.3)
    figure.savefig(PICTURE, dpi=120)
    plt.close(figure)


def main() -> None:
    """Print the table and draw it."""
    network = load_network("onnx:resnet50")
    curves = {}
    for name, overrides in CHIPS.items():
        curves[name] = points(network, overrides)
        for p in curves[name]:
            print(
                f"| {name} | {p.speed_up} | {p.tiles} | {p.model_per_s:,.0f} | {p.simulated_per_s:,.0f} | "
                f"`{p.busiest}`, {100 * p.share:.0f} % |",
                flush=True,
            )
    draw(curves)


if __name__ == "__main__":
    main()
