"""`together_tables`: the tables of several networks on one chip, each row with the network that it is about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from chipsim.result import Records
from chipsim.simulation.outcome import Outcome
from chipsim.simulation.together import Together
from chipsim.tabulate import tables
from chipsim.together_summary import Member, labels
from chipsim.units import PS_PER_S


def together_tables(members: Sequence[Member], found: Together) -> dict[str, Records]:
    """All tables; columns as in a run of one network, and ``network`` before them.

    Parameters
    ----------
    members : sequence of Member
    found : Together

    Notes
    -----
    Busy shares are of the time until the last network is done. What is shared, such as links, has one row with an empty
    ``network``, and so has static energy.
    """
    names = labels(members)
    each = {
        name: tables(member.plan, member.outcome, member.values, _baseline(member))
        for name, member in zip(names, members, strict=True)
    }
    shared = replace(members[0].outcome, links=found.links, done_ps=[found.makespan_ps], ledger=found.static)
    whole = tables(members[0].plan, shared, None, None)
    seconds = found.makespan_ps / PS_PER_S
    return {
        "layers": _of_each(each, "layers"),
        "tiles": _tiles(each, seconds),
        "units": _units(each, seconds),
        "links": [{"network": "", **row} for row in whole["links"]],
        "ledger": [*_of_each(each, "ledger"), *({"network": "", **row} for row in whole["ledger"])],
        "pipeline": _of_each(each, "pipeline"),
        "trace": _of_each(each, "trace"),
    }


def _baseline(member: Member) -> Outcome | None:
    return None if member.against is None else member.against.outcome


def _of_each(each: dict[str, dict[str, Records]], table: str) -> Records:
    return [{"network": name, **row} for name, found in each.items() for row in found[table]]


def _tiles(each: dict[str, dict[str, Records]], seconds: float) -> Records:
    """Rows of every network's blocks, and one for each tile without any."""
    rows: dict[str, Records] = {}
    for name, found in each.items():
        for row in found["tiles"]:
            mine = rows.setdefault(row["tile"], [])
            if row["layer"]:
                mine.append({"network": name, **row, "utilisation": row["busy_s"] / seconds})
    empty = {row["tile"]: {"network": "", **row} for row in next(iter(each.values()))["tiles"] if not row["layer"]}
    return [row for tile, mine in rows.items() for row in mine or [empty[tile]]]


def _units(each: dict[str, dict[str, Records]], seconds: float) -> Records:
    """Every unit once; of a digital unit that several networks use, their names, layers and times together.

    The baseline's parts work for one network after another: they have a row for each.
    """
    rows: dict[str, dict[str, object]] = {}
    found = _of_each(each, "units")
    for row in (row for row in found if row["machine"] == "chip"):
        known = rows.setdefault(row["unit"], {**row, "busy_s": 0.0, "network": "", "layers": ""})
        for column, mark in (("network", ", "), ("layers", " ")):
            known[column] = f"{known[column]}{mark}{row[column]}" if known[column] else row[column]
        known["busy_s"] = float(str(known["busy_s"])) + row["busy_s"]
        known["utilisation"] = float(str(known["busy_s"])) / seconds
    return [*rows.values(), *(row for row in found if row["machine"] != "chip")]
