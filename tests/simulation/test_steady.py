"""Throughput is over whole periods of the outputs where they repeat, so it never is more than the chip can do."""

from itertools import accumulate
from statistics import mean

import pytest
from hypothesis import given
from hypothesis import strategies as st

import chipsim
from chipsim.architecture.chip import build_chip
from chipsim.architecture.loader import load_spec
from chipsim.network.zoo import load_network
from chipsim.planning.choose import make_plan, with_strategy
from chipsim.planning.compare import compared
from chipsim.planning.estimate import estimate
from chipsim.simulation.engine import simulate_chip
from chipsim.simulation.steady import share_until, steady_interval_ps


def test_what_comes_faster_at_the_end_does_not_count() -> None:
    done = list(accumulate([30, 10] * 20 + [1, 1]))
    admitted = [0, 0, 0, *done[:-3]]
    assert steady_interval_ps(done, 1, admitted) == 20
    assert steady_interval_ps(done) == (done[-1] - done[20]) / 21 < 20


def test_whole_periods_are_counted_where_the_last_half_begins_within_one() -> None:
    done = list(accumulate([70, 10, 10] * 15))
    admitted = [0, *done[:-1]]
    assert len(done) // 2 % 3 == 1
    assert steady_interval_ps(done, 1, admitted) == 30
    assert steady_interval_ps(done) != 30


@pytest.mark.parametrize(
    ("intervals", "flight"),
    [
        ([10, 20, 40, 80, 160, 320, 640, 5, 6, 7, 9, 11], 2),  # nothing repeats
        ([10] * 16, 16),  # nothing is admitted later
        ([9, 1, 1, 1, 1, 1, 1, 9, 1, 1, 1, 1, 1, 1], 7),  # one round of those in flight is not left
        ([50, 20, 30, 40] * 3, 2),  # only once in what is left of the last half
    ],
)
def test_elsewhere_it_is_the_mean_over_the_last_half(intervals: list[int], flight: int) -> None:
    done = list(accumulate(intervals))
    admitted = [0] * flight + done[: len(done) - flight]
    assert steady_interval_ps(done, 1, admitted) == mean(intervals[-(len(done) // 2) :])


def test_a_period_is_of_whole_batches() -> None:
    done = list(accumulate([100, 1, 1, 1] * 12))
    admitted = [0] * 4 + [time for time in done[3:-4:4] for _ in range(4)]
    assert steady_interval_ps(done, 4, admitted) == 103 / 4


@given(
    st.lists(st.integers(1, 50), min_size=1, max_size=6), st.lists(st.integers(1, 50), max_size=10), st.integers(1, 6),
    st.integers(0, 5),
)  # fmt: skip
def test_any_period_is_found(pattern: list[int], before: list[int], flight: int, part: int) -> None:
    intervals = before + pattern * 40 + pattern[: part % len(pattern)]
    done = list(accumulate(intervals + [1] * (flight - 1)))
    assert steady_interval_ps(done, 1, [0] * flight + done[: len(done) - flight]) == pytest.approx(mean(pattern))


@pytest.mark.parametrize(
    ("network", "overrides"),
    [
        ("zoo:vowels-transformer", ()),
        ("zoo:digits-cnn", ("host.max_inputs_in_flight=3",)),
        ("zoo:digits-cnn", ("host.max_inputs_in_flight=12",)),
    ],
)
@pytest.mark.parametrize("inputs", [60, 67])
def test_a_run_has_the_pace_that_the_comparison_of_mappings_has(network: str, overrides, inputs: int) -> None:
    spec = with_strategy(load_spec("hermes64", overrides), "best-fit")
    made = make_plan(load_network(network), build_chip(spec))
    found, outcome = compared(made), simulate_chip(made, inputs)
    assert found.pace.basis == "period"
    assert outcome.interval_ps == pytest.approx(found.pace.interval_ps, rel=1e-12)
    assert outcome.interval_ps >= estimate(made).interval_ps
    assert simulate_chip(made, inputs, exact_all=True).interval_ps == outcome.interval_ps


def test_all_numbers_of_a_result_are_at_the_same_pace() -> None:
    result = chipsim.run("hermes64", "zoo:vowels-transformer", data="zoo:vowels", timing_only=True).data
    chip, inputs = result["chip"], result["settings"]["inputs"]
    busiest = chip["busiest"]["utilisation"] * chip["makespan_s"] / inputs
    assert chip["simulation"]["period_inputs"] is not None
    assert chip["throughput_inputs_per_s"] <= (1 + 1e-12) / busiest
    assert chip["tops"] == pytest.approx(2 * result["network"]["macs"] * chip["throughput_inputs_per_s"] / 1e12)


@pytest.mark.parametrize(("end", "share"), [(5, 0.0), (20, 0.0), (30, 0.5), (40, 1.0), (90, 1.0)])
def test_share_of_the_last_half_before_a_time(end: int, share: float) -> None:
    assert share_until([10, 20, 30, 40], 1, end) == share
    assert share_until([10, 20, 30], 1, end) is None
