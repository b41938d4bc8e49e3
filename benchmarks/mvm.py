"""What noisy matrix-vector products cost: one table, beside what is asked for and what other simulators take.

    python benchmarks/mvm.py [--json] [--rounds 21]

The subject is what a run calls: `program_block`, ``at_age`` and `ReadPath.multiply` with PCM cells, fast read
noise and 8-bit converters. The yardstick is one float32 product (batch x rows) @ (rows x columns) in NumPy. All
take turns on one thread; medians of CPU time are printed. Before that, outputs are compared with closed forms, integer
arithmetic and conjugate gradients (`mvm_subjects.py`).
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"  # read when NumPy is imported
os.environ["OPENBLAS_NUM_THREADS"] = "1"
os.environ["MKL_NUM_THREADS"] = "1"

import argparse
import json
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from mvm_subjects import BATCH, BITS, COLUMNS, ROWS, SLOTS, Subjects, subjects
from wires import WIRES, cells

from chipsim.crossbar.wires import effective_matrix
from chipsim.streams import stream


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table: a key of the figures, what is asked of it, and what others take."""

    key: str
    what: str
    asked: str = ""
    aihwkit: str = ""
    crosssim: str = ""


ROWS_OF_TABLE = (
    Row("gemm_s", "plain float32 product, seconds"),
    Row("noisy_over_gemm", "noisy MVMs, 8-bit converters", "at most 3.2", "4 to 9 (3.7; 80)", "about 3,000"),
    Row("floor_over_gemm", "  two products, normals alone", "said: 2.7"),
    Row("bitserial_over_gemm", "8 planes x 4 slices", "at most 40", "", "60 to 140 (58)"),
    Row("bitserial_noisy_over_gemm", "  fast noise afresh in each", "reported: 86"),
    Row("wires_over_nowires", "noisy MVMs, wires / no wires", "at most 1.05", "", "over 10,000 x gemm"),
    Row("wires_factor_256_s", "solve wires, 256x256, CPU s", "at most 2"),
    Row("wires_factor_256x512_s", "  pair block, 256x512, CPU s", "at most 5"),
)
NOTE = """\
x gemm where not said otherwise. Others: measured once with aihwkit 1.2 and CrossSim 3.2 on another 2-core machine, one
thread, 256x256 to 512x512, not in this run. aihwkit: 3.7 with its defaults, about 80 with its hardware-aware preset.
CrossSim: with read noise; 8-bit bit-serial inputs and 4 weight slices (58 in one measurement); with wire resistance."""


def measure(runs: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Median CPU seconds of each, taking turns, there and back so that none always follows the same other one."""
    for run in runs.values():
        run()
    times: dict[str, list[float]] = {name: [] for name in runs}
    for turn in range(rounds):
        for name, run in list(runs.items())[:: -1 if turn % 2 else 1]:
            start = time.process_time()
            run()
            times[name].append(time.process_time() - start)
    return {name: statistics.median(values) for name, values in times.items()}


def seconds_of(given: Subjects, rounds: int) -> dict[str, float]:
    """CPU seconds of all subjects."""
    product, noise = np.empty((BATCH, COLUMNS), np.float32), stream(1, "fast")
    few = given.vectors[:, : given.plain.rows]

    def floor() -> None:
        for factor in (given.weights, given.weights):
            np.matmul(given.vectors, factor, out=product)
        noise.standard_normal(out=product, dtype=np.float32)

    found = measure(
        {
            "gemm": lambda: np.matmul(given.vectors, given.weights, out=product),
            "noisy": lambda: given.noisy.multiply(given.vectors, noise),
            "noisy_from_codes": lambda: given.noisy.multiply_codes(given.codes, noise),
            "quantised": lambda: given.quantised.multiply(given.vectors, noise),
            "bitserial": lambda: given.sliced.multiply(given.vectors, noise),
            "floor": floor,
            "normals": lambda: noise.standard_normal(out=product, dtype=np.float32),
        },
        max(rounds, 15),
    )
    found |= measure(
        {"nowires": lambda: given.plain.multiply(few, noise), "wires": lambda: given.wired.multiply(few, noise)},
        2 * max(rounds, 15),
    )
    square, pair = cells(256, 256), cells(256, 512)
    return found | measure(
        {
            "bitserial_noisy": lambda: given.sliced_noisy.multiply(given.vectors, noise),
            "wires_factor_256": lambda: effective_matrix(square, WIRES),
            "wires_factor_256x512": lambda: effective_matrix(pair, WIRES),
        },
        3,
    )


def figures(seconds: dict[str, float]) -> dict[str, float]:
    """Seconds, and ratios to the plain product."""
    numbers = {f"{name}_s": value for name, value in seconds.items()}
    against = ("noisy", "noisy_from_codes", "quantised", "bitserial", "bitserial_noisy", "floor", "normals")
    numbers |= {f"{name}_over_gemm": seconds[name] / seconds["gemm"] for name in against}
    numbers["wires_over_nowires"] = seconds["wires"] / seconds["nowires"]
    return numbers | {"rows": ROWS, "columns": COLUMNS, "batch": BATCH, "slots": SLOTS, "converter_bits": BITS}


def table(numbers: dict[str, float]) -> str:
    """Figures of this machine beside what is asked and what others take."""
    title = (
        f"{BATCH} vectors, {ROWS}x{COLUMNS} pairs, {BITS}-bit converters, {SLOTS} slots, one thread; median CPU time"
    )
    lines = [title, "", _line("", "here", "asked", "aihwkit", "CrossSim")]
    for row in ROWS_OF_TABLE:
        lines.append(_line(row.what, f"{numbers[row.key]:.3g}", row.asked, row.aihwkit, row.crosssim))
    return "\n".join([*lines, "", NOTE])


def _line(*columns: str) -> str:
    widths = (32, 9, 14, 18, 20)
    return "".join(f"{text:<{width}}" for text, width in zip(columns, widths, strict=True)).rstrip()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print one flat JSON object instead of the table")
    parser.add_argument("--rounds", type=int, default=21, help="rounds of measurement, at least 15")
    options = parser.parse_args()
    numbers = figures(seconds_of(subjects(), options.rounds))
    print(json.dumps(numbers) if options.json else table(numbers))


if __name__ == "__main__":
    main()
