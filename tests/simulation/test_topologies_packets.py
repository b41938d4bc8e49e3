"""Packets through the real interconnect on every topology: zero-load times, sharing by hand, conservation."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_machines import NS, chip

from chipsim.simulation.core.clock import Clock
from chipsim.simulation.links.interconnect import Interconnect

CUSTOM = "[[0, 1], [1, 2], [2, 3], [3, 4], [4, 5], [5, 0], [1, 4]]"
GRIDS: dict[str, dict[str, Any]] = {
    **{name: {"grid.topology": name} for name in ("mesh", "torus", "ring", "bus", "tree", "crossbar")},
    "tree of 3": {"grid.topology": "tree", "grid.arity": 3},
    "custom": {"grid.topology": "custom", "grid.links": CUSTOM},
    "one way": {
        "grid.topology": "custom",
        "grid.directed": True,
        "grid.links": "[[0, 1], [1, 2], [2, 3], [3, 4], [4, 5], [5, 0], [1, 4]]",
    },
}


class Arrivals:
    """A sink that writes down when packets came."""

    def __init__(self) -> None:
        self.seen: list[tuple[int, int, int]] = []

    def arrive(self, input: int, position: int, time: int) -> None:
        self.seen.append((input, position, time))


def interconnect(grid: str, shape: str = "[2, 3]") -> Interconnect:
    return Interconnect(chip({"grid.shape": shape, **GRIDS[grid]}), Clock(), 10**9, 10**4)


def times(net: Interconnect, pairs: list[tuple[str, str]], size: int) -> list[int]:
    """When one packet of each pair arrives, all sent at time zero, the first before the others in a tie."""
    sinks = [Arrivals() for _ in pairs]
    flows = [
        net.add_flow(source, source, size, key, [(target, sink)])
        for key, ((source, target), sink) in enumerate(zip(pairs, sinks, strict=True))
    ]
    net.close()
    for flow in flows:
        net.send(flow, 0, 0, 0)
    net.clock.run_all()
    return [time for sink in sinks for _, _, time in sink.seen]


@pytest.mark.parametrize("grid", GRIDS)
def test_zero_load_time_is_the_closed_form_for_every_pair_t10(grid: str) -> None:
    built = interconnect(grid).chip
    pairs = [*product([*built.tiles, "host"], built.neuron_units), *product(built.neuron_units, ["host"])]
    for source, target in pairs:
        assert times(interconnect(grid), [(source, target)], 7) == [(built.hops(source, target) * (2 + 3) + 7) * NS]


@pytest.mark.parametrize("shape", ["[1, 1]", "[1, 2]", "[3, 3]"])
@pytest.mark.parametrize("grid", ["torus", "ring", "bus", "tree", "crossbar"])
def test_zero_load_time_at_odd_sizes_t10(grid: str, shape: str) -> None:
    built = interconnect(grid, shape).chip
    for source, target in product([*built.tiles, "host"], built.neuron_units):
        found = times(interconnect(grid, shape), [(source, target)], 7)
        assert found == [(built.hops(source, target) * (2 + 3) + 7) * NS]


DISJOINT = [("tile(0,0)", "neuron(0,1)"), ("tile(1,1)", "neuron(1,2)")]
SAME_TARGET = [("tile(0,0)", "neuron(0,1)"), ("tile(1,1)", "neuron(0,1)")]


def test_two_disjoint_transfers_take_turns_on_a_bus_by_hand() -> None:
    """Both ask for the bus at 2 + 5 = 7 ns; one holds it to 17 ns, one to 27; then 3 + (2 + 3) to the port's end."""
    assert times(interconnect("bus"), DISJOINT[:1], 10) == [25 * NS]
    assert times(interconnect("bus"), DISJOINT, 10) == [25 * NS, 35 * NS]


def test_two_disjoint_transfers_do_not_meet_on_a_crossbar_by_hand() -> None:
    """Two hops of 5 ns and 10 ns for the bytes."""
    assert times(interconnect("crossbar"), DISJOINT, 10) == [20 * NS, 20 * NS]


def test_transfers_to_one_destination_take_turns_on_a_crossbar_by_hand() -> None:
    """Both ask for the link from the switch at 7 ns and hold it for 10 ns each."""
    assert times(interconnect("crossbar"), SAME_TARGET, 10) == [20 * NS, 30 * NS]


def test_traffic_within_a_site_stays_off_the_bus() -> None:
    net = interconnect("bus")
    assert times(net, [("tile(0,0)", "neuron(0,0)")], 10) == [10 * NS]
    assert ("router(bus in)", "router(bus out)") not in net.links


def test_a_multicast_holds_the_bus_once() -> None:
    net, sinks = interconnect("bus"), [Arrivals() for _ in range(5)]
    targets = [f"neuron({y},{x})" for y, x in product(range(2), range(3)) if (y, x) != (0, 0)]
    flow = net.add_flow("tile(0,0)", "a", 10, 0, zip(targets, sinks, strict=True))
    net.close()
    net.send(flow, 0, 0, 0)
    net.clock.run_all()
    assert [sink.seen for sink in sinks] == [[(0, 0, 25 * NS)]] * 5
    net.account()
    bus = net.links["router(bus in)", "router(bus out)"]
    assert (bus.packets, bus.bytes, bus.busy) == (1, 10, 10 * NS)


@settings(max_examples=60)
@given(st.sampled_from(sorted(GRIDS)), st.integers(0, 6), st.sets(st.integers(0, 5), min_size=1), st.integers(1, 4))
def test_bytes_are_conserved_and_each_packet_leaves_once_per_destination(
    grid: str, start: int, ends: set[int], packets: int
) -> None:
    """Out at every node = in x declared fan-out (T8), on an idle network in the time of T10."""
    net = interconnect(grid)
    source = [*net.chip.tiles, "host"][start]
    sinks = {net.chip.neuron_units[end]: Arrivals() for end in ends}
    flow = net.add_flow(source, "a", 6, 0, sinks.items())
    net.close()
    for position in range(packets):
        net.send(flow, 0, position, 0)
    net.clock.run_all()
    net.account()
    tree = {edge for target in sinks for edge in net.chip.path(source, target)}
    assert {edge: (link.packets, link.bytes) for edge, link in net.links.items()} == dict.fromkeys(
        tree, (packets, 6 * packets)
    )
    for node in {node for edge in tree for node in edge} - {source, *sinks}:
        assert sum(edge[1] == node for edge in tree) == 1
    for target, sink in sinks.items():
        path = net.chip.hops(source, target) * 5
        assert sink.seen == [(0, p, (path + 6 * (p + 1)) * NS) for p in range(packets)]
