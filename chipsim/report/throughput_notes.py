"""`throughput_notes`: where too few inputs make the throughput mean little."""

from __future__ import annotations

from typing import Any

from chipsim.report.metrics import METRICS

_TOLERANCE = 1.05


def throughput_notes(chip: dict[str, Any], inputs: int) -> list[str]:
    """A word where there is no throughput, or where the last outputs came faster than the busiest part can go on.

    Parameters
    ----------
    chip : dict
        Of ``Result.data``.
    inputs : int
        Of the run.
    """
    rate, busiest = chip["throughput_inputs_per_s"], chip.get("busiest")
    if rate is None:
        return ["No steady throughput below 4 inputs; TOPS are over the makespan."]
    if not busiest or not busiest["utilisation"]:
        return []
    bound = inputs / (busiest["utilisation"] * chip["makespan_s"])
    if rate <= _TOLERANCE * bound:
        return []
    component = busiest["component"].replace("->", " -> ")
    return [
        f"Throughput is that of the last outputs; {inputs:,} inputs are too few for a steady stream. A long one is "
        f"held below {METRICS['throughput_inputs_per_s'].show(bound)} by {component} alone: give more inputs (--data)."
    ]
