"""Switching, arbitration, flits and unequal links (T9 to T10a) against closed forms and hand computation."""

from __future__ import annotations

import ast
from functools import cache
from itertools import product
from typing import Any

import pytest
from small_machines import NS, chip

from chipsim.architecture.chip import Chip
from chipsim.simulation.core.clock import Clock
from chipsim.simulation.links.interconnect import Interconnect

LADDER = "[[0, 1], [1, 2], [2, 3], [3, 4], [4, 5], [5, 0], [1, 4]]"
GRIDS: dict[str, dict[str, Any]] = {
    **{name: {"grid.topology": name} for name in ("mesh", "torus", "ring", "bus", "tree", "crossbar")},
    "custom": {"grid.topology": "custom", "grid.links": LADDER},
    "one way": {"grid.topology": "custom", "grid.links": LADDER, "grid.directed": True},
}
STORES = {"router.switching": "store-and-forward"}
TURNS = {"router.arbitration": "round-robin"}
LEVELS = [
    {"topology": "bus", "shape": [1, 3]},
    {"topology": "mesh", "shape": [2, 2], "link": {"bandwidth": "500 MB/s", "latency": "7 ns"}},
    {"topology": "ring", "shape": [1, 3], "link": {"bandwidth": "200 MB/s", "latency": "20 ns"}},
]
NESTED = {"grid.shape": None, "grid.topology": "hierarchical", "grid.levels": LEVELS}


class Arrivals:
    """A sink that writes down when packets came."""

    def __init__(self) -> None:
        self.seen: list[int] = []

    def arrive(self, input: int, position: int, time: int) -> None:
        self.seen.append(time)


def interconnect(*changes: dict[str, Any]) -> Interconnect:
    merged = {key: value for change in changes for key, value in change.items()}
    return Interconnect(built_once(repr({"grid.shape": "[2, 3]", **merged})), Clock(), 10**9, 10**4)


@cache
def built_once(changes: str) -> Chip:
    return chip(ast.literal_eval(changes))


def alone(net: Interconnect, source: str, target: str, size: int = 7) -> int:
    sink = Arrivals()
    flow = net.add_flow(source, source, size, 0, [(target, sink)])
    net.close()
    net.send(flow, 0, 0, 0)
    net.clock.run_all()
    (time,) = sink.seen
    return time


@pytest.mark.parametrize("grid", GRIDS)
def test_zero_load_time_with_stored_packets_is_the_closed_form_for_every_pair_t10(grid: str) -> None:
    """Each link between routers takes delay, bytes and latency; each of the two ports the bytes."""
    built = interconnect(GRIDS[grid]).chip
    for source, target in product([*built.tiles, "host"], [*built.neuron_units, "host"]):
        if source != target:
            hops = built.hops(source, target)
            found = alone(interconnect(GRIDS[grid], STORES, TURNS), source, target)
            assert found == (hops * (2 + 3) + (hops + 2) * 7) * NS


@pytest.mark.parametrize("grid", GRIDS)
def test_who_is_alone_need_not_take_turns_t9c(grid: str) -> None:
    built = interconnect(GRIDS[grid]).chip
    for source, target in product([*built.tiles, "host"], built.neuron_units):
        found = alone(interconnect(GRIDS[grid], TURNS), source, target)
        assert found == (built.hops(source, target) * (2 + 3) + 7) * NS


def level_hops(source: int, target: int) -> tuple[int, int, int]:
    """Links of each level on the way from a site to another, numbered chip by chip, cluster by cluster."""
    (chip_a, cluster_a, a), (chip_b, cluster_b, b) = (
        (site // 12, site // 3 % 4, site % 3) for site in (source, target)
    )
    corner = lambda cluster: cluster // 2 + cluster % 2  # noqa: E731
    if chip_a != chip_b:  # any two of three are neighbours
        return 3 * (a != 0) + 3 * (b != 0), corner(cluster_a) + corner(cluster_b), 1
    if cluster_a != cluster_b:
        across = abs(cluster_a // 2 - cluster_b // 2) + abs(cluster_a % 2 - cluster_b % 2)
        return 3 * (a != 0) + 3 * (b != 0), across, 0
    return 3 * (a != b), 0, 0


@pytest.mark.parametrize("stores", [False, True])
def test_zero_load_time_through_three_levels_is_the_closed_form_for_every_pair_t10(stores: bool) -> None:
    router = STORES if stores else {}
    built = interconnect(NESTED).chip
    tiles = {built.site(tile): tile for tile in built.tiles}
    neurons = {built.site(neuron): neuron for neuron in built.neuron_units}
    own = [7, 14, 35]  # ns for seven bytes at 1 GB/s, 500 MB/s, 200 MB/s
    for source, target in product(range(36), repeat=2):
        hops = level_hops(source, target)
        wires = sum(count * (2 + latency) for count, latency in zip(hops, [3, 7, 20], strict=True))
        passed = [7, 7, *(time for count, time in zip(hops, own, strict=True) for _ in range(count))]
        wanted = wires + (sum(passed) if stores else max(passed))
        assert alone(interconnect(NESTED, router), tiles[source], neurons[target]) == wanted * NS


def test_a_fast_link_is_held_until_the_tail_has_left_the_slow_one_before_it_by_hand_t9() -> None:
    """The slow one from 2 to 102; the fast one from 7 to 107; a second packet takes the fast one from there on."""
    slow = {"ends": [0, 1], "bandwidth": "100 MB/s"}
    grid = {"grid.shape": "[1, 3]", "grid.topology": "custom", "grid.links": [slow, [1, 2]]}
    net, sinks = interconnect(grid), [Arrivals(), Arrivals()]
    far = net.add_flow("tile(0)", "a", 10, 0, [("neuron(2)", sinks[0])])
    near = net.add_flow("tile(1)", "b", 10, 1, [("tile(2)", sinks[1])])
    net.close()
    net.send(far, 0, 0, 0)
    net.send(near, 0, 0, 8 * NS)
    net.clock.run_all()
    net.account()
    assert [sink.seen for sink in sinks] == [[110 * NS], [120 * NS]]
    assert net.links["router(0)", "router(1)"].busy == 100 * NS
    assert net.links["router(1)", "router(2)"].busy == 110 * NS


def test_a_slow_link_behind_a_fast_one_makes_packets_wait_by_hand_t9() -> None:
    """Two packets of ten bytes: the second leaves the port at 20 and the slow link at 207 only."""
    slow = {"ends": [1, 2], "bandwidth": "100 MB/s"}
    net, sink = (
        interconnect({"grid.shape": "[1, 3]", "grid.topology": "custom", "grid.links": [[0, 1], slow]}),
        Arrivals(),
    )
    flow = net.add_flow("tile(0)", "a", 10, 0, [("neuron(2)", sink)])
    net.close()
    for position in range(2):
        net.send(flow, 0, position, 0)
    net.clock.run_all()
    assert sink.seen == [110 * NS, 210 * NS]


def test_a_short_packet_behind_a_long_one_waits_where_routers_store_by_hand_t9b() -> None:
    """The long one: port 0..20, link 22..42, next one 47..67; the short one: link 42..44, and the next from 67 on."""
    net, sinks = interconnect({"grid.shape": "[1, 3]"}, STORES), [Arrivals(), Arrivals()]
    long = net.add_flow("tile(0,0)", "a", 20, 0, [("neuron(0,2)", sinks[0])])
    short = net.add_flow("tile(0,0)", "b", 2, 1, [("neuron(0,2)", sinks[1])])
    net.close()
    net.send(long, 0, 0, 0)
    net.send(short, 0, 0, 0)
    net.clock.run_all()
    assert sinks[0].seen == [(70 + 20) * NS]
    assert sinks[1].seen == [(70 + 20 + 2) * NS]


def test_every_branch_of_a_multicast_is_stored_t9b() -> None:
    """To both sides and the own site: each way as if it were the only one."""
    net, sinks = interconnect({"grid.shape": "[1, 3]"}, STORES), [Arrivals() for _ in range(3)]
    flow = net.add_flow("tile(0,1)", "a", 7, 0, zip([f"neuron(0,{i})" for i in range(3)], sinks, strict=True))
    net.close()
    net.send(flow, 0, 0, 0)
    net.clock.run_all()
    assert [sink.seen for sink in sinks] == [[(5 + 3 * 7) * NS], [2 * 7 * NS], [(5 + 3 * 7) * NS]]


@pytest.mark.parametrize(("flit", "wanted"), [(1, 7), (2, 8), (7, 7), (8, 8), (64, 64)])
def test_packets_are_whole_flits_on_every_link_t10a(flit: int, wanted: int) -> None:
    net = interconnect({"link.flit_bytes": flit})
    assert alone(net, "tile(0,0)", "neuron(0,1)") == (2 + 3 + wanted) * NS
    net.account()
    assert {link.bytes for link in net.links.values()} == {wanted}


def served(net: Interconnect, requests: dict[str, list[int]], target: str) -> list[tuple[int, str]]:
    """Arrival times and sources of packets of ten bytes from these tiles, sent at these nanoseconds."""
    sinks = {source: Arrivals() for source in requests}
    flows = {
        source: net.add_flow(source, source, 10, key, [(target, sink)])
        for key, (source, sink) in enumerate(sinks.items())
    }
    net.close()
    for source, times in requests.items():
        for position, time in enumerate(times):
            net.send(flows[source], 0, position, time * NS)
    net.clock.run_all()
    return sorted((time // NS, source) for source, sink in sinks.items() for time in sink.seen)


def test_a_port_that_has_waited_for_longer_waits_for_its_turn_by_hand_t9c() -> None:
    """Own tile and left both wait; right comes last and is next in turn after left."""
    requests = {"tile(0,0)": [0], "tile(0,1)": [6], "tile(0,2)": [8]}
    changes = {"grid.shape": "[1, 3]"}
    # left asks at 5 and holds the port to 15; the tile asks at 6, right at 13
    assert served(interconnect(changes), requests, "neuron(0,1)") == [
        (15, "tile(0,0)"), (25, "tile(0,1)"), (35, "tile(0,2)")
    ]  # fmt: skip
    assert served(interconnect(changes, TURNS), requests, "neuron(0,1)") == [
        (15, "tile(0,0)"), (25, "tile(0,2)"), (35, "tile(0,1)")
    ]  # fmt: skip


def test_a_port_to_a_component_chooses_after_all_links_of_the_picosecond_by_hand_t9c() -> None:
    """Wires without latency: the second packet from the right, and one from the left, ask for the port at 12.

    The port has just let the first one from the right through (2 to 12), so it is the left one's turn.
    """
    net = interconnect({"grid.shape": "[1, 3]", "link.latency": "0 ns"}, TURNS)
    right, left = Arrivals(), Arrivals()
    flows = [
        net.add_flow("tile(0,2)", "a", 10, 0, [("neuron(0,1)", right)]),
        net.add_flow("tile(0,0)", "b", 10, 1, [("neuron(0,1)", left)]),
    ]
    net.add_flow("neuron(0,0)", "c", 10, 2, [("neuron(0,1)", left)])  # so that the link on the left has two ports
    net.close()
    net.send(flows[0], 0, 0, 0)
    net.send(flows[0], 0, 1, 0)
    net.send(flows[1], 0, 2, 10 * NS)  # of a later position, so that it asks for its link after the other for the port
    net.clock.run_all()
    assert (right.seen, left.seen) == ([12 * NS, 32 * NS], [22 * NS])
