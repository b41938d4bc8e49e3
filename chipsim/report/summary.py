"""`result_table`: the whole answer of a run on one screen."""

from __future__ import annotations

from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from chipsim.report.accuracy_rows import accuracy_table
from chipsim.report.arrival_rows import arrival_rows, arrival_words, saturation_notes
from chipsim.report.conversion_notes import conversion_notes, crossbar_notes
from chipsim.report.free_notes import free_notes
from chipsim.report.grid import add_column, new_table
from chipsim.report.metrics import BYTES_MOVED, LEVELS, METRICS, Metric, divide, in_words, percent, scaled
from chipsim.report.partial_words import partial_note, title
from chipsim.report.reloading_rows import reloading_rows, writing_share
from chipsim.report.throughput_notes import throughput_notes
from chipsim.result import Result
from chipsim.units import human

_COLOURS = {"better": "green", "worse": "red", "": ""}


def result_table(result: Result) -> Group:
    """What a run found, for a terminal of 80 columns or more.

    Parameters
    ----------
    result : Result

    Returns
    -------
    Group
        The run, the accuracies, the numbers of the chip (beside the baseline's, with their ratio), and notes.
    """
    parts: list[RenderableType] = [_run(result), accuracy_table(result.data), _numbers(result), *_notes(result)]
    return Group(*(Padding(part, (0, 0, 1, 0)) if isinstance(part, Table) else part for part in parts))


def _run(result: Result) -> Table:
    data = result.data
    network, settings = data["network"], data["settings"]
    table = new_table(title(f"{network['name']} on {data['chip']['name']}", data), show_head=False)
    add_column(table, "")
    add_column(table, "")
    weights = "" if data["weights"] == "file" else f", {data['weights']} weights"
    handed = "each batch finished before the next" if settings["drain"] else "batches follow without a drain"
    handed += arrival_words(data)
    on_tiles = network.get("macs_on_tiles", network["macs"])
    if on_tiles < network["macs"]:
        weights += f", {on_tiles / network['macs']:.1%} of them on tiles".replace("%", " %")
    rows = {
        "network": f"{network['layers']} layers, {network['macs']:,} multiply-accumulates per input{weights}",
        "inputs": f"{inputs_in_words(settings['inputs'], settings['data'])}; batch {settings['batch']}, {handed}",
        "calibration": settings["calibration"],
        "age of the cells": settings["age"],
        "seed": str(data["seed"]),
    }
    if settings["timing_only"] and data["chip"]["drift_compensation"] is None:  # nothing is calibrated, no cell read
        rows = {name: text for name, text in rows.items() if name not in ("calibration", "age of the cells")}
    for name, text in rows.items():
        table.add_row(name, Text(text))
    for note in network.get("notes", ()):
        table.add_row("note", Text(note))
    for name in ("set", "baseline_set"):
        if settings[name]:
            table.add_row(name.replace("_", " "), Text(", ".join(settings[name])))
    return table


def inputs_in_words(inputs: int, data: str) -> str:
    """How many inputs and where from; those that were made up say how many they are.

    Examples
    --------
    >>> inputs_in_words(450, "zoo:digits"), inputs_in_words(5, "5 seeded standard-normal inputs")
    ('450 from zoo:digits', '5 seeded standard-normal inputs')
    """
    return data if data.startswith(f"{inputs} ") else f"{inputs:,} from {data}"


def _numbers(result: Result) -> Table:
    data = result.data
    chip, baseline, ratio = data["chip"], data["baseline"], data["ratio"] or {}
    table = new_table()
    add_column(table, "", wrap=False)
    add_column(table, chip["name"], right=True)
    if baseline is not None:
        add_column(table, baseline["name"], right=True)
        add_column(table, "chip / baseline")
    for row in [*_facts(result), *arrival_rows(data)]:
        _add(table, baseline, *row)
    for key, metric in METRICS.items():
        if key in chip and not (metric.only_if_known and chip[key] is None):
            mine, theirs = metric.value(chip), metric.value(baseline or {})
            _add(table, baseline, metric.label, metric.show(mine), metric.show(theirs), _ratio(metric, ratio.get(key)))
        if key == "loading_j":
            _add_unconverged(table, chip, baseline)
            for label, words in reloading_rows(chip).items():
                _add(table, baseline, label, words, "-", "-")
    _add_levels(table, chip, baseline)
    return table


def _add_unconverged(table: Table, chip: dict[str, Any], baseline: object) -> None:
    """The cells that verify never accepted, where there are any."""
    share = (chip.get("loading") or {}).get("unconverged")
    if share:
        _add(table, baseline, "  cells not accepted", percent(share), "-", "-")


def _facts(result: Result) -> list[tuple[str, str, str]]:
    """What both machines are, rather than what they did."""
    data = result.data
    chip, other = data["chip"], data["baseline"] or {}
    batch = str(data["settings"]["batch"])
    rows = [("Technology", str(chip["technology"]), str(other.get("technology", "-")))]
    if "precision" in chip:
        rows.append(("Precision", str(chip["precision"]), str(other.get("precision", "-"))))
    rows.append(("Batch", batch, batch))
    rows.append(("Busiest part", _busiest(chip), _busiest(other)))
    rows.append(("Tiles used", f"{chip['tiles_used']:,} of {chip['tiles']:,}", "-"))
    rows.append(("Tile MVMs per input", f"{chip['tile_mvms']:,}", "-"))
    rows.append(("Inputs in flight", f"{chip['max_inputs_in_flight']:,}", "-"))
    return rows


def _busiest(machine: dict[str, Any]) -> str:
    found = machine.get("busiest")
    if not found:
        return "-"
    if writing_share(machine) > found["utilisation"]:
        return f"writing of tiles, {100 * writing_share(machine):.1f} %"
    component = found["component"].replace("->", " -> ")  # so that a narrow table wraps a link between its ends
    return f"{component}, {100 * found['utilisation']:.1f} %"


def _add_levels(table: Table, chip: dict[str, Any], baseline: dict[str, Any] | None) -> None:
    show, metric = scaled("B"), METRICS[BYTES_MOVED]
    for level, mine in chip[BYTES_MOVED].items():
        theirs = baseline[BYTES_MOVED].get(level) if baseline else None
        words = _ratio(metric, divide(mine, theirs))
        _add(table, baseline, LEVELS.get(level, f"  {level}"), show(mine), show(theirs), words)


def _add(table: Table, baseline: object, label: str, mine: str, theirs: str, ratio: Text | str = "") -> None:
    cells: list[Text | str] = [Text(label), Text(mine)]
    table.add_row(*(cells if baseline is None else [*cells, Text(theirs), ratio]))


def _ratio(metric: Metric, ratio: float | None) -> Text:
    if ratio is None:
        return Text("-")
    verdict = metric.verdict(ratio)
    return Text(f"{in_words(ratio)}{', ' if verdict else ''}{verdict}", style=_COLOURS[verdict])


def _notes(result: Result) -> list[Text]:
    data = result.data
    chip, baseline = data["chip"], data["baseline"]
    notes = [*partial_note(data), *crossbar_notes(chip), *saturation_notes(data), *conversion_notes(chip)]
    cost = chip["drift_compensation"]
    if cost is not None:
        took = f"{cost['inputs']} calibration inputs"
        if cost["inputs"] is None:
            took = f"{cost['reads_per_tile']} reference reads per tile"
        notes.append(
            f"Drift compensation: {took} before the first input, "
            f"{human(cost['time_s'], 's')} (in no latency) and {human(cost['energy_j'], 'J')} "
            "once, shared by all inputs in the energy above."
        )
    if baseline is not None and baseline["technology"] != chip["technology"]:
        notes.append(f"Technologies differ ({chip['technology']}, {baseline['technology']}); nothing is rescaled.")
    if baseline is not None:
        best = baseline["best_batch"]
        notes.append(
            f"{baseline['name']} is fastest with batches of {best['batch']}: "
            f"{METRICS['throughput_inputs_per_s'].show(best['throughput_inputs_per_s'])}, "
            f"{human(best['energy_per_input_j'], 'J')} per input."
        )
    notes += free_notes(result)
    notes += throughput_notes(chip, data["settings"]["inputs"])
    if data["settings"]["timing_only"]:
        notes.append(_timing_only(result))
    return [Text(note) for note in notes]


def _timing_only(result: Result) -> str:
    if any("full scale assumed" in row["source"] for row in result.tables.get("ledger", [])):
        return (
            "Timing only: no values were computed. Conversions that depend on them are charged at full scale; other "
            "energy that does is not included."
        )
    return "Timing only: no values were computed, and energy that depends on them is not included."
