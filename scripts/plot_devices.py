"""Write the plots of the pages in ``docs/devices/``: what each device model shows when it is read.

    python scripts/plot_devices.py

Takes about ten seconds. Every plot comes from 20,000 cells per target, seed 1.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from chipsim.device import get_device
from chipsim.device.model import DeviceModel
from chipsim.device.sampling import sample_reads
from chipsim.report.figures.device import save_device

ROOT = Path(__file__).parents[1]
IMAGES = ROOT / "docs" / "images" / "devices"
EXAMPLE = ROOT / "docs" / "devices" / "example_table.csv"
TARGETS = (0.0, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
MONTH_S, YEAR_S = 2_592_000.0, 31_536_000.0
SAMPLES, SEED = 20_000, 1


@dataclass(frozen=True)
class Plot:
    """One file."""

    file: str
    model: str
    parameters: dict[str, Any] = field(default_factory=dict)
    targets: tuple[float, ...] = TARGETS
    title: str = ""


PLOTS = (
    Plot("ideal", "ideal"),
    Plot("pcm", "pcm"),
    Plot("pcm-hermes", "pcm-hermes", title="pcm-hermes, two devices per polarity"),
    Plot("pcm-hermes-1", "pcm-hermes", {"devices_per_polarity": 1}, title="pcm-hermes, one device per polarity"),
    Plot("rram-wan", "rram-wan"),
    Plot("rram-cmo", "rram-cmo", title="rram-cmo, programmed within 0.2 %"),
    Plot("rram-cmo-2", "rram-cmo", {"acceptance_percent": 2}, title="rram-cmo, programmed within 2 %"),
    Plot("flash", "flash"),
    Plot("sram", "sram", targets=(0.0, 1.0)),
    Plot(
        "generic", "generic",
        {
            "programming_dependence": "proportional", "programming_spread": 0.05, "drift_shift": -0.02,
            "drift_spread": 0.01,
        },
        title="generic: 5 % of the target; loses 2 % and spreads 1 % per decade",
    ),
    Plot("table", "table", {"path": str(EXAMPLE)}, title="table: docs/devices/example_table.csv"),
)  # fmt: skip


def ages(model: DeviceModel) -> list[float]:
    """Two per decade over the model's range, or up to a year."""
    last = min(model.latest_age_s, YEAR_S)
    first = max(model.earliest_age_s, 1.0)
    middle = [float(f"{age:.3g}") for age in np.geomspace(first, last, 9)]
    named = [age for age in (3600.0, 86_400.0, MONTH_S) if first < age < last]
    return sorted({model.earliest_age_s, last, *named, *(age for age in middle if first <= age <= last)})


def lines(found: list[float]) -> list[float]:
    """The ages that get a line over the targets."""
    named = (0.0, 1.0, 3600.0, 86_400.0, 172_800.0, 432_000.0, 604_800.0, MONTH_S, YEAR_S)
    return [age for age in found if age in named]


def shrink(path: Path) -> None:
    """Store the picture with 96 colours, which takes a third of the space."""
    with Image.open(path) as picture:
        small = picture.convert("RGB").quantize(96)
    small.save(path, optimize=True)


def main() -> None:
    """Write all plots."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    for plot in PLOTS:
        model = get_device(plot.model, **plot.parameters)
        shown = (0.0, 0.1, 0.3, 0.5, 0.8, 1.0)
        path = IMAGES / f"{plot.file}.png"
        found = ages(model)
        over_age = sample_reads(model, [t for t in shown if t in plot.targets], found, SAMPLES, SEED)
        over_target = sample_reads(model, plot.targets, lines(found), SAMPLES, SEED)
        save_device(over_age, plot.title or plot.model, path, over_target)
        shrink(path)
        print(f"{path.relative_to(ROOT)}: {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
