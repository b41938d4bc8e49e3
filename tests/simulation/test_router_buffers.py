"""Bounded buffers of routers (T60 to T63): by hand, under full load, in traces and periods, and what is refused."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from small_machines import NS, chip, dense, plan, source
from test_critical_path import check
from test_links_engines import GRIDS as UNLIKE
from test_links_engines import ROUTERS
from test_periodic import both
from test_router_buffers_engines import MORE, with_buffers
from test_second_engine import CHIPS, networks

from chipsim.architecture.chip import Chip
from chipsim.architecture.circles import all_routes, find_circle
from chipsim.architecture.topologies.layout import Sites
from chipsim.errors import CapacityError, SpecError
from chipsim.mapping.plan import Plan
from chipsim.simulation.core.clock import Clock
from chipsim.simulation.engine import simulate_chip
from chipsim.simulation.explaining.terms import SPACE
from chipsim.simulation.explaining.tracing import trace_run
from chipsim.simulation.explaining.waits import waits
from chipsim.simulation.links.buffered import BufferedInterconnect, interconnect_for
from chipsim.simulation.synthetic_traffic import Injection, carry

SOME = settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
LINE = {"grid.shape": "[1, 3]"}


class Arrivals:
    """A sink that writes down when packets came."""

    def __init__(self) -> None:
        self.seen: list[tuple[int, int]] = []

    def arrive(self, input: int, position: int, time: int) -> None:
        self.seen.append((position, time // NS))


def network_on(changes: dict[str, Any]) -> BufferedInterconnect:
    net = interconnect_for(chip(changes), Clock(), 10**9, 10**4)
    assert isinstance(net, BufferedInterconnect)
    return net


@pytest.mark.parametrize("buffer", ["7 B", "1 MB"])
@pytest.mark.parametrize("switching", ["cut-through", "store-and-forward"])
def test_zero_load_time_is_the_closed_form_whatever_the_buffers_t10(buffer: str, switching: str) -> None:
    for begin, end in product(range(16), range(16)):
        net, sink = (
            network_on({"grid.shape": "[4, 4]", "router.buffer": buffer, "router.switching": switching}),
            Arrivals(),
        )
        flow = net.add_flow(f"tile({begin // 4},{begin % 4})", "a", 7, 0, [(f"neuron({end // 4},{end % 4})", sink)])
        net.close()
        net.send(flow, 0, 0, 100 * NS)
        net.clock.run_all()
        hops = abs(begin // 4 - end // 4) + abs(begin % 4 - end % 4)
        times = hops + 2 if switching == "store-and-forward" else 1
        assert sink.seen == [(0, 100 + hops * (2 + 3) + 7 * times)]


def test_a_packet_waits_until_the_one_before_has_left_the_next_router_by_hand_t60() -> None:
    """10 bytes in 10 ns, 3 ns of wire, 2 of router, one packet for each port, three packets from the beginning.

    The first is in its port from 0, in the first link from 2, in the second from 7, in the last port from 10. It leaves
    the first router with its tail at 12: then the second enters it, and asks for the first link at 14. The place behind
    that is free at 17, when the first packet's tail has left; then 22 and 25. And so on, every 15 ns.
    """
    net, sink = network_on({**LINE, "router.buffer": "10 B"}), Arrivals()
    flow = net.add_flow("tile(0,0)", "a", 10, 0, [("tile(0,2)", sink)])
    net.close()
    for position in range(3):
        net.send(flow, 0, position, 0)
    net.clock.run_all()
    assert sink.seen == [(0, 20), (1, 35), (2, 50)]


def test_a_copy_keeps_its_place_until_the_last_of_its_branches_has_left_by_hand_t60() -> None:
    """The way to tile(0,1) is free, that to neuron(0,1) is not: its port carries another 100 bytes until 100."""
    net, sink, busy = network_on({**LINE, "router.buffer": "100 B"}), Arrivals(), Arrivals()
    large = net.add_flow("tile(0,1)", "b", 100, 0, [("neuron(0,1)", busy)])
    both_ends = net.add_flow("tile(0,0)", "a", 60, 1, [("tile(0,1)", sink), ("neuron(0,1)", sink)])
    after = net.add_flow("tile(0,0)", "a", 60, 2, [("tile(0,1)", sink)])
    net.close()
    net.send(large, 0, 9, 0)
    net.send(both_ends, 0, 0, 0)
    net.send(after, 0, 1, 0)
    net.clock.run_all()
    # the copy for the tile is there at 65, that for the unit leaves at 160; only then may the next one enter the link
    assert busy.seen == [(9, 100)]
    assert sink.seen == [(0, 65), (0, 160), (1, 160 + 60 + 3)]


@pytest.mark.parametrize(("channels", "there"), [("auto", 165), (1, 316)])
def test_a_packet_passes_one_of_another_channel_that_finds_no_space_by_hand_t61(channels: object, there: int) -> None:
    """On a ring of six packets from 5 are on channel 1 behind 0, one from 0 is on channel 0; the port at 1 is busy.

    The first from 5 is behind 0 -> 1 until 200, the second asks for that link at 112, that from 0 at 152.
    """
    ring = {"grid.shape": "[1, 6]", "grid.topology": "ring", "router.buffer": "100 B"}
    net, sinks = network_on({**ring, "router.virtual_channels": channels}), [Arrivals() for _ in range(3)]
    large = net.add_flow("tile(1)", "a", 100, 0, [("neuron(1)", sinks[0])])
    over = net.add_flow("tile(5)", "b", 100, 1, [("neuron(1)", sinks[1])])
    short = net.add_flow("tile(0)", "c", 10, 2, [("tile(1)", sinks[2])])
    net.close()
    net.send(large, 0, 0, 0)
    net.send(over, 0, 0, 0)
    net.send(over, 0, 1, 0)
    net.send(short, 0, 0, 150 * NS)
    net.clock.run_all()
    assert [sink.seen for sink in sinks] == [[(0, 100)], [(0, 200), (1, 303)], [(0, there)]]


WRAPPED = {
    "ring": {"grid.topology": "ring", "grid.shape": "[2, 4]"},
    "torus": {"grid.topology": "torus", "grid.shape": "[4, 4]"},
    "one way": {
        "grid.topology": "custom", "grid.shape": "[1, 6]", "grid.directed": True,
        "grid.links": [[i, (i + 1) % 6] for i in range(6)],
    },
    "rings of rings": {
        "grid.topology": "hierarchical", "grid.shape": None,
        "grid.levels": [{"topology": "ring", "shape": [1, 5]}, {"topology": "ring", "shape": [1, 4]}],
    },
}  # fmt: skip


@pytest.mark.parametrize("arbitration", ["age", "round-robin"])
@pytest.mark.parametrize("switching", ["cut-through", "store-and-forward"])
@pytest.mark.parametrize("grid", WRAPPED)
def test_rings_under_full_load_deliver_everything_with_the_least_buffers(
    grid: str, switching: str, arbitration: str
) -> None:
    """Every tile sends to every other one, all at once and twice, each buffer holding one packet."""
    built = chip(
        {**WRAPPED[grid], "router.buffer": "4 B", "router.switching": switching, "router.arbitration": arbitration}
    )
    sent = [Injection(0, a, b) for a in built.tiles for b in built.tiles for _ in range(2)]
    assert (carry(built, sent, 4).arrived_ps > 0).all()


@pytest.mark.parametrize("grid", ["ring", "torus", "one way"])
def test_with_one_channel_the_same_rings_are_refused_and_a_circle_is_named(grid: str) -> None:
    built = chip({**WRAPPED[grid], "router.buffer": "4 B", "router.virtual_channels": 1})
    sent = [Injection(0, a, b) for a in built.tiles for b in built.tiles]
    with pytest.raises(SpecError, match=r"wait for each other for ever, over router\(.*->router\(.* on channel 0"):
        carry(built, sent, 4)


def closed(built: Chip) -> list[Any]:
    return find_circle(all_routes(built))


SHAPES = [[1, 1], [1, 2], [2, 3], [4, 4], [5, 3], [1, 7]]


@pytest.mark.parametrize("name", ["mesh", "torus", "ring", "bus", "tree", "crossbar"])
def test_no_route_of_any_topology_waits_in_a_circle(name: str) -> None:
    for shape in SHAPES:
        assert not closed(chip({"grid.topology": name, "grid.shape": str(shape)}))


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(["custom", "hierarchical"]), st.data())
def test_no_route_of_custom_and_hierarchical_topologies_waits_in_a_circle(kind: str, data: st.DataObject) -> None:
    if kind == "hierarchical":
        names = ["mesh", "torus", "ring", "bus", "tree", "crossbar"]
        level = st.fixed_dictionaries({"topology": st.sampled_from(names), "shape": st.sampled_from(SHAPES[1:3])})
        grid = {"grid.shape": None, "grid.levels": data.draw(st.lists(level, min_size=2, max_size=2))}
    else:
        count, directed = data.draw(st.integers(3, 9)), data.draw(st.booleans())
        order = data.draw(st.permutations(range(count)))
        pairs = {tuple(p) for p in zip(order, [*order[1:], order[0]], strict=True)}
        for a, b in data.draw(st.lists(st.tuples(*[st.integers(0, count - 1)] * 2), max_size=6)):
            if a != b and (a, b) not in pairs and (directed or (b, a) not in pairs):
                pairs.add((a, b))
        grid = {
            "grid.shape": f"[1, {count}]",
            "grid.links": [list(p) for p in sorted(pairs)],
            "grid.directed": directed,
        }
    assert not closed(chip({"grid.topology": kind, **grid}))


@dataclass(frozen=True, slots=True)
class OneWay(Sites):
    """A circle in one direction without channels."""

    def label(self, site: int) -> str:
        return str(site)

    def links(self) -> list[tuple[int, int]]:
        return [(site, (site + 1) % self.sites) for site in range(self.sites)]

    def route(self, source: int, target: int) -> list[int]:
        return [(source + step) % self.sites for step in range((target - source) % self.sites + 1)]


def test_a_topology_without_channels_is_refused_only_where_packets_make_a_circle() -> None:
    built = chip({"grid.topology": "ring", "grid.shape": "[1, 4]", "router.buffer": "4 B"})
    one_way = replace(built, topology=OneWay(1, 4))
    some = [Injection(0, "tile(0)", "tile(2)"), Injection(0, "tile(1)", "tile(3)")]
    assert (carry(one_way, some, 4).arrived_ps > 0).all()
    with pytest.raises(SpecError, match="give the topology a method `channels`"):
        carry(one_way, [Injection(0, f"tile({i})", f"tile({(i + 2) % 4})") for i in range(4)], 4)


def test_buffers_smaller_than_a_packet_are_refused_before_the_run() -> None:
    built = plan([source(32), dense("d", "x", 32, 8)], {"router.buffer": "15 B"})
    with pytest.raises(
        CapacityError, match=r"15 bytes for each input port of router\(0,\d\) hold no packet of 16 bytes"
    ):
        simulate_chip(built, 1)
    simulate_chip(plan([source(32), dense("d", "x", 32, 8)], {"router.buffer": "16 B"}), 1)


@st.composite
def bounded(draw: st.DrawFn, layers: int = 6) -> Plan:
    """A network on a chip of any topology whose routers have little more space than they need."""
    net, changes, router, more = draw(networks(layers=layers)), draw(CHIPS), draw(ROUTERS), draw(MORE)
    grid = draw(st.sampled_from(sorted(UNLIKE)))
    built = with_buffers(net, {**changes, **draw(UNLIKE[grid]), **router}, more)
    assume(built is not None)
    assert built is not None
    return built


@SOME
@given(bounded(layers=5), st.integers(1, 3))
def test_paths_fill_the_latency_and_full_buffers_are_causes(built: Plan, inputs: int) -> None:
    check(trace_run(built, inputs))


def test_a_full_buffer_is_a_cause_of_waiting() -> None:
    layers = [source(16), dense("a", "x", 16, 16), dense("b", "a", 16, 16), dense("c", "b", 16, 16)]
    built = plan(layers, {"router.buffer": "16 B", "link.bandwidth": "100 MB/s", "router.delay": "50 ns"})
    found = waits(trace_run(built, 6), 5)
    assert any(wait.cause == SPACE and wait.activity == "transfer" and wait.work_ps > 0 for wait in found)


@SOME
@given(bounded(), st.integers(12, 40))
def test_the_jump_changes_nothing_with_bounded_routers(built: Plan, inputs: int) -> None:
    both(built, inputs)


def test_larger_buffers_deliver_more_of_what_a_mesh_bears() -> None:
    """1.25 x 4/k sent for 1500 cycles: one flit for each port allows a link a flit every other cycle at most."""
    from_one = []
    for flits in (1, 4, 16):
        built = chip({
            "grid.shape": "[4, 4]", "link.latency": "0 ns", "router.delay": "1 ns", "router.buffer": f"{flits} B",
        })  # fmt: skip
        rng = np.random.default_rng(1)
        sent = [
            Injection(cycle * NS, name, built.tiles[rng.integers(16)])
            for cycle in range(1500) for name in built.tiles if rng.random() < 0.625
        ] + [
            Injection(cycle * NS, name, built.neuron_units[rng.integers(16)])
            for cycle in range(1500) for name in built.neuron_units if rng.random() < 0.625
        ]  # fmt: skip
        arrived = carry(built, sent, 1).arrived_ps
        from_one.append(np.count_nonzero((arrived > 500 * NS) & (arrived <= 1500 * NS)) / 16_000)
    assert from_one[0] < 0.5 < from_one[1] < from_one[2] < 1
