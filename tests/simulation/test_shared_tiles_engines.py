"""Tiles with several blocks, shared converters and neuron units: the engine against the second one (T70 to T73)."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from packing import shared
from second_engine import SecondEngine
from small_machines import chip
from test_second_engine import BOUNDED, CHIPS, least_buffers, networks

from chipsim.errors import CapacityError
from chipsim.mapping.placement import place
from chipsim.mapping.plan import Plan
from chipsim.network.graph import Network
from chipsim.simulation.chip_outcome import ChipOutcome
from chipsim.simulation.engine import simulate_chip

SHARING = st.fixed_dictionaries(
    {
        "tile.crossbars": st.sampled_from([1, 2, 4]),
        "tile.adc.crossbars_per_adc": st.sampled_from([1, 2]),
        "tile.output_ports": st.sampled_from(["per-tile", "per-crossbar"]),
        "tile.mvm_latency": st.sampled_from([None, None, "20 ns"]),
        "tile.dac.encoding": st.sampled_from(["pulse-width", "bit-serial"]),
        "tile.crossbar.rows": st.sampled_from([9, 16, 64]),
        "tile.crossbar.columns": st.sampled_from([4, 8, 16]),
        "grid.shape": st.just("[6, 6]"),
        "neuron_unit.tiles_per_unit": st.sampled_from([1, 1, 2, 5]),
    }
)


def together(net: Network, changes: dict[str, Any], tiles: int, copies: int) -> Plan | None:
    """The blocks of a network on the fewest tiles of a chip, at least so many; in order, one to an array, from none."""
    if changes["tile.crossbars"] % changes["tile.adc.crossbars_per_adc"]:
        changes = {**changes, "tile.adc.crossbars_per_adc": 1}
    try:
        plan = place(net, chip(changes), {layer.name: min(copies, layer.positions) for layer in net.matrix_layers})
    except CapacityError:
        return None
    return shared(plan, tiles) if tiles else plan


def compare(plan: Plan, outcome: ChipOutcome, second: SecondEngine, inputs: int) -> None:
    assert outcome.done_ps == second.done
    assert outcome.tile_mvms == {t.name: len(t.own) * inputs for t in second.tiles}
    moved = {(a, b): (packets, size, busy) for _, a, b, packets, size, busy in outcome.links if packets}
    assert moved == {edge: (q.packets, q.bytes, q.busy) for edge, q in second.links.items()}
    busy: dict[str, int] = defaultdict(int)
    alone = {tile.name: tile.busy for tile in second.tiles if tile.name not in second.shared.places}
    for placed in plan.blocks:
        array = second.shared.arrays.get((placed.tile, placed.crossbar))
        busy[placed.array] = alone[placed.name] if array is None else array.busy
    for neuron in second.neurons:
        busy[neuron.name] += neuron.busy
    for step in second.chain:
        if step.name not in second.shared.units:
            busy[step.name] = step.busy
    for name, unit in second.units.items():
        busy[name] = unit.busy
    assert busy == {name: outcome.timeline.busy_ps[name] for name in busy}
    of_blocks: dict[str, int] = defaultdict(int)
    for placed in plan.blocks:
        of_blocks[placed.array] += outcome.block_busy_ps[placed.name]
    assert all(time == busy[name] <= outcome.makespan_ps for name, time in of_blocks.items())
    peaks = sorted((p.producer, p.consumer, p.component, p.positions) for p in outcome.buffer_peaks)
    assert peaks == sorted(
        (r.producer, r.consumer, r.component, r.peak) for r in second.readers if r not in second.outputs
    )


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(networks(8), CHIPS, SHARING, st.sampled_from([1, 2, 3, 0]), st.integers(1, 2), st.integers(1, 4), st.booleans())
def test_two_engines_agree_on_shared_tiles(
    net: Network, changes: dict[str, Any], sharing: dict[str, Any], tiles: int, copies: int, inputs: int, drain: bool
) -> None:
    plan = together(net, {**changes, **sharing}, tiles, copies)
    if plan is None:
        return
    outcome = simulate_chip(plan, inputs, drain=drain)
    second = SecondEngine(plan, inputs, int(changes["host.max_inputs_in_flight"]), drain=drain).run()
    compare(plan, outcome, second, inputs)


@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(networks(8), CHIPS, SHARING, st.sampled_from([1, 2, 3, 0]), st.integers(1, 4))
def test_two_engines_agree_with_the_least_buffers_and_neither_deadlocks(
    net: Network, changes: dict[str, Any], sharing: dict[str, Any], tiles: int, inputs: int
) -> None:
    plan = together(net, {**changes, **sharing, **BOUNDED}, tiles, 1)
    if plan is None:
        return
    with least_buffers():
        outcome = simulate_chip(plan, inputs)
    second = SecondEngine(plan, inputs, int(changes["host.max_inputs_in_flight"]), least=True).run()
    compare(plan, outcome, second, inputs)
