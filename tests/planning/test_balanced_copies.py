"""Copies of the slowest layers: as many as fit, and no more than make the network faster."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from random_recurrent import sequences
from small_machines import chip, conv, dense, network, source
from test_second_engine import CHIPS, networks

from chipsim.architecture.chip import build_chip
from chipsim.architecture.loader import load_spec
from chipsim.errors import CapacityError
from chipsim.mapping.placement import place
from chipsim.mapping.plan import Plan
from chipsim.mapping.replication import copies_in_turn
from chipsim.network.zoo import load_network
from chipsim.planning.balanced import balanced_replicas, chosen_replicas
from chipsim.planning.choose import make_plan
from chipsim.planning.estimate import estimate
from chipsim.simulation.engine import simulate_chip
from chipsim.simulation.tiles.pace import position_interval_ps

SLOW = [HealthCheck.too_slow, HealthCheck.filter_too_much]
FAST = {"link.bandwidth": "1 TB/s", "link.latency": "0 ns", "router.delay": "1 ps", "host.bandwidth": "1 TB/s",
        "tile.buffer.bandwidth": "1 TB/s", "tile.output_bandwidth": "1 TB/s", "neuron_unit.rate": "1 Top/s",
        "tile.mvm_latency": "1 us"}  # fmt: skip


def all_copies(net, built, budget):
    """A copy more of the slowest layer until no tile is left, whatever else limits."""
    start, order = copies_in_turn(net, built, lambda layer: position_interval_ps(built.spec, layer), {}, budget)
    return place(net, built, {name: number + order.count(name) for name, number in start.items()})


def steady_ps(made: Plan) -> float:
    """Between two inputs of the later half of many."""
    done = simulate_chip(made, 600).done_ps
    return (done[-1] - done[299]) / 300


def three_layers():
    x = source(4, 8, 8)
    wide = conv("wide", x, 4)
    return network([x, wide, conv("small", wide, 4, 2, 2), dense("out", "small", 64, 3)])


def test_copies_go_to_the_slowest_layer_until_tiles_run_out():
    net, built = three_layers(), chip({**FAST, "grid.shape": "[1, 12]"})
    copies = balanced_replicas(net, built)
    assert copies == {"wide": 6, "small": 2, "out": 1}
    assert place(net, built, copies).tiles_used == 12
    assert chosen_replicas(["balanced", "wide=2"], net, built) == {"wide": 2, "small": 1, "out": 1}
    assert chosen_replicas(["wide=2"], net, built) == {"wide": 2}


def test_a_slow_host_leaves_tiles_empty():
    """64 positions of 4 bytes at 12 MB/s take 21.3 us; 64 MVMs of 1 us take 22 us on 3 copies and 16 us on 4."""
    net, built = three_layers(), chip({**FAST, "grid.shape": "[1, 12]", "host.bandwidth": "12 MB/s"})
    copies = balanced_replicas(net, built)
    assert copies == {"wide": 4, "small": 1, "out": 1}
    found = estimate(place(net, built, copies))
    assert found.limit == "host -> router(0,0)"
    assert found.interval_ps == estimate(all_copies(net, built, 12)).interval_ps


def test_a_digital_unit_that_limits_is_as_busy_with_a_seventh_of_the_tiles():
    net, built = load_network("zoo:digits-cnn"), build_chip(load_spec("hermes64", ["mapping.strategy=balanced"]))
    made, full = make_plan(net, built), all_copies(net, built, 64)
    assert (made.tiles_used, full.tiles_used) == (9, 64)
    assert steady_ps(made) == pytest.approx(estimate(made).interval_ps, rel=1e-4)
    assert steady_ps(made) <= 1.001 * steady_ps(full)


def test_a_loop_that_limits_gets_no_copies():
    net, built = load_network("zoo:vowels-lstm"), build_chip(load_spec("hermes64", ["mapping.strategy=balanced"]))
    made = make_plan(net, built)
    assert {layer.replicas for layer in made.layers.values()} == {1}
    assert estimate(made).limit.startswith("loop of")
    assert all_copies(net, built, 64).tiles_used > made.tiles_used
    assert steady_ps(made) == steady_ps(all_copies(net, built, 64))


@settings(max_examples=60, suppress_health_check=SLOW)
@given(st.one_of(networks(layers=5), sequences()), CHIPS, st.integers(1, 36))
def test_never_over_the_budget_and_estimated_no_slower_than_with_all_copies(net, changes, budget):
    assume(net.matrix_layers)
    built = chip({**changes, "grid.shape": "[6, 6]"})
    try:
        plain = place(net, built)
    except CapacityError:
        assume(False)
    assume(plain.tiles_used <= budget)
    copies = balanced_replicas(net, built, budget=budget)
    assert copies == balanced_replicas(net, built, budget=budget)
    made, full = place(net, built, copies), all_copies(net, built, budget)
    assert made.tiles_used <= full.tiles_used <= budget
    assert estimate(made).interval_ps <= min(estimate(each).interval_ps for each in (plain, full))
