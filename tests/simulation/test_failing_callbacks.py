"""Callbacks of the timing plane that raise: the caller gets what they raised, and can simulate again."""

from __future__ import annotations

import gc
from collections.abc import Callable

import pytest
from small_machines import dense, source
from small_machines import plan as planned
from test_periodic import same

import chipsim
from chipsim.mapping.plan import Plan
from chipsim.simulation.engine import simulate_chip
from chipsim.simulation.together import Workload, simulate_together


class OwnError(Exception):
    """What nobody else raises."""


def failing(at: int) -> Callable[[int], None]:
    """Raises when it is called for the so-manieth time."""
    left = at

    def called(_: int) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            raise OwnError

    return called


@pytest.fixture(scope="module")
def plan() -> Plan:
    return planned([source(8), dense("a", "x", 8, 6), dense("b", "a", 6, 4)])


@pytest.mark.parametrize("error", [OwnError, MemoryError, KeyboardInterrupt])
@pytest.mark.parametrize("callback", ["progress", "at_time", "stop"])
@pytest.mark.parametrize("at", [1, 2, 7])
def test_what_a_callback_raises_comes_out_and_the_plan_is_as_before(plan, callback, at, error):
    undisturbed = simulate_chip(plan, 40, exact_all=True)
    assert undisturbed.cost.events > 0
    count = 0

    def called(*_: int) -> bool:
        nonlocal count
        count += 1
        if count == at:
            raise error
        return False

    try:
        simulate_chip(plan, 40, exact_all=True, **{callback: called})
    except error:
        assert count == at
    else:
        assert count < at
    assert count
    assert gc.isenabled()
    same(simulate_chip(plan, 40, exact_all=True), undisturbed)


def test_of_several_networks_too(plan):
    works = [Workload(plan=plan, inputs=9)]
    undisturbed = simulate_together(works)
    with pytest.raises(OwnError):
        simulate_together(works, progress=failing(3))
    assert gc.isenabled()
    same(simulate_together(works).networks[0], undisturbed.networks[0])


def test_of_a_whole_run_too():
    def progress(what: str, done: int, _: int) -> None:
        if what == "timing" and done == 2:
            raise OwnError

    with pytest.raises(OwnError):
        chipsim.run("hermes64", "zoo:digits-mlp", timing_only=True, progress=progress)
    assert gc.isenabled()
