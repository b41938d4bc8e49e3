"""The engine and the second one agree where routers have bounded buffers, and nothing waits for ever (T60 to T63)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from second_engine import SecondEngine
from small_machines import chip
from test_links_engines import GRIDS as UNLIKE
from test_links_engines import ROUTERS
from test_replicas import replicated
from test_second_engine import BOUNDED, CHIPS, compare, least_buffers, networks, small_enough
from test_topologies_engines import GRIDS, on

from chipsim.errors import CapacityError
from chipsim.mapping.plan import Plan
from chipsim.network.graph import Network
from chipsim.simulation.building.wiring import build_machine
from chipsim.simulation.chip_outcome import ChipOutcome
from chipsim.simulation.engine import simulate_chip

MODEST = settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
FEW = settings(max_examples=15, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
MORE = st.sampled_from([0, 0, 0, 1, 5, 40])
"""Bytes above the least."""


def with_buffers(net: Network, changes: dict[str, Any], more: int) -> Plan | None:
    """The plan on a chip whose routers hold just the largest packet, or a little more."""
    plan = small_enough(net, changes)
    if plan is None:
        return None
    largest = max((flow.bytes for flow in build_machine(plan, 1).interconnect.flows), default=1)
    return small_enough(net, {**changes, "router.buffer": f"{largest + more} B"})


def agree(plan: Plan, inputs: int, in_flight: int, batch: int = 1, drain: bool = False, **second: Any) -> SecondEngine:
    outcome = simulate_chip(plan, inputs, batch, drain=drain)
    other = SecondEngine(plan, inputs, in_flight, batch, drain, **second).run()
    compare(plan, outcome, other, inputs)
    assert not any(other.used.values())
    assert other.most_used <= plan.chip.spec.router.buffer
    return other


@pytest.mark.parametrize("grid", UNLIKE)
@MODEST
@given(networks(), CHIPS, ROUTERS, st.data(), st.integers(1, 3), st.integers(1, 2), st.booleans(), MORE)
def test_two_engines_agree_with_bounded_routers_over_links_that_are_unlike(
    grid: str, net: Network, changes: dict[str, Any], router: dict[str, Any], data: st.DataObject, inputs: int,
    batch: int, drain: bool, more: int,
) -> None:  # fmt: skip
    plan = with_buffers(net, {**changes, **data.draw(UNLIKE[grid]), **router}, more)
    if plan is not None:
        agree(plan, inputs, int(changes["host.max_inputs_in_flight"]), batch, drain)


@pytest.mark.parametrize("grid", GRIDS)
@FEW
@given(networks(), CHIPS, ROUTERS, st.integers(1, 4))
def test_nothing_waits_for_ever_with_the_least_buffers_of_tiles_and_routers(
    grid: str, net: Network, changes: dict[str, Any], router: dict[str, Any], inputs: int
) -> None:
    plan = with_buffers(net, {**on(grid, changes), **BOUNDED, **router}, 0)
    if plan is None:
        return
    with least_buffers():
        agree(plan, inputs, int(changes["host.max_inputs_in_flight"]), least=True)


@MODEST
@given(
    st.data(), networks(layers=4), CHIPS, ROUTERS, st.sampled_from(["gather", "chain"]),
    st.sampled_from(["0 ns", "30 ns"]), st.integers(1, 3), MORE,
)  # fmt: skip
def test_two_engines_agree_with_bounded_routers_on_replicas_and_chains(
    data: st.DataObject, net: Network, changes: dict[str, Any], router: dict[str, Any], sums: str, hop: str,
    inputs: int, more: int,
) -> None:  # fmt: skip
    more_changes = {"neuron_unit.partial_sums": sums, "neuron_unit.hop_latency": hop, "grid.shape": "[7, 7]"}
    placed = replicated(data.draw, net, chip({**changes, **router, **more_changes, "router.buffer": f"{64 + more} B"}))
    if placed is None:
        return
    try:
        build_machine(placed, 1)
    except CapacityError:
        return
    agree(placed, inputs, int(changes["host.max_inputs_in_flight"]))


def same(one: ChipOutcome, other: ChipOutcome) -> None:
    assert one.done_ps == other.done_ps
    assert sorted(row for row in one.links if row[3]) == sorted(row for row in other.links if row[3])
    assert one.timeline.busy_ps == other.timeline.busy_ps
    assert one.buffer_peaks == other.buffer_peaks
    assert sorted(map(str, one.ledger.rows())) == sorted(map(str, other.ledger.rows()))
    ordered = [sorted((span._replace(flow=-1) for span in outcome.timeline.spans), key=str) for outcome in (one, other)]
    assert ordered[0] == ordered[1]


@pytest.mark.parametrize("grid", UNLIKE)
@MODEST
@given(networks(), CHIPS, ROUTERS, st.data(), st.integers(1, 4))
def test_buffers_that_never_fill_change_nothing(
    grid: str, net: Network, changes: dict[str, Any], router: dict[str, Any], data: st.DataObject, inputs: int
) -> None:
    changes = {**changes, **router, **data.draw(UNLIKE[grid])}
    plan, roomy = small_enough(net, changes), small_enough(net, {**changes, "router.buffer": "1 GB"})
    if plan is not None and roomy is not None:
        same(simulate_chip(plan, inputs, trace_inputs=2), simulate_chip(roomy, inputs, trace_inputs=2))
