"""Leaving out whole periods gives the integers of simulating every input (rules T50 to T53)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from second_engine import SecondEngine
from small_machines import NS, chip, conv, dense, network, plan, pool, source
from test_replicas import replicated
from test_second_engine import BOUNDED, CHIPS, compare, least_buffers, networks, small_enough
from test_topologies_engines import GRIDS, on
from test_varying_engines import BASE, random_lengths

import chipsim
from chipsim.mapping.placement import place
from chipsim.mapping.plan import Plan
from chipsim.network.edges import edges
from chipsim.network.graph import Network
from chipsim.simulation.chip_outcome import ChipOutcome
from chipsim.simulation.engine import simulate_chip
from chipsim.simulation.tiles.stages import STAGE_INPUTS
from chipsim.simulation.units.arrivals import parse_arrivals

SLOW = [HealthCheck.too_slow, HealthCheck.filter_too_much]
LONG = st.integers(12, 60)
CHAIN = {"neuron_unit.partial_sums": "chain"}
TURNS = {"router.arbitration": "round-robin"}
STORES = {"router.switching": "store-and-forward"}
RATES = ("deterministic 1000000/s", "deterministic 3/us", "deterministic 20/us", "deterministic 300/us")


def same(one: ChipOutcome, other: ChipOutcome) -> None:
    """Equal in everything but what the simulation took."""
    for name in (
        "name", "released_ps", "done_ps", "admitted_ps", "batch", "latency_alone_ps", "tile_mvms", "links",
        "buffer_peaks", "utilisation_mean", "max_inputs_in_flight",
    ):  # fmt: skip
        assert getattr(one, name) == getattr(other, name), name
    assert one.timeline == other.timeline
    assert one.ledger.rows() == other.ledger.rows()


def both(built: Plan, inputs: int, batch: int = 1, **options: Any) -> ChipOutcome:
    """Simulate with and without the jump, compare, and return the one with it."""
    jumped = simulate_chip(built, inputs, batch, **options)
    every = simulate_chip(built, inputs, batch, **options, exact_all=True)
    assert every.simulated.inputs == inputs
    assert (jumped.simulated.why_all is None) == (jumped.simulated.inputs < inputs)
    same(jumped, every)
    return jumped


@settings(max_examples=150, suppress_health_check=SLOW)
@given(networks(), CHIPS, LONG, st.sampled_from([1, 1, 2, 3, 5]), st.booleans(), st.sampled_from([0, 0, 2, 11]))
def test_the_jump_changes_nothing(
    net: Network, changes: dict[str, Any], inputs: int, batch: int, drain: bool, trace: int
) -> None:
    built = small_enough(net, changes)
    assume(built is not None)
    assert built is not None
    both(built, inputs, batch, drain=drain, trace_inputs=trace)


@settings(max_examples=100, suppress_health_check=SLOW)
@given(networks(), CHIPS, LONG)
def test_the_jump_changes_nothing_with_the_least_buffers(net: Network, changes: dict[str, Any], inputs: int) -> None:
    built = small_enough(net, {**changes, **BOUNDED})
    assume(built is not None)
    assert built is not None
    with least_buffers():
        both(built, inputs)


@settings(max_examples=100, suppress_health_check=SLOW)
@given(st.data(), networks(layers=4), CHIPS, LONG, st.sampled_from([{}, CHAIN]), st.booleans())
def test_the_jump_changes_nothing_with_replicas_and_chains(
    data: st.DataObject, net: Network, changes: dict[str, Any], inputs: int, sums: dict[str, Any], bounded: bool
) -> None:
    changes = {**changes, **sums, **(BOUNDED if bounded else {}), "grid.shape": "[7, 7]"}
    built = replicated(data.draw, net, chip(changes))
    assume(built is not None)
    if bounded:
        with least_buffers():
            both(built, inputs)
    else:
        both(built, inputs)


@pytest.mark.parametrize("grid", GRIDS)
@settings(max_examples=20, suppress_health_check=SLOW)
@given(networks(), CHIPS, LONG, st.integers(1, 2), st.sampled_from([{}, TURNS, STORES, {**TURNS, **STORES}]))
def test_the_jump_changes_nothing_on_every_topology(
    grid: str, net: Network, changes: dict[str, Any], inputs: int, batch: int, router: dict[str, Any]
) -> None:
    built = small_enough(net, {**on(grid, changes), **router})
    assume(built is not None)
    assert built is not None
    both(built, inputs, batch)


@settings(max_examples=80, suppress_health_check=SLOW)
@given(networks(), CHIPS, LONG, st.integers(1, 3), st.sampled_from(RATES), st.booleans())
def test_the_jump_changes_nothing_with_arrivals(
    net: Network, changes: dict[str, Any], inputs: int, batch: int, rate: str, drain: bool
) -> None:
    built = small_enough(net, changes)
    assume(built is not None)
    assert built is not None
    times = parse_arrivals(rate).times_ps(inputs, batch, 0)
    both(built, inputs, batch, drain=drain, arrivals_ps=times)


@settings(max_examples=15, suppress_health_check=SLOW)
@given(networks(layers=2), CHIPS, st.integers(20, 24))
def test_the_second_engine_agrees_with_the_jump(net: Network, changes: dict[str, Any], inputs: int) -> None:
    """It simulates every input."""
    built = small_enough(net, changes)
    assume(built is not None)
    assert built is not None
    assume(all(edge.need.any() for edge in edges(net)))  # a layer that nobody reads may fall behind without end
    assume(sum(layer.positions for layer in net.layers.values()) < 60)  # it is slow
    outcome = simulate_chip(built, inputs)
    compare(built, outcome, SecondEngine(built, inputs, int(changes["host.max_inputs_in_flight"])).run(), inputs)


def convolutions() -> Plan:
    before = source(2, 4, 4)
    first = conv("a", before, 4, 3, 1, 1)
    layers = [before, first, pool("p", first), conv("b", first, 2, 2)]
    return place(network(layers, ("p", "b")), chip({"grid.shape": "[3, 3]", "host.max_inputs_in_flight": 3}))


def test_a_thousand_inputs_cost_a_dozen() -> None:
    outcome = both(convolutions(), 1000)
    assert outcome.simulated.inputs <= 16
    assert outcome.simulated.period_inputs in (1, 2)
    assert len(outcome.done_ps) == 1000


@pytest.mark.parametrize("batch", [2, 7, 16])
@pytest.mark.parametrize("drain", [False, True])
def test_a_period_is_whole_batches(batch: int, drain: bool) -> None:
    outcome = both(convolutions(), 203, batch, drain=drain)
    assert outcome.simulated.period_inputs is not None
    assert outcome.simulated.period_inputs % batch == 0


def test_a_closed_form_over_a_million_inputs_t24() -> None:
    """The slowest of two stages takes 100 ns + load + drain of 8 and 4 ns, two register banks hide those."""
    built = plan([source(8), dense("a", "x", 8, 6), dense("b", "a", 6, 4)])
    few, many = simulate_chip(built, 40), simulate_chip(built, 10**6)
    assert many.simulated.inputs < 40
    assert many.done_ps[:30] == few.done_ps[:30]
    assert many.done_ps[-1] == few.done_ps[-1] + (10**6 - 40) * 100 * NS
    assert many.timeline.busy_ps["tile(0,0)"] == 10**6 * 100 * NS


def test_spans_of_the_first_inputs_are_all_there() -> None:
    outcome = both(convolutions(), 60, trace_inputs=20)
    assert {span.input for span in outcome.timeline.spans} == set(range(20))
    assert {span.input for span in outcome.timeline.stages} == set(range(STAGE_INPUTS))
    assert 20 <= outcome.simulated.inputs < 60


def test_arrivals_in_step_with_a_period_and_queues_that_only_grow_jump() -> None:
    built = convolutions()
    interval = int(np.diff(simulate_chip(built, 20).done_ps)[-1])
    for gap in (2 * interval, interval, interval // 2):
        outcome = both(built, 300, arrivals_ps=[gap * input for input in range(300)])
        assert outcome.simulated.inputs < 30, gap
        assert outcome.released_ps == [gap * input for input in range(300)]


def why(built: Plan, inputs: int, **options: Any) -> str | None:
    return simulate_chip(built, inputs, **options).simulated.why_all


def test_the_engine_says_why_it_simulates_all() -> None:
    built = convolutions()
    assert why(built, 100) is None
    assert why(built, 100, exact_all=True) == "asked for"
    assert why(built, 3) == "all inputs are in flight at once"
    assert why(built, 11) == "too few inputs"
    assert why(built, 100, trace_inputs=100) == "too few inputs"
    poisson: Sequence[int] = parse_arrivals("poisson 3/us").times_ps(100, 1, 0)
    assert why(built, 100, arrivals_ps=poisson) == "inputs come at random"


def test_times_that_depend_on_values_are_all_simulated() -> None:
    built = plan([source(8), dense("a", "x", 8, 6)], BASE | {"tile.dac.bits": 3, "tile.dac.early_stop": True})
    counts, _ = random_lengths(built, 40, np.random.default_rng(0), (True, False))
    assert why(built, 40, counts=counts) == "the time of an MVM depends on its values"
    assert why(built, 40) is None  # the most that they can take: all equal


def test_a_stop_after_the_jump_ends_the_stream_there() -> None:
    """T30: the times are those of a run with the inputs that were admitted."""
    built, done = plan([source(8), dense("a", "x", 8, 6)], {"host.max_inputs_in_flight": 3}), 0

    def note(inputs: int) -> None:
        nonlocal done
        done = inputs

    outcome = simulate_chip(built, 2003, 7, stop=lambda: done > 1000, progress=note)
    assert outcome.simulated.inputs < 40 < 1000 < outcome.inputs < 2003
    same(outcome, simulate_chip(built, outcome.inputs, 7, exact_all=True))


def test_progress_counts_what_is_left_out() -> None:
    seen: list[int] = []
    simulate_chip(convolutions(), 500, progress=seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == 500
    assert len(seen) < 20


def test_a_result_differs_in_nothing_but_what_was_simulated() -> None:
    words = ("hermes64", "zoo:digits-cnn")
    jumped = chipsim.run(*words, data="zoo:digits", timing_only=True, trace=2)
    every = chipsim.run(*words, data="zoo:digits", timing_only=True, trace=2, exact_all=True)
    assert every.data["chip"].pop("simulation")["inputs_simulated"] == 450
    assert jumped.data["chip"].pop("simulation")["inputs_simulated"] < 20
    for result in (jumped, every):
        result.data.pop("simulator")
    assert jumped.json() == every.json()
    assert jumped.tables == every.tables
