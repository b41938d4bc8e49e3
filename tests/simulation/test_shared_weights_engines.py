"""Layers that share weights: the engine against the second one, and MVMs, cells and loading that add up (T77)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from second_engine import SecondEngine
from small_machines import dense, network, source
from small_machines import plan as plan_of_small
from test_critical_path import check
from test_reduction_in_routers import ADD
from test_second_engine import BOUNDED, CHIPS, least_buffers, networks
from test_shared_tiles_causes import traced
from test_shared_tiles_engines import SHARING, compare, together

from chipsim.crossbar.program_verify import WriteCounts
from chipsim.errors import CapacityError
from chipsim.mapping.partition import pack
from chipsim.mapping.plan import Plan
from chipsim.network.graph import Network
from chipsim.network.layers import MatrixLayer
from chipsim.network.weight_sharing import share_weights
from chipsim.simulation.compensating import reference_cost
from chipsim.simulation.engine import simulate_chip
from chipsim.simulation.loading import simulate_loading


def sharing(net: Network, left_out: int = 3) -> Network:
    """Layers whose matrices have the same sizes read the same weights, which are zero; but for every third or so."""
    matrix = net.matrix_layers
    same = {layer.name: ("w",) for number, layer in enumerate(matrix) if number % left_out != left_out - 1}
    return replace(net, layers=share_weights(net.layers, same))


def stored_cells(plan: Plan) -> int:
    crossbar = plan.chip.spec.tile.crossbar
    return sum(
        part.cells_used(placed.block)
        for layer in plan.layers.values()
        if not layer.layer.shares
        for index, part in enumerate(pack(layer.layer, crossbar.rows, crossbar.columns))
        for placed in layer.blocks
        if placed.matrix == index
    )


def check_sums(plan: Plan, mvms: dict[str, int], inputs: int) -> None:
    """One MVM for each position and block of each layer, and one set of cells for each group."""
    expected = {
        placed.name: layer.layer.positions * inputs for layer in plan.layers.values() for placed in layer.blocks
    }
    assert mvms == expected
    assert len(expected) == len(plan.blocks)
    own = {(placed.tile, placed.crossbar, placed.first_row, placed.first_column) for placed in plan.blocks}
    assert len(own) == len(plan.stored_blocks)
    assert sum(layer.cells_used for layer in plan.layers.values()) == stored_cells(plan)
    assert {placed.tile for placed in plan.stored_blocks} == {placed.tile for placed in plan.blocks}
    for layer in plan.layers.values():
        if layer.layer.shares:
            first = plan.layers[layer.layer.shares]
            assert [replace(placed, reader="") for placed in layer.blocks] == list(first.blocks)


@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(networks(8), CHIPS, SHARING, st.sampled_from([1, 2, 3, 0]), st.integers(1, 4), st.booleans())
def test_two_engines_agree_on_shared_weights(
    net: Network, changes: dict[str, Any], tiles: dict[str, Any], fewest: int, inputs: int, drain: bool
) -> None:
    plan = together(sharing(net), {**changes, **tiles}, fewest, 1)
    if plan is None:
        return
    outcome = simulate_chip(plan, inputs, drain=drain)
    second = SecondEngine(plan, inputs, int(changes["host.max_inputs_in_flight"]), drain=drain).run()
    compare(plan, outcome, second, inputs)
    check_sums(plan, outcome.tile_mvms, inputs)


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(networks(8), CHIPS, SHARING, st.sampled_from([1, 2, 3, 0]), st.integers(1, 4))
def test_two_engines_agree_with_the_least_buffers_and_neither_deadlocks(
    net: Network, changes: dict[str, Any], tiles: dict[str, Any], fewest: int, inputs: int
) -> None:
    plan = together(sharing(net), {**changes, **tiles, **BOUNDED}, fewest, 1)
    if plan is None:
        return
    with least_buffers():
        outcome = simulate_chip(plan, inputs)
    second = SecondEngine(plan, inputs, int(changes["host.max_inputs_in_flight"]), least=True).run()
    compare(plan, outcome, second, inputs)


def unrolled(steps: int) -> list[Any]:
    layers: list[Any] = [source(8)]
    for step in range(steps):
        layers.append(dense(f"step{step}", layers[-1].name, 8, 8))
    return layers


def test_steps_of_an_unrolled_loop_take_turns_on_one_tile() -> None:
    """A chain of four steps on one tile: every MVM waits for the one before, so one input takes four of them."""
    alone = network(unrolled(4))
    shared = sharing(alone, 99)
    assert [layer.shares for layer in shared.matrix_layers] == ["", "step0", "step0", "step0"]
    changes = {"neuron_unit.partial_sums": "gather", "grid.shape": "[1, 4]"}
    found = together(shared, {**changes, "tile.crossbars": 1, "tile.adc.crossbars_per_adc": 1}, 0, 1)
    assert found is not None
    assert (found.tiles_used, len(found.stored_blocks), found.tile_mvms) == (1, 1, 4)
    mvm = 100_000
    outcome = simulate_chip(found, 1)
    assert outcome.timeline.busy_ps["tile(0,0)"] == 4 * mvm
    many = simulate_chip(found, 50)
    assert max(many.done_ps) >= 50 * 4 * mvm  # one array does the work of four
    assert many.timeline.busy_ps["tile(0,0)"] == 50 * 4 * mvm


def test_shared_weights_are_sent_written_and_read_for_compensation_once() -> None:
    changes = {
        "tile.programming.pulse_time": "100 ns", "tile.programming.verify_time": "50 ns", "tile.programming.step": 0.2,
        "tile.programming.tolerance": 0.01, "tile.programming.max_iterations": 4,
    }  # fmt: skip
    one = plan_of_small(unrolled(1), changes)
    shared = together(
        sharing(network(unrolled(3)), 99), {**changes, "tile.crossbars": 1, "tile.adc.crossbars_per_adc": 1}, 0, 1
    )
    assert shared is not None
    writes = {"tile(0,0)": WriteCounts(64, 64, 0, 8, 16)}
    assert simulate_loading(shared, writes) == simulate_loading(one, writes)
    assert reference_cost(shared) == reference_cost(one)


def test_other_sizes_have_tiles_of_their_own() -> None:
    layers = [*unrolled(2), dense("last", "step1", 8, 4)]
    shares = {
        layer.name: layer.shares
        for layer in sharing(network(layers), 99).layers.values()
        if isinstance(layer, MatrixLayer)
    }
    assert shares == {"step0": "", "step1": "step0", "last": ""}


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(networks(), CHIPS, SHARING, st.sampled_from([1, 2, 0]), st.integers(1, 3), st.booleans())
def test_paths_fill_the_latency(
    net: Network, changes: dict[str, Any], tiles: dict[str, Any], fewest: int, inputs: int, drain: bool
) -> None:
    """Every picosecond of a latency has a cause, turns on shared cells included."""
    plan = together(sharing(net), {**changes, **tiles}, fewest, 1)
    run = None if plan is None else traced(plan, inputs, drain=drain)
    if run is not None:
        check(run)


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(
    networks(8), CHIPS, SHARING, st.sampled_from([1, 2, 0]), st.integers(1, 3), st.sampled_from(["unbounded", "32 B"])
)
def test_two_engines_agree_where_routers_add_partial_sums(
    net: Network, changes: dict[str, Any], tiles: dict[str, Any], fewest: int, inputs: int, buffer: str
) -> None:
    changes = {**changes, **tiles, **ADD, "router.buffer": buffer, "tile.crossbar.rows": 4}
    plan = together(sharing(net), {**changes, "tile.adc.crossbars_per_adc": 1}, fewest, 1)
    if plan is None:
        return
    try:
        outcome = simulate_chip(plan, inputs)
    except CapacityError:
        return
    second = SecondEngine(plan, inputs, int(changes["host.max_inputs_in_flight"])).run()
    compare(plan, outcome, second, inputs)
