"""Critical paths and causes of waiting in networks with loops (rules T80 to T84)."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from random_recurrent import BOUNDED, CHAIN, LOOPS, laid, sequences, with_operands
from recurrent_layers import recurrent, steps
from small_machines import NS, plan
from test_critical_path import check
from test_second_engine import least_buffers
from test_shared_tiles_causes import traced
from test_shared_tiles_engines import SHARING, together

from chipsim.mapping.placement import gate_units
from chipsim.simulation.explaining.critical_path import critical_path, steady_cycle
from chipsim.simulation.explaining.tracing import trace_run

RANDOM = settings(max_examples=80, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
SUMS = st.sampled_from([{}, CHAIN])
ROUTERS = st.fixed_dictionaries({"router.switching": st.sampled_from(["cut-through", "store-and-forward"])})


@RANDOM
@given(st.data(), st.one_of(sequences(), with_operands()), LOOPS, SUMS, ROUTERS, st.integers(1, 3), st.booleans())
def test_paths_fill_the_latency_of_every_input(data, net, changes, sums, routers, inputs, bounded):
    draw = data.draw if data.draw(st.booleans()) else None
    placed = laid(net, {**changes, **sums, **routers, **(BOUNDED if bounded else {})}, draw)
    assume(placed is not None)
    with least_buffers() if bounded else nullcontext():
        check(trace_run(placed, inputs))


COUNT = 6
SIMPLE = {
    "host.bandwidth": "1 TB/s",
    "link.bandwidth": "1 TB/s",
    "grid.shape": "[1, 4]",
    "host.max_inputs_in_flight": 3,
}


@pytest.mark.parametrize("sums", ["gather", "chain"])
def test_the_path_of_an_lstm_walks_the_loop(sums):
    """After the first product with the inputs every step is the same way round, T - 1 times."""
    x = steps(COUNT, 4)
    run = trace_run(plan([x, *recurrent("h", x, 4)], {**SIMPLE, "neuron_unit.partial_sums": sums}), 1)
    path = critical_path(run, 0)
    gates = [index for index, segment in enumerate(path) if segment.activity == "gate"]
    assert [path[index].position for index in gates] == list(range(COUNT))
    ways = [path[a:b] for a, b in pairwise(gates)]
    first = [(segment.component, segment.activity, segment.layer, segment.ps) for segment in ways[0]]
    for number, way in enumerate(ways):
        assert [(segment.component, segment.activity, segment.layer, segment.ps) for segment in way] == first
        assert {(s.layer, s.position) for s in way} == {("h", number), ("h/recurrent", number + 1)}
    work = [activity for _, activity, _, _ in first if activity not in ("transfer", "route", "latency")]
    assert work == ["gate", "load", "mvm", "drain", "neuron"]
    assert {segment.layer for segment in path[: gates[0]]} == {"x", "h/input"}


def test_the_loop_sets_the_pace_of_a_stream():
    """A layer works through its positions in order, so an input takes T ways round, less the packets of the last."""
    x = steps(COUNT, 4)
    run = trace_run(plan([x, *recurrent("h", x, 4)], SIMPLE), 12)
    cycle = steady_cycle(run, 11)
    assert cycle is not None
    assert cycle.repeats
    assert cycle.inputs == 1
    assert not cycle.admits
    assert {segment.layer for segment in cycle.segments} == {"h", "h/recurrent"}
    mvms = [segment for segment in cycle.segments if segment.activity == "mvm"]
    assert [segment.position for segment in mvms] == [*range(COUNT)]
    assert all(segment.ps == 100 * NS for segment in mvms)


@RANDOM
@given(
    st.one_of(sequences(layers=3), with_operands()), LOOPS, SHARING, st.sampled_from([1, 2, 3, 0]), st.integers(1, 2)
)
def test_paths_fill_the_latency_where_loops_share_tiles_and_neuron_units(net, changes, sharing, tiles, inputs):
    placed = together(net, {**changes, **sharing}, tiles, 1)
    assume(placed is not None)
    run = traced(replace(placed, gate_units=gate_units(net, placed.layers)), inputs)
    if run is not None:
        check(run)
