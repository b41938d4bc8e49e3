"""Causes of waiting, critical paths and what sets the pace: on random chips, and where the answer is known."""

from __future__ import annotations

from collections import defaultdict
from contextlib import nullcontext
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from small_machines import NS, chip, conv, dense, plan, source
from test_links_engines import GRIDS
from test_replicas import replicated
from test_second_engine import BOUNDED, CHIPS, least_buffers, networks, small_enough
from test_varying_engines import BASE, INPUTS, KINDS, random_lengths

from chipsim.errors import ConsistencyError
from chipsim.simulation.explaining.causes import binding
from chipsim.simulation.explaining.critical_path import Cycle, critical_path, steady_cycle
from chipsim.simulation.explaining.terms import INPUT, REGISTER, SPACE
from chipsim.simulation.explaining.traced_run import TracedRun
from chipsim.simulation.explaining.tracing import trace_run
from chipsim.simulation.explaining.waits import kind_of, waits

RANDOM = settings(max_examples=50, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
ROUTERS = st.fixed_dictionaries(
    {
        "router.switching": st.sampled_from(["cut-through", "store-and-forward"]),
        "router.arbitration": st.sampled_from(["age", "round-robin"]),
    }
)


def check(run: TracedRun) -> None:
    """Every activity starts at the latest of its terms; every path fills its input's latency without gap or overlap."""
    for span in run.spans:
        binding(run, span)
    for input, (release, done) in enumerate(zip(run.outcome.released_ps, run.outcome.done_ps, strict=True)):
        path = critical_path(run, input)
        assert path[0].start_ps == release
        assert path[-1].end_ps == done
        assert all(before.end_ps == after.start_ps for before, after in pairwise(path))
        assert all(segment.ps > 0 for segment in path)
        assert sum(segment.ps for segment in path) == done - release


@RANDOM
@given(networks(), CHIPS, ROUTERS, st.integers(1, 4), st.integers(1, 2), st.booleans())
def test_paths_fill_the_latency_of_every_input(net, changes, routers, inputs, batch, drain):
    plan = small_enough(net, {**changes, **routers})
    if plan is not None:
        check(trace_run(plan, inputs, batch, drain=drain))


@RANDOM
@given(networks(), CHIPS, st.integers(1, 4))
def test_paths_fill_the_latency_with_the_least_buffers(net, changes, inputs):
    plan = small_enough(net, {**changes, **BOUNDED})
    if plan is not None:
        with least_buffers():
            check(trace_run(plan, inputs))


@RANDOM
@given(networks(), CHIPS, st.sampled_from(["0 ns", "2 ns", "50 ns"]), st.booleans(), st.integers(1, 3))
def test_paths_fill_the_latency_where_sums_pass_from_tile_to_tile(net, changes, hop, bounded, inputs):
    chain = {"neuron_unit.partial_sums": "chain", "neuron_unit.hop_latency": hop}
    plan = small_enough(net, {**changes, **chain, **(BOUNDED if bounded else {})})
    if plan is not None:
        with least_buffers() if bounded else nullcontext():
            check(trace_run(plan, inputs))


@RANDOM
@given(st.data(), networks(layers=4), CHIPS, st.integers(1, 3))
def test_paths_fill_the_latency_with_replicas(data, net, changes, inputs):
    plan = replicated(data.draw, net, chip({**changes, "grid.shape": "[7, 7]"}))
    if plan is not None:
        check(trace_run(plan, inputs))


@RANDOM
@given(networks(), CHIPS, st.lists(st.integers(0, 400_000), min_size=1, max_size=4))
def test_paths_of_inputs_that_come_at_a_time_begin_there(net, changes, times):
    plan = small_enough(net, changes)
    if plan is not None:
        check(trace_run(plan, len(times), arrivals_ps=sorted(times)))


@RANDOM
@given(networks(layers=4), CHIPS)
def test_a_cycle_is_as_long_as_outputs_are_apart(net, changes):
    """Where outputs come at equal times, over one input or a few, what recurs on the path takes just so long."""
    plan = small_enough(net, changes)
    if plan is None:
        return
    run = trace_run(plan, 16)
    done = run.outcome.done_ps
    for period in (1, 2, 3):
        gaps = {done[i] - done[i - period] for i in range(8, 16)}
        if len(gaps) == 1:
            cycle = steady_cycle(run, 15)
            assert cycle is not None
            if cycle.inputs % period == 0:
                assert cycle.repeats
                assert cycle.interval_ps == gaps.pop() / period
            return


@pytest.mark.parametrize("grid", GRIDS)
@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(st.data(), networks(layers=4), CHIPS, ROUTERS, st.integers(1, 3))
def test_paths_fill_the_latency_over_links_that_are_unlike(grid, data, net, changes, routers, inputs):
    plan = small_enough(net, {**changes, **routers, **data.draw(GRIDS[grid])})
    if plan is not None:
        check(trace_run(plan, inputs))


@RANDOM
@given(networks(4), CHIPS, INPUTS, KINDS, st.integers(1, 3))
def test_paths_fill_the_latency_with_planes_that_overlap(net, changes, dac, adc, inputs):
    plan = small_enough(net, changes | BASE | dac | adc)
    if plan is not None:
        check(trace_run(plan, inputs))


@RANDOM
@given(networks(4), CHIPS, INPUTS, st.integers(1, 3))
def test_paths_fill_the_latency_where_every_mvm_takes_its_own_time(net, changes, dac, inputs):
    stops = {"tile.adc.kind": "ramp", "tile.adc.early_stop": True, "tile.dac.early_stop": True}
    plan = small_enough(net, changes | BASE | dac | stops)
    if plan is not None:
        counts, _ = random_lengths(plan, inputs, np.random.default_rng(inputs), (True, True))
        check(trace_run(plan, inputs, counts=counts))


@RANDOM
@given(networks(), CHIPS, st.integers(1, 3))
def test_busy_and_waiting_fill_the_time_of_every_server(net, changes, inputs):
    """Until its last activity ends, a server works or waits; taken from the spans, server by server."""
    plan = small_enough(net, changes)
    if plan is None:
        return
    run = trace_run(plan, inputs)
    last: defaultdict[tuple[str, str], int] = defaultdict(int)
    for span in run.outcome.timeline.spans:
        last[span.activity, span.component] = max(last[span.activity, span.component], span.end_ps)
    found = waits(run, inputs - 1)
    for activity in ("load", "drain", "neuron", "digital", "transfer"):
        ends = sum(end for (what, _), end in last.items() if what == activity)
        assert sum(wait.busy_ps + wait.server_ps for wait in found if wait.activity == activity) == ends
    assert all(wait.work_ps == 0 for wait in found if wait.cause == INPUT)
    assert all(wait.work_ps >= 0 <= wait.server_ps for wait in found)
    outcome = run.outcome
    longest = max(done - before for done, before in zip(outcome.done_ps, outcome.released_ps, strict=True))
    assert all(wait.work_ps <= wait.count * longest for wait in found)


def test_work_that_needs_nothing_more_waits_since_what_came_before_it_was_there():
    """Inputs 100 us apart: the last of four positions reads padding beyond what the third one needed."""
    changes = {**FAST, "tile.register_banks": 1, "tile.mvm_latency": "1 us", "tile.adc.conversion_time": None}
    x = source(1, 1, 4)
    run = trace_run(plan([x, conv("a", x, 1, kernel=(1, 3), pads=(0, 1, 0, 1))], changes), 2, arrivals_ps=[0, 10**8])
    found = {(wait.activity, wait.cause): wait for wait in waits(run, 1) if wait.kind == "tile"}
    assert found["load", REGISTER].count == 2 * 3
    assert found["load", REGISTER].work_ps == pytest.approx(2 * (1 + 2 + 3) * 1e6, rel=0.01)


FAST = {
    "link.bandwidth": "1 TB/s", "link.latency": "0 ns", "router.delay": "1 ps", "host.bandwidth": "1 TB/s",
    "tile.buffer.bandwidth": "1 TB/s", "tile.output_bandwidth": "1 TB/s", "neuron_unit.rate": "1 Top/s",
    "tile.mvm_latency": None, "tile.adc.conversion_time": "10 ns", "tile.adc.columns_per_adc": 16,
}  # fmt: skip


def cycle_of(changes) -> tuple[TracedRun, Cycle]:
    """A chain of three tiles; the second one has four times as many columns to convert."""
    chain = [source(4), dense("a", "x", 4, 4), dense("b", "a", 4, 16), dense("c", "b", 16, 4)]
    run = trace_run(plan(chain, {**FAST, **changes}), 12)
    cycle = steady_cycle(run, 9)
    assert cycle is not None
    done = run.outcome.done_ps
    assert cycle.repeats
    assert cycle.interval_ps == (done[9] - done[9 - cycle.inputs]) / cycle.inputs
    return run, cycle


def test_the_slowest_tile_of_a_chain_sets_the_pace():
    _, cycle = cycle_of({"host.max_inputs_in_flight": 8})
    assert {(s.component, s.layer) for s in cycle.segments} == {("tile(0,1)", "b")}
    assert cycle.interval_ps >= 160 * NS
    assert not cycle.admits


def test_a_slow_link_sets_the_pace():
    run, cycle = cycle_of({"link.bandwidth": "20 MB/s", "host.max_inputs_in_flight": 8})
    assert {(s.layer, s.activity) for s in cycle.segments} == {("b", "transfer")}
    assert {kind_of(run, s.component) for s in cycle.segments} <= {"link", "port"}
    assert cycle.interval_ps == 16 * 50 * NS


def test_a_slow_host_sets_the_pace():
    _, cycle = cycle_of({"host.bandwidth": "10 MB/s", "host.max_inputs_in_flight": 8})
    [component] = {s.component for s in cycle.segments}
    assert "host" in component
    assert cycle.interval_ps == 4 * 100 * NS


def test_a_slow_neuron_unit_sets_the_pace():
    _, cycle = cycle_of({"neuron_unit.rate": "20 Mop/s", "host.max_inputs_in_flight": 8})
    assert {(s.component, s.layer) for s in cycle.segments} == {("neuron(0,1)", "b")}
    assert cycle.interval_ps == 16 * 50 * NS


def test_one_input_at_a_time_makes_its_latency_the_pace():
    run, cycle = cycle_of({"host.max_inputs_in_flight": 1})
    assert cycle.admits
    assert cycle.interval_ps == run.outcome.done_ps[0]


def test_a_path_by_hand():
    """One dense layer of 4 to 3 values, each way over host port, router port: T9, T12, T16 on paper."""
    changes = {"host.latency": "5 ns", "neuron_unit.latency": "7 ns", "grid.shape": "[1, 1]"}
    run = trace_run(plan([source(4), dense("a", "x", 4, 3)], changes), 1)
    path = [(s.activity, s.ps // NS) for s in critical_path(run, 0)]
    assert path == [
        ("latency", 5),  # of the host's port, which the head crosses while the bytes follow it
        ("transfer", 4),  # 4 bytes at 1 GB/s over the tile's port
        ("load", 4), ("mvm", 100), ("drain", 3), ("neuron", 3), ("latency", 7),
        ("transfer", 3), ("latency", 5),
    ]  # fmt: skip


def test_a_slow_link_before_a_fast_one_has_the_path():
    """The bytes of 100 MB/s ports follow their heads at their own pace: the faster ports beside them take no time."""
    changes = {"host.latency": "5 ns", "host.bandwidth": "100 MB/s", "grid.shape": "[1, 1]"}
    run = trace_run(plan([source(4), dense("a", "x", 4, 3)], changes), 1)
    path = [(s.activity, kind_of(run, s.component), s.ps // NS) for s in critical_path(run, 0)]
    assert path == [
        ("transfer", "host port", 40), ("latency", "host port", 5), ("load", "tile", 4), ("mvm", "tile", 100),
        ("drain", "tile", 3), ("neuron", "neuron_unit", 3), ("transfer", "host port", 30), ("latency", "host port", 5),
    ]  # fmt: skip


def test_values_that_pass_from_unit_to_unit_by_hand():
    """Two tiles, 4 columns, 10 ns a value and hop: the second unit ends a hop and a link after the first one (T48)."""
    changes = {
        "neuron_unit.partial_sums": "chain", "neuron_unit.hop_latency": "10 ns", "neuron_unit.rate": "100 Mop/s",
        "grid.shape": "[1, 2]", "host.bandwidth": "1 TB/s", "tile.buffer.bandwidth": "1 TB/s",
    }  # fmt: skip
    run = trace_run(plan([source(32), dense("a", "x", 32, 4)], changes), 1)
    path = critical_path(run, 0)
    neurons = [s for s in path if s.activity == "neuron"]
    assert [(s.component, s.ps // NS) for s in neurons] == [("neuron(0,0)", 40)]
    handed = [s for s in path if s.layer == "a" and s.end_ps <= neurons[0].start_ps]
    on_the_way = [(s.activity, s.ps // NS) for s in handed if s.activity not in ("load", "mvm", "drain")]
    assert on_the_way == [("route", 2), ("latency", 3), ("hand on", 10)]


def test_causes_by_hand():
    """A tile with one register bank: its loads wait for the register, once the inputs are there."""
    changes = {**FAST, "tile.register_banks": 1, "tile.mvm_latency": "1 us", "tile.adc.conversion_time": None}
    x = source(1, 1, 4)
    run = trace_run(plan([x, conv("a", x, 1)], changes), 1)
    found = {(wait.activity, wait.cause): wait for wait in waits(run, 0) if wait.kind == "tile"}
    assert found["load", INPUT].count == 1
    assert found["load", REGISTER].count == 3
    assert found["load", REGISTER].server_ps == pytest.approx(3e6, rel=0.01)
    assert found["load", REGISTER].work_ps == pytest.approx((1 + 2 + 3) * 1e6, rel=0.01)


def test_a_full_buffer_is_a_cause():
    changes = {"tile.buffer.capacity": "2 B", "tile.mvm_latency": "1 us"}
    x = source(1, 1, 6)
    first = conv("a", x, 1)
    run = trace_run(plan([x, first, conv("b", first, 1)], {**FAST, **changes, "tile.adc.conversion_time": None}), 1)
    found = {(wait.kind, wait.activity, wait.cause): wait for wait in waits(run, 0)}
    assert found["host", "send", SPACE].count == 4  # the last two for a load that waits for one of two registers
    assert found["host", "send", SPACE].work_ps == pytest.approx((0 + 0 + 1 + 2) * 1e6, rel=0.01)


def test_a_span_that_breaks_a_rule_is_noticed():
    run = trace_run(plan([source(4), dense("a", "x", 4, 3)]), 1)
    load = next(span for span in run.outcome.timeline.spans if span.activity == "load")
    with pytest.raises(ConsistencyError, match="load of a position 0, input 0, starts at"):
        binding(run, load._replace(start_ps=load.start_ps + 1))
