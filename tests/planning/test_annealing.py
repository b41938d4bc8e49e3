"""Simulated annealing of places: every step against the whole sum, small problems against all permutations."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_machines import chip, conv, network, source
from test_second_engine import networks

import chipsim
from chipsim.architecture.chip import build_chip
from chipsim.architecture.loader import load_spec
from chipsim.errors import CapacityError
from chipsim.mapping.in_order import map_in_order
from chipsim.mapping.placement import Place, place
from chipsim.mapping.plan_file import plan_data
from chipsim.mapping.strategy import Options
from chipsim.network.zoo import load_network
from chipsim.planning import annealing
from chipsim.planning.annealed import map_annealed
from chipsim.planning.annealing import Annealer
from chipsim.planning.choose import make_plan, with_strategy
from chipsim.planning.traffic import hop_bytes, traffic_of


def annealer(rng: np.random.Generator, items: int, places: int) -> Annealer:
    distance = rng.integers(1, 9, (places, places)).astype(float)
    np.fill_diagonal(distance, 0)
    pull = rng.integers(0, 5, (items, items)).astype(float)
    np.fill_diagonal(pull, 0)
    fixed = rng.integers(0, 20, (items, places)).astype(float)
    return Annealer.start(distance, pull, fixed, rng.permutation(places)[:items].astype(np.int64))


@settings(max_examples=60)
@given(st.integers(0, 10_000), st.integers(1, 6), st.integers(0, 4))
def test_every_gain_is_the_change_of_the_whole_sum(seed, items, spare):
    rng = np.random.default_rng(seed)
    problem = annealer(rng, items, items + spare)
    for _ in range(4):
        item = int(rng.integers(items))
        before, gains = problem.total(), problem.gains(item)
        for number in range(items + spare):
            here = int(problem.place_of[item])
            problem.move(item, number)
            assert problem.total() - before == pytest.approx(gains[number])
            problem.move(item, here)
        problem.move(item, int(rng.integers(items + spare)))
        fresh = Annealer.start(problem.distance, problem.pull, problem.fixed, problem.place_of)
        np.testing.assert_allclose(problem.cost, fresh.cost)
        assert sorted(problem.item_at[problem.item_at >= 0]) == list(range(items))


@pytest.mark.parametrize("seed", range(6))
def test_small_problems_end_at_the_best_of_all_permutations(seed):
    problem = annealer(np.random.default_rng(seed), 6, 6)
    best = min(
        Annealer.start(problem.distance, problem.pull, problem.fixed, np.array(order, np.int64)).total()
        for order in permutations(range(6))
    )
    problem.anneal(np.random.default_rng(1), 200, problem.temperature())
    assert problem.total() == pytest.approx(best)


def test_a_local_minimum_is_left_at_the_end():
    problem = annealer(np.random.default_rng(3), 12, 16)
    problem.anneal(np.random.default_rng(1), 20, problem.temperature())
    assert all(problem.gains(item).min() >= -1e-6 for item in range(12))


@pytest.mark.parametrize("topology", ["mesh", "ring", "torus"])
def test_annealed_finds_the_best_of_all_placements_of_a_small_network(topology):
    """Three convolutions on 2 x 2 tiles: 24 placements, each with the bytes that the simulator would count."""
    x = source(2, 4, 4)
    a = conv("a", x, 4)
    b = conv("b", a, 4)
    net = network([x, a, b, conv("c", b, 1)], ("a", "c"))
    built = chip({"grid.topology": topology, "grid.shape": "[2, 2]"})
    counts = [
        hop_bytes(built, traffic_of(place(net, built, places=[Place(number) for number in order])))
        for order in permutations(range(4), 3)
    ]
    found = hop_bytes(built, traffic_of(map_annealed(net, built, Options(), 0)))
    assert found == min(counts)


@settings(max_examples=25)
@given(networks(layers=5), st.integers(0, 3))
def test_annealed_is_never_worse_than_in_order_and_the_same_for_one_seed(net, seed):
    built = chip({"grid.shape": "[6, 6]", "tile.crossbar.columns": 4})
    options = Options(built.spec.mapping)
    try:
        start = map_in_order(net, built, options, seed)
    except CapacityError:
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(annealing, "FEWEST_STEPS", 300)  # both hold after any number of steps
        found = map_annealed(net, built, options, seed)
        assert plan_data(map_annealed(net, built, options, seed)) == plan_data(found)
    assert hop_bytes(built, traffic_of(found)) <= hop_bytes(built, traffic_of(start))


def test_squeezenet_passes_far_fewer_bytes_over_links():
    net = load_network("onnx:squeezenet")
    spec = load_spec("hermes64", ["mapping.effort=10"])
    counts = {}
    for name in ("in-order", "annealed"):
        plan = make_plan(net, build_chip(with_strategy(spec, name)))
        counts[name] = hop_bytes(plan.chip, traffic_of(plan))
    assert counts["annealed"] < 0.7 * counts["in-order"]


def test_values_are_the_same_bytes_wherever_blocks_sit():
    told = {"data": "zoo:digits", "programmings": 1, "seed": 5}
    one = chipsim.run("hermes64", "zoo:digits-cnn", **told).data
    other = chipsim.run("hermes64", "zoo:digits-cnn", mapping="annealed", **told).data
    assert one["mapping"]["sha256"] != other["mapping"]["sha256"]
    for key in ("accuracy", "signal_to_noise_db"):
        assert one[key] == other[key]
