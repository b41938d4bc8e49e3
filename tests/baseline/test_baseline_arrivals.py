"""Inputs that come at a rate, on the von Neumann machine (T27, B2, B18)."""

from __future__ import annotations

import pytest

from chipsim.architecture.loader import load_spec
from chipsim.architecture.spec import VonNeumannSpec
from chipsim.baseline.machine import simulate_baseline
from chipsim.network.zoo import load_network
from chipsim.simulation.outcome import Outcome
from chipsim.simulation.units.arrivals import parse_arrivals

NETWORK = load_network("zoo:digits-mlp", seed=0)


def simulate(arrivals_ps: list[int] | None, inputs: int, batch: int = 1, drain: bool = False) -> Outcome:
    spec = load_spec("edge_npu", [])
    assert isinstance(spec, VonNeumannSpec)
    return simulate_baseline(spec, NETWORK, inputs, batch, drain=drain, arrivals_ps=arrivals_ps)


@pytest.mark.parametrize("batch", [1, 4])
def test_batches_that_come_slowly_are_each_alone(batch: int) -> None:
    alone = simulate(None, batch, batch)
    arrivals = parse_arrivals("1000/s").times_ps(4 * batch, batch, 0)
    outcome = simulate(arrivals, 4 * batch, batch)
    assert outcome.released_ps == outcome.admitted_ps == arrivals
    assert outcome.done_ps == [arrivals[i] + alone.done_ps[i % batch] for i in range(4 * batch)]


@pytest.mark.parametrize("drain", [False, True])
@pytest.mark.parametrize("batch", [1, 3])
def test_inputs_that_have_all_come_at_once_run_as_without_arrivals(batch: int, drain: bool) -> None:
    """Only the releases differ: the wait for their turn is part of the latency then."""
    at_once, without = simulate([0] * 10, 10, batch, drain), simulate(None, 10, batch, drain)
    assert at_once.done_ps == without.done_ps
    assert at_once.admitted_ps == without.admitted_ps == without.released_ps
    assert at_once.released_ps == [0] * 10


def test_with_drain_a_batch_waits_for_its_turn_and_its_arrival() -> None:
    alone = simulate(None, 1).done_ps[0]
    arrivals = [0, alone // 2, alone * 5, alone * 5 + 1]
    outcome = simulate(arrivals, 4, drain=True)
    assert outcome.admitted_ps == [0, alone, alone * 5, alone * 6]
    assert outcome.done_ps == [alone, alone * 2, alone * 6, alone * 7]
    assert outcome.released_ps == arrivals
