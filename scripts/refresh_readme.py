"""Write what the demo prints, a table of other networks and two figures into the README and ``docs/images/``.

    python scripts/refresh_readme.py

Takes about half a minute. The blocks stand between marker lines in ``README.md``; the rest is written by hand.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from chipsim.units import human

ROOT = Path(__file__).parents[1]
README, IMAGES = ROOT / "README.md", ROOT / "docs" / "images"
FIGURES = ("pipeline.png", "utilisation.png")
COLUMNS = "100"
DEMO = ("hermes64", "zoo:digits-cnn", "--data", "zoo:digits", "--baseline", "edge_npu", "--age", "1 day")


@dataclass(frozen=True)
class Row:
    """One line of the table of other networks."""

    label: str
    words: tuple[str, ...]


ROWS = (
    Row("`zoo:digits-mlp`", ("zoo:digits-mlp", "--data", "zoo:digits")),
    Row("`zoo:digits-cnn`", ("zoo:digits-cnn", "--data", "zoo:digits")),
    Row("`onnx:resnet50` on 24 x 24 tiles", ("onnx:resnet50", "--set", "grid.shape=[24,24]")),
)


def chipsim(*words: str) -> str:
    """What a command prints, on a terminal of fixed width."""
    environment = os.environ | {
        "COLUMNS": COLUMNS, "NO_COLOR": "1", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1",
    }  # fmt: skip
    command = [sys.executable, "-m", "chipsim", *words]
    return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout


def demo() -> str:
    """The demo's table as a text block; its figures are copied."""
    with tempfile.TemporaryDirectory() as folder:
        printed = chipsim("run", *DEMO, "--out", folder)
        IMAGES.mkdir(parents=True, exist_ok=True)
        for name in FIGURES:
            shutil.copyfile(Path(folder, name), IMAGES / name)
    numbers = printed.split("Written to")[0]  # the list of files names a folder of this machine
    lines = "\n".join(line.rstrip() for line in numbers.splitlines())
    return f"```text\n{lines.strip()}\n```\n"


def others() -> str:
    """Throughput and energy of several networks, as a Markdown table."""
    head = "| network | chip, inputs/s | NPU | NPU, best batch | chip, per input | static | NPU | NPU, best batch |"
    return "\n".join([head, "|---|---|---|---|---|---|---|---|", *map(_row, ROWS)]) + "\n"


def _row(row: Row) -> str:
    words = ("run", "hermes64", *row.words, "--baseline", "edge_npu", "--timing-only")
    with tempfile.TemporaryDirectory() as folder:
        chipsim(*words, "--out", folder)
        data = json.loads(Path(folder, "result.json").read_text(encoding="utf-8"))
        ledger = pd.read_csv(Path(folder, "ledger.csv"))
    mine, other, best = data["chip"], data["baseline"], data["baseline"]["best_batch"]
    joules = ledger[ledger["machine"] == "chip"]
    static = joules.loc[joules["action"] == "static", "energy_j"].sum() / joules["energy_j"].sum()
    rates = (mine, other, best)
    speed = [f"{float(format(machine['throughput_inputs_per_s'], '.3g')):,.9g}" for machine in rates]
    energy = [human(machine["energy_per_input_j"], "J", 3) for machine in rates]
    return f"| {' | '.join([row.label, *speed, energy[0], f'{static:.0%}', *energy[1:]])} |"


def put(page: str, name: str, block: str) -> str:
    """The page with the text between the markers of a name replaced."""
    start, end = f"<!-- {name}: start (scripts/refresh_readme.py) -->", f"<!-- {name}: end -->"
    before, found, rest = page.partition(start)
    _, also, after = rest.partition(end)
    if not (found and also):
        raise ValueError(f"README.md needs the lines {start!r} and {end!r}")
    return f"{before}{start}\n\n{block}\n{end}{after}"


def main() -> None:
    """Rewrite the README."""
    page = README.read_text(encoding="utf-8")
    page = put(page, "demo", demo())
    page = put(page, "networks", others())
    README.write_text(page, encoding="utf-8")
    print(f"{README.name} and {IMAGES.relative_to(ROOT)} rewritten")


if __name__ == "__main__":
    main()
