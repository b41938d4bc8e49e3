"""`fitting`: what a file of programmings must have in common with the run that reads it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from chipsim.architecture.fault_map import fault_map_sha256
from chipsim.crossbar.precision import Precision
from chipsim.mapping.plan import Plan

_PARTS = ("crossbar", "dac", "adc", "digital_scale", "programming", "compensation")  # of `tile`


def fitting(plan: Plan, precision: Precision) -> dict[str, Any]:
    """What a file of programmings must have in common with a run: network, parts of the tile, and blocks."""
    tile = plan.chip.spec.tile.model_dump(mode="json")
    parts = {name: _text_sha256(tile.get(name)) for name in _PARTS}
    blocks = [
        [name, placed.matrix, block.row, block.column, block.rows, block.columns, placed.replica.number]
        + [layer.layer.shares] * bool(placed.reader)
        for name, layer in plan.layers.items()
        for placed in layer.blocks
        for block in (placed.block,)
    ]
    faults = {"fault map": fault_map_sha256(plan.chip.spec.tile.crossbar.faults.map)}
    neurons = {"neuron units": "analog"} if plan.chip.spec.neuron_unit.activation == "analog" else {}
    return {
        "network": plan.network.sha256,
        **parts,
        **faults,
        **neurons,
        "blocks": _text_sha256(blocks),
        "precision": precision,
    }


def different_parts(stored: Mapping[str, Any], wanted: Mapping[str, Any]) -> str:
    """Names of what differs, as words; empty where nothing does.

    Examples
    --------
    >>> different_parts({"dac": 1, "adc": 2, "blocks": 3}, {"dac": 0, "adc": 0, "blocks": 0})
    'dac, adc and blocks'
    """
    both = dict.fromkeys(stored) | dict(wanted)
    names = [name for name, value in both.items() if stored.get(name) != value]
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _text_sha256(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
