"""Chains that share tiles and units where the answer is known, and what a run says of them (rules T79, T79a)."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from packing import shared
from random_recurrent import LOOPS, sequences
from second_engine import SecondEngine
from small_machines import NS, conv, dense, plan, source
from test_critical_path import check
from test_periodic import same
from test_second_engine import BOUNDED, CHIPS, least_buffers, networks
from test_several_networks import STREAMS, workloads
from test_shared_chains import CHAINS, RANDOM, TILES, packed, placed
from test_shared_tiles_causes import traced
from test_shared_tiles_engines import SHARING, together
from test_shared_tiles_rules import FAST, interval
from test_shared_weights_engines import sharing
from test_spilling import CAPACITY, SPILLING

from chipsim.mapping.plan import Plan
from chipsim.planning.estimate import estimate
from chipsim.simulation.engine import simulate_chip
from chipsim.simulation.explaining.tracing import trace_together

CHAIN = {"neuron_unit.partial_sums": "chain", "neuron_unit.hop_latency": "10 ns", "grid.shape": "[1, 4]"}
FEW = settings(max_examples=80, suppress_health_check=RANDOM)


def two_blocks(tiles: int, **changes: Any) -> Plan:
    """A layer of two row blocks of 8 columns, on two tiles or on two arrays of one; 1 value per ns in the units."""
    built = plan([source(32), dense("d", "x", 32, 8)], {**CHAIN, "tile.crossbars": 2, **changes})
    return shared(built, tiles)


def neuron_spans(found: Plan) -> list[tuple[str, int, int]]:
    spans = simulate_chip(found, 1, trace_inputs=1).timeline.spans
    return sorted((s.start_ps, s.component, s.end_ps) for s in spans if s.activity == "neuron")


def test_sums_between_blocks_on_one_tile_stay_in_the_unit() -> None:
    """Positions take 8 ns; apart, values are 15 ns away over link and hop; together they follow each other."""
    apart, close = neuron_spans(two_blocks(2)), neuron_spans(two_blocks(1))
    assert [name for _, name, _ in apart] == ["neuron(0,1)", "neuron(0,0)"]
    assert [name for _, name, _ in close] == ["neuron(0,0)+1", "neuron(0,0)"]
    assert apart[1][0] - apart[0][0] == 15 * NS
    assert close[1][0] == close[0][2] == close[0][0] + 8 * NS
    outcome = simulate_chip(two_blocks(1), 1)
    assert outcome.timeline.busy_ps["neuron(0,0)"] == 2 * 8 * NS
    links = {(source, target) for _, source, target, packets, _, _ in outcome.links if packets}
    assert {source for source, _ in links} == {"host", "neuron(0,0)", "router(0,0)"}


def test_a_chain_comes_by_the_same_unit_twice() -> None:
    """Blocks 0 and 2 on one tile and 1 between them on another: from unit to unit and back."""
    built = plan([source(48), dense("d", "x", 48, 8)], {**CHAIN, "tile.crossbars": 2})
    [part] = built.layers["d"].slices
    first, second, third = part.blocks
    blocks = first, replace(second, tile="tile(0,1)", crossbar=0), replace(third, tile="tile(0,0)", crossbar=1)
    layer = replace(built.layers["d"], slices=(replace(part, blocks=blocks),))
    spans = neuron_spans(replace(built, layers={"d": layer}))
    assert [name for _, name, _ in spans] == ["neuron(0,0)+1", "neuron(0,1)", "neuron(0,0)"]
    assert spans[1][0] == spans[0][0] + 15 * NS
    assert spans[2][0] == spans[1][0] + 15 * NS


@pytest.mark.parametrize(("layers", "blocks"), [(3, 1), (1, 3), (2, 2)])
def test_a_unit_takes_as_long_as_all_its_blocks(layers: int, blocks: int) -> None:
    """4 values of each block at 50 million per second: 80 ns for each block and input, the MVMs side by side."""
    made: list[Any] = [source(4 * blocks)]
    for number in range(layers):
        made.append(dense(f"l{number}", made[-1].name, 4 * blocks, 4 * blocks if number < layers - 1 else 4))
    changes = {**FAST, **CHAIN, "neuron_unit.rate": "50 Mop/s", "tile.crossbars": 12, "tile.crossbar.rows": 4,
               "tile.crossbar.columns": 4, "neuron_unit.hop_latency": "0 ns"}  # fmt: skip
    found = shared(plan(made, {**changes, "grid.shape": "[2, 4]"}), 1)
    outcome = simulate_chip(found, 96)
    assert interval(outcome) == pytest.approx(len(found.blocks) * 80 * NS, rel=0.01)
    assert outcome.timeline.busy_ps["neuron(0,0)"] == 96 * len(found.blocks) * 80 * NS
    assert estimate(found).parts_ps["neuron(0,0)"] == len(found.blocks) * 80 * NS


def test_a_block_that_spills_is_told_of_places_at_its_unit() -> None:
    """T75: alone on its tile and in its chain it enters as on a shared tile, so it waits for places (T71)."""
    x = source(1, 4, 4)
    slow = {"neuron_unit.rate": "2 Mop/s", "neuron_unit.partial_sum_slots": 1}
    built = plan([x, conv("a", x, 1, 2)], {**CHAIN, **CAPACITY, **slow})
    assert simulate_chip(built, 3).done_ps == SecondEngine(built, 3, 4).run().done


@FEW
@given(networks(5), CHIPS, SHARING, CHAINS, st.sampled_from([1, 2]), st.integers(1, 3))
def test_what_is_done_does_not_depend_on_who_shares(net, changes, tile, chains, tiles, inputs) -> None:
    """MVMs, conversions, cells and sums are those of a tile for each block; less may travel."""
    changes = {**changes, **tile, **chains}
    apart = together(net, {**changes, "tile.crossbars": 1}, 0, 1)
    if apart is None:
        return
    close = placed(net, changes, tiles)
    one, other = simulate_chip(apart, inputs), simulate_chip(close, inputs)
    assert sum(one.tile_mvms.values()) == sum(other.tile_mvms.values()) == inputs * apart.tile_mvms
    assert sum(plan.cells_used for plan in apart.layers.values()) == sum(p.cells_used for p in close.layers.values())
    for action in ("mvm", "array in and out", "issue", "dac", "adc", "neuron", "operate"):
        amounts = [sum(row.amount for row in run.ledger.rows() if row.action == action) for run in (one, other)]
        assert amounts[0] == amounts[1], action
    units = apart.chip.neuron_units
    served = [sum(run.timeline.busy_ps.get(unit, 0) for unit in units) for run in (one, other)]
    assert served[0] == served[1]


@FEW
@given(
    st.one_of(networks(4), networks(4).map(sharing), sequences(layers=3)), LOOPS, SHARING, CHAINS, TILES,
    st.integers(12, 40), st.one_of(st.just({}), st.just(BOUNDED), SPILLING),
)  # fmt: skip
def test_a_jump_gives_the_same_integers(net, changes, tile, chains, tiles, inputs, buffers) -> None:
    """T50: the state of blocks at shared units is complete."""
    built = placed(net, {**changes, **tile, **chains, **buffers}, tiles)
    with least_buffers() if buffers is BOUNDED else nullcontext():
        same(simulate_chip(built, inputs), simulate_chip(built, inputs, exact_all=True))


def test_saturated_shared_chains_do_repeat() -> None:
    """So that the test above leaves out periods at all."""
    layers = [source(40), dense("a", "x", 40, 8), dense("b", "a", 8, 8)]
    built = shared(plan(layers, {**CHAIN, "grid.shape": "[2, 2]", "tile.crossbars": 2}), 2)
    assert simulate_chip(built, 200).simulated.inputs < 100


@FEW
@given(
    st.one_of(networks(), networks().map(sharing), sequences(layers=3)), LOOPS, SHARING, CHAINS,
    st.sampled_from(["cut-through", "store-and-forward"]), TILES, st.integers(1, 3),
    st.one_of(st.just({}), st.just(BOUNDED), SPILLING),
)  # fmt: skip
def test_paths_fill_the_latency(net, changes, tile, chains, switching, tiles, inputs, buffers) -> None:
    """Every picosecond of a latency has a cause, turns at units included."""
    built = placed(net, {**changes, **tile, **chains, "router.switching": switching, **buffers}, tiles)
    with least_buffers() if buffers is BOUNDED else nullcontext():
        run = traced(built, inputs)
    if run is not None:
        check(run)


@settings(max_examples=25, suppress_health_check=RANDOM)
@given(
    st.tuples(networks(4), st.one_of(networks(3), sequences(layers=2))), LOOPS, CHAINS,
    st.lists(STREAMS, min_size=2, max_size=2),
)  # fmt: skip
def test_paths_fill_the_latency_of_several_networks(nets, changes, chains, streams) -> None:
    works = workloads(packed(nets, {**changes, **chains}), streams)
    for asked in range(2):
        check(trace_together(works, ["one", "other"], asked))
