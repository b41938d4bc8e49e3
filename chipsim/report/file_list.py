"""`file_table`: what was written, and what it is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.table import Table
from rich.text import Text

from chipsim.report.grid import add_column, new_table
from chipsim.units import human

_MEANING = {
    "result.json": "every number, settings, seed, versions",
    "layers.csv": "one row per layer",
    "tiles.csv": "one row per tile of the chip",
    "units.csv": "one row per neuron and digital unit, and part of the baseline",
    "links.csv": "one row per link that carried anything",
    "ledger.csv": "amount x unit cost = joules, line by line",
    "pipeline.csv": "when each layer worked on the first inputs",
    "trace.csv": "every span of the first inputs",
    "utilisation.png": "floor plan: how busy tiles and links were",
    "pipeline.png": "layers over time for the first inputs",
    "energy.png": "where the energy of an input goes",
    "comparison.png": "chip against baseline",
    "mapping.json": "which block sits on which tile; to edit, and for --mapping",
    "rounds.json": "which block sits on which tile in which round; to read",
    "mapping.png": "floor plan: which layer sits on which tiles",
    "ageing.csv": "one row per age and compensation",
    "ageing.json": "every number, settings, seed, versions",
    "ageing.png": "accuracy over time",
    "causes.csv": "how long work and servers waited, and for what",
    "critical_path.csv": "the critical path, segment by segment",
    "what_if.csv": "throughput and latency with faster parts",
    "critical_path.png": "the critical path by layer and over time",
    "device.csv": "conductance per target and age",
    "device.png": "what the cells do over time",
}


def file_table(paths: Sequence[Path], folder: Path) -> Table:
    """List written files.

    Parameters
    ----------
    paths : sequence of Path
        Existing files.
    folder : Path
        Names are shown relative to it where they lie in it.
    """
    table = new_table(f"Written to {folder}")
    add_column(table, "file")
    add_column(table, "size", right=True)
    add_column(table, "what it holds")
    for path in paths:
        name = path.relative_to(folder) if path.is_relative_to(folder) else path
        table.add_row(Text(str(name)), human(path.stat().st_size, "B"), _MEANING.get(path.name, ""))
    return table
