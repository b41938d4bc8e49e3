"""The throughput that `chipsim map --compare` states is that of a long stream."""

from __future__ import annotations

import json

import pytest
from small_machines import dense, plan, source

from chipsim.architecture.chip import build_chip
from chipsim.architecture.loader import load_spec
from chipsim.cli import main
from chipsim.mapping.plan import Plan
from chipsim.network.zoo import load_network
from chipsim.planning.choose import make_plan, with_strategy
from chipsim.planning.compare import compared
from chipsim.planning.estimate import estimate
from chipsim.simulation.engine import simulate_chip
from chipsim.simulation.steady import steady_interval_ps


def packed(network: str, *overrides: str) -> Plan:
    spec = with_strategy(load_spec("hermes64", overrides), "best-fit")
    return make_plan(load_network(network), build_chip(spec))


@pytest.mark.parametrize(
    ("network", "overrides", "basis", "within"),
    [
        ("zoo:vowels-transformer", (), "period", 1e-12),
        ("zoo:vowels-transformer", ("grid.shape=[2, 2]",), "mean", 0.01),
        ("zoo:digits-cnn", ("host.max_inputs_in_flight=1",), "period", 1e-12),
        ("zoo:digits-cnn", ("host.max_inputs_in_flight=40",), "period", 1e-12),
        ("zoo:digits-cnn", ("host.max_inputs_in_flight=300",), "limit", 0.01),
    ],
)
def test_a_few_inputs_have_the_pace_of_a_long_stream_however_uneven_its_intervals(network, overrides, basis, within):
    made = packed(network, *overrides)
    long = simulate_chip(made, 220, exact_all=True)
    settled = (long.done_ps[160] - long.done_ps[40]) / 120  # whole rounds of 1, 2, 3, 4, 5, 8 and 40
    found = compared(made)
    assert found.pace.basis == basis
    assert found.pace.interval_ps == pytest.approx(settled, rel=within)
    assert found.pace.inputs <= 256
    assert found.pace.interval_ps >= found.estimated.interval_ps


def test_the_last_half_of_a_short_stream_says_more_than_the_chip_can_do():
    made = packed("zoo:vowels-transformer", "grid.shape=[2, 2]")
    short = steady_interval_ps(simulate_chip(made, 16).done_ps)
    assert short is not None
    assert short < 0.9 * estimate(made).interval_ps  # what these tests are about
    assert compared(made).throughput_inputs_per_s <= estimate(made).throughput_inputs_per_s


@pytest.mark.parametrize("inputs", [4, 5, 6, 9, 40])
def test_a_given_number_of_inputs_is_simulated(inputs):
    made = plan([source(4), dense("a", "x", 4, 3)])
    found = compared(made, inputs)
    assert found.pace.interval_ps >= found.estimated.interval_ps
    assert len(simulate_chip(made, inputs).done_ps) == inputs


def test_energy_per_input_follows_the_pace():
    made = packed("zoo:vowels-transformer")
    found, long = compared(made), compared(made, 400)
    assert found.energy_per_input_j == pytest.approx(long.energy_per_input_j, rel=0.01)


def test_the_numbers_say_where_throughput_comes_from(capsys):
    assert main(["map", "hermes64", "zoo:digits-cnn", "--compare", "in-order,best-fit", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["compared"]
    assert [row["throughput_basis"] for row in rows] == ["period", "period"]
    assert all(row["inputs_simulated"] >= 8 for row in rows)
    assert [row["estimate"]["error"] for row in rows] == pytest.approx([0, 0])  # one tile sets the pace
