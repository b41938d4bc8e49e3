"""The engine and the second one agree on tokens and recurrent layers (rules T80 to T84)."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from random_recurrent import BOUNDED, CHAIN, LOOPS, laid, sequences
from second_engine import SecondEngine
from small_machines import chip
from test_links_engines import ROUTERS
from test_periodic import both
from test_reduction_in_routers import ADD
from test_second_engine import compare, least_buffers, networks
from test_several_networks import STREAMS, side_by_side, workloads
from test_several_networks import second as second_of
from test_shared_tiles_engines import SHARING, together
from test_shared_tiles_engines import compare as compare_shared
from test_spilling import SPILLING, amounts
from test_topologies_engines import GRIDS, on

from chipsim.mapping.placement import gate_units
from chipsim.mapping.plan import Plan
from chipsim.network.edges import edges
from chipsim.network.graph import Network
from chipsim.simulation.building.wiring import build_machine
from chipsim.simulation.engine import simulate_chip
from chipsim.simulation.memories.buffers import least_capacities
from chipsim.simulation.together import simulate_together

SLOW = [HealthCheck.too_slow, HealthCheck.filter_too_much]
SUMS = st.sampled_from([{}, CHAIN])


def agree(plan: Plan, changes: dict[str, Any], inputs: int, *, least: bool = False, **options: Any) -> None:
    with least_buffers() if least else nullcontext():
        outcome = simulate_chip(plan, inputs, **options)
    in_flight = int(changes["host.max_inputs_in_flight"])
    second = SecondEngine(plan, inputs, in_flight, least=least, **options).run()
    compare(plan, outcome, second, inputs)
    busy = outcome.timeline.busy_ps
    gated = set(plan.gate_units.values())
    chain = [step for step in second.chain if step.name not in gated]
    assert {step.name: step.busy for step in chain} == {step.name: busy[step.name] for step in chain}


@settings(max_examples=150, suppress_health_check=SLOW)
@given(sequences(), LOOPS, SUMS, st.integers(1, 4), st.integers(1, 2), st.booleans())
def test_two_engines_agree(net, changes, sums, inputs, batch, drain):
    plan = laid(net, {**changes, **sums})
    assume(plan is not None)
    agree(plan, changes, inputs, batch=batch, drain=drain)


@settings(max_examples=100, suppress_health_check=SLOW)
@given(sequences(), LOOPS, SUMS, st.integers(1, 4))
def test_two_engines_agree_with_the_least_buffers_and_neither_deadlocks(net, changes, sums, inputs):
    plan = laid(net, {**changes, **sums, **BOUNDED})
    assume(plan is not None)
    agree(plan, changes, inputs, least=True)


@settings(max_examples=100, suppress_health_check=SLOW)
@given(st.data(), sequences(layers=3), LOOPS, SUMS, st.integers(1, 3), st.booleans())
def test_two_engines_agree_with_replicas_of_recurrent_matrices(data, net, changes, sums, inputs, bounded):
    plan = laid(net, {**changes, **sums, **(BOUNDED if bounded else {})}, data.draw)
    assume(plan is not None)
    agree(plan, changes, inputs, least=bounded)


@pytest.mark.parametrize("grid", GRIDS)
@settings(max_examples=15, suppress_health_check=SLOW)
@given(sequences(layers=3), LOOPS, SUMS, st.integers(1, 3), st.booleans())
def test_two_engines_agree_on_every_topology(grid, net, changes, sums, inputs, bounded):
    plan = laid(net, {**on(grid, changes), **sums, **(BOUNDED if bounded else {})})
    assume(plan is not None)
    agree(plan, changes, inputs, least=bounded)


@settings(max_examples=40, suppress_health_check=SLOW)
@given(sequences(layers=3), LOOPS, SUMS, st.integers(12, 30), st.booleans())
def test_the_jump_changes_nothing(net, changes, sums, inputs, bounded):
    plan = laid(net, {**changes, **sums, **(BOUNDED if bounded else {})})
    assume(plan is not None)
    with least_buffers() if bounded else nullcontext():
        both(plan, inputs)


@settings(max_examples=60)
@given(sequences())
def test_the_least_buffers_are_those_of_a_recursive_execution_on_demand(net: Network) -> None:
    """T83, and a feedback edge needs as many positions as it lags behind."""
    plan = laid(net, {"grid.shape": "[12, 12]", "tile.crossbar.rows": 64, "digital_unit.tiles_per_unit": 12})
    assert plan is not None
    found = edges(net)
    least = least_capacities(found, {name: layer.positions for name, layer in net.layers.items()})
    again = SecondEngine(plan, 1, 1).least()
    assert {(edge.consumer, edge.operand): count for edge, count in zip(found, least, strict=True)} == again
    for edge, capacity in zip(found, least, strict=True):
        delay = getattr(net.layers.get(edge.consumer), "delay", 0)
        if delay:
            assert capacity <= delay


@settings(max_examples=120, suppress_health_check=SLOW)
@given(
    sequences(layers=3), LOOPS, SHARING, st.sampled_from([1, 2, 3, 0]), st.integers(1, 2), st.integers(1, 3),
    st.booleans(),
)  # fmt: skip
def test_two_engines_agree_where_loops_share_tiles_and_neuron_units(
    net, changes, sharing, tiles, copies, inputs, bounded
):
    plan = together(net, {**changes, **sharing, **(BOUNDED if bounded else {})}, tiles, copies)
    assume(plan is not None)
    plan = replace(plan, gate_units=gate_units(net, plan.layers))
    with least_buffers() if bounded else nullcontext():
        outcome = simulate_chip(plan, inputs)
    second = SecondEngine(plan, inputs, int(changes["host.max_inputs_in_flight"]), least=bounded).run()
    compare_shared(plan, outcome, second, inputs)


@settings(max_examples=60, suppress_health_check=SLOW)
@given(sequences(layers=3), LOOPS, ROUTERS, SUMS, st.integers(1, 3), st.booleans(), st.sampled_from([0, 3]))
def test_two_engines_agree_where_routers_have_bounded_buffers(net, changes, router, sums, inputs, bounded, more):
    """T60: what goes round the loop drains, though routers hold hardly more than one packet."""
    changes = {**changes, **router, **sums, **(BOUNDED if bounded else {})}
    plan = laid(net, changes)
    assume(plan is not None)
    largest = max(flow.bytes for flow in build_machine(plan, 1).interconnect.flows)
    plan = laid(net, {**changes, "router.buffer": f"{largest + more} B"})
    agree(plan, changes, inputs, least=bounded)


@settings(max_examples=80, suppress_health_check=SLOW)
@given(
    sequences(layers=3), LOOPS, SHARING, SPILLING, st.sampled_from([0, 0, 1, 2]), st.integers(1, 2), st.integers(1, 3)
)
def test_two_engines_agree_where_line_buffers_of_loops_spill(net, changes, sharing, spilling, tiles, copies, inputs):
    """T75: also the state that comes back to a recurrent matrix may be far."""
    plan = together(net, {**changes, **sharing, **spilling}, tiles, copies)
    assume(plan is not None)
    plan = replace(plan, gate_units=gate_units(net, plan.layers))
    outcome = simulate_chip(plan, inputs)
    second = SecondEngine(plan, inputs, int(changes["host.max_inputs_in_flight"])).run()
    compare_shared(plan, outcome, second, inputs)
    assert amounts(outcome) == {"write": second.shared.written, "read": second.shared.read}


@settings(max_examples=40, suppress_health_check=SLOW)
@given(
    sequences(layers=3),
    st.one_of(sequences(layers=3), networks(layers=3)),
    LOOPS,
    st.lists(STREAMS, min_size=2, max_size=2),
)
def test_two_engines_agree_where_several_networks_have_loops(net, beside, changes, streams):
    works = workloads(side_by_side([net, beside], chip(changes)), streams)
    found, engines = simulate_together(works), second_of(works, int(changes["host.max_inputs_in_flight"]))
    for outcome, other in zip(found.networks, engines, strict=True):
        assert (outcome.done_ps, outcome.released_ps) == (other.done, other.released)
    moved = {(a, b): (packets, size, held) for _, a, b, packets, size, held in found.links if packets}
    assert moved == {edge: (q.packets, q.bytes, q.busy) for edge, q in engines[0].links.items()}
    assert {name: q.busy for name, q in engines[0].units.items()} == {n: found.busy_ps[n] for n in engines[0].units}


@settings(max_examples=60, suppress_health_check=SLOW)
@given(sequences(), LOOPS, st.integers(1, 3), st.booleans())
def test_two_engines_agree_where_routers_add_the_sums_of_a_loop(net, changes, inputs, bounded):
    """T64."""
    plan = laid(net, {**changes, **ADD, **(BOUNDED if bounded else {})})
    assume(plan is not None)
    agree(plan, changes, inputs, least=bounded)
