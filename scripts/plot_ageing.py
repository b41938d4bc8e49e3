"""Write the plot and the table of `docs/ageing.md`: accuracy over time, and what reference reads per column are worth.

    python scripts/plot_ageing.py

Takes about a minute. The plot is that of ``chipsim age hermes64 zoo:digits-cnn --data zoo:digits``; the table is put
between two marker lines of the page.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import mean

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from threadpoolctl import threadpool_limits

from chipsim.ageing import AgeingSettings, age_network
from chipsim.crossbar import (
    InputConverter,
    OutputConverter,
    ReadPath,
    Reference,
    column_scale,
    input_range,
    output_range,
    program_block,
)
from chipsim.device import get_device
from chipsim.report.figures.ageing import save_ageing
from chipsim.streams import stream
from chipsim.units import parse_age

ROOT = Path(__file__).parents[1]
PAGE, IMAGE = ROOT / "docs" / "ageing.md", ROOT / "docs" / "images" / "ageing.png"
START, END = "<!-- reads: start (scripts/plot_ageing.py) -->", "<!-- reads: end -->"
READS, ROWS, CHIPS, COLUMNS, INPUTS = (4, 8, 16, 32, 64, 128, 256), (9, 64, 256), 15, 64, 200
YEAR_S = parse_age("1 year")


def plot() -> None:
    """Accuracy over time of the demo's network."""
    data = age_network(AgeingSettings("hermes64", "zoo:digits-cnn", "zoo:digits"), progress=print)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "ageing.png")
        save_ageing(data, path)
        with Image.open(path) as picture:
            picture.convert("RGB").quantize(96).save(IMAGE, optimize=True)  # a third of the space


def ratios(rows: int, seed: int) -> Iterator[float]:
    """Squared error of a block's outputs after a year: with column factors over with the block's factor."""
    device, vectors = get_device("pcm"), np.maximum(stream(seed, "inputs").standard_normal((INPUTS, rows)), 0)
    weights = stream(seed, "weights").standard_normal((rows, COLUMNS))
    scale = column_scale(weights, device.g_min_siemens, device.g_max_siemens)
    block = program_block(weights, scale, device, stream(seed, "programming"))
    dac, adc = (
        InputConverter(8, input_range(vectors)),
        OutputConverter(8, output_range(vectors, weights, scale, device)),
    )
    ages = (device.earliest_age_s, YEAR_S)
    start, now = (ReadPath.connect(block.at_age(age, stream(seed, "slow", repr(age))), dac, adc, 64) for age in ages)

    def error(factor: float | NDArray[np.float64]) -> float:
        found = now.compensated(factor).multiply(vectors, stream(seed, "fast")).values
        return float(np.square(found - vectors @ weights).sum())

    for reads in READS:
        reference = Reference.take(start, stream(seed, "signs"), stream(seed, "noise at the start"), reads)
        noise = "noise now"
        of_columns = reference.column_factors(now, stream(seed, noise))
        yield error(of_columns) / error(reference.factor(now, stream(seed, noise)))


def table() -> str:
    """Mean over chips, and the worst of them, as Markdown."""
    lines = [f"| rows | {' | '.join(f'{reads} reads' for reads in READS)} |", f"|---|{'---|' * len(READS)}"]
    for rows in ROWS:
        chips = list(zip(*(ratios(rows, seed) for seed in range(CHIPS)), strict=True))
        cells = [f"{mean(each):.3f} ({max(each):.2f})" for each in chips]
        lines.append(f"| {rows} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Rewrite plot and table."""
    with threadpool_limits(1, "blas"):
        plot()
        page = PAGE.read_text(encoding="utf-8")
        before, start, rest = page.partition(START)
        _, end, after = rest.partition(END)
        if not (start and end):
            raise ValueError(f"{PAGE.name} needs the lines {START!r} and {END!r}")
        PAGE.write_text(f"{before}{START}\n\n{table()}\n{END}{after}", encoding="utf-8")
    print(f"{IMAGE.relative_to(ROOT)} ({IMAGE.stat().st_size / 1000:.0f} kB) and {PAGE.relative_to(ROOT)} rewritten")


if __name__ == "__main__":
    main()
