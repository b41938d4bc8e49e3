"""`free_notes`: parts of a chip that did something and for which the architecture gives no energy."""

from __future__ import annotations

from chipsim.result import Result

_DEFAULT = "assumption"
"""Source of a cost for which nothing is said; where it is contained in another cost, the source says so."""


def free_notes(result: Result) -> list[str]:
    """A word where parts of the chip count as free because nothing is known of them.

    Parameters
    ----------
    result : Result
    """
    rows = [row for row in result.tables.get("ledger", []) if row["machine"] == "chip" and row["action"] != "static"]
    paid = {row["kind"] for row in rows if row["energy_j"]}
    free = sorted({row["kind"] for row in rows if row["source"] == _DEFAULT} - paid)
    if not free:
        return []
    return [f"Counted as free, as the architecture gives no energy for them: {', '.join(free)} (see chipsim check)."]
