"""Errors of `grid`, topologies of other packages, the page's examples, and what the conformance test finds."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from chipsim.architecture.loader import load_spec
from chipsim.architecture.spec import Grid, InMemorySpec
from chipsim.architecture.topologies import registry
from chipsim.architecture.topologies.conformance import check_topology
from chipsim.architecture.topologies.custom import Custom
from chipsim.architecture.topologies.registry import list_topologies
from chipsim.architecture.topologies.ring import Ring
from chipsim.architecture.topology import Mesh, build_topology
from chipsim.errors import SpecError

NAMED = ["bus", "crossbar", "mesh", "ring", "torus", "tree"]


def built(*overrides: str) -> InMemorySpec:
    spec = load_spec("hermes64", overrides)
    assert isinstance(spec, InMemorySpec)
    return spec


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["topology=torsu"], ["grid.topology", "unknown topology 'torsu'", "crossbar", "did you mean 'torus'?"]),
        (["topology=custom"], ["links: missing", "all 64 sites"]),
        (["shape=[1,3]", "topology=custom", "links=[[0,1],[1,3]]"], ["links.1", "no site 3", "0 to 2"]),
        (["shape=[1,3]", "topology=custom", "links=[[0,1],[1,1]]"], ["links.1: [1, 1]", "itself"]),
        (["shape=[1,3]", "topology=custom", "links=[[0,1],[1,0]]"], ["links.1", "links.0", "grid.directed"]),
        (
            ["shape=[1,2]", "topology=custom", "links=[[0,1],[1,0],[0,1]]", "directed=true"],
            ["links.2", "same link as links.0"],
        ),
        (["shape=[1,3]", "topology=custom", "links=[[0,1]]"], ["no way from site 0 to site 2"]),
        (
            ["shape=[1,3]", "topology=custom", "links=[[0,1],[1,2],[2,1]]", "directed=true"],
            ["no way from site 1 to site 0"],
        ),
        (["shape=[1,2]", "topology=custom", "links=[[0,-1]]"], ["grid.links.0.1", "-1"]),
        (["links=[[0,1]]"], ["links: has no meaning for the topology mesh", "custom"]),
        (["topology=ring", "directed=true"], ["directed: has no meaning for the topology ring"]),
        (["topology=torus", "arity=3"], ["arity: has no meaning for the topology torus", "tree"]),
        (["topology=tree", "arity=1"], ["grid.arity: 1: ", "2"]),
        *[([f"topology={name}", "shape=[256,257]"], ["65,536"]) for name in NAMED],
    ],
    ids=str,
)
def test_mistakes_are_named(overrides: list[str], words: list[str]) -> None:
    with pytest.raises(SpecError) as error:
        built(*(f"grid.{override}" for override in overrides))
    assert all(word in str(error.value) for word in words), str(error.value)


def test_a_package_adds_a_topology(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = registry.EntryPoint("wheel", f"{Ring.__module__}:Ring.from_grid", registry.GROUP)
    monkeypatch.setattr(registry, "entry_points", lambda group: [entry] if group == registry.GROUP else [])
    assert list_topologies() == sorted([*NAMED, "custom", "hierarchical", "wheel"])
    assert build_topology(built("grid.topology=wheel", "grid.arity=3").grid) == Ring(8, 8)


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ([("wheel", "no_such_module:make")], ["'wheel' cannot be loaded", "no_such_module"]),
        ([("wheel", "one:make"), ("wheel", "two:make")], ["claimed by several packages: one:make, two:make"]),
        ([("mesh", "other:make")], ["topology name 'mesh' is claimed by several"]),
    ],
    ids=str,
)
def test_broken_and_ambiguous_packages_are_named(
    monkeypatch: pytest.MonkeyPatch, entries: list[tuple[str, str]], words: list[str]
) -> None:
    found = [registry.EntryPoint(name, value, registry.GROUP) for name, value in entries]
    monkeypatch.setattr(registry, "entry_points", lambda group: found if group == registry.GROUP else [])
    with pytest.raises(SpecError) as error:
        build_topology(built(f"grid.topology={entries[0][0]}").grid)
    assert all(word in str(error.value) for word in words)


BROKEN = {
    "sites": (0, "no site"),
    "routers": (3, "fewer routers"),
    "host_site": (4, "host_site"),
    "label": (lambda site: "x", "label"),
    "coordinates": (lambda site: (0.0, 0.0), "coordinates"),
    "placement_order": (lambda: [0, 1, 2, 2], "placement_order"),
    "spread": (lambda count: [0] * count, "spread(2)"),
    "links": (lambda: [(0, 1), (0, 1)], "twice"),
    "route": (lambda a, b: [a, b] if a != b else [a], "no link"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_the_conformance_test_finds_what_is_broken(name: str) -> None:
    mesh = Mesh(2, 2)
    parts = {key: getattr(mesh, key) for key in BROKEN}
    value, words = BROKEN[name]
    with pytest.raises(AssertionError, match=words.replace("(", r"\(").replace(")", r"\)")):
        check_topology(SimpleNamespace(**{**parts, name: value}))


def test_the_conformance_test_finds_routes_that_form_no_tree() -> None:
    ways = {(0, 3): [0, 1, 3], (0, 2): [0, 2]}
    square = Custom(2, 2, ((0, 1), (0, 2), (1, 3), (2, 3)))
    loose = {key: getattr(square, key) for key in BROKEN}
    loose["links"] = lambda: [*square.links(), (3, 4), (4, 3)]
    loose.update(sites=5, routers=5, label=str, coordinates=lambda s: (float(s), 0.0))
    loose["placement_order"] = lambda: list(range(5))
    loose["spread"] = lambda count: list(range(count))
    loose["route"] = lambda a, b: ways.get((a, b)) or ([0, 2, 3, 4] if (a, b) == (0, 4) else square.route(a, b))
    with pytest.raises(AssertionError, match="not a tree"):
        check_topology(SimpleNamespace(**loose))


PAGE = (Path(__file__).parents[2] / "docs" / "topologies.md").read_text(encoding="utf-8")
EXAMPLES = [yaml.safe_load(text)["grid"] for text in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)]


@pytest.mark.parametrize("grid", EXAMPLES, ids=str)
def test_the_pages_examples_keep_the_contract(grid: dict[str, object]) -> None:
    check_topology(build_topology(Grid(**grid)))


def test_the_page_has_an_example_of_every_topology() -> None:
    assert {grid["topology"] for grid in EXAMPLES} == {*NAMED, "custom", "hierarchical"}
