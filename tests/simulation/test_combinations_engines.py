"""The engine and the second one agree where rules that other tests take one by one meet in one chip."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from random_combinations import Case, agree, cases

FEW = settings(max_examples=12, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
OPERANDS = ("operands", "operands", "loops", "maps")


@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(cases())
def test_two_engines_agree_on_anything_at_once(case: Case) -> None:
    agree(case)


@FEW
@given(cases(kinds=("operands",), sums=("gather", "chain"), networks=(1,), bounded_routers=(True,), varying=(False,)))
def test_operands_that_are_data_go_through_bounded_routers(case: Case) -> None:
    """T96, T97 with T60."""
    agree(case)


@FEW
@given(cases(kinds=("operands",), sums=("routers",), networks=(1,)))
def test_operands_that_are_data_meet_sums_added_in_routers(case: Case) -> None:
    """T96, T97 with T64."""
    agree(case)


@FEW
@given(cases(kinds=OPERANDS, networks=(2,), memories=("roomy", "least", "spilling")))
def test_operands_that_are_data_come_beside_other_networks(case: Case) -> None:
    """T96, T97 with T90."""
    agree(case)


@FEW
@given(cases(sums=("chain",), tiles=(1, 2, 3), links=("unlike",), memories=("enough", "least"), networks=(1,)))
def test_chains_share_tiles_with_bounded_buffers_copies_and_links_that_are_unlike(case: Case) -> None:
    """T79 with T9a, T20, T45 and T60."""
    agree(case)


@FEW
@given(cases(links=("circles", "unlike"), memories=("spilling",)))
def test_buffers_spill_over_circles_and_graphs_of_ones_own(case: Case) -> None:
    """T75, T78 with T62."""
    agree(case)


@FEW
@given(cases(varying=(True,), copies=4))
def test_copies_whose_mvms_take_their_own_times_get_batches_that_come_at_random(case: Case) -> None:
    """T43 with T45, T23 and T27."""
    agree(case)
