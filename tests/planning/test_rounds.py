"""Networks larger than the chip: which round a layer is in, and times and energies as sums (rules T86 to T88)."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from math import ceil

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from network_models import model_bytes, node, normal
from random_recurrent import with_operands
from second_engine import SecondEngine
from small_machines import chip, conv, dense, network, relu, source
from test_second_engine import CHIPS, networks

import chipsim
from chipsim.errors import CapacityError, InputError
from chipsim.mapping.placement import pieces
from chipsim.network.layers import InputLayer
from chipsim.network.onnx_reader import read_onnx
from chipsim.planning.compare import compare
from chipsim.planning.reloading import simulate_rounds
from chipsim.planning.rounds import _cut, plan_rounds
from chipsim.simulation.engine import simulate_chip

SLOW = [HealthCheck.too_slow, HealthCheck.filter_too_much]
PROGRAMMING = (
    "{pulse_time: 100 ns, pulse_energy: 10 pJ, verify_time: 300 ns, verify_energy: 5 pJ, step: 0.25, tolerance: 0.02, "
    "max_iterations: 4, write_heads: 2, tiles_in_parallel: 2}"
)


def small(changes, shape):
    return chip({**changes, "grid.shape": shape, "tile.programming": PROGRAMMING, "mapping.reload": "true"})


@settings(max_examples=50, suppress_health_check=SLOW)
@given(st.one_of(networks(layers=6), with_operands(layers=3)), CHIPS, st.integers(1, 5), st.integers(1, 3))
def test_the_second_engine_and_loading_add_up_to_the_run(net, changes, inputs, batch):
    """Each round by the other engine, on an empty chip; all that is left is addition, written here once more."""
    assume(net.matrix_layers)
    built = small(changes, "[2, 3]")
    assume(6 < len(pieces(net, built)) < 40)
    try:
        rounds = plan_rounds(net, built)
    except CapacityError:
        assume(False)
    outcome, reloading = simulate_rounds(rounds, inputs, batch)
    in_flight = int(changes["host.max_inputs_in_flight"])
    time, done, released, joules = 0, [], [], 0.0
    mvms = {}
    for first in range(0, inputs, batch):
        size = min(batch, inputs - first)
        for number, each in enumerate(rounds.rounds):
            if (first or number) and each.loaded.layers:
                load = reloading.loads[number]
                time, joules = time + load.end_ps, joules + load.joules
            if number == 0:
                released += [time] * size
            second = SecondEngine(each.plan, size, in_flight, size).run()
            joules += simulate_chip(each.plan, size, size).ledger.total_joules()
            for tile in second.tiles:
                name = f"{tile.name}@{number + 1}"
                mvms[name] = mvms.get(name, 0) + len(tile.own) * size
            finished = [time + end for end in second.done]
            time += max(second.done)
        done += finished
    assert outcome.done_ps == done
    assert outcome.released_ps == released
    assert outcome.makespan_ps == time
    assert outcome.tile_mvms == mvms
    assert outcome.ledger.total_joules() == pytest.approx(joules)
    for name, layer in rounds.plan.layers.items():
        counted = sum(outcome.tile_mvms[placed.name] for placed in layer.blocks)
        assert counted == inputs * net.layers[name].positions * len(layer.blocks)


@settings(max_examples=40, suppress_health_check=SLOW)
@given(networks(layers=8), CHIPS)
def test_every_layer_is_in_one_round_and_has_what_it_reads(net, changes):
    assume(net.matrix_layers)
    built = small(changes, "[2, 3]")
    try:
        rounds = plan_rounds(net, built)
    except CapacityError:
        assume(False)
    seen, made = [], {layer.name for layer in net.input_layers}
    for each in rounds.rounds:
        part = each.plan.network
        given_ = [layer.name for layer in part.layers.values() if isinstance(layer, InputLayer)]
        assert set(given_) <= made
        mine = [name for name in part.layers if name not in given_]
        seen += mine
        made |= set(part.outputs)
        assert len(each.plan.blocks) <= 6
        tiles = {placed.tile for placed in each.plan.blocks}
        loaded = {placed.tile for placed in each.loaded.blocks}
        others = {
            placed.tile
            for other in rounds.rounds
            for name, layer in other.plan.layers.items()
            if name in rounds.resident
            for placed in layer.blocks
        }
        assert not loaded & others
        assert tiles - loaded <= others
    assert sorted(seen) == sorted(name for name in net.layers if not isinstance(net.layers[name], InputLayer))
    assert set(net.outputs) <= made


@settings(max_examples=150)
@given(st.lists(st.integers(1, 6), min_size=2, max_size=7), st.integers(4, 9))
def test_no_other_cut_has_fewer_rounds_or_writes_less(weights, room):
    net = network([source(1), dense("a", "x", 1, 1)])
    units = [(f"l{i}",) for i in range(len(weights))]
    if max(weights) > room:
        with pytest.raises(CapacityError, match="by itself"):
            _cut(weights, room, net, units)
        return
    assume(sum(weights) > room)
    stays, groups = _cut(weights, room, net, units)
    rest = [number for number in range(len(weights)) if number not in stays]
    kept = sum(weights) - sum(weights[number] for number in rest)
    assert groups == sorted(groups)
    for group in set(groups):
        assert kept + sum(weights[number] for number in rest if groups[number] == group) <= room
    assert (groups[-1] + 1, sum(weights) - kept) == fewest(weights, room)


def fewest(weights, room):
    """Rounds and tiles written, of all subsets that could stay and all cuts of the others."""
    found = []
    for others in range(1, len(weights) + 1):
        for rest in combinations(weights, others):
            free = room - sum(weights) + sum(rest)
            for number in range(others):
                for cuts in combinations(range(1, others), number):
                    parts = zip((0, *cuts), (*cuts, others), strict=True)
                    if all(sum(rest[a:b]) <= free for a, b in parts):
                        found.append((number + 1, sum(rest)))
    return min(found)


def test_a_small_layer_behind_a_large_one_stays():
    net = network([source(1), dense("a", "x", 1, 1)])
    assert _cut([8, 2, 3, 3], 10, net, [("a",), ("b",), ("c",), ("d",)]) == ((1,), [0, 0, 1, 1])


def test_a_layer_of_a_later_round_that_stays_is_written_once_before_the_run():
    """Tiles 8, 2, 3, 3 on ten: the second and the others of round 1 first, and 8 + 6 tiles written for each batch."""
    x = source(8)
    layers = [x]
    for number, rows in enumerate((16, 4, 6, 6)):
        layers.append(dense(f"d{number}", layers[-1].name, layers[-1].output_shape[0], rows))
    net = network(layers)
    built = small({"tile.crossbar.rows": 64, "tile.crossbar.columns": 2}, "[2, 5]")
    assert len(pieces(net, built)) == 16
    rounds = plan_rounds(net, built)
    assert rounds.resident == ("d1",)
    assert [list(each.loaded.layers) for each in rounds.rounds] == [["d0"], ["d2", "d3"]]
    turned = network(
        [x, dense("e0", "x", 8, 6), dense("e1", "e0", 6, 6), dense("e2", "e1", 6, 4), dense("e3", "e2", 4, 16)]
    )
    rounds = plan_rounds(turned, built)
    assert sum(len(each.loaded.blocks) for each in rounds.rounds) == 14
    assert rounds.resident == ("e2",)
    outcome, reloading = simulate_rounds(rounds, 6, 3)
    assert reloading.times == (1, 2)
    assert len(reloading.before.tiles) == 2 + len(rounds.rounds[0].loaded.blocks)
    spans = [SecondEngine(each.plan, 3, 4, 3).run().done for each in rounds.rounds]
    assert outcome.makespan_ps == 2 * sum(max(done) for done in spans) + reloading.time_ps


def chain():
    """Four layers of one tile each over four positions."""
    x = source(2, 2, 2)
    layers = [x]
    for number in range(4):
        layers.append(conv(f"c{number}", layers[-1], 2))
    return network([*layers, relu("r", layers[-1])])


@pytest.mark.parametrize(("operator", "gates"), [("LSTM", 4), ("GRU", 3), ("RNN", 1)])
@pytest.mark.parametrize("tiles", [3, 4, 6])
def test_the_loop_of_a_recurrent_layer_stays_together(operator, gates, tiles):
    nodes = [
        node(operator, "x w r", "h", hidden_size=4, direction="bidirectional"),
        node("Transpose", "h", "t", perm=[0, 2, 1, 3]), node("Reshape", "t sizes", "s"), node("MatMul", "s o", "y"),
    ]  # fmt: skip
    weights = {
        "w": normal(2, gates * 4, 4),
        "r": normal(2, gates * 4, 4),
        "o": normal(8, 3),
        "sizes": np.array([5, 1, 8]),
    }
    net = read_onnx(model_bytes(nodes, (5, 1, 4), weights), operator)
    built = small({"tile.crossbar.columns": 8}, f"[1, {tiles}]")
    assert len(pieces(net, built)) > tiles or operator == "RNN"
    if len(pieces(net, built)) <= tiles:
        return
    rounds = plan_rounds(net, built)
    where = {name: number for number, each in enumerate(rounds.rounds) for name in each.plan.layers}
    for way in ("forward", "backward"):
        inside = [
            number for name, number in where.items() if name.startswith(f"h/{way}/") and not name.endswith("input")
        ]
        assert len(set(inside)) == 1
    outcome, reloading = simulate_rounds(rounds, 4, 2)
    spans = [SecondEngine(each.plan, 2, 4, 2).run().done for each in rounds.rounds]
    assert outcome.makespan_ps == 2 * sum(max(done) for done in spans) + reloading.time_ps


def test_what_fits_stays_and_the_rest_takes_turns():
    """Three tiles for four layers: two stay, two take turns on the third."""
    rounds = plan_rounds(chain(), small({}, "[1, 3]"))
    assert rounds.resident == ("c0", "c1")
    assert [list(each.plan.layers) for each in rounds.rounds] == [["c0", "c1", "c2"], ["c3"]]
    assert [list(each.loaded.layers) for each in rounds.rounds] == [["c2"], ["c3"]]
    assert rounds.plan.layers["c3"].blocks[0].tile == "tile(0,2)@2"
    assert rounds.plan.chip.position("tile(0,2)@2") != rounds.plan.chip.position("tile(0,2)@1")


def test_larger_batches_write_less_often():
    rounds = plan_rounds(chain(), small({}, "[1, 3]"))
    runs = {batch: simulate_rounds(rounds, 12, batch) for batch in (1, 4, 12)}
    assert {batch: sum(reloading.times) for batch, (_, reloading) in runs.items()} == {1: 23, 4: 5, 12: 1}
    spans = [outcome.makespan_ps for outcome, _ in runs.values()]
    assert spans == sorted(spans, reverse=True)
    joules = [outcome.ledger.total_joules() for outcome, _ in runs.values()]
    assert joules == sorted(joules, reverse=True)


def test_writing_takes_what_loading_takes_with_all_pulses():
    """2 x 2 weights as pairs: 4 bit lines of 2 cells, 2 heads: 4 groups of 4 pulses each, 5 verifies."""
    built = small({}, "[1, 3]")
    rounds = plan_rounds(chain(), built)
    _, reloading = simulate_rounds(rounds, 1, 1)
    load = reloading.loads[1]
    [tile] = load.tiles
    assert tile.end_ps - tile.start_ps == 4 * (5 * 300_000 + 4 * 100_000)
    assert (load.cells, load.pulses, load.verifies) == (8, 32, 40)
    assert load.joules == pytest.approx(32 * 10e-12 + 40 * 5e-12 + load.transfer_j)
    assert reloading.time_ps == load.end_ps


def test_latency_of_one_input_is_all_rounds_and_the_writings_between_them():
    rounds = plan_rounds(chain(), small({}, "[1, 3]"))
    outcome, reloading = simulate_rounds(rounds, 5, 2)
    alone = sum(simulate_chip(each.plan, 1).makespan_ps for each in rounds.rounds)
    assert outcome.latency_alone_ps == alone + reloading.loads[1].end_ps


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tile.programming": None}, "no section tile.programming"),
        ({"mapping.strategy": "annealed"}, "the strategy in-order alone, not annealed"),
    ],
)
def test_what_rounds_need_is_said(changes, message):
    built = chip({"grid.shape": "[1, 3]", "tile.programming": PROGRAMMING, "mapping.reload": "true", **changes})
    with pytest.raises(InputError, match=message):
        plan_rounds(chain(), built)


SECTION = f"tile.programming={PROGRAMMING}"


def test_values_are_those_of_a_chip_that_is_large_enough():
    told = {"data": "zoo:digits", "programmings": 1, "seed": 3, "batch": 50}
    large = chipsim.run("hermes64", "zoo:digits-cnn", overrides=[SECTION], **told)
    small_ = chipsim.run(
        "hermes64", "zoo:digits-cnn", overrides=[SECTION, "grid.shape=[1,3]", "mapping.reload=true"], **told
    )
    assert small_.data["accuracy"] == large.data["accuracy"]
    assert small_.data["signal_to_noise_db"] == large.data["signal_to_noise_db"]
    chip_, reloading = small_.data["chip"], small_.data["chip"]["reloading"]
    assert (chip_["tiles"], chip_["tiles_used"]) == (3, 3)
    assert [name for names in reloading["layers"] for name in names] == ["stem", "block1", "block2", "wide", "classify"]
    assert chip_["makespan_s"] > large.data["chip"]["makespan_s"]
    batches = ceil(450 / 50)
    assert reloading["times"] == batches * reloading["rounds"] - 1
    assert reloading["time_s"] < chip_["makespan_s"]
    assert large.data["chip"]["reloading"] is None
    written = sum(row["energy_j"] for row in small_.tables["ledger"] if row["kind"] == "programming")
    assert written == pytest.approx(reloading["energy_j"])
    assert {row["tile"].partition("@")[2] for row in small_.tables["tiles"]} == {"1", "2"}


def test_values_are_the_same_where_a_layer_of_the_last_round_stays():
    """On 14 tiles of 64 x 64 the last layer stays: of 18 blocks 10 are written for each batch."""
    told = {"data": "zoo:digits", "programmings": 1, "seed": 3}
    rows = [SECTION, "tile.crossbar.rows=64", "tile.crossbar.columns=64"]
    large = chipsim.run("hermes64", "zoo:digits-cnn", overrides=rows, **told)
    tiles = [*rows, "grid.shape=[1,14]", "mapping.reload=true"]
    turns = chipsim.run("hermes64", "zoo:digits-cnn", overrides=tiles, batch=150, **told)
    assert turns.data["accuracy"] == large.data["accuracy"]
    assert turns.data["signal_to_noise_db"] == large.data["signal_to_noise_db"]
    assert turns.data["chip"]["reloading"]["blocks_written_per_batch"] == 10


def test_replicas_and_arrivals_do_not_go_with_rounds():
    shape = ["grid.shape=[1,3]", "mapping.reload=true", SECTION]
    told = {"overrides": shape, "timing_only": True}
    with pytest.raises(InputError, match="leave out --replicas"):
        chipsim.run("hermes64", "zoo:digits-cnn", replicas=["stem=2"], **told)
    with pytest.raises(InputError, match=r"mapping\.reload does not go with --arrivals"):
        chipsim.run("hermes64", "zoo:digits-cnn", arrivals="10/s", **told)
    with pytest.raises(InputError, match="no mapping to compare"):
        compare(chain(), small({}, "[1, 3]").spec, ["in-order"])
    with pytest.raises(InputError, match="does not go with --beside"):
        chipsim.run("hermes64", "zoo:digits-cnn", beside=["zoo:digits-mlp"], **told)
    fits = chipsim.run("hermes64", "zoo:digits-mlp", overrides=["mapping.reload=true"], timing_only=True)
    assert fits.data["chip"]["reloading"] is None


def test_the_rest_of_a_round_is_a_network_like_any_other():
    rounds = plan_rounds(chain(), small({}, "[1, 3]"))
    second = rounds.rounds[1].plan.network
    assert list(second.layers) == ["c2", "c3", "r"]
    assert isinstance(second.layers["c2"], InputLayer)
    assert second.outputs == ("r",)
    assert replace(second, outputs=("c3",)).outputs == ("c3",)
