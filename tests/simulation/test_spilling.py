"""Buffers that spill to a farther memory (T75): the engine against the second one, and where the answer is known."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from second_engine import SecondEngine
from small_machines import NS, add, chip, conv, plan, source, spec
from test_second_engine import CHIPS, networks
from test_several_networks import STREAMS, side_by_side, workloads
from test_several_networks import compare as compare_all
from test_several_networks import second as second_engines
from test_shared_tiles_engines import SHARING, compare, together

from chipsim.errors import CapacityError, SpecError
from chipsim.network.edges import edges
from chipsim.network.graph import Network
from chipsim.simulation.building.wiring import build_machine
from chipsim.simulation.engine import simulate_chip
from chipsim.simulation.memories.buffers import least_capacities
from chipsim.simulation.memories.spilling import far_positions
from chipsim.simulation.together import simulate_together


def with_branches(changes: dict[str, Any]) -> dict[str, Any]:
    """Digital units spill, too, where their buffers are bounded."""
    bounded = changes["digital_unit.buffer.capacity"] != "unbounded"
    return {**changes, "digital_unit.buffer.spill": "global_memory" if bounded else "none"}


SPILLING = st.fixed_dictionaries(
    {
        "tile.buffer.capacity": st.sampled_from(["1 B", "4 B", "12 B", "30 B"]),
        "tile.buffer.spill": st.just("global_memory"),
        "global_memory.bandwidth": st.sampled_from(["100 MB/s", "1 GB/s", "3 GB/s"]),
        "global_memory.latency": st.sampled_from(["0 ns", "7 ns", "100 ns"]),
        "global_memory.energy_per_byte": st.just("2 pJ/B"),
        "digital_unit.buffer.capacity": st.sampled_from(["1 B", "4 B", "12 B", "unbounded"]),
        "global_memory.site": st.sampled_from(["apart", "apart", "host", '"2,2"']),
    }
).map(with_branches)


ROUTERS = st.fixed_dictionaries(
    {
        "router.arbitration": st.sampled_from(["age", "round-robin"]),
        "router.switching": st.sampled_from(["cut-through", "store-and-forward"]),
        "router.buffer": st.sampled_from(["unbounded", "unbounded", "200 B", "500 B"]),
    }
)
MANY = {"suppress_health_check": [HealthCheck.too_slow, HealthCheck.filter_too_much]}


def amounts(outcome: Any) -> dict[str, int]:
    return {
        action: sum(row.amount for row in outcome.ledger.rows() if (row.kind, row.action) == ("global memory", action))
        for action in ("write", "read")
    }


@settings(max_examples=150, **MANY)
@given(
    networks(), CHIPS, SHARING, SPILLING, ROUTERS, st.sampled_from([0, 0, 1, 2]), st.integers(1, 2), st.integers(1, 4)
)
def test_two_engines_agree_on_buffers_that_spill(
    net: Network, changes: dict[str, Any], sharing: dict[str, Any], spilling: dict[str, Any], routers: dict[str, Any],
    tiles: int, copies: int, inputs: int,
) -> None:  # fmt: skip
    built = together(net, {**changes, **sharing, **spilling, **routers}, tiles, copies)
    if built is None:
        return
    outcome = simulate_chip(built, inputs)
    second = SecondEngine(built, inputs, int(changes["host.max_inputs_in_flight"])).run()
    compare(built, outcome, second, inputs)
    assert amounts(outcome) == {"write": second.shared.written, "read": second.shared.read}
    assert outcome.timeline.busy_ps.get("global memory", 0) == second.shared.memory["busy"]
    moved = second.shared.written + second.shared.read
    assert outcome.ledger.bytes_by_level()["global_memory"] == moved
    assert sum(r.joules for r in outcome.ledger.rows() if r.kind == "global memory") == pytest.approx(moved * 2e-12)


@settings(max_examples=60, **MANY)
@given(networks(4), CHIPS, SHARING, SPILLING, st.integers(12, 40))
def test_a_jump_gives_the_same_integers(net, changes, sharing, spilling, inputs) -> None:
    built = together(net, {**changes, **sharing, **spilling}, 0, 1)
    if built is None:
        return
    jumped, full = simulate_chip(built, inputs), simulate_chip(built, inputs, exact_all=True)
    for name in ("done_ps", "tile_mvms", "block_busy_ps", "links", "buffer_peaks", "utilisation_mean"):
        assert getattr(jumped, name) == getattr(full, name)
    assert jumped.ledger.rows() == full.ledger.rows()
    assert jumped.timeline.busy_ps == full.timeline.busy_ps


@given(st.integers(1, 60), st.data())
def test_no_working_set_has_more_near_positions_than_fit(total: int, data: st.DataObject) -> None:
    needed = data.draw(st.integers(1, total))
    near = data.draw(st.integers(0, needed))
    far = far_positions(total, needed, near).tolist() * 3
    assert max(far[first : first + needed].count(False) for first in range(2 * total)) <= near


CAPACITY = {"tile.buffer.capacity": "5 B", "tile.buffer.spill": "global_memory", "global_memory.bandwidth": "100 MB/s",
            "global_memory.latency": "40 ns", "global_memory.energy_per_byte": "2 pJ/B"}  # fmt: skip


def test_a_convolution_pays_for_what_does_not_fit() -> None:
    """A 2 x 2 kernel over 4 x 4 pixels needs 6 of them; 5 fit: of pixels 0 to 11 each sixth is far, and all after."""
    x = source(1, 4, 4)
    built = plan([x, conv("a", x, 1, 2)], CAPACITY)
    [needed, _] = least_capacities(edges(built.network), {"x": 16, "a": 9})
    assert needed == 6
    far = {5, 11, 12, 13, 14, 15}
    windows = [{r * 4 + c, r * 4 + c + 1, r * 4 + c + 4, r * 4 + c + 5} for r in range(3) for c in range(3)]
    outcome = simulate_chip(built, 1)
    assert amounts(outcome) == {"write": len(far), "read": sum(len(far & window) for window in windows)}
    assert outcome.timeline.busy_ps["global memory"] == (6 + sum(len(far & w) for w in windows)) * 10 * NS


def test_one_far_position_delays_by_writing_and_reading_it() -> None:
    """One pixel that does not fit: written when it arrives, read back before the MVM that uses it."""
    x = source(4)
    layers = [x, conv("a", x, 1)]
    near = simulate_chip(plan(layers), 1).done_ps[0]
    far = simulate_chip(plan(layers, {**CAPACITY, "tile.buffer.capacity": "3 B"}), 1).done_ps[0]
    assert far - near == 2 * (40 + 40) * NS


@pytest.mark.parametrize(("site", "way"), [("host", 4 + 1 + 4), ('"0,1"', 4 + 1 + 4 + 3 * 5), ('"0,3"', 9 + 9 * 5)])
def test_one_far_position_over_links_takes_its_way_longer(site: str, way: int) -> None:
    """T78 on paper: 4 bytes there, a request of one byte, 4 bytes back, each over so many hops of 5 ns (T10)."""
    x = source(4)
    layers = [x, conv("a", x, 1)]
    small = {**CAPACITY, "tile.buffer.capacity": "3 B"}
    apart, over = plan(layers, small), plan(layers, {**small, "global_memory.site": site})
    outcome = simulate_chip(over, 1)
    assert outcome.done_ps[0] - simulate_chip(apart, 1).done_ps[0] == way * NS
    moved = {(a, b): (packets, size) for _, a, b, packets, size, _ in outcome.links if "global memory" in (a, b)}
    router = next(a for a, b in moved if b == "global memory")
    assert moved == {(router, "global memory"): (2, 5), ("global memory", router): (1, 4)}


def test_a_branch_that_waits_spills_what_the_longer_one_needs_ahead() -> None:
    """A 3 x 3 kernel over 5 x 5 pixels needs 7 pixels before its first result: of a fork's other branch these wait."""
    x = source(1, 5, 5)
    slow = conv("a", x, 1, 3, 1, 1)
    layers = [x, slow, add("b", x, slow)]
    small = {**CAPACITY, "tile.buffer.capacity": "unbounded", "tile.buffer.spill": "none"}
    built = plan(layers, {**small, "digital_unit.buffer.capacity": "3 B", "digital_unit.buffer.spill": "global_memory"})
    needed = dict(zip([(e.consumer, e.operand) for e in edges(built.network)],
                      least_capacities(edges(built.network), {"x": 25, "a": 25, "b": 25}), strict=True))  # fmt: skip
    assert needed["b", 0] == 7
    far = 3 * 4 + 4  # of each seven pixels the last four, and all that no seven are left of
    outcome = simulate_chip(built, 1)
    assert amounts(outcome) == {"write": far, "read": far}
    second = SecondEngine(built, 1, 4).run()
    assert outcome.done_ps == second.done
    with pytest.raises(CapacityError, match=r"7 positions.*or let it spill \(digital_unit.buffer.spill\)"):
        simulate_chip(plan(layers, {"digital_unit.buffer.capacity": "3 B"}), 1)


@settings(max_examples=60, **MANY)
@given(networks(), CHIPS, SHARING, SPILLING, ROUTERS, st.sampled_from([0, 0, 1, 9]), st.integers(1, 3))
def test_two_engines_agree_where_routers_hold_hardly_more_than_a_packet(
    net: Network, changes: dict[str, Any], sharing: dict[str, Any], spilling: dict[str, Any], routers: dict[str, Any],
    more: int, inputs: int,
) -> None:  # fmt: skip
    changes = {**changes, **sharing, **spilling, "global_memory.site": '"2,2"'}
    built = together(net, changes, 0, 1)
    if built is None:
        return
    least = max(flow.bytes for flow in build_machine(built, 1).interconnect.flows)
    built = together(net, {**changes, **routers, "router.buffer": f"{least + more} B"}, 0, 1)
    assert built is not None
    outcome = simulate_chip(built, inputs)
    second = SecondEngine(built, inputs, int(changes["host.max_inputs_in_flight"])).run()
    compare(built, outcome, second, inputs)
    assert amounts(outcome) == {"write": second.shared.written, "read": second.shared.read}


@settings(max_examples=40, **MANY)
@given(
    st.lists(networks(3), min_size=2, max_size=2), CHIPS, SPILLING, ROUTERS, st.lists(STREAMS, min_size=2, max_size=2)
)
def test_two_engines_agree_where_several_networks_spill(
    nets: list[Network], changes: dict[str, Any], spilling: dict[str, Any], routers: dict[str, Any], streams: list[Any]
) -> None:
    changes = {**changes, **spilling, **routers, "grid.shape": "[6, 6]"}
    works = workloads(side_by_side(nets, chip(changes)), streams)
    found = simulate_together(works)
    engines = second_engines(works, int(changes["host.max_inputs_in_flight"]))
    compare_all(found, engines)
    assert found.busy_ps.get("global memory", 0) == engines[0].shared.memory["busy"]


def test_links_pay_for_what_is_spilled() -> None:
    """What travels to the memory and back costs the energy of its links; what comes back enters no buffer."""
    x = source(4)
    changes = {**CAPACITY, "tile.buffer.capacity": "3 B", "link.energy_per_byte": "1 pJ/B"}
    apart, over = (
        simulate_chip(plan([x, conv("a", x, 1)], {**changes, "global_memory.site": site}), 1).ledger
        for site in ("apart", '"0,2"')
    )
    hops = 2 * (4 + 1 + 4)
    assert over.bytes_by_level()["link_hop"] == apart.bytes_by_level().get("link_hop", 0) + hops
    assert over.bytes_by_level()["tile_buffer"] == apart.bytes_by_level()["tile_buffer"]
    assert over.total_joules() - apart.total_joules() == pytest.approx(hops * 1e-12)


def test_a_site_that_is_none_is_refused() -> None:
    with pytest.raises(SpecError, match=r"global_memory.site: there is no site '0,9'; give apart, host.*mean '0,3'"):
        chip({**CAPACITY, "global_memory.site": '"0,9"'})


def test_without_spilling_a_small_buffer_is_refused_and_told_what_to_do() -> None:
    x = source(1, 4, 4)
    with pytest.raises(CapacityError, match=r"needs 6 bytes \(6 positions\).*or let it spill \(tile.buffer.spill\)"):
        simulate_chip(plan([x, conv("a", x, 1, 2)], {"tile.buffer.capacity": "5 B"}), 1)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tile.buffer.capacity": "5 B", "tile.buffer.spill": "global_memory"}, "needs a section global_memory"),
        ({**CAPACITY, "tile.buffer.capacity": "unbounded"}, "an unbounded buffer spills nothing"),
        ({**CAPACITY, "global_memory.bandwidth": "0 B/s"}, "bandwidth"),
        ({**CAPACITY, "tile.buffer.spill": "dram"}, "spill"),
        ({"digital_unit.buffer.spill": "global_memory"}, "digital_unit.buffer.spill: global_memory needs a section"),
        ({**CAPACITY, "digital_unit.buffer.spill": "global_memory"}, "give digital_unit.buffer.capacity bytes"),
    ],
)
def test_spilling_that_cannot_be_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        spec(changes)
