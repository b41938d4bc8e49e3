"""Copies of a layer that take turns at its positions (rules T45 to T47)."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from second_engine import SecondEngine
from small_machines import chip, conv, network, source
from test_second_engine import BOUNDED, CHIPS, compare, least_buffers, networks

from chipsim.errors import CapacityError, InputError
from chipsim.mapping.placement import place
from chipsim.mapping.replication import given_replicas
from chipsim.network.edges import edges
from chipsim.simulation.engine import simulate_chip


def replicated(draw: st.DrawFn, net, built):
    """A plan with a random number of copies of every layer, if it fits."""
    copies = {layer.name: draw(st.integers(1, min(4, layer.positions))) for layer in net.matrix_layers}
    try:
        return place(net, built, copies)
    except CapacityError:
        return None


@settings(max_examples=80, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(st.data(), networks(layers=4), CHIPS, st.integers(1, 3))
def test_two_engines_agree_with_replicas(data, net, changes, inputs):
    plan = replicated(data.draw, net, chip({**changes, "grid.shape": "[7, 7]"}))
    assume(plan is not None)
    outcome = simulate_chip(plan, inputs)
    second = SecondEngine(plan, inputs, int(changes["host.max_inputs_in_flight"])).run()
    compare(plan, outcome, second, inputs)


@settings(max_examples=50, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(st.data(), networks(layers=4), CHIPS, st.integers(1, 3))
def test_the_least_buffers_of_one_copy_are_enough_for_replicas(data, net, changes, inputs):
    plan = replicated(data.draw, net, chip({**changes, **BOUNDED, "grid.shape": "[7, 7]"}))
    assume(plan is not None)
    with least_buffers():
        outcome = simulate_chip(plan, inputs)
    second = SecondEngine(plan, inputs, int(changes["host.max_inputs_in_flight"]), least=True).run()
    compare(plan, outcome, second, inputs)


def test_what_a_replica_reads_is_what_its_windows_touch():
    """Against windows walked one by one: 3x3 with stride 2 and padding over 7x5."""
    x = source(2, 7, 5)
    layer = conv("c", x, 4, 3, 2, 1)
    [edge, _] = edges(network([x, layer]))
    rows, columns = layer.output_shape[1:]
    for number, of in ((0, 2), (1, 3), (4, 5)):
        wanted = np.zeros((7, 5), bool)
        for position in range(number, rows * columns, of):
            y, x0 = divmod(position, columns)
            for ky in range(3):
                for kx in range(3):
                    iy, ix = 2 * y - 1 + ky, 2 * x0 - 1 + kx
                    if 0 <= iy < 7 and 0 <= ix < 5:
                        wanted[iy, ix] = True
        np.testing.assert_array_equal(edge.read_by(range(number, rows * columns, of), 35), wanted.ravel())


FAST = {"grid.shape": "[4, 8]", "link.bandwidth": "1 TB/s", "link.latency": "0 ns", "router.delay": "1 ps",
        "host.bandwidth": "1 TB/s", "tile.buffer.bandwidth": "1 TB/s", "tile.output_bandwidth": "1 TB/s",
        "neuron_unit.rate": "1 Top/s", "tile.mvm_latency": "1 us"}  # fmt: skip


def one_by_one(side: int = 8):
    x = source(4, side, side)
    return network([x, conv("c", x, 4)])


@pytest.mark.parametrize("copies", [1, 2, 3, 4, 8])
def test_where_tiles_set_the_pace_k_copies_are_k_times_as_fast(copies):
    plan = place(one_by_one(), chip(FAST), {"c": copies})
    interval = -(-64 // copies) * 1_000_000
    outcome = simulate_chip(plan, 6)
    steady = (outcome.done_ps[-1] - outcome.done_ps[2]) / 3
    assert steady == pytest.approx(64e6 / copies if 64 % copies == 0 else interval, rel=0.05)
    assert plan.tile_mvms == 64
    assert sorted(outcome.tile_mvms.values()) == sorted(6 * len(range(r, 64, copies)) for r in range(copies))


def test_more_copies_help_until_the_host_limits():
    """Each position is 4 bytes; at 4 MB/s the host needs 1 us for one, as long as an MVM takes."""
    slow = {**FAST, "host.bandwidth": "16 MB/s"}
    pace = [simulate_chip(place(one_by_one(), chip(slow), {"c": k}), 6).done_ps for k in (1, 2, 4, 8)]
    steady = [(done[-1] - done[2]) / 3 for done in pace]
    assert steady[1] == pytest.approx(steady[0] / 2, rel=0.05)
    assert steady[2] == pytest.approx(steady[0] / 4, rel=0.1)
    assert steady[3] == pytest.approx(64 * 4 / 16e6 * 1e12, rel=0.1)  # in and out side by side


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["c"], "must be LAYER=NUMBER or balanced"),
        (["c=two"], "must be LAYER=NUMBER or balanced"),
        (["c=0"], "layer c has 64 positions: 1 to 64 copies, not 0"),
        (["c=65"], "layer c has 64 positions: 1 to 64 copies, not 65"),
        (["d=2"], "net has no layer 'd' on tiles"),
        (["c=2", "c=3"], "layer c is given twice"),
    ],
)
def test_wrong_numbers_of_copies_are_refused(words, message):
    net, built = one_by_one(), chip(FAST)
    with pytest.raises(InputError, match=message):
        place(net, built, given_replicas(words))


def test_copies_that_do_not_fit_are_refused_with_numbers():
    with pytest.raises(CapacityError, match=r"needs 40 tiles, .* has 32 \(tiles needed: c 40\)"):
        place(one_by_one(), chip(FAST), {"c": 40})
