"""`loop_ps`: how long an input is kept in each loop of recurrent layers, at least (rules T81 to T84)."""

from __future__ import annotations

from chipsim.architecture.chip import Chip
from chipsim.mapping.plan import LayerPlan, Plan, Slice
from chipsim.network.layers import GateLayer
from chipsim.network.loops import Loop, loops
from chipsim.simulation.core.durations import bytes_of, gate_service_ps, mvm_phases, neuron_service_ps
from chipsim.units import duration_ps, to_ps


def loop_ps(plan: Plan) -> dict[str, int]:
    """Time that the steps of one input keep the recurrent matrix of each loop from the next input.

    Parameters
    ----------
    plan : Plan

    Returns
    -------
    dict of str to int
        Layer that gives a loop's state -> the time between its recurrent matrix's first and last MVM of an input, if
        nothing on the way round ever waits.
    """
    found = {}
    for state, loop in loops(plan.network).items():
        rounds = -(-loop.state.positions // loop.recurrent.delay) - 1
        found[state] = rounds * way_ps(plan, loop)
    return found


def way_ps(plan: Plan, loop: Loop) -> int:
    """One way round: from the gates over the matrices back to the gates, no packet ever waiting."""
    way = _gates_ps(plan, loop.state) + _product_ps(plan, plan.layers[loop.recurrent.name], loop.state.name)
    if loop.reset is not None and loop.candidate is not None:
        way += _gates_ps(plan, loop.reset) + _product_ps(plan, plan.layers[loop.candidate.name], loop.state.name)
    return way


def _gates_ps(plan: Plan, layer: GateLayer) -> int:
    spec = plan.chip.spec
    return gate_service_ps(spec, layer.element_operations, layer.positions) + to_ps(spec.neuron_unit.latency)


def _product_ps(plan: Plan, layer: LayerPlan, state: str) -> int:
    """From a result of the gates to a matrix's product at the gates: over the slowest slice of the fastest copy."""
    unit = plan.gate_units[state]
    copies = [[part for part in layer.slices if part.replica.number == copy] for copy in range(layer.replicas)]
    return min(max(_slice_ps(plan, part, unit) for part in parts) for parts in copies)


def _slice_ps(plan: Plan, part: Slice, unit: str) -> int:
    chip, spec = plan.chip, plan.chip.spec
    chained = spec.neuron_unit.partial_sums == "chain"
    there = max(
        _packet_ps(chip, unit, placed.tile, placed.block.rows)
        + mvm_phases(spec, placed.block.rows, placed.block.columns).latency_ps
        for placed in (part.blocks[:1] if chained else part.blocks)
    )
    service = neuron_service_ps(spec, 1 if chained else len(part.blocks), part.channels)
    return (
        there + service + to_ps(spec.neuron_unit.latency) + _packet_ps(chip, part.neuron_unit, unit, part.channels)
    )  # fmt: skip


def _packet_ps(chip: Chip, source: str, target: str, values: int) -> int:
    """A packet on links that are free (T10): the slowest link's time, and latencies and delays on the way."""
    spec, flit = chip.spec, chip.spec.link.flit_bytes
    size = bytes_of(values, spec.widths.activation_bits) + spec.widths.packet_header_bytes
    size = -(-size // flit) * flit
    edges = [chip.graph.edges[edge] for edge in chip.path(source, target)]
    slowest = max(duration_ps(size, edge["bandwidth_bytes_per_s"]) for edge in edges)
    return slowest + sum(to_ps(edge["latency_s"]) + to_ps(edge["delay_s"]) for edge in edges)
