"""`reloading_rows`: what writing tiles between rounds took."""

from __future__ import annotations

from typing import Any

from chipsim.units import human


def reloading_rows(chip: dict[str, Any]) -> dict[str, str]:
    """Labels and numbers; none where no tile was written again.

    Parameters
    ----------
    chip : dict
        Of ``Result.data``.
    """
    found = chip.get("reloading")
    if not found:
        return {}
    return {
        "Rounds of layers": f"{found['rounds']:,}",
        "Tiles written again": f"{found['times']:,} writing{'s' * (found['times'] != 1)} of a round",
        "  its time, in those above": human(found["time_s"], "s"),
        "  its energy, in that above": human(found["energy_j"], "J"),
    }


def writing_share(machine: dict[str, Any]) -> float:
    """Share of the makespan in which tiles were written.

    Examples
    --------
    >>> writing_share({"reloading": {"time_s": 3.0}, "makespan_s": 4.0}), writing_share({"makespan_s": 4.0})
    (0.75, 0.0)
    """
    found = machine.get("reloading")
    return float(found["time_s"] / machine["makespan_s"]) if found else 0.0
