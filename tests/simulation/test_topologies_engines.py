"""The engine and the second one agree on random networks on every topology, and nothing is lost on the way."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from second_engine import SecondEngine
from small_machines import chip
from test_second_engine import BOUNDED, CHIPS, compare, least_buffers, networks, small_enough

from chipsim.network.graph import Network
from chipsim.simulation.chip_outcome import ChipOutcome
from chipsim.simulation.engine import simulate_chip

SIDE = 4
LADDER = [[i, i + 1] for i in range(15)] + [[0, 8], [3, 12], [5, 15]]
CIRCLE = [[i, (i + 1) % 16] for i in range(16)] + [[4, 0], [12, 7]]
GRIDS: dict[str, dict[str, Any]] = {
    **{name: {"grid.topology": name} for name in ("torus", "ring", "bus", "tree", "crossbar")},
    "tree of 4": {"grid.topology": "tree", "grid.arity": 4},
    "custom": {"grid.topology": "custom", "grid.links": LADDER},
    "one way": {"grid.topology": "custom", "grid.links": CIRCLE, "grid.directed": True},
}
MODEST = settings(max_examples=12, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])


def on(grid: str, changes: dict[str, Any]) -> dict[str, Any]:
    return {**changes, "grid.shape": f"[{SIDE}, {SIDE}]", **GRIDS[grid]}


def check_conservation(outcome: ChipOutcome, switches: set[str]) -> None:
    """What enters a switch leaves it at least once: multicast copies, nothing ends there."""
    into, out = dict.fromkeys(switches, 0), dict.fromkeys(switches, 0)
    for _, source, target, _, size, _ in outcome.links:
        if source in switches:
            out[source] += size
        if target in switches:
            into[target] += size
    assert all(into[name] <= out[name] and (into[name] > 0) == (out[name] > 0) for name in switches)


@pytest.mark.parametrize("grid", GRIDS)
@MODEST
@given(networks(), CHIPS, st.integers(1, 3), st.integers(1, 2), st.booleans())
def test_two_engines_agree_on_every_topology(
    grid: str, net: Network, changes: dict[str, Any], inputs: int, batch: int, drain: bool
) -> None:
    plan = small_enough(net, on(grid, changes))
    if plan is None:
        return
    outcome = simulate_chip(plan, inputs, batch, drain=drain)
    second = SecondEngine(plan, inputs, int(changes["host.max_inputs_in_flight"]), batch, drain).run()
    compare(plan, outcome, second, inputs)
    tiles = {plan.chip.site(name) for name in plan.chip.tiles}
    routers = [name for name, kind in plan.chip.graph.nodes(data="kind") if kind == "router"]
    check_conservation(outcome, {name for name in routers if plan.chip.site(name) not in tiles} - {_host_router(plan)})


def _host_router(plan: Any) -> str:
    return str(next(iter(plan.chip.graph.successors("host"))))


@pytest.mark.parametrize("grid", ["torus", "ring", "one way"])
@MODEST
@given(networks(), CHIPS, st.integers(1, 3))
def test_circles_of_links_do_not_deadlock_with_the_least_buffers(
    grid: str, net: Network, changes: dict[str, Any], inputs: int
) -> None:
    plan = small_enough(net, {**on(grid, changes), **BOUNDED})
    if plan is None:
        return
    with least_buffers():
        outcome = simulate_chip(plan, inputs)
    second = SecondEngine(plan, inputs, int(changes["host.max_inputs_in_flight"]), least=True).run()
    compare(plan, outcome, second, inputs)


def test_a_chip_of_every_topology_has_the_same_tiles() -> None:
    assert {len(chip(on(grid, {})).tiles) for grid in GRIDS} == {SIDE * SIDE}
