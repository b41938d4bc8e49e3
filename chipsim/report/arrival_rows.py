"""`arrival_rows`: how inputs that come at a rate fare, on both machines."""

from __future__ import annotations

from typing import Any

from chipsim.report.metrics import plain, scaled

_ROWS = (
    ("Inputs offered", "offered_inputs_per_s", plain("inputs/s")),
    ("Latency, 95 % below", "latency_p95_s", scaled("s")),
    ("Latency, most", "latency_max_s", scaled("s")),
    ("Waits at host, mean", "queue_mean_s", scaled("s")),
    ("  99 % below", "queue_p99_s", scaled("s")),
    ("Inputs waiting, mean", "queue_mean_inputs", plain("inputs")),
)


def arrival_rows(data: dict[str, Any]) -> list[tuple[str, str, str]]:
    """(what, the chip's, the baseline's); nothing where all inputs are there from the beginning."""
    chip, other = data["chip"].get("arrivals"), (data["baseline"] or {}).get("arrivals") or {}
    if not chip:
        return []
    return [(label, show(chip[key]), show(other.get(key))) for label, key, show in _ROWS]


def saturation_notes(data: dict[str, Any]) -> list[str]:
    """A warning for each machine that cannot keep up."""
    notes = []
    for machine in (data["chip"], data["baseline"] or {}):
        arrivals = machine.get("arrivals")
        if arrivals and arrivals["saturated"]:
            offered, served = (plain("inputs/s")(arrivals[f"{what}_inputs_per_s"]) for what in ("offered", "served"))
            notes.append(
                f"Warning: {machine['name']} is offered {offered} and serves {served}; "
                "the queue grows, and latencies with the number of inputs."
            )
    return notes


def arrival_words(data: dict[str, Any]) -> str:
    """How inputs come, for the line about them."""
    arrivals = data["settings"].get("arrivals")
    return f", arriving at {arrivals.strip()}" if arrivals else ""
