"""All topologies: the contract, lengths of routes in closed form, and the errors of `grid`."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise, product

import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chipsim.architecture.chip import build_chip
from chipsim.architecture.loader import load_spec
from chipsim.architecture.spec import Grid, InMemorySpec
from chipsim.architecture.topologies.conformance import check_topology
from chipsim.architecture.topologies.custom import Custom
from chipsim.architecture.topologies.ring import Ring
from chipsim.architecture.topologies.star import Bus, Crossbar
from chipsim.architecture.topologies.torus import Torus
from chipsim.architecture.topologies.tree import Tree
from chipsim.architecture.topology import Mesh, Topology, build_topology

SHAPES = [(1, 1), (1, 2), (2, 1), (1, 7), (2, 2), (3, 3), (2, 5), (5, 3), (4, 4), (6, 3), (8, 8)]
NAMED = ["bus", "crossbar", "mesh", "ring", "torus", "tree"]


def graph_of(topology: Topology) -> nx.DiGraph[int]:
    graph: nx.DiGraph[int] = nx.DiGraph()
    graph.add_nodes_from(range(topology.routers))
    graph.add_edges_from(topology.links())
    return graph


def hops(topology: Topology, source: int, target: int) -> int:
    return len(topology.route(source, target)) - 1


@st.composite
def connected(draw: st.DrawFn) -> Custom:
    """A random custom topology: a random tree and more links, or a directed circle and more links."""
    sites = draw(st.integers(1, 9))
    directed = draw(st.booleans()) and sites > 1
    order = draw(st.permutations(range(sites)))
    if directed:
        links = set(zip(order, [*order[1:], order[0]], strict=True))
    else:
        links = {(order[draw(st.integers(0, i - 1))], order[i]) for i in range(1, sites)}
    number = st.integers(0, sites - 1)
    for a, b in draw(st.lists(st.tuples(number, number), max_size=8)):
        if a != b and (a, b) not in links and (directed or (b, a) not in links):
            links.add((a, b))
    return Custom(1, sites, tuple(draw(st.permutations(sorted(links)))), directed)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("name", NAMED)
def test_every_topology_keeps_the_contract(name: str, shape: tuple[int, int]) -> None:
    topology = build_topology(Grid(topology=name, shape=shape))
    check_topology(topology)
    assert topology.sites == shape[0] * shape[1]


@pytest.mark.parametrize(("arity", "shape"), [*product([3, 4, 5, 64], [(1, 1), (1, 4), (3, 3), (5, 6)])])
def test_trees_of_any_arity_keep_the_contract(arity: int, shape: tuple[int, int]) -> None:
    check_topology(build_topology(Grid(topology="tree", shape=shape, arity=arity)))


@settings(max_examples=60)
@given(connected())
def test_custom_topologies_keep_the_contract_and_take_shortest_routes(topology: Custom) -> None:
    check_topology(topology)
    lengths = dict(nx.all_pairs_shortest_path_length(graph_of(topology)))
    assert all(hops(topology, a, b) == lengths[a][b] for a, b in product(range(topology.sites), repeat=2))


@pytest.mark.parametrize(("kind", "shape"), [*product([Mesh, Torus, Ring, Bus, Crossbar, Tree], SHAPES[:-1])], ids=str)
def test_routes_are_shortest(kind: type, shape: tuple[int, int]) -> None:
    topology = kind(*shape)
    lengths = dict(nx.all_pairs_shortest_path_length(graph_of(topology)))
    for a, b in product({*range(topology.sites), topology.host_site}, repeat=2):
        assert hops(topology, a, b) == lengths[a][b]


def test_torus_and_ring_hops_in_closed_form() -> None:
    for rows, columns in product(range(1, 7), repeat=2):
        torus, ring = Torus(rows, columns), Ring(rows, columns)
        for a, b in product(range(rows * columns), repeat=2):
            dy, dx = abs(a // columns - b // columns), abs(a % columns - b % columns)
            assert hops(torus, a, b) == min(dy, rows - dy) + min(dx, columns - dx)
            assert hops(ring, a, b) == min(abs(a - b), rows * columns - abs(a - b))


def test_of_two_equal_ways_a_ring_takes_the_one_to_higher_numbers() -> None:
    assert Ring(1, 4).route(3, 1) == [3, 0, 1]
    assert Torus(2, 4).route(1, 3) == [1, 2, 3]


def test_torus_goes_along_the_row_first() -> None:
    torus = Torus(5, 4)
    for a, b in product(range(20), repeat=2):
        in_row = [x // 4 == y // 4 for x, y in pairwise(torus.route(a, b))]
        assert in_row == sorted(in_row, reverse=True)


@pytest.mark.parametrize("arity", [2, 3, 4])
def test_tree_hops_are_twice_the_level_of_the_switch_above_both(arity: int) -> None:
    tree = Tree(3, 7, arity)
    for a, b in product(range(21), repeat=2):
        level = next(level for level in range(9) if a // arity**level == b // arity**level)
        assert hops(tree, a, b) == 2 * level
        up = tree.route(a, b)
        assert up == tree.route(b, a)[::-1]


def test_tree_counts_switches_and_every_leaf_is_as_deep() -> None:
    tree = Tree(8, 8)
    assert (tree.sites, tree.routers) == (64, 127)
    assert {hops(tree, tree.host_site, leaf) for leaf in range(64)} == {6}
    assert Tree(1, 5).routers == 5 + 3 + 2 + 1
    assert Tree(1, 1).routers == 1


def test_a_binary_tree_over_a_square_is_an_h_tree() -> None:
    """Children lie on opposite sides of their switch, levels alternate between the two directions."""
    tree = Tree(8, 8)
    for level in range(1, 7):
        for switch in range(tree._firsts[level], tree._firsts[level] + 2 ** (6 - level)):
            x, y = tree.coordinates(switch)
            below = [tree.coordinates(a) for a, b in tree.links() if b == switch and a < switch]
            steps = sorted((cx - x, cy - y) for cx, cy in below)
            assert steps[0] == (-steps[1][0], -steps[1][1])
            assert (steps[0][1] == 0) == (level % 2 == 1)


def test_crossbar_takes_two_hops_bus_three_and_all_go_over_the_one_medium() -> None:
    crossbar, bus = Crossbar(3, 3), Bus(3, 3)
    assert len(crossbar.links()) == 18
    assert len(bus.links()) == 19
    for a, b in product(range(9), repeat=2):
        assert hops(crossbar, a, b) == 2 * (a != b)
        assert hops(bus, a, b) == 3 * (a != b)
        assert ((9, 10) in pairwise(bus.route(a, b))) == (a != b)


@pytest.mark.parametrize(("rows", "columns"), [(2, 2), (4, 5), (5, 4), (8, 8), (2, 9)])
def test_neighbours_on_a_ring_are_neighbours_on_the_floor_plan(rows: int, columns: int) -> None:
    ring = Ring(rows, columns)
    for a, b in ring.links():
        (ax, ay), (bx, by) = ring.coordinates(a), ring.coordinates(b)
        assert abs(ax - bx) + abs(ay - by) == 1


def test_custom_takes_lower_numbers_and_directed_links_one_way_only() -> None:
    square = ((0, 2), (0, 1), (2, 3), (1, 3))
    assert Custom(2, 2, square).route(0, 3) == [0, 1, 3]
    circle = Custom(1, 4, ((0, 1), (1, 2), (2, 3), (3, 0)), directed=True)
    assert circle.route(1, 0) == [1, 2, 3, 0]
    assert circle.placement_order() == [0, 1, 2, 3]


def built(*overrides: str) -> InMemorySpec:
    spec = load_spec("hermes64", overrides)
    assert isinstance(spec, InMemorySpec)
    return spec


@pytest.mark.parametrize(("name", "switches"), [("tree", 6), ("crossbar", 1), ("bus", 2), ("torus", 0), ("ring", 0)])
def test_switches_are_routers_without_tiles(name: str, switches: int) -> None:
    chip = build_chip(built("grid.shape=[2,3]", f"grid.topology={name}"))
    kinds = Counter(kind for _, kind in chip.graph.nodes(data="kind"))
    assert (kinds["tile"], kinds["neuron_unit"], kinds["router"]) == (6, 6, 6 + switches)
    links = [edge for *edge, kind in chip.graph.edges(data="kind") if kind == "link"]
    assert len(links) == len(chip.topology.links())
    for source, target in product([*chip.tiles, "host"], chip.tiles):
        assert all(chip.graph.edges[edge]["interconnect"] for edge in chip.path(source, target))
