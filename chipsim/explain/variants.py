"""`what_if_rows`, `what_if_rows_of_all`: what-if runs as `chipsim explain` prints and writes them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from chipsim.simulation.explaining.what_if import Variant
from chipsim.simulation.explaining.what_if_together import OfAll


def what_if_rows(faster: float, inputs: int, variants: Sequence[Variant]) -> dict[str, Any]:
    """Of one network.

    Parameters
    ----------
    faster : float
    inputs : int
        Of each simulation.
    variants : sequence of Variant
        The chip as it is first.
    """
    return {"faster": faster, "inputs": inputs, "variants": [_row(variant, variants[0]) for variant in variants]}


def what_if_rows_of_all(
    faster: float, inputs: Sequence[int], variants: Sequence[OfAll], labels: Sequence[str], asked: int
) -> dict[str, Any]:
    """Of several networks: of each variant a row for every network, the one that is asked about first.

    Parameters
    ----------
    faster : float
    inputs : sequence of int
        Of each network in each simulation.
    variants : sequence of OfAll
        The chip as it is first.
    labels : sequence of str
        Of the networks.
    asked : int
        The one that is asked about.
    """
    order = [asked, *(number for number in range(len(labels)) if number != asked)]
    rows = [
        {"network": labels[number], **_row(variant[number], variants[0][number]), "inputs": inputs[number]}
        for variant in variants
        for number in order
    ]
    return {"faster": faster, "inputs": inputs[asked], "variants": rows}


def _row(variant: Variant, today: Variant) -> dict[str, Any]:
    return {
        "what": variant.what, "change": variant.change, "fields": " ".join(variant.fields),
        "throughput_inputs_per_s": variant.throughput_inputs_per_s,
        "throughput_gain": _ratio(variant.throughput_inputs_per_s, today.throughput_inputs_per_s),
        "latency_first_input_s": variant.latency_s, "latency_gain": _ratio(today.latency_s, variant.latency_s),
        "busiest": variant.busiest,
    }  # fmt: skip


def _ratio(above: float | None, below: float | None) -> float | None:
    return above / below if above and below else None
