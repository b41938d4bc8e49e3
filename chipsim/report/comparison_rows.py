"""`comparison_table` and `comparison_numbers`: mappings of one network side by side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from chipsim.report.grid import add_column, new_table
from chipsim.report.metrics import plain
from chipsim.units import human

if TYPE_CHECKING:
    from chipsim.mapping.plan import Plan
    from chipsim.planning.compare import Compared
    from chipsim.planning.estimate import Estimate

_RATE = plain("inputs/s")

COMPARED_HOW = (
    "Times only: energy that depends on values is not included. Throughput is that of a long stream: exact with a "
    "period, after which the state comes back; else the mean over whole rounds of the inputs in flight, or what the "
    "busiest part by the estimate allows where that is less."
)
"""What stands below the table."""


_BASIS = {"period": "period of {outputs:,}", "mean": "mean of {outputs:,}", "limit": "limit by the estimate"}


def comparison_table(found: Mapping[str, Compared]) -> Table:
    """A column per mapping.

    Parameters
    ----------
    found : mapping of str to Compared
    """
    first = next(iter(found.values()))
    plan = first.plan
    table = new_table(f"{plan.network.name} on {plan.chip.spec.name}, simulated")
    add_column(table, "mapping")
    for name in found:
        add_column(table, name, right=True)
    rows = {name: _cells(each) for name, each in found.items()}
    for label in next(iter(rows.values())):
        table.add_row(Text(label), *(Text(cells[label]) for cells in rows.values()))
    return table


def _cells(each: Compared) -> dict[str, str]:
    plan, estimated = each.plan, each.estimated
    return {
        "tiles": f"{plan.tiles_used:,}",
        "blocks": f"{len(plan.stored_blocks):,}",
        "throughput": _RATE(each.throughput_inputs_per_s),
        "known from": _BASIS[each.pace.basis].format(outputs=each.pace.outputs),
        "inputs simulated": f"{each.pace.inputs:,}",
        "estimate": _RATE(estimated.throughput_inputs_per_s),
        "estimate's error": f"{estimated.error(each.throughput_inputs_per_s):+.1%}",
        "limit by the estimate": estimated.limit.replace("->", " -> "),
        "latency, first input": human(each.latency_s, "s"),
        "hop-bytes per input": f"{estimated.hop_bytes:,}",
        "energy per input": human(each.energy_per_input_j, "J"),
    }


def comparison_numbers(found: Mapping[str, Compared]) -> list[dict[str, Any]]:
    """The same for JSON."""
    return [
        {
            "mapping": name,
            "tiles_used": each.plan.tiles_used,
            "blocks": len(each.plan.stored_blocks),
            "throughput_inputs_per_s": each.throughput_inputs_per_s,
            "throughput_basis": each.pace.basis,
            "inputs_simulated": each.pace.inputs,
            "latency_first_input_s": each.latency_s,
            "hop_bytes_per_input": each.estimated.hop_bytes,
            "energy_per_input_j": each.energy_per_input_j,
            "estimate": estimate_numbers(each.estimated)
            | {"error": each.estimated.error(each.throughput_inputs_per_s)},
        }
        for name, each in found.items()
    ]


def limit_line(plan: Plan, found: Estimate) -> str:
    """What limits throughput by the estimate, in a line; a tile or neuron unit is named with its layers."""
    layers = [
        name
        for name, layer in plan.layers.items()
        if found.limit in {placed.array for placed in layer.blocks}
        or found.limit in {plan.chip.neuron_unit_of(placed.tile) for placed in layer.blocks}
    ]
    of = f" (layer {', '.join(layers)})" if layers else ""
    return (
        f"limit by the estimate: {found.limit}{of}, {human(found.interval_ps * 1e-12, 's')} per input, at most "
        f"{_RATE(found.throughput_inputs_per_s)}; {found.hop_bytes:,} hop-bytes per input"
    )


def sharing_line(plan: Plan) -> str:
    """Tiles before and after sharing."""
    crossbars = plan.chip.spec.tile.crossbars
    before = -(-len(plan.blocks) // crossbars)
    shared = len(plan.shared_tiles)
    one = "one block per tile" if crossbars == 1 else f"one block per array, {crossbars} to a tile"
    return f"tiles: {before:,} with {one}, {plan.tiles_used:,} as mapped, {shared:,} of them with several blocks"


def estimate_numbers(found: Estimate) -> dict[str, Any]:
    """What is estimated of one plan."""
    return {
        "throughput_inputs_per_s": found.throughput_inputs_per_s,
        "limit": found.limit,
        "interval_s": found.interval_ps * 1e-12,
        "hop_bytes_per_input": found.hop_bytes,
        "layers_s": {name: time * 1e-12 for name, time in found.layers_ps.items()},
    }
