"""Whatever the strategy: every weight has its cell, every position its MVMs, and both engines agree."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from network_models import model_bytes, node, normal
from second_engine import SecondEngine
from small_machines import chip
from test_second_engine import CHIPS, networks
from test_shared_tiles_engines import compare

from chipsim.architecture.chip import build_chip
from chipsim.errors import CapacityError
from chipsim.mapping.best_fit import fit
from chipsim.mapping.conformance import check_plan
from chipsim.mapping.plan_file import plan_data, write_plan
from chipsim.network.onnx_reader import read_onnx
from chipsim.planning import annealing
from chipsim.planning.choose import make_plan, with_strategy
from chipsim.planning.estimate import estimate
from chipsim.simulation.engine import simulate_chip

SLOW = [HealthCheck.too_slow, HealthCheck.filter_too_much]
STRATEGIES = ["annealed", "balanced", "best-fit", "in-order"]


def mapped(net, changes, strategy):
    """A plan, annealed for a few steps where that is the strategy; what is asked here holds after any number."""
    limits = {"grid.shape": "[6, 6]", "mapping.effort": 5, "mapping.tiles": 30}
    built = chip({**changes, **limits, "mapping.strategy": strategy})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(annealing, "FEWEST_STEPS", 200)
        try:
            return make_plan(net, built, (), 1)
        except CapacityError:
            return None


@pytest.mark.parametrize("strategy", STRATEGIES)
@settings(max_examples=20, suppress_health_check=SLOW)
@given(networks(layers=5), CHIPS, st.sampled_from(["block-diagonal", "digital"]), st.booleans())
def test_cells_and_mvms_add_up(strategy, net, changes, depthwise, fused):
    changes = {**changes, "mapping.depthwise": depthwise, "mapping.fuse_parallel": str(fused).lower()}
    plan = mapped(net, changes, strategy)
    assume(plan is not None)
    check_plan(plan, plan.network, plan.chip)
    weights = {
        layer.name: sum(matrix.weights.size for matrix in layer.matrices) for layer in plan.network.matrix_layers
    }
    for name, layer in plan.layers.items():
        assert layer.cells_used == layer.replicas * weights[name]
    assert plan.network.macs == net.macs
    outcome = simulate_chip(plan, 2)
    for layer in plan.layers.values():
        mvms = sum(outcome.tile_mvms[placed.name] for placed in layer.blocks)
        assert mvms == 2 * layer.layer.positions * len(layer.blocks) // layer.replicas
    assert outcome.makespan_ps >= 2 * estimate(plan).interval_ps


@pytest.mark.parametrize("strategy", ["best-fit", "annealed"])
@settings(max_examples=40, suppress_health_check=SLOW)
@given(networks(layers=4), CHIPS, st.sampled_from(["gather", "chain"]), st.integers(1, 2))
def test_two_engines_agree_on_the_strategys_plan(strategy, net, changes, sums, inputs):
    small = {"tile.crossbar.rows": 16, "tile.crossbar.columns": 8, "neuron_unit.partial_sums": sums}
    plan = mapped(net, {**changes, **small}, strategy)
    assume(plan is not None)
    outcome = simulate_chip(plan, inputs)
    second = SecondEngine(plan, inputs, int(changes["host.max_inputs_in_flight"])).run()
    compare(plan, outcome, second, inputs)


@settings(max_examples=20, suppress_health_check=SLOW)
@given(networks(layers=4), CHIPS, st.sampled_from(STRATEGIES))
def test_every_strategys_plan_comes_back_from_its_file(tmp_path_factory, net, changes, strategy):
    plan = mapped(net, changes, strategy)
    assume(plan is not None)
    path = tmp_path_factory.mktemp("plans") / "plan.json"
    write_plan(plan, path, strategy)
    again = make_plan(net, build_chip(with_strategy(plan.chip.spec, str(path))))
    assert plan_data(again) == plan_data(plan)


@settings(max_examples=200)
@given(st.lists(st.tuples(st.integers(1, 9), st.integers(1, 7)), min_size=1, max_size=30))
def test_blocks_fit_beside_each_other(sizes):
    found = fit(sizes, (9, 7))
    arrays = max(array for array, _, _ in found) + 1
    taken = np.zeros((arrays, 9, 7), int)
    for (rows, columns), (array, row, column) in zip(sizes, found, strict=True):
        taken[array, row : row + rows, column : column + columns] += 1
    assert taken.max() == 1
    assert taken.sum() == sum(rows * columns for rows, columns in sizes)
    assert arrays <= len(sizes)
    assert arrays >= -(-taken.sum() // 63)


def test_blocks_that_leave_nothing_over_share_one_array():
    assert {array for array, _, _ in fit([(8, 8), (4, 8), (4, 4), (4, 4)], (16, 8))} == {0}


def test_best_fit_takes_fewer_tiles_and_the_simulator_says_what_that_costs():
    from small_machines import conv, network, source

    x = source(2, 6, 6)
    a = conv("a", x, 4, 3)
    net = network([x, a, conv("b", a, 4, 1), conv("c", a, 4, 1)])
    plans = {name: make_plan(net, chip({"tile.crossbar.rows": 32, "mapping.strategy": name})) for name in STRATEGIES}
    assert plans["best-fit"].tiles_used == 1
    assert plans["in-order"].tiles_used == 3
    paces = {name: simulate_chip(plan, 12).makespan_ps for name, plan in plans.items()}
    assert paces["best-fit"] > 2 * paces["in-order"]


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_weights_that_two_layers_share_have_cells_once(strategy):
    nodes = [node("Conv", "x w", "a", pads=[1, 1, 1, 1]), node("Conv", "a w", "b", pads=[1, 1, 1, 1]),
             node("Add", "a b", "y")]  # fmt: skip
    net = read_onnx(model_bytes(nodes, ("N", 2, 4, 4), {"w": normal(2, 2, 3, 3)}), "shared")
    plan = mapped(net, {"tile.crossbar.rows": 16, "tile.crossbar.columns": 4}, strategy)
    assert [layer.cells_used for layer in plan.layers.values()] == [36, 0]
    assert len(plan.stored_blocks) == 2
    outcome = simulate_chip(plan, 3)
    counted = {
        name: sum(outcome.tile_mvms[placed.name] for placed in layer.blocks) for name, layer in plan.layers.items()
    }
    assert counted == dict.fromkeys(plan.layers, 3 * 16 * 2)  # 18 rows are two blocks of at most 16
