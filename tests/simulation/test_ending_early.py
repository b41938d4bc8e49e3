"""A run that is ended early is a run of the inputs that were admitted (T30); the progress line's time; batch modes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from small_machines import NS
from test_second_engine import CHIPS, networks, small_enough
from test_streams_of_inputs import chain, closed_form

from chipsim.network.graph import Network
from chipsim.simulation.chip_outcome import ChipOutcome
from chipsim.simulation.core import clock as clock_module
from chipsim.simulation.engine import simulate_chip
from chipsim.simulation.units.arrivals import parse_arrivals

SIZES = [8, 4, 4]
FILL, SLOWEST = closed_form(SIZES, {"issue": 0, "mvm": 100, "neuron": 1})


def after(inputs: int) -> tuple[Callable[[int], None], Callable[[], bool]]:
    """Progress to be told, and whether so many inputs are done."""
    told: list[int] = [0]
    return told.append, lambda: told[-1] >= inputs


def all_but_cost(outcome: ChipOutcome) -> dict[str, Any]:
    effort = ("cost", "simulated")
    return {field.name: getattr(outcome, field.name) for field in fields(outcome) if field.name not in effort}


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(
    networks(), CHIPS, st.integers(0, 4), st.integers(1, 3), st.booleans(),
    st.sampled_from([None, "poisson 5/us", "20/us"]),
)  # fmt: skip
def test_times_counts_and_energies_are_those_of_the_admitted_inputs_alone(
    net: Network, changes: dict[str, Any], enough: int, batch: int, drain: bool, rate: str | None
) -> None:
    plan = small_enough(net, changes)
    if plan is None:
        return
    arrivals = None if rate is None else parse_arrivals(rate).times_ps(12, batch, seed=1)
    told, stop = after(enough)
    cut = simulate_chip(
        plan, 12, batch, drain=drain, arrivals_ps=arrivals, trace_inputs=2, stop=stop, progress=told,
    )  # fmt: skip
    in_flight = changes["host.max_inputs_in_flight"]
    assert max(1, enough) <= cut.inputs <= max(1, enough + in_flight)
    alone = simulate_chip(plan, cut.inputs, batch, drain=drain, arrivals_ps=arrivals, trace_inputs=2)
    expected = all_but_cost(alone)
    if cut.inputs == 1:  # a run of one input needs no other to know its latency
        expected["latency_alone_ps"] = cut.latency_alone_ps
        assert cut.latency_alone_ps == alone.done_ps[0] - alone.admitted_ps[0]
    assert all_but_cost(cut) == expected


def test_nothing_is_cut_off_once_all_inputs_are_admitted() -> None:
    told, stop = after(7)
    plan = chain(SIZES, {"host.max_inputs_in_flight": 2})
    outcome = simulate_chip(plan, 8, stop=stop, progress=told)
    assert outcome.done_ps == simulate_chip(plan, 8).done_ps


def test_a_run_that_is_to_end_before_it_begins_simulates_one_input() -> None:
    outcome = simulate_chip(chain(SIZES, {}), 8, stop=lambda: True)
    assert outcome.done_ps == [FILL * NS]
    assert outcome.tile_mvms == {"tile(0,0)": 1, "tile(0,1)": 1}


def test_the_time_that_is_told_never_falls_and_ends_at_the_last_event(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock_module, "EVENTS_PER_REPORT", 3)
    told: list[int] = []
    arrivals = [i * 1000 * NS for i in range(30)]
    outcome = simulate_chip(chain([8, 4, 4, 4], {}), 30, arrivals_ps=arrivals, at_time=told.append)
    assert len(told) > 10
    assert told == sorted(told)
    assert arrivals[-1] <= told[-1] <= outcome.makespan_ps


# ---- the three modes of docs/usage.md --------------------------------------------------------------------------------


@pytest.mark.parametrize("inputs", [1, 5, 12])
@pytest.mark.parametrize(
    ("batch", "drain"),
    [pytest.param(1, True, id="one at a time"), pytest.param(4, True, id="micro-batches"),
     pytest.param(1, False, id="stream"), pytest.param(4, False, id="stream released four at a time")],
)  # fmt: skip
def test_modes_take_what_their_closed_forms_say(inputs: int, batch: int, drain: bool) -> None:
    plan = chain(SIZES, {"host.max_inputs_in_flight": 12})
    outcome = simulate_chip(plan, inputs, batch, drain=drain)
    whole, rest = divmod(inputs, batch) if drain else (1, 0)
    together = batch if drain else inputs
    expected = whole * (FILL + (together - 1) * SLOWEST) + (FILL + (rest - 1) * SLOWEST if rest else 0)
    assert outcome.makespan_ps == expected * NS
