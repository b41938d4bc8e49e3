"""Inputs that come at a rate (T27 to T29): closed forms, a queue known from theory, and a second engine."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from second_engine import SecondEngine
from small_machines import NS
from test_second_engine import CHIPS, compare, networks, small_enough
from test_streams_of_inputs import chain, closed_form

from chipsim.errors import InputError
from chipsim.network.graph import Network
from chipsim.simulation.chip_outcome import ChipOutcome
from chipsim.simulation.engine import simulate_chip
from chipsim.simulation.outcome import headline
from chipsim.simulation.units.arrivals import parse_arrivals
from chipsim.simulation.waiting import FEWEST_BATCHES, arrival_numbers, is_saturated, waiting

SIZES = [8, 4]
SERVICE_NS = 100  # one tile whose array takes longest by far
FILL_NS, SLOWEST_NS = closed_form(SIZES, {"issue": 0, "mvm": SERVICE_NS, "neuron": 1})


def one_tile(arrivals_ps: list[int], in_flight: int, batch: int = 1, drain: bool = False) -> ChipOutcome:
    plan = chain(SIZES, {"host.max_inputs_in_flight": in_flight, "tile.mvm_latency": f"{SERVICE_NS} ns"})
    return simulate_chip(plan, len(arrivals_ps), batch, drain=drain, arrivals_ps=arrivals_ps)


def lindley(arrivals_ps: list[int], service_ps: int) -> list[int]:
    """Starts of services in a queue with one server, first come first served."""
    starts: list[int] = []
    free = 0
    for arrival in arrivals_ps:
        starts.append(max(arrival, free))
        free = starts[-1] + service_ps
    return starts


# ---- times of arrival ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "batch", "expected"),
    [
        ("1e12/s", 1, [0, 1, 2, 3, 4]),
        ("3/ns", 1, [0, 334, 667, 1000, 1334]),
        ("3 / ns", 2, [0, 0, 667, 667, 1334]),
        ("deterministic 1_000/ms", 1, [0, 10**6, 2 * 10**6, 3 * 10**6, 4 * 10**6]),
        ("0.7/us", 1, [0, 1_428_572, 2_857_143, 4_285_715, 5_714_286]),
    ],
)
def test_deterministic_arrivals_are_exact_to_the_picosecond_t27(text: str, batch: int, expected: list[int]) -> None:
    assert parse_arrivals(text).times_ps(5, batch, seed=3) == expected


@given(st.integers(1, 40), st.integers(1, 7), st.sampled_from(["poisson 1/us", "12345/s"]), st.integers(0, 3))
def test_fewer_inputs_arrive_at_the_same_times_and_batches_together_t27(
    inputs: int, batch: int, text: str, seed: int
) -> None:
    arrivals = parse_arrivals(text)
    times = arrivals.times_ps(inputs, batch, seed)
    assert times == arrivals.times_ps(inputs + 9, batch, seed)[:inputs]
    assert times[0] == 0
    assert len({*times}) == -(-inputs // batch)
    assert all(times[i] == times[i // batch * batch] for i in range(inputs))


def test_poisson_gaps_are_exponential_t27() -> None:
    """Kolmogorov-Smirnov with 20,000 gaps, false-alarm rate 0.1 %: the greatest distance is below 1.95 / sqrt(n)."""
    gaps = np.diff(parse_arrivals("poisson 1/us").times_ps(20_001, 1, seed=1)) / 1e6
    expected = 1 - np.exp(-np.sort(gaps))
    steps = np.arange(len(gaps) + 1) / len(gaps)
    distance = max((steps[1:] - expected).max(), (expected - steps[:-1]).max())
    assert distance < 1.95 / math.sqrt(len(gaps))
    assert abs(np.corrcoef(gaps[1:], gaps[:-1])[0, 1]) < 3.3 / math.sqrt(len(gaps))


def test_poisson_arrivals_depend_on_the_seed_and_keep_their_pattern_at_any_rate_t27() -> None:
    slow, fast = (parse_arrivals(f"poisson {rate}/s").times_ps(50, 1, seed=4) for rate in ("1000", "2000"))
    assert all(abs(a - 2 * b) <= 2 for a, b in zip(slow, fast, strict=True))
    assert slow != parse_arrivals("poisson 1000/s").times_ps(50, 1, seed=5)
    assert parse_arrivals("1000/s").times_ps(9, 1, 4) == parse_arrivals("1000/s").times_ps(9, 1, 5)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("fast", "arrivals 'fast' are not a rate; write for instance '1000/s' or 'poisson 1000/s'"),
        ("1000", "are not a rate"),
        ("-5/s", "are not a rate"),
        ("nan/s", "are not a rate"),
        ("poison 10/s", "'poison' is no kind of arrivals; did you mean 'poisson'"),
        ("10/min", "'min' is none of s, ms, us"),
        ("1.2.3/s", "'1.2.3' is not a number"),
        ("1__0/s", "'1__0' is not a number"),
        ("10_/s", "'10_' is not a number"),
        ("1_.5/s", "'1_.5' is not a number"),
        ("0/s", "must be from 0.000001/s to 1e[+]12/s"),
        ("1e999999999/s", "must be from"),
        ("1e13/s", "must be from"),
    ],
)
def test_rates_that_make_no_sense_are_refused(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse_arrivals(text)


# ---- what they do --------------------------------------------------------------------------------------------------


def test_when_inputs_come_slower_than_they_are_served_each_is_alone_t28() -> None:
    arrivals = parse_arrivals("1/us").times_ps(40, 1, 0)
    outcome = one_tile(arrivals, in_flight=2)
    assert outcome.released_ps == outcome.admitted_ps == arrivals
    assert outcome.done_ps == [time + FILL_NS * NS for time in arrivals]
    assert outcome.latency_alone_ps == FILL_NS * NS
    numbers = arrival_numbers(outcome, Fraction(10**6))
    assert numbers["latency_p50_s"] == numbers["latency_max_s"] == numbers["latency_mean_s"] == FILL_NS / 1e9
    assert numbers["queue_mean_inputs"] == numbers["queue_max_s"] == numbers["queue_max_inputs"] == 0
    assert numbers["served_inputs_per_s"] == numbers["offered_inputs_per_s"] == 1e6
    assert numbers["saturated"] is False


@pytest.mark.parametrize("interval_ns", [SLOWEST_NS, SLOWEST_NS - 1])
def test_one_nanosecond_too_fast_is_saturated_t29(interval_ns: int) -> None:
    outcome = one_tile([i * interval_ns * NS for i in range(60)], in_flight=4)
    assert is_saturated(outcome, Fraction(10**9, interval_ns)) is (interval_ns < SLOWEST_NS)
    waits = [done - start - FILL_NS * NS for start, done in zip(outcome.released_ps, outcome.done_ps, strict=True)]
    assert waits == [i * (SLOWEST_NS - interval_ns) * NS for i in range(60)]


def test_a_host_that_waits_for_each_input_is_saturated_though_its_tile_is_not_t29() -> None:
    """One at a time takes the whole latency; no server is busy all the time, but the queue grows."""
    interval_ns = FILL_NS - 2
    assert interval_ns > SLOWEST_NS
    many = [i * interval_ns * NS for i in range(FEWEST_BATCHES)]
    assert is_saturated(one_tile(many, in_flight=1), Fraction(10**9, interval_ns))
    assert not is_saturated(one_tile(many, in_flight=2), Fraction(10**9, interval_ns))


@pytest.mark.parametrize("rho", [0.3, 0.5])
def test_mean_wait_at_the_bottleneck_is_that_of_an_m_d_1_queue(rho: float) -> None:
    """Pollaczek and Khinchine: rho S / (2 (1 - rho)), within 3 % for 100,000 inputs.

    The mean of so many waits has a standard deviation of 1.07 % (rho 0.3) and 1.23 % (rho 0.5), measured with 400 other
    streams, of which 1.0 % and 1.5 % are off by more than 3 %: the false-alarm rates, as the seed was not chosen.
    Without chance: the times equal Lindley's recursion to the picosecond.
    """
    arrivals = parse_arrivals(f"poisson {rho / SLOWEST_NS}/ns").times_ps(100_000, 1, seed=0)
    outcome = one_tile(arrivals, in_flight=50)
    assert outcome.admitted_ps == arrivals
    starts = lindley(arrivals, SLOWEST_NS * NS)
    assert outcome.done_ps == [start + FILL_NS * NS for start in starts]
    waits = [start - arrival for arrival, start in zip(arrivals, starts, strict=True)]
    assert np.mean(waits) / NS == pytest.approx(rho * SLOWEST_NS / (2 * (1 - rho)), rel=0.03)
    assert not is_saturated(outcome, Fraction(rho / SLOWEST_NS) * 10**9)


def test_one_input_at_a_time_the_hosts_queue_is_a_queue_with_one_server_t22() -> None:
    """The wait is then at the host, and the service is the whole latency of one input."""
    arrivals = parse_arrivals(f"poisson {0.5 / FILL_NS}/ns").times_ps(2000, 1, seed=0)
    outcome = one_tile(arrivals, in_flight=1)
    assert outcome.admitted_ps == lindley(arrivals, FILL_NS * NS)
    numbers = arrival_numbers(outcome, Fraction(1))
    assert numbers["latency_mean_s"] == pytest.approx(numbers["queue_mean_s"] + FILL_NS * 1e-9, rel=1e-12)  # type: ignore[operator]


@settings(max_examples=40)
@given(
    rate=st.sampled_from(["3/us", "9/us", "20/us"]), kind=st.sampled_from(["", "poisson "]),
    inputs=st.integers(1, 40), in_flight=st.integers(1, 3), batch=st.integers(1, 4), drain=st.booleans(),
)  # fmt: skip
def test_littles_law_holds_exactly_for_the_hosts_queue_t28(
    rate: str, kind: str, inputs: int, in_flight: int, batch: int, drain: bool
) -> None:
    """L = lambda W as a time integral, counted here picosecond interval by interval."""
    arrivals = parse_arrivals(kind + rate).times_ps(inputs, batch, seed=2)
    outcome = one_tile(arrivals, in_flight, batch, drain)
    spans = list(zip(outcome.released_ps, outcome.admitted_ps, strict=True))
    moments = sorted({0, outcome.makespan_ps, *(time for span in spans for time in span)})
    queue = [(end - start, sum(a <= start < b for a, b in spans)) for start, end in pairwise(moments)]
    arrived_per_ps = Fraction(inputs, outcome.makespan_ps)
    mean_wait_ps = Fraction(sum(end - start for start, end in spans), inputs)
    mean, most = waiting(outcome.released_ps, outcome.admitted_ps, outcome.makespan_ps)
    assert mean == Fraction(sum(length * number for length, number in queue), outcome.makespan_ps)
    assert mean == arrived_per_ps * mean_wait_ps
    assert most == max((number for _, number in queue), default=0)
    assert outcome.released_ps == arrivals
    assert all(a <= b for a, b in spans)


def test_percentiles_are_times_that_occurred() -> None:
    arrivals = parse_arrivals("poisson 8/us").times_ps(400, 1, seed=3)
    outcome = one_tile(arrivals, in_flight=1)
    numbers = arrival_numbers(outcome, Fraction(8 * 10**6))
    for name, values in (
        ("latency", [b - a for a, b in zip(outcome.released_ps, outcome.done_ps, strict=True)]),
        ("queue", [b - a for a, b in zip(outcome.released_ps, outcome.admitted_ps, strict=True)]),
    ):
        ordered = sorted(values)
        for percent in (50, 95, 99):
            found = round(numbers[f"{name}_p{percent}_s"] * 1e12)  # type: ignore[operator]
            assert found in values
            assert sum(value <= found for value in ordered) >= percent / 100 * len(ordered)
        assert round(numbers[f"{name}_max_s"] * 1e12) == ordered[-1]  # type: ignore[operator]
    assert headline(outcome, 32)["latency_p99_s"] == numbers["latency_p99_s"]


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(
    networks(), CHIPS, st.integers(1, 5), st.integers(1, 3), st.booleans(),
    st.sampled_from(["poisson 1/us", "poisson 5/us", "5/us", "20/us", "poisson 100/us"]),
)  # fmt: skip
def test_two_engines_agree_on_arrivals(
    net: Network, changes: dict[str, object], inputs: int, batch: int, drain: bool, rate: str
) -> None:
    plan = small_enough(net, changes)
    if plan is None:
        return
    arrivals = parse_arrivals(rate).times_ps(inputs, batch, seed=inputs)
    outcome = simulate_chip(plan, inputs, batch, drain=drain, arrivals_ps=arrivals)
    in_flight = int(str(changes["host.max_inputs_in_flight"]))
    second = SecondEngine(plan, inputs, in_flight, batch, drain, arrivals=arrivals).run()
    compare(plan, outcome, second, inputs)
    assert outcome.admitted_ps == second.admitted
