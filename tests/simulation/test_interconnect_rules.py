"""Links and packets (T8 to T11) through the real interconnect, against closed forms and hand computation."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_machines import NS, chip, dense, plan
from small_machines import source as input_layer

from chipsim.architecture.topology import Mesh
from chipsim.errors import SpecError
from chipsim.simulation.core.clock import Clock
from chipsim.simulation.engine import simulate_chip
from chipsim.simulation.links.interconnect import Interconnect

MESH = {"grid.shape": "[4, 4]"}


class Arrivals:
    """A sink that writes down when packets came."""

    def __init__(self) -> None:
        self.seen: list[tuple[int, int, int]] = []

    def arrive(self, input: int, position: int, time: int) -> None:
        self.seen.append((input, position, time))


def interconnect(changes: dict[str, Any] | None = None) -> Interconnect:
    return Interconnect(chip({**MESH, **(changes or {})}), Clock(), 10**9, 10**4)


def links_of(net: Interconnect) -> dict[tuple[str, str], tuple[int, int, int]]:
    net.account()
    return {edge: (link.packets, link.bytes, link.busy) for edge, link in net.links.items()}


def test_zero_load_time_is_the_closed_form_for_every_pair_of_a_mesh_t10() -> None:
    for source, target in product(range(16), range(16)):
        net, sink = interconnect(), Arrivals()
        flow = net.add_flow(
            f"tile({source // 4},{source % 4})", "a", 7, 0, [(f"neuron({target // 4},{target % 4})", sink)]
        )
        net.close()
        net.send(flow, 0, 0, 100)
        net.clock.run_all()
        hops = abs(source // 4 - target // 4) + abs(source % 4 - target % 4)
        assert sink.seen == [(0, 0, 100 + hops * (2 + 3) * NS + 7 * NS)]


def test_host_ports_have_the_hosts_bandwidth_and_latency_t8_t9() -> None:
    net, sink = interconnect({"host.bandwidth": "500 MB/s", "host.latency": "40 ns"}), Arrivals()
    flow = net.add_flow("host", "x", 10, 0, [("tile(0,1)", sink)])
    net.close()
    net.send(flow, 0, 0, 0)
    net.clock.run_all()
    # port 0..20, the head is across at 40 and asks for the link at 42; its tail comes at 62, at the tile at 65
    assert sink.seen == [(0, 0, 65 * NS)]
    links = links_of(net)
    assert links["host", "router(0,0)"] == (1, 10, 20 * NS)
    assert links["router(0,0)", "router(0,1)"] == (1, 10, 20 * NS)  # held from head to tail, not for 10 ns


@pytest.mark.parametrize(("first", "second"), [(5, 9), (9, 5)])
def test_two_flows_share_a_link_in_tie_order_by_hand_t3_t9(first: int, second: int) -> None:
    net, sinks = interconnect(), {first: Arrivals(), second: Arrivals()}
    flows = [
        net.add_flow("tile(0,0)", "a", 10, first, [("neuron(0,1)", sinks[first])]),
        net.add_flow("neuron(0,0)", "b", 10, second, [("tile(0,1)", sinks[second])]),
    ]
    net.close()
    for flow in flows:
        net.send(flow, 0, 0, 0)
    net.clock.run_all()
    # both ask at 2 ns; the lower key holds the link from 2 to 12, the other from 12 to 22
    assert sinks[5].seen == [(0, 0, 15 * NS)]
    assert sinks[9].seen == [(0, 0, 25 * NS)]
    assert links_of(net)["router(0,0)", "router(0,1)"] == (2, 20, 20 * NS)


def test_who_comes_first_is_served_first_whatever_its_key_t3() -> None:
    net, early, late = interconnect(), Arrivals(), Arrivals()
    flows = [
        net.add_flow("tile(0,0)", "a", 10, 9, [("neuron(0,1)", early)]),
        net.add_flow("neuron(0,0)", "b", 4, 5, [("tile(0,1)", late)]),
    ]
    net.close()
    net.send(flows[1], 0, 0, 1)  # one picosecond later
    net.send(flows[0], 0, 0, 0)
    net.clock.run_all()
    assert early.seen == [(0, 0, 15 * NS)]
    assert late.seen == [(0, 0, (12 + 4 + 3) * NS)]


def test_earlier_inputs_go_before_earlier_positions_and_layers_t3() -> None:
    net, sinks = interconnect(), [Arrivals(), Arrivals()]
    low = net.add_flow("tile(0,0)", "a", 10, 0, [("neuron(0,1)", sinks[0])])
    high = net.add_flow("neuron(0,0)", "b", 10, 7, [("tile(0,1)", sinks[1])])
    net.close()
    net.send(low, 1, 0, 0)
    net.send(high, 0, 3, 0)
    net.clock.run_all()
    assert sinks[1].seen == [(0, 3, 15 * NS)]
    assert sinks[0].seen == [(1, 0, 25 * NS)]


def test_a_blocked_packet_cuts_through_once_the_link_is_free_by_hand_t9() -> None:
    """The second packet's tail is already there: it leaves when its own bytes have passed."""
    net, one, two = interconnect(), Arrivals(), Arrivals()
    big = net.add_flow("tile(0,0)", "a", 100, 0, [("neuron(0,1)", one)])
    small = net.add_flow("neuron(0,0)", "b", 10, 1, [("tile(0,3)", two)])
    net.close()
    net.send(big, 0, 0, 0)
    net.send(small, 0, 0, 0)
    net.clock.run_all()
    # link to (0,1): 2..102, then 102..112; head at the next router's link at 102 + 3 + 2, then + 5; tail 10 later, + 3
    assert one.seen == [(0, 0, 105 * NS)]
    assert two.seen == [(0, 0, (102 + 5 + 5 + 10 + 3) * NS)]


SITES = st.tuples(st.integers(0, 3), st.integers(0, 3))


@settings(max_examples=60)
@given(SITES, st.sets(SITES, min_size=1, max_size=6), st.integers(1, 5))
def test_a_multicast_uses_each_link_of_its_tree_once_and_leaves_once_per_destination(
    source: tuple[int, int], targets: set[tuple[int, int]], packets: int
) -> None:
    """Conservation of bytes: out at every node = in x declared fan-out (T8)."""
    net = interconnect()
    sinks = {f"neuron({y},{x})": Arrivals() for y, x in targets}
    flow = net.add_flow("tile({},{})".format(*source), "a", 6, 0, sinks.items())
    net.close()
    for position in range(packets):
        net.send(flow, 0, position, 0)
    net.clock.run_all()
    tree = {edge for target in sinks for edge in net.chip.path("tile({},{})".format(*source), target)}
    assert {edge: row[:2] for edge, row in links_of(net).items()} == dict.fromkeys(tree, (packets, 6 * packets))
    for node in net.chip.graph:
        children = sum(edge[0] == node for edge in tree)
        into = sum(net.links[e].bytes for e in tree if e[1] == node)
        out = sum(net.links[e].bytes for e in tree if e[0] == node)
        if node != "tile({},{})".format(*source) and node not in sinks:
            assert out == into * children
    for (y, x), sink in ((tuple(map(int, name[7:-1].split(","))), s) for name, s in sinks.items()):
        hops = abs(y - source[0]) + abs(x - source[1])
        assert sink.seen == [(0, p, (hops * 5 + 6 * (p + 1)) * NS) for p in range(packets)]


def test_events_never_lie_in_the_past() -> None:
    clock, seen = Clock(), []
    clock.at(5, 2, lambda call: seen.append((clock.now, call.payload)), "request")
    clock.at(5, 0, lambda call: seen.append((clock.now, call.payload)), "completion")
    clock.at(3, 9, lambda call: clock.at(5, 1, lambda later: seen.append((clock.now, later.payload)), "tie"), None)
    clock.run_all()
    assert seen == [(5, "completion"), (5, "tie"), (5, "request")]
    assert clock.events == 4


class Leaping(Mesh):
    """Its routes leave out what is between the ends."""

    def route(self, source: int, target: int) -> list[int]:
        return [source, target] if source != target else [source]


def test_a_route_over_a_link_that_does_not_exist_is_named():
    built = plan([input_layer(4), dense("a", "x", 4, 4), dense("b", "a", 4, 4), dense("c", "b", 4, 4)])
    leaping = replace(built, chip=replace(built.chip, topology=Leaping(1, 4)))
    with pytest.raises(SpecError, match=r"topology mesh has a route over router\(0,2\)->router\(0,0\), which is none"):
        simulate_chip(leaping, 1)
