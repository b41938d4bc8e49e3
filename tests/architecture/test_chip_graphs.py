"""The chip as a graph, and the mesh's routes."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise, product

import networkx as nx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chipsim.architecture.chip import Chip, build_chip
from chipsim.architecture.loader import load_spec
from chipsim.architecture.spec import InMemorySpec
from chipsim.architecture.topology import Mesh

SIDES = st.integers(1, 6)


def built(*overrides: str) -> Chip:
    spec = load_spec("hermes64", overrides)
    assert isinstance(spec, InMemorySpec)
    return build_chip(spec)


def mesh_graph(mesh: Mesh) -> nx.DiGraph[int]:
    graph: nx.DiGraph[int] = nx.DiGraph()
    graph.add_nodes_from(range(mesh.sites))
    graph.add_edges_from(mesh.links())
    return graph


@given(SIDES, SIDES)
def test_links_join_neighbours_in_both_directions(rows: int, columns: int) -> None:
    mesh = Mesh(rows, columns)
    links = mesh.links()
    assert len(links) == len(set(links)) == 2 * (rows * (columns - 1) + columns * (rows - 1))
    assert all((b, a) in links for a, b in links)
    for a, b in links:
        (ax, ay), (bx, by) = mesh.coordinates(a), mesh.coordinates(b)
        assert abs(ax - bx) + abs(ay - by) == 1


@given(st.integers(1, 5), st.integers(1, 5))
def test_routes_are_shortest_walk_links_and_form_a_tree_from_each_source(rows: int, columns: int) -> None:
    mesh = Mesh(rows, columns)
    graph = mesh_graph(mesh)
    for source in range(mesh.sites):
        feeder: dict[int, int] = {}
        for target in range(mesh.sites):
            route = mesh.route(source, target)
            assert (route[0], route[-1]) == (source, target)
            assert len(route) - 1 == nx.shortest_path_length(graph, source, target)
            for a, b in pairwise(route):
                assert graph.has_edge(a, b)
                assert feeder.setdefault(b, a) == a


def test_routes_go_along_the_row_first() -> None:
    """Dimension order: no turn from a column into a row, so that packets cannot block in a circle."""
    mesh = Mesh(5, 4)
    for source, target in product(range(20), repeat=2):
        steps = [b - a for a, b in zip(mesh.route(source, target), mesh.route(source, target)[1:], strict=False)]
        vertical = [abs(step) == 4 for step in steps]
        assert vertical == sorted(vertical)


@given(SIDES, SIDES)
def test_placement_visits_every_site_once_by_single_steps(rows: int, columns: int) -> None:
    mesh = Mesh(rows, columns)
    order = mesh.placement_order()
    assert sorted(order) == list(range(mesh.sites))
    assert all(len(mesh.route(a, b)) == 2 for a, b in pairwise(order))


@given(SIDES, SIDES, st.data())
def test_spread_units_sit_at_distinct_sites(rows: int, columns: int, data: st.DataObject) -> None:
    mesh = Mesh(rows, columns)
    count = data.draw(st.integers(1, mesh.sites))
    sites = mesh.spread(count)
    assert len(sites) == len(set(sites)) == count
    assert set(sites) <= set(range(mesh.sites))


@pytest.mark.parametrize(("rows", "columns", "units"), [(8, 8, 8), (2, 3, 1), (1, 1, 1), (5, 5, 4)])
def test_every_site_has_its_components_and_every_component_its_edges(rows: int, columns: int, units: int) -> None:
    chip = built(f"grid.shape=[{rows},{columns}]")
    sites = rows * columns
    kinds = Counter(kind for _, kind in chip.graph.nodes(data="kind"))
    each = dict.fromkeys(("tile", "neuron_unit", "router", "memory", "control_unit"), sites)
    assert kinds == {**each, "digital_unit": units, "host": 1}
    edges = Counter(kind for _, _, kind in chip.graph.edges(data="kind"))
    links = 2 * (rows * (columns - 1) + columns * (rows - 1))
    assert edges == Counter({"link": links, "port": 2 * (2 * sites + units), "host": 2, "local": 3 * sites})
    assert (len(chip.tiles), len(chip.neuron_units), len(chip.digital_units)) == (sites, sites, units)
    assert all(chip.site(t) == chip.site(n) for t, n in zip(chip.tiles, chip.neuron_units, strict=True))


def test_edges_carry_what_the_file_says() -> None:
    chip = built("grid.shape=[2,2]", "host.bandwidth=7 GB/s", "host.latency=9 ns")
    for source, target, data in chip.graph.edges(data=True):
        if data["kind"] == "link":
            assert (data["bandwidth_bytes_per_s"], data["latency_s"], data["delay_s"]) == (4e8, 2.5e-9, 2.5e-9)
            assert data["energy_per_byte_j"] == pytest.approx(1.78e-12)
        elif data["kind"] == "port":
            assert (data["bandwidth_bytes_per_s"], data["latency_s"], data["delay_s"]) == (4e8, 0, 0)
        elif data["kind"] == "host":
            assert "host" in (source, target)
            assert (data["bandwidth_bytes_per_s"], data["latency_s"], data["delay_s"]) == (7e9, 9e-9, 0)
        assert data["interconnect"] == (data["kind"] != "local")


def test_paths_go_port_links_port_over_edges_of_the_graph() -> None:
    chip = built("grid.shape=[3,4]")
    names = [*chip.tiles, *chip.neuron_units, *chip.digital_units, "host"]
    for source, target in product(names, repeat=2):
        path = chip.path(source, target)
        assert (path[0][0], path[-1][1]) == (source, target)
        assert all(a[1] == b[0] for a, b in pairwise(path))
        assert all(chip.graph.edges[edge]["interconnect"] for edge in path)
        assert chip.hops(source, target) == len(path) - 2
        (ax, ay), (bx, by) = chip.position(source), chip.position(target)
        assert chip.hops(source, target) == abs(ax - bx) + abs(ay - by)
