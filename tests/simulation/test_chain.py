"""Partial sums that pass from tile to tile (rule T48)."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from second_engine import SecondEngine
from small_machines import chip, dense, network, plan, source
from test_replicas import replicated
from test_second_engine import CHIPS, compare, networks

from chipsim.architecture.chip import build_chip
from chipsim.architecture.loader import load_spec
from chipsim.mapping.placement import place
from chipsim.simulation.engine import simulate_chip

CHAIN = {"neuron_unit.partial_sums": "chain"}


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(
    st.data(), networks(layers=4), CHIPS, st.integers(1, 3), st.sampled_from(["0 ns", "2 ns", "30 ns"]),
    st.sampled_from(["cut-through", "store-and-forward"]), st.sampled_from(["age", "round-robin"]),
)  # fmt: skip
def test_two_engines_agree_on_chains(data, net, changes, inputs, hop, switching, arbitration):
    changes = {**changes, **CHAIN, "neuron_unit.hop_latency": hop, "grid.shape": "[7, 7]"}
    changes |= {"router.switching": switching, "router.arbitration": arbitration}
    placed = replicated(data.draw, net, chip(changes))
    assume(placed is not None)
    outcome = simulate_chip(placed, inputs)
    second = SecondEngine(placed, inputs, int(changes["host.max_inputs_in_flight"])).run()
    compare(placed, outcome, second, inputs)
    busy = outcome.timeline.busy_ps
    assert {step.name: step.busy for step in second.chain} == {step.name: busy[step.name] for step in second.chain}


@pytest.mark.parametrize("blocks", [1, 2, 5])
def test_values_stream_through_the_units_at_their_own_rate(blocks):
    """8 columns at 1 value per ns; each hop is one link: 2 ns of router, 3 of wire, 10 of the unit."""
    alone = {**CHAIN, "neuron_unit.hop_latency": "10 ns", "grid.shape": "[1, 8]", "neuron_unit.rate": "1 Gop/s"}
    one = simulate_chip(plan([source(16), dense("d", "x", 16, 8)], alone), 1)
    chained = simulate_chip(plan([source(16 * blocks), dense("d", "x", 16 * blocks, 8)], alone), 1, trace_inputs=1)
    ends = {s.component: (s.start_ps, s.end_ps) for s in chained.timeline.spans if s.activity == "neuron"}
    starts = [ends[f"neuron(0,{i})"][0] for i in reversed(range(blocks))]
    assert all(end - start == 8000 for start, end in ends.values())
    last = f"tile(0,{blocks - 1})"
    ready = max(s.end_ps for s in chained.timeline.spans if s.activity == "drain" and s.component == last)
    assert starts == [max(ready + 15_000 * hop, starts[hop]) for hop in range(blocks)]
    assert starts[-1] >= ready + 15_000 * (blocks - 1)
    assert one.done_ps[0] < chained.done_ps[0] or blocks == 1


def hermes_layer(*overrides):
    """The deep layer of ResNet-9 on 8 cores, 2016 x 224, its inputs there: from the first load to the last sum."""
    layers = [source(2016), dense("deep", "x", 2016, 224)]
    spec = load_spec("hermes64", ["grid.shape=[1,8]", "host.bandwidth=1 PB/s", "link.bandwidth=3.2 Gbit/s", *overrides])
    placed = place(network(layers), build_chip(spec))
    assert placed.tiles_used == 8
    return simulate_chip(placed, 1, trace_inputs=1).timeline.spans


def layer_time_ns(*overrides):
    """From the moment when all cores have their inputs."""
    spans = hermes_layer(*overrides)
    begin = max(s.start_ps for s in spans if s.activity == "load")
    return (max(s.end_ps for s in spans if s.activity == "neuron") - begin) / 1000


FITTED = ("neuron_unit.partial_sums=chain", "neuron_unit.hop_latency=56.5 ns")


@pytest.mark.parametrize(("read", "published_ns"), [("133 ns", 1131), ("520 ns", 1518)])
def test_the_deep_layer_of_resnet9_takes_the_published_time(read, published_ns):
    """Le Gallo et al., Nature Electronics 6, 680 (2023), Table I: one-phase and four-phase read.

    The latency of a hop is fitted to the first figure; the second then follows.
    """
    assert layer_time_ns(*FITTED, f"tile.mvm_latency={read}") == pytest.approx(published_ns, rel=0.05)


def test_one_unit_that_gathers_all_sums_takes_row_blocks_times_as_long():
    """What one unit needs for 8 x 224 values at one per 2.5 ns: 4,480 ns alone."""
    gathered = layer_time_ns("neuron_unit.partial_sums=gather")
    assert gathered > 4480 > 3 * layer_time_ns(*FITTED)


def test_units_beside_other_tiles_are_counted():
    placed = plan([source(48), dense("d", "x", 48, 8)], CHAIN)
    outcome = simulate_chip(placed, 2)
    operations = {row.component: row.amount for row in outcome.ledger.rows() if row.action == "neuron"}
    assert operations == {f"neuron(0,{i})": 16 for i in range(3)}
