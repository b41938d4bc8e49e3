"""Leaving out whole periods of several networks gives the integers of simulating every input (rule T101)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from random_recurrent import LOOPS, sequences
from small_machines import chip, conv, dense, network, source
from test_periodic import same
from test_reduction_in_routers import ADD
from test_second_engine import BOUNDED, CHIPS, least_buffers, networks
from test_several_networks import compare, second, side_by_side
from test_spilling import ROUTERS, SPILLING
from test_topologies_engines import GRIDS, on

from chipsim.simulation.periodic.regime import TIES
from chipsim.simulation.periodic.tie_spread import TieSpread
from chipsim.simulation.together import Together, Workload, simulate_together
from chipsim.simulation.units.arrivals import parse_arrivals

SLOW = [HealthCheck.too_slow, HealthCheck.filter_too_much]
RATES = (None, None, None, "1000000/s", "3/us", "20/us")
LONG_STREAMS = st.tuples(st.integers(3, 80), st.integers(1, 3), st.booleans(), st.sampled_from(RATES))
TWO = st.lists(networks(layers=3), min_size=2, max_size=2)
SUMS = st.sampled_from([{}, {"neuron_unit.partial_sums": "chain"}, ADD])


def workloads(plans: list[Any], streams: list[Any]) -> list[Workload]:
    found = []
    for plan, (inputs, batch, drain, rate) in zip(plans, streams, strict=True):
        times = None if rate is None else parse_arrivals(rate).times_ps(inputs, batch, 0)
        found.append(Workload(plan=plan, inputs=inputs, batch=batch, drain=drain, arrivals_ps=times))
    return found


def both(works: list[Workload], **options: Any) -> Together:
    """Simulate with and without the jump, compare, and return the one with it."""
    jumped, every = simulate_together(works, **options), simulate_together(works, **options, exact_all=True)
    for one, other, work in zip(jumped.networks, every.networks, works, strict=True):
        assert other.simulated.inputs == work.inputs
        same(one, other)
    assert jumped.busy_ps == every.busy_ps
    assert jumped.links == every.links
    assert jumped.static.rows() == every.static.rows()
    return jumped


@settings(max_examples=60, suppress_health_check=SLOW)
@given(
    st.lists(networks(layers=3), min_size=2, max_size=3), CHIPS, ROUTERS, SUMS,
    st.lists(LONG_STREAMS, min_size=3, max_size=3), st.sampled_from([0, 0, 2, 11]),
)  # fmt: skip
def test_the_jump_changes_nothing(nets, changes, routers, sums, streams, trace):
    changes = {**changes, **routers, **sums, "grid.shape": "[6, 6]"}
    both(workloads(side_by_side(nets, chip(changes)), streams[: len(nets)]), trace_inputs=trace)


@settings(max_examples=40, suppress_health_check=SLOW)
@given(TWO, CHIPS, ROUTERS, st.lists(LONG_STREAMS, min_size=2, max_size=2))
def test_the_jump_changes_nothing_with_the_least_buffers(nets, changes, routers, streams):
    works = workloads(side_by_side(nets, chip({**changes, **routers, **BOUNDED, "grid.shape": "[6, 6]"})), streams)
    with least_buffers():
        both(works)


@settings(max_examples=40, suppress_health_check=SLOW)
@given(TWO, CHIPS, SPILLING, ROUTERS, st.lists(LONG_STREAMS, min_size=2, max_size=2))
def test_the_jump_changes_nothing_where_buffers_spill(nets, changes, spilling, routers, streams):
    changes = {**changes, **spilling, **routers, "grid.shape": "[6, 6]"}
    both(workloads(side_by_side(nets, chip(changes)), streams))


@settings(max_examples=40, suppress_health_check=SLOW)
@given(
    st.tuples(networks(layers=3), sequences(layers=2)).map(list), LOOPS, SUMS,
    st.lists(LONG_STREAMS, min_size=2, max_size=2),
)  # fmt: skip
def test_the_jump_changes_nothing_beside_loops(nets, changes, sums, streams):
    both(workloads(side_by_side(nets, chip({**changes, **sums})), streams))


@pytest.mark.parametrize("grid", GRIDS)
@settings(max_examples=10, suppress_health_check=SLOW)
@given(TWO, CHIPS, ROUTERS, st.lists(LONG_STREAMS, min_size=2, max_size=2))
def test_the_jump_changes_nothing_on_every_topology(grid, nets, changes, routers, streams):
    both(workloads(side_by_side(nets, chip({**on(grid, changes), **routers})), streams))


@settings(max_examples=30, suppress_health_check=SLOW)
@given(
    st.lists(networks(layers=2), min_size=2, max_size=3), CHIPS, ROUTERS,
    st.lists(st.integers(60, 250), min_size=3, max_size=3),
)  # fmt: skip
def test_the_jump_changes_nothing_of_long_streams_at_paces_of_their_own(nets, changes, routers, inputs):
    plans = side_by_side(nets, chip({**changes, **routers, "grid.shape": "[6, 6]"}))
    both(workloads(plans, [(count, 1, False, None) for count in inputs[: len(nets)]]))


@settings(max_examples=15, suppress_health_check=SLOW)
@given(TWO, CHIPS, st.integers(24, 30), st.integers(24, 60))
def test_the_second_engine_agrees_with_the_jump(nets, changes, first, other):
    works = workloads(
        side_by_side(nets, chip({**changes, "grid.shape": "[6, 6]"})),
        [(first, 1, False, None), (other, 1, False, None)],
    )
    compare(simulate_together(works), second(works, int(changes["host.max_inputs_in_flight"])))


FAST = {"grid.shape": "[2, 3]", "host.max_inputs_in_flight": 2}


def two(changes: dict[str, Any], inputs: tuple[int, ...], sizes: tuple[int, ...] = (4, 8)) -> list[Workload]:
    nets = [network([source(size), dense("a", "x", size, 4)]) for size in sizes]
    return workloads(side_by_side(nets, chip({**FAST, **changes})), [(count, 1, False, None) for count in inputs])


def test_two_that_take_turns_at_the_host_s_port_are_left_out_together():
    """One of 4 bytes and one of 8: one input of each, turn by turn, for as long as both go on."""
    found = both(two({"host.bandwidth": "10 MB/s"}, (400, 400)))
    assert [outcome.simulated.period_inputs for outcome in found.networks] == [1, 1]
    assert all(outcome.simulated.inputs < 60 for outcome in found.networks)


def test_networks_at_paces_of_their_own_are_left_out_too():
    """The second one falls back by an input in five, until all of it comes first: no tie is open then."""
    nets = [
        network([source(4), dense("a", "x", 4, 4)]),
        network([source(4), dense("b", "x", 4, 4), dense("c", "b", 4, 4)]),
    ]
    plans = side_by_side(nets, chip({**FAST, "neuron_unit.rate": "100 Gop/s"}))
    found = both([Workload(plan=plan, inputs=count) for plan, count in zip(plans, (3000, 900), strict=True)])
    assert [outcome.simulated.period_inputs for outcome in found.networks] == [5, 4]
    assert all(outcome.simulated.inputs < 100 for outcome in found.networks)


def test_when_one_is_done_the_others_are_left_out_again():
    found = both(two({"host.bandwidth": "10 MB/s"}, (100, 5000)))
    assert found.networks[1].simulated.inputs < 300


def test_all_is_simulated_where_one_that_fell_back_catches_up_when_a_third_is_done():
    """Behind the first one's large inputs the second one falls back; without them it overtakes the third."""
    x = source(1, 2, 2)
    nets = [network([source(128), dense("a", "x", 128, 4)]), network([source(4), dense("b", "x", 4, 4)])]
    nets.append(network([x, conv("c", x, 4, 1)]))
    changes = {
        "grid.shape": "[2, 4]", "host.max_inputs_in_flight": 3, "host.bandwidth": "100 MB/s",
        "tile.crossbar.rows": 128, "tile.mvm_latency": "300 ns",
    }  # fmt: skip
    streams = [(150, 1, False, None), (900, 1, True, None), (400, 1, False, None)]
    found = both(workloads(side_by_side(nets, chip(changes)), streams))
    assert {outcome.simulated.why_all for outcome in found.networks} == {TIES}


def spread(done: list[int], in_flight: list[int]) -> TieSpread:
    found = TieSpread(lambda: done, in_flight, lambda number: True)
    found.begin()
    return found


def test_ties_are_settled_where_both_go_on_by_as_many_or_one_is_far_ahead():
    done = [10, 10]
    seen = spread(done, [2, 2])
    assert seen.keeps([3, 3])
    assert not seen.keeps([3, 2])
    done[0] = 30
    seen = spread(done, [2, 2])
    assert seen.keeps([3, 2])
    assert not seen.keeps([2, 3])  # the one behind comes nearer
    done[0] = 12  # meanwhile they were nearer
    seen.note()
    assert not seen.keeps([3, 2])


def test_ties_are_open_where_the_order_is_another_one_without_what_was_left_out():
    done = [30, 10]
    seen = spread(done, [2, 2])
    assert not seen.is_open()
    seen.skipped = [100, 40]
    assert not seen.is_open()
    done[1] = 27
    assert seen.is_open()  # 3 ahead, really 63
    seen.skipped = [40, 40]
    assert not seen.is_open()
    done[1] = 60
    seen.skipped = [100, 40]
    assert seen.is_open()  # behind, really ahead
