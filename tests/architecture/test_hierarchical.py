"""Hierarchical grids and links of their own: the contract, routes by level, the graph's figures, and mistakes."""

from __future__ import annotations

from itertools import pairwise, product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import chipsim
from chipsim.architecture.chip import build_chip
from chipsim.architecture.loader import load_spec, spec_hash
from chipsim.architecture.spec import Grid, InMemorySpec
from chipsim.architecture.topologies.conformance import check_topology
from chipsim.architecture.topology import Topology, build_topology, changes_of
from chipsim.errors import SpecError

NAMES = ["bus", "crossbar", "mesh", "ring", "torus", "tree"]
LEVELS = [
    {"topology": "crossbar", "shape": [2, 2]},
    {"topology": "mesh", "shape": [2, 3], "link": {"bandwidth": "2 GB/s", "latency": "4 ns", "source": "a paper"}},
    {"topology": "bus", "shape": [1, 2], "link": {"bandwidth": "500 MB/s", "energy_per_byte": "9 pJ/B"}},
]


def hierarchy(levels: list[dict[str, Any]]) -> Topology:
    return build_topology(Grid(topology="hierarchical", levels=levels))


def labels(topology: Topology, source: str, target: str) -> list[str]:
    by_label = {topology.label(router): router for router in range(topology.routers)}
    return [topology.label(router) for router in topology.route(by_label[source], by_label[target])]


@st.composite
def stacks(draw: st.DrawFn) -> list[dict[str, Any]]:
    side = st.integers(1, 3)
    level = st.builds(lambda name, rows, columns: {"topology": name, "shape": [rows, columns]}, st.sampled_from(NAMES),
                      side, side)  # fmt: skip
    levels = draw(st.lists(level, min_size=2, max_size=3))
    return levels if len(levels) == 2 else [*levels[:2], {**levels[2], "shape": [1, draw(st.integers(1, 2))]}]


@settings(max_examples=60)
@given(stacks())
def test_hierarchies_of_any_levels_keep_the_contract(levels: list[dict[str, Any]]) -> None:
    topology = hierarchy(levels)
    check_topology(topology)
    sites = 1
    for level in levels:
        sites *= level["shape"][0] * level["shape"][1]
    assert topology.sites == sites


@pytest.mark.parametrize(("inner", "outer"), [*product(NAMES, NAMES)])
def test_every_pair_of_topologies_keeps_the_contract(inner: str, outer: str) -> None:
    check_topology(hierarchy([{"topology": inner, "shape": [2, 2]}, {"topology": outer, "shape": [2, 3]}]))


def test_a_third_level_may_be_a_list_of_links_by_hand() -> None:
    """Three chips in a row, the middle one between; each chip is a bus of two meshes of one row."""
    levels = [
        {"topology": "mesh", "shape": [1, 2]},
        {"topology": "bus", "shape": [1, 2]},
        {"topology": "custom", "shape": [1, 3], "links": [[0, 1], [1, 2]]},
    ]
    topology = hierarchy(levels)
    check_topology(topology)
    assert labels(topology, "0/0,1/0,1", "2/0,1/0,1") == [
        "0/0,1/0,1", "0/0,1/0,0", "0/bus in", "0/bus out", "0/0,0/0,0",  # to the cluster's, then to the chip's gateway
        "1/0,0/0,0", "2/0,0/0,0",  # across
        "2/bus in", "2/bus out", "2/0,1/0,0", "2/0,1/0,1",  # and down
    ]  # fmt: skip


def test_clusters_around_a_switch_meet_at_their_switches_by_hand() -> None:
    """A concentrated mesh: four tiles around each router of a mesh."""
    topology = hierarchy(LEVELS[:2])
    assert (topology.sites, topology.routers) == (24, 30)
    assert labels(topology, "0,0/1,1", "1,2/0,1") == [
        "0,0/1,1", "0,0/switch", "0,1/switch", "0,2/switch", "1,2/switch", "1,2/0,1"
    ]  # fmt: skip
    assert labels(topology, "0,0/0,0", "0,0/1,1") == ["0,0/0,0", "0,0/switch", "0,0/1,1"]
    assert topology.label(topology.host_site) == "0,0/switch"


@settings(max_examples=30)
@given(stacks(), st.data())
def test_routes_leave_a_cluster_once_at_most(levels: list[dict[str, Any]], data: st.DataObject) -> None:
    """Up, across, down: seen from the outermost level, a route never comes back to a cluster."""
    topology = hierarchy(levels)
    source, target = (data.draw(st.integers(0, topology.sites - 1)) for _ in range(2))
    clusters = [topology.label(router).split("/")[0] for router in topology.route(source, target)]
    entered = [b for a, b in pairwise([None, *clusters]) if a != b]
    assert len(entered) == len(set(entered))


def built(*overrides: str) -> InMemorySpec:
    spec = load_spec("hermes64", overrides)
    assert isinstance(spec, InMemorySpec)
    return spec


def nested(*overrides: str) -> InMemorySpec:
    return built("grid.topology=hierarchical", "grid.shape=[4,12]", f"grid.levels={LEVELS}", *overrides)


def test_links_of_a_level_have_its_figures_and_the_rest_is_as_in_link() -> None:
    spec = nested("link.latency=1 ns", "link.energy_per_byte=1 pJ/B", "router.energy_per_byte=2 pJ/B")
    chip = build_chip(spec)
    own = (spec.link.bandwidth, 1e-9, 3e-12)
    for source, target, data in chip.graph.edges(data=True):
        if data["kind"] != "link":
            continue
        inside = source.removeprefix("router(").rsplit("/", 1)[0] == target.removeprefix("router(").rsplit("/", 1)[0]
        bus = "bus" in source + target
        wanted = (5e8, 1e-9, 11e-12) if bus else own if inside else (2e9, 4e-9, 3e-12)
        found = data["bandwidth_bytes_per_s"], data["latency_s"], data["energy_per_byte_j"]
        assert found == pytest.approx(wanted, rel=1e-12)
    ports = {d["bandwidth_bytes_per_s"] for *_, d in chip.graph.edges(data=True) if d["kind"] == "port"}
    assert ports == {spec.link.bandwidth}


def test_a_link_of_a_list_has_its_own_figures_in_both_directions_unless_directed() -> None:
    links = (
        "[[0, 1], {ends: [1, 2], bandwidth: 5 MB/s, latency: 8 ns, energy_per_byte: 4 pJ/B, source: a paper}, [2, 0]]"
    )
    for directed in (False, True):
        grid = [f"grid.directed={directed}", "grid.shape=[1,3]", "grid.topology=custom", f"grid.links={links}"]
        graph = build_chip(built(*grid, "router.energy_per_byte=1 pJ/B")).graph
        changed = {(a, b) for a, b, rate in graph.edges(data="bandwidth_bytes_per_s") if rate == 5e6}
        one_way = {("router(1)", "router(2)")}
        assert changed == one_way | (set() if directed else {("router(2)", "router(1)")})
        edge = graph.edges["router(1)", "router(2)"]
        assert (edge["latency_s"], edge["wire_j_per_byte"], edge["wire_source"]) == (8e-9, 4e-12, "a paper")
        assert edge["energy_per_byte_j"] == pytest.approx(5e-12)


def test_a_single_link_goes_before_its_level_and_the_level_before_the_chip() -> None:
    own = {"ends": [0, 1], "latency": "9 ns"}
    level = {"topology": "custom", "shape": [1, 3], "links": [own, [1, 2]], "link": {"latency": "7 ns",
             "bandwidth": "3 GB/s"}}  # fmt: skip
    topology = hierarchy([level, {"topology": "ring", "shape": [1, 3], "link": {"bandwidth": "1 GB/s"}}])
    assert changes_of(topology, 3, 4).given == {"latency": 9e-9, "bandwidth": 3e9}
    assert changes_of(topology, 4, 5).given == {"latency": 7e-9, "bandwidth": 3e9}
    assert changes_of(topology, 3, 6).given == {"bandwidth": 1e9}


def test_energy_of_each_level_is_paid_for_what_passes_its_links() -> None:
    grid = ["grid.topology=hierarchical", "grid.shape=[2,12]", "digital_unit.tiles_per_unit=4"]
    levels = [
        {"topology": "crossbar", "shape": [2, 2]},
        {"topology": "mesh", "shape": [1, 6], "link": {"energy_per_byte": "50 pJ/B", "source": "a far wire"}},
    ]
    result = chipsim.run("hermes64", "zoo:digits-cnn", timing_only=True, overrides=[*grid, f"grid.levels={levels}"])
    sizes = {link["link"]: link["bytes"] for link in result.tables["links"] if link["kind"] == "link"}
    rows = [row for row in result.tables["ledger"] if row["action"] == "transfer" and row["kind"] == "link"]
    far = {name for name in sizes if name.count("switch") == 2}
    assert far
    assert far != set(sizes)
    for name, size in sizes.items():
        own = [row for row in rows if row["component"] == name]
        assert sum(row["amount"] for row in own) == size
        assert all((row["source"] == "a far wire") == (name in far) for row in own)
        if name in far:
            assert sum(row["energy_j"] for row in own) == pytest.approx(size * 50e-12)


MESHES = "[{topology: mesh, shape: [1, 2]}, {topology: mesh, shape: [2, 2]}]"


def test_a_hierarchy_has_the_shape_of_its_levels() -> None:
    assert Grid(topology="hierarchical", levels=LEVELS).shape == (4, 12)
    assert Grid(topology="hierarchical", levels=LEVELS, shape=[4, 12]).shape == (4, 12)


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["topology=hierarchical"], ["levels", "two or more", "from the inside out"]),
        (["topology=hierarchical", f"levels={MESHES}"], ["8 x 8 sites", "2 x 4", "write [2, 4], or leave shape out"]),
        (["levels=[{shape: [1, 2]}]"], ["levels: has no meaning for the topology mesh", "hierarchical"]),
        (
            ["topology=hierarchical", "levels=[{shape: [1, 2]}, {topology: hierarchical, shape: [1, 2]}]"],
            ["grid.levels.1.topology", "topology of its own"],
        ),
        (
            ["topology=hierarchical", "levels=[{topology: mehs, shape: [1, 2]}, {shape: [1, 2]}]"],
            ["grid.levels.0.topology", "unknown topology 'mehs'", "did you mean 'mesh'?"],
        ),
        (
            ["topology=hierarchical", "levels=[{shape: [1, 2]}, {shape: [1, 2], link: {bandwith: 1 GB/s}}]"],
            ["grid.levels.1.link.bandwith", "unknown field", "did you mean 'bandwidth'?"],
        ),
        (
            ["topology=hierarchical", "levels=[{shape: [1, 2]}, {shape: [1, 2], link: {bandwidth: 0 B/s}}]"],
            ["grid.levels.1.link.bandwidth", "greater than zero"],
        ),
        (
            ["topology=hierarchical", "shape=[256,512]", "levels=[{shape: [256, 256]}, {shape: [1, 2]}]"],
            ["256 x 512", "65,536"],
        ),
        (["topology=hierarchical", "levels=[{shape: [3]}, {shape: [1, 2]}]"], ["grid.levels.0.shape.1", "missing"]),
        (
            ["topology=custom", "shape=[1,2]", "links=[{ends: [0, 1], bandwidth: 3}]"],
            ["grid.links.0.bandwidth", "3 has no unit"],
        ),
        (
            ["topology=custom", "shape=[1,2]", "links=[{ends: [0, 1], latncy: 3 ns}]"],
            ["grid.links.0.latncy", "unknown field", "did you mean 'latency'?"],
        ),
        (["topology=custom", "shape=[1,2]", "links=[{bandwidth: 1 GB/s}]"], ["grid.links.0.ends", "missing"]),
        (
            ["topology=custom", "shape=[1,2]", "links=[[0, 1], {ends: [1, 0]}]"],
            ["links.1: [1, 0]", "same link as links.0"],
        ),
        (["topology=custom", "shape=[1,2]", "links=[{ends: [0, 7]}]"], ["links.0: [0, 7]", "no site 7"]),
    ],
    ids=str,
)
def test_mistakes_are_named(overrides: list[str], words: list[str]) -> None:
    with pytest.raises(SpecError) as error:
        built(*(f"grid.{override}" for override in overrides))
    assert all(word in str(error.value) for word in words), str(error.value)


@pytest.mark.parametrize(
    ("override", "word"),
    [
        ("router.switching=wormhole", "cut-through"),
        ("router.arbitration=random", "round-robin"),
        ("link.flit_bytes=0", "at least 1"),
        ("link.flit_bytes=1.5", "whole number"),
    ],
)
def test_mistakes_of_links_and_routers_are_named(override: str, word: str) -> None:
    with pytest.raises(SpecError, match=word) as error:
        built(override)
    assert override.split("=")[0] in str(error.value)


def test_fields_that_came_later_leave_the_hash_of_files_without_them_alone() -> None:
    plain = spec_hash(built())
    assert spec_hash(built("link.flit_bytes=1", "router.switching=cut-through", "router.arbitration=age")) == plain
    changed = ["link.flit_bytes=2", "router.switching=store-and-forward", "router.arbitration=round-robin"]
    assert len({plain, spec_hash(nested()), *(spec_hash(built(change)) for change in changed)}) == 5
