"""`accuracy_table`: the four accuracies, or the signal-to-noise where labels say nothing."""

from __future__ import annotations

from statistics import median
from typing import Any

from rich.table import Table
from rich.text import Text

from chipsim.report.grid import add_column, new_table
from chipsim.report.metrics import percent


def accuracy_table(data: dict[str, Any]) -> Table:
    """Accuracy of a result, and what the converters and cells do to its layers.

    Parameters
    ----------
    data : dict
        Of a `Result`.
    """
    table = new_table()
    add_column(table, "accuracy")
    add_column(table, "", right=True)
    add_column(table, "")
    rows = _accuracies(data) if data["accuracy"]["reference"] is not None else [("not known", "", _why(data))]
    for row in [*rows, *_signal(data["signal_to_noise_db"]), *_conversions(data["chip"])]:
        table.add_row(*(Text(cell) for cell in row))
    return table


def _accuracies(data: dict[str, Any]) -> list[tuple[str, str, str]]:
    accuracy, count = data["accuracy"], (data.get("partial") or data["settings"])["programmings"]
    spread = "of 1 programming"  # which has no spread
    if count > 1:
        lowest = percent(accuracy["noisy_min"])
        spread = f"± {percent(accuracy['noisy_std'])}, lowest {lowest} of {count} programmings"
    rows = [
        ("reference", percent(accuracy["reference"]), "floating-point software"),
        ("ideal", percent(accuracy["ideal"]), "through the tiles, ideal cells, no converters"),
        ("quantised", percent(accuracy["quantised"]), "converters on, ideal cells"),
        ("noisy", percent(accuracy["noisy"]), spread),
    ]
    if accuracy["noisy_uncompensated"] is not None:
        rows.append(("  uncompensated", percent(accuracy["noisy_uncompensated"]), "noisy without drift compensation"))
    return rows


def _why(data: dict[str, Any]) -> str:
    if data["settings"]["timing_only"]:
        return "timing only: no values were computed"
    if data["weights"] != "file":
        return f"weights are {data['weights']}, so accuracy would mean nothing"
    return "the data have no labels (y)"


def _signal(layers: dict[str, float | None] | None) -> list[tuple[str, str, str]]:
    known = {name: value for name, value in (layers or {}).items() if value is not None}
    if not known:
        return []
    worst, best = min(known, key=lambda name: known[name]), max(known, key=lambda name: known[name])
    return [
        ("signal to noise", f"{median(known.values()):.1f} dB", f"{_which(len(known))}, noisy against ideal"),
        ("  worst layer", f"{known[worst]:.1f} dB", worst),
        ("  best layer", f"{known[best]:.1f} dB", best),
    ]


def _which(layers: int) -> str:
    return "of 1 layer" if layers == 1 else f"median of {layers} layers"


def _conversions(chip: dict[str, Any]) -> list[tuple[str, str, str]]:
    if chip["clipped_inputs"] is None:
        return []
    return [
        ("inputs clipped", percent(chip["clipped_inputs"]), "of what the input converters took"),
        ("outputs saturated", percent(chip["saturated_outputs"]), "of what the output converters gave"),
    ]
