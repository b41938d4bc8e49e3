"""`explanation_table`: what a run's time went by, for a terminal."""

from __future__ import annotations

from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from chipsim.explain.explanation import Explanation
from chipsim.report.grid import add_column, keep_names, new_table
from chipsim.report.metrics import plain, same
from chipsim.result import Records
from chipsim.units import human

_MOST_ROWS = 12
_KINDS = {"neuron_unit": "neuron unit", "digital_unit": "digital unit"}


def explanation_table(found: Explanation) -> Group:
    """Critical path, what sets the pace, waiting and what-if runs, for a terminal of 80 columns or more.

    Parameters
    ----------
    found : Explanation
    """
    data = found.data
    parts: list[RenderableType] = [
        _path(data),
        *_not_exact(data),
        *_steady(data),
        *_waiting(data["causes"]),
        *_what_if(data["what_if"]),
    ]
    return Group(*(Padding(part, (0, 0, 1, 0)) if isinstance(part, Table) else part for part in parts))


def component_kind(kind: str) -> str:
    """A kind of component as people say it."""
    return _KINDS.get(kind, kind)


def _path(data: dict[str, Any]) -> Table:
    path = data["path"]
    latency = human(path["latency_s"], "s")
    title = f"{data['network']} on {data['chip']}: critical path of input {path['input']}, {latency}"
    table = new_table(title)
    for head in ("layer", "component", "activity"):
        add_column(table, head)
    for head in ("time", "of the path", "for other inputs"):
        add_column(table, head, right=True)
    for row in path["composition"][:_MOST_ROWS]:
        others = human(row["for_other_inputs_s"], "s") if row["for_other_inputs_s"] else "-"
        _add(table, *_who(row), human(row["time_s"], "s"), f"{row['share']:.1%}", others)
    _add_rest(table, path["composition"])
    keep_names(table, 3)
    return table


def _not_exact(data: dict[str, Any]) -> list[RenderableType]:
    if data["path"]["exact"]:
        return []
    traced = data["inputs_traced"]
    needed = data.get("trace_for_exact", data["path"]["input"] + data["max_inputs_in_flight"])
    several = "" if traced == 1 else "s"
    text = f"Times are those of a run of {traced} input{several}; for those of the whole run: --trace {needed}\n"
    return [Text(text)]


def _add(table: Table, *cells: str) -> None:
    table.add_row(*(Text(cell) for cell in cells))


def _who(row: dict[str, Any]) -> tuple[str, str, str]:
    component = component_kind(row["kind"]) + (f"@{row['round']}" if "round" in row else "")
    return row["layer"] or "-", component, row["activity"]


def _add_rest(table: Table, rows: Records) -> None:
    rest = rows[_MOST_ROWS:]
    if rest:
        time, share = (sum(row[key] for row in rest) for key in ("time_s", "share"))
        _add(table, f"{len(rest)} more", "", "", human(time, "s"), f"{share:.1%}")


def _steady(data: dict[str, Any]) -> list[RenderableType]:
    steady = data["steady"]
    if steady is None:
        return [Text("What sets the pace: nothing recurs on the path; inputs are too few, or come one by one.\n")]
    table = new_table(f"What sets the pace: {steady['component']}")
    for head in ("layer", "component", "activity"):
        add_column(table, head)
    for head in ("time per input", "of the interval"):
        add_column(table, head, right=True)
    for row in steady["composition"][:_MOST_ROWS]:
        _add(table, *_who(row), human(row["time_s"], "s"), f"{row['share']:.1%}")
    _add_rest(table, steady["composition"])
    keep_names(table, 3)
    notes: list[RenderableType] = [table]
    if steady["through_admission"]:
        most = data["max_inputs_in_flight"]
        notes.append(Text(f"Inputs wait to be admitted: {most} at a time (host.max_inputs_in_flight).\n"))
    if not steady["repeats"]:
        notes.append(Text("Outputs do not come at equal times yet, so this interval is not the final one.\n"))
    return notes


def _waiting(rows: Records) -> list[RenderableType]:
    waited = sorted((row for row in rows if row["work_waited_s"]), key=lambda row: -row["work_waited_s"])
    if not waited:
        return [Text("No work waited for anything (causes.csv has what servers waited for).")]
    table = new_table("What work waited for (causes.csv: all, and what servers waited for)")
    for head in ("layer", "component", "activity", "cause"):
        add_column(table, head)
    for head in ("times", "work waited", "each"):
        add_column(table, head, right=True)
    for row in waited[:_MOST_ROWS]:
        each = human(row["work_waited_s"] / row["count"], "s")
        _add(table, *_who(row), row["cause"], f"{row['count']:,}", human(row["work_waited_s"], "s"), each)
    if len(waited) > _MOST_ROWS:
        _add(table, f"{len(waited) - _MOST_ROWS} more")
    keep_names(table, 3)
    return [table]


def _what_if(found: dict[str, Any] | None) -> list[RenderableType]:
    if found is None:
        return []
    if "network" in found["variants"][0]:
        return [_what_if_of_all(found)]
    table = new_table(f"What if it were {found['faster']:g} times as fast, {found['inputs']} inputs each")
    add_column(table, "what")
    add_column(table, "changed")
    for head in ("inputs/s", "", "latency alone"):
        add_column(table, head, right=True)
    add_column(table, "busiest then")
    for row in found["variants"]:
        _add(table, row["what"] or "as it is", _changed(row), *_numbers(row), row["busiest"].replace("->", " -> "))
    return [table]


def _what_if_of_all(found: dict[str, Any]) -> Table:
    """Networks below each other; what is busiest then is in the file."""
    table = new_table(f"What if it were {found['faster']:g} times as fast (what_if.csv: what is busiest then)")
    for head in ("what", "changed", "network"):
        add_column(table, head)
    for head in ("inputs/s", "", "latency alone"):
        add_column(table, head, right=True)
    first = found["variants"][0]["network"]
    for row in found["variants"]:
        said = (row["what"] or "as it is", _changed(row)) if row["network"] == first else ("", "")
        _add(table, *said, row["network"], *_numbers(row))
    return table


def _numbers(row: dict[str, Any]) -> tuple[str, str, str]:
    rate, latency = plain("")(row["throughput_inputs_per_s"]).strip(), human(row["latency_first_input_s"], "s")
    return rate, _gain(row["throughput_gain"]), latency


def _changed(row: dict[str, Any]) -> str:
    """The last names of the fields; there is no room for all of them."""
    return ", ".join(path.rpartition(".")[2] for path in row["fields"].split()) or row["change"]


def _gain(ratio: float | None) -> str:
    return "" if ratio is None or same(ratio) else f"x {ratio:.3g}"
