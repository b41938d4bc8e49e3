"""`ageing_table`: what a network is worth over time, on one screen."""

from __future__ import annotations

from typing import Any

from rich.console import Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from chipsim.report.conversion_notes import crossbar_notes
from chipsim.report.grid import add_column, keep_names, new_table
from chipsim.report.metrics import percent
from chipsim.units import age_text, human

_WITHOUT_GAIN = "without gain: signal to noise after the outputs are divided by their gain."
_UNITS = (("year", 31_536_000.0), ("day", 86_400.0), ("h", 3600.0), ("min", 60.0), ("s", 1.0))


def ageing_table(data: dict[str, Any]) -> Group:
    """What `chipsim.ageing.age_network` found, for a terminal of 80 columns or more.

    Parameters
    ----------
    data : dict
        What ``ageing.json`` holds.
    """
    notes = [_WITHOUT_GAIN, *crossbar_notes(data["network"]), *data["network"]["notes"]]
    return Group(*(Padding(table, (0, 0, 1, 0)) for table in (_run(data), _scores(data))), *map(Text, notes))


def age_in_words(age_s: float) -> str:
    """An age in the largest unit that it is at least one of, fractions of seconds scaled.

    Examples
    --------
    >>> age_in_words(259200.0), age_in_words(86400.0), age_in_words(0.002)
    ('3 days', '1 day', '2 ms')
    """
    unit, scale = next((step for step in _UNITS if age_s >= step[1]), ("", 0.0))
    if not scale:
        return human(age_s, "s", 3)
    count = age_s / scale
    plural = "s" if unit in ("day", "year") and count != 1 else ""
    return f"{count:.3g} {unit}{plural}"


def age_zero_words(zero_s: float | None) -> str:
    """Where ages count from, for the end of a title; empty where the device model does not say.

    Examples
    --------
    >>> age_zero_words(20.0), age_zero_words(None)
    ('; age 0 is 20 s after programming', '')
    """
    return "" if zero_s is None else f"; age 0 is {age_text(zero_s)} after programming"


def _run(data: dict[str, Any]) -> Table:
    settings = data["settings"]
    title = f"{data['network']['name']} on {data['chip']['name']}, ageing{age_zero_words(data['chip']['age_zero_s'])}"
    table = new_table(title, show_head=False)
    add_column(table, "")
    add_column(table, "")
    programmings = settings["programmings"]
    rows = {
        "cells": data["chip"]["device"],
        "inputs": f"{settings['inputs']:,} from {settings['data']}",
        "calibration": settings["calibration"],
        "programmings": f"{programmings}, each programmed once and read at all ages",
        "seed": str(data["seed"]),
    }
    if settings["set"]:
        rows["set"] = ", ".join(settings["set"])
    for kind, reads in settings["reads_per_tile"].items():
        rows[f"reads, {kind}"] = f"{reads} per tile"
    accuracy = {name: value for name, value in data["accuracy"].items() if value is not None}
    rows["accuracy"] = ", ".join(f"{name} {percent(value)}" for name, value in accuracy.items()) or _why(data)
    for name, text in rows.items():
        table.add_row(name, Text(text))
    return table


def _why(data: dict[str, Any]) -> str:
    if data["weights"] != "file":
        return f"weights are {data['weights']}, so accuracy would mean nothing"
    return "not known: the data have no labels (y)"


def _scores(data: dict[str, Any]) -> Table:
    """One line per age and compensation; accuracies only where there are any."""
    scored = data["accuracy"]["reference"] is not None
    table = new_table()
    add_column(table, "age")
    add_column(table, "compensation")
    for head in (["accuracy", "±", "lowest"] if scored else []) + ["gain", "signal to noise", "without gain"]:
        add_column(table, head, right=True)
    last = None
    for row in data["ageing"]:
        words = "" if row["age_s"] == last else age_in_words(row["age_s"])
        last = row["age_s"]
        cells = [words, row["compensation"]]
        if scored:
            mean, std, least = (percent(row[f"accuracy_{what}"]) for what in ("mean", "std", "min"))
            cells += [mean, std if row["programmings"] > 1 else "-", least]
        cells.append(_plain(row["gain_mean"], ".3f", ""))
        cells += [_plain(row[f"{name}_mean"], ".1f", " dB") for name in _RATIOS]
        table.add_row(*(Text(cell) for cell in cells))
    keep_names(table, 2)
    return table


_RATIOS = ("signal_to_noise_db", "signal_to_noise_without_gain_db")


def _plain(value: float | None, form: str, unit: str) -> str:
    return "-" if value is None else f"{value:{form}}{unit}"
