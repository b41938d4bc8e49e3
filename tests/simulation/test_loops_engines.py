"""The engine and the second one agree on tokens and recurrent layers (rules T80 to T84)."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from random_recurrent import BOUNDED, CHAIN, LOOPS, laid, sequences
from recurrent_engines import (
    agree,
    agree_on,
    agree_on_shared_tiles,
    agree_where_buffers_spill,
    check_jump,
    check_least_buffers,
)
from small_machines import chip
from test_links_engines import ROUTERS
from test_reduction_in_routers import ADD
from test_second_engine import networks
from test_several_networks import STREAMS, side_by_side, workloads
from test_several_networks import second as second_of
from test_shared_tiles_engines import SHARING
from test_spilling import SPILLING
from test_topologies_engines import GRIDS, on

from chipsim.network.graph import Network
from chipsim.simulation.building.wiring import build_machine
from chipsim.simulation.together import simulate_together

SLOW = [HealthCheck.too_slow, HealthCheck.filter_too_much]
SUMS = st.sampled_from([{}, CHAIN])


@settings(max_examples=150, suppress_health_check=SLOW)
@given(sequences(), LOOPS, SUMS, st.integers(1, 4), st.integers(1, 2), st.booleans())
def test_two_engines_agree(net, changes, sums, inputs, batch, drain):
    agree_on(net, {**changes, **sums}, inputs, batch=batch, drain=drain)


@settings(max_examples=100, suppress_health_check=SLOW)
@given(sequences(), LOOPS, SUMS, st.integers(1, 4))
def test_two_engines_agree_with_the_least_buffers_and_neither_deadlocks(net, changes, sums, inputs):
    agree_on(net, {**changes, **sums}, inputs, bounded=True)


@settings(max_examples=100, suppress_health_check=SLOW)
@given(st.data(), sequences(layers=3), LOOPS, SUMS, st.integers(1, 3), st.booleans())
def test_two_engines_agree_with_replicas_of_recurrent_matrices(data, net, changes, sums, inputs, bounded):
    agree_on(net, {**changes, **sums}, inputs, bounded=bounded, draw=data.draw)


@pytest.mark.parametrize("grid", GRIDS)
@settings(max_examples=15, suppress_health_check=SLOW)
@given(sequences(layers=3), LOOPS, SUMS, st.integers(1, 3), st.booleans())
def test_two_engines_agree_on_every_topology(grid, net, changes, sums, inputs, bounded):
    agree_on(net, {**on(grid, changes), **sums}, inputs, bounded=bounded)


@settings(max_examples=40, suppress_health_check=SLOW)
@given(sequences(layers=3), LOOPS, SUMS, st.integers(12, 30), st.booleans())
def test_the_jump_changes_nothing(net, changes, sums, inputs, bounded):
    check_jump(net, {**changes, **sums}, inputs, bounded=bounded)


@settings(max_examples=60)
@given(sequences())
def test_the_least_buffers_are_those_of_a_recursive_execution_on_demand(net: Network) -> None:
    check_least_buffers(net)


@settings(max_examples=120, suppress_health_check=SLOW)
@given(
    sequences(layers=3), LOOPS, SHARING, st.sampled_from([1, 2, 3, 0]), st.integers(1, 2), st.integers(1, 3),
    st.booleans(),
)  # fmt: skip
def test_two_engines_agree_where_loops_share_tiles_and_neuron_units(
    net, changes, sharing, tiles, copies, inputs, bounded
):
    agree_on_shared_tiles(net, {**changes, **sharing}, inputs, tiles=tiles, copies=copies, bounded=bounded)


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
    agree_where_buffers_spill(net, {**changes, **sharing, **spilling}, inputs, tiles=tiles, copies=copies)


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
    agree_on(net, {**changes, **ADD}, inputs, bounded=bounded)
