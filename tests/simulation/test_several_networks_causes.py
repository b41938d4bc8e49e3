"""Causes of waiting and critical paths of several networks on one chip: on random chips, and on paper."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from random_recurrent import LOOPS, sequences
from small_machines import NS, chip, dense, network, source
from test_critical_path import check
from test_second_engine import BOUNDED, CHIPS, least_buffers, networks
from test_several_networks import STREAMS, side_by_side, workloads
from test_spilling import ROUTERS, SPILLING

from chipsim.network.graph import Network
from chipsim.simulation.explaining.critical_path import critical_path, steady_cycle
from chipsim.simulation.explaining.terms import LINK
from chipsim.simulation.explaining.tracing import trace_run, trace_together
from chipsim.simulation.explaining.waits import waits
from chipsim.simulation.together import simulate_together

RANDOM = settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
TWO = st.lists(networks(layers=4), min_size=2, max_size=2)
ARRIVING = st.lists(STREAMS, min_size=2, max_size=2)
LABELS = ["one", "other"]


def check_both(nets: list[Network], changes: dict[str, Any], streams: list[Any]) -> None:
    works = workloads(side_by_side(nets, chip({**changes, "grid.shape": "[6, 6]"})), streams)
    plain = simulate_together(works)
    for asked in range(2):
        run = trace_together(works, LABELS, asked)
        assert run.outcome.done_ps == plain.networks[asked].done_ps
        check(run)
        found = waits(run, run.outcome.inputs - 1)
        assert {wait.layer for wait in found} <= {"", *works[asked].plan.network.layers}
        assert all(wait.work_ps >= 0 <= wait.server_ps for wait in found)


@RANDOM
@given(TWO, CHIPS, ROUTERS, ARRIVING)
def test_paths_fill_the_latency_of_every_input_of_each(nets, changes, routers, streams):
    check_both(nets, {**changes, **routers}, streams)


@RANDOM
@given(TWO, CHIPS, ARRIVING)
def test_paths_fill_the_latency_with_the_least_buffers(nets, changes, streams):
    with least_buffers():
        check_both(nets, {**changes, **BOUNDED}, streams)


@RANDOM
@given(TWO, CHIPS, SPILLING, ARRIVING)
def test_paths_fill_the_latency_where_buffers_spill(nets, changes, spilling, streams):
    check_both(nets, {**changes, **spilling}, streams)


@RANDOM
@given(st.tuples(networks(layers=3), sequences(layers=2)).map(list), LOOPS, ARRIVING)
def test_paths_fill_the_latency_beside_loops(nets, changes, streams):
    check_both(nets, changes, streams)


def two_of_a_kind(changes: dict[str, Any], inputs: tuple[int, int]):
    nets = [network([source(4), dense("a", "x", 4, 4)]) for _ in range(2)]
    plans = side_by_side(nets, chip({"grid.shape": "[1, 2]", "host.max_inputs_in_flight": 2, **changes}))
    return workloads(plans, [(count, 1, False, False) for count in inputs])


def test_the_other_network_s_packet_is_on_the_path():
    """Both want the host's port at zero: the second one's first packet goes when the first one's has gone."""
    works = two_of_a_kind({"host.bandwidth": "10 MB/s"}, (1, 1))
    path = [(s.layer, s.activity, s.ps // NS) for s in critical_path(trace_together(works, LABELS, 1), 0)]
    assert path[:2] == [("one: x", "transfer", 400), ("x", "transfer", 400)]
    first = [(s.layer, s.activity, s.ps // NS) for s in critical_path(trace_together(works, LABELS, 0), 0)]
    assert first == [(s.layer, s.activity, s.ps // NS) for s in critical_path(trace_run(works[0].plan, 1), 0)]
    found = {(wait.kind, wait.cause): wait.work_ps for wait in waits(trace_together(works, LABELS, 1), 0)}
    assert found["host port", LINK] == 400 * NS


def test_two_networks_that_share_a_port_have_the_pace_of_both():
    """Each input of either holds the host's port for 400 ns: an input of each goes every 800 ns."""
    run = trace_together(two_of_a_kind({"host.bandwidth": "10 MB/s"}, (12, 12)), LABELS, 0)
    cycle = steady_cycle(run, 9)
    assert cycle is not None
    assert cycle.repeats
    assert cycle.interval_ps == pytest.approx(800 * NS)
    assert {segment.layer for segment in cycle.segments} >= {"x", "other: x"}
