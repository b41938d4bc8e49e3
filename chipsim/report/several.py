"""`several_table`: what several networks on one chip did, side by side."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from chipsim.report.conversion_notes import conversion_notes, crossbar_notes
from chipsim.report.grid import add_column, new_table
from chipsim.report.metrics import percent, plain, same, scaled
from chipsim.report.partial_words import partial_note, title
from chipsim.result import Result
from chipsim.units import human

_ACCURACIES = ("reference", "ideal", "quantised", "noisy")
_NUMBERS: tuple[tuple[str, str, Callable[[float | None], str]], ...] = (
    ("Tiles used", "tiles_used", lambda value: "-" if value is None else f"{value:,}"),
    ("Inputs in flight", "max_inputs_in_flight", lambda value: "-" if value is None else f"{value:,}"),
    ("Latency, one input alone", "latency_first_input_s", scaled("s")),
    ("Latency, median", "latency_p50_s", scaled("s")),
    ("Latency, 99 % below", "latency_p99_s", scaled("s")),
    ("Throughput", "throughput_inputs_per_s", plain("inputs/s")),
    ("Makespan", "makespan_s", scaled("s")),
    ("Dynamic energy per input", "dynamic_energy_per_input_j", scaled("J")),
)


def several_table(result: Result) -> Group:
    """What a run of several networks found, for a terminal.

    Parameters
    ----------
    result : Result

    Returns
    -------
    Group
        The run, the numbers of each network with how much slower it is than alone, those of the chip, and notes.
    """
    parts: list[RenderableType] = [_run(result), _networks(result), _chip(result), *map(Text, _notes(result))]
    return Group(*(Padding(part, (0, 0, 1, 0)) if isinstance(part, Table) else part for part in parts))


def _run(result: Result) -> Table:
    data = result.data
    settings = data["settings"]
    table = new_table(title(f"{data['network']['name']} on {data['chip']['name']}", data), show_head=False)
    add_column(table, "")
    add_column(table, "")
    for item in data["networks"]:
        asked = item["settings"]
        how = "each batch finished before the next" if asked["drain"] else "batches follow without a drain"
        arriving = f", arriving at {asked['arrivals'].strip()}" if asked["arrivals"] else ""
        words = f"{asked['inputs']:,} inputs from {asked['data']}; batch {asked['batch']}, {how}{arriving}"
        table.add_row(Text(item["label"]), Text(words))
    if not settings["timing_only"]:
        table.add_row("age of the cells", Text(settings["age"]))
    table.add_row("seed", str(data["seed"]))
    if settings["set"]:
        table.add_row("set", Text(", ".join(settings["set"])))
    return table


def _networks(result: Result) -> Table:
    networks = result.data["networks"]
    table = new_table()
    add_column(table, "")
    for item in networks:
        add_column(table, item["label"], right=True)
    for name in _ACCURACIES:
        if any(item["accuracy"][name] is not None for item in networks):
            _row(table, f"Accuracy, {name}", [percent(item["accuracy"][name]) for item in networks])
    for label, key, show in _NUMBERS:
        _row(table, label, [show(item[key]) for item in networks])
        if any((item["slow_down"] or {}).get(key) is not None for item in networks):
            _row(table, "  than alone", [_slower(item["slow_down"], key) for item in networks])
        if any((item["ratio"] or {}).get(key) is not None for item in networks):
            _row(table, "  on the baseline", [show((item["baseline"] or {}).get(key)) for item in networks])
    return table


def _slower(slow_down: dict[str, float | None] | None, key: str) -> str:
    """How a number is beside the others, for people."""
    factor = (slow_down or {}).get(key)
    if factor is None:
        return "-"
    if same(factor):
        return "the same"
    return f"{factor:.3g}x worse" if factor > 1 else f"{1 / factor:.3g}x better"


def _chip(result: Result) -> Table:
    chip = result.data["chip"]
    table = new_table()
    add_column(table, "")
    add_column(table, chip["name"], right=True)
    baseline = result.data["baseline"]
    if baseline is not None:
        add_column(table, baseline["name"], right=True)
    busiest = chip["busiest"]
    component = busiest["component"].replace("->", " -> ")
    others = {} if baseline is None else {
        "Technology": str(baseline["technology"]),
        "Makespan, all networks": human(baseline["makespan_s"], "s"),
        "Energy, all inputs": human(baseline["energy_j"], "J"),
    }  # fmt: skip
    for label, text in (
        ("Technology", str(chip["technology"])),
        ("Tiles used", f"{chip['tiles_used']:,} of {chip['tiles']:,}"),
        ("Makespan, all networks", human(chip["makespan_s"], "s")),
        ("Energy, all inputs", human(chip["energy_j"], "J")),
        ("  of which static", human(chip["static_energy_j"], "J")),
        ("Compute busy, mean", percent(chip["utilisation_mean"])),
        ("Busiest part", f"{component}, {100 * busiest['utilisation']:.1f} %"),
    ):
        _row(table, label, [text, others.get(label, "-")] if others else [text])
    return table


def _row(table: Table, label: str, cells: list[str]) -> None:
    table.add_row(Text(label), *(Text(cell) for cell in cells))


def _notes(result: Result) -> list[str]:
    data = result.data
    notes = [*partial_note(data), *_ending_earlier(data["networks"])]
    for item in data["networks"]:
        arrivals: dict[str, Any] = item["arrivals"] or {}
        if arrivals.get("saturated"):
            offered, served = (plain("inputs/s")(arrivals[f"{what}_inputs_per_s"]) for what in ("offered", "served"))
            notes.append(f"Warning: {item['label']} is offered {offered} and served {served}; its queue grows.")
        notes += [*crossbar_notes(item, item["label"]), *conversion_notes(item, item["label"])]
    if data["baseline"] is not None:
        notes.append(
            f"On {data['baseline']['name']} each network runs by itself, and they take turns: sums of their times and "
            "energies; loading the weights of the next one is in neither."
        )
    if data["settings"]["timing_only"]:
        notes.append("Timing only: no values were computed, and energy that depends on them is not included.")
    return notes


def _ending_earlier(networks: list[dict[str, Any]]) -> list[str]:
    """A word where a throughput is that beside the others for a part of its time only."""
    shares = {item["label"]: item.get("others_running") for item in networks}
    parts = [f"{percent(share)} for {label}" for label, share in shares.items() if share is not None and share < 1]
    if not parts:
        return []
    return [
        "Throughput is over the last half of a network's outputs. All other networks were still running during this "
        f"share of that time: {', '.join(parts)}. Give those that end early more inputs to see it beside them."
    ]
