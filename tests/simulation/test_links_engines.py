"""The engine and the second one agree where links are unequal, routers store packets and ports take turns."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from second_engine import SecondEngine
from test_second_engine import BOUNDED, CHIPS, RATES, compare, least_buffers, networks, small_enough

from chipsim.network.graph import Network
from chipsim.simulation.engine import simulate_chip

WIRE = st.fixed_dictionaries(
    {},
    optional={"bandwidth": RATES, "latency": st.sampled_from(["0 ns", "1 ns", "2 ns", "9 ns"])},
)
SMALL = st.sampled_from([("bus", [1, 4]), ("crossbar", [2, 2]), ("mesh", [2, 2]), ("tree", [2, 2]), ("ring", [1, 4])])
ROUTERS = st.fixed_dictionaries(
    {
        "router.switching": st.sampled_from(["cut-through", "store-and-forward"]),
        "router.arbitration": st.sampled_from(["age", "round-robin"]),
        "link.flit_bytes": st.sampled_from([1, 2, 3, 8]),
    }
)
MODEST = settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])


@st.composite
def hierarchies(draw: st.DrawFn) -> dict[str, Any]:
    """Two levels of four, or three of which the middle one has two."""
    shapes = [draw(SMALL), draw(SMALL)]
    if draw(st.booleans()):
        shapes.insert(1, (draw(st.sampled_from(["mesh", "bus", "crossbar", "ring"])), [1, 2]))
    levels = [{"topology": name, "shape": shape, "link": draw(WIRE)} for name, shape in shapes]
    return {"grid.shape": None, "grid.topology": "hierarchical", "grid.levels": levels}


@st.composite
def own_links(draw: st.DrawFn) -> dict[str, Any]:
    """A ladder of sixteen sites in which any link may be unlike the others, or a circle in one direction."""
    directed = draw(st.booleans())
    ends = [[i, (i + 1) % 16] for i in range(16)] + ([[4, 0], [12, 7]] if directed else [[0, 8], [3, 12], [5, 15]])
    links = [{"ends": pair, **draw(WIRE)} if draw(st.booleans()) else pair for pair in ends]
    grid = {"grid.shape": "[4, 4]", "grid.topology": "custom", "grid.links": links}
    return {**grid, "grid.directed": True} if directed else grid


def meshes() -> st.SearchStrategy[dict[str, Any]]:
    names = st.sampled_from(["mesh", "torus", "ring", "bus", "tree", "crossbar"])
    return names.map(lambda name: {"grid.shape": "[4, 4]", "grid.topology": name})


GRIDS = {"hierarchical": hierarchies(), "custom": own_links(), "even": meshes()}


@pytest.mark.parametrize("grid", GRIDS)
@MODEST
@given(networks(), CHIPS, ROUTERS, st.data(), st.integers(1, 3), st.integers(1, 2), st.booleans())
def test_two_engines_agree_on_unequal_links_and_every_router(
    grid: str, net: Network, changes: dict[str, Any], router: dict[str, Any], data: st.DataObject, inputs: int,
    batch: int, drain: bool,
) -> None:  # fmt: skip
    plan = small_enough(net, {**changes, **data.draw(GRIDS[grid]), **router})
    if plan is None:
        return
    outcome = simulate_chip(plan, inputs, batch, drain=drain)
    second = SecondEngine(plan, inputs, int(changes["host.max_inputs_in_flight"]), batch, drain).run()
    compare(plan, outcome, second, inputs)


@pytest.mark.parametrize("grid", GRIDS)
@MODEST
@given(networks(), CHIPS, ROUTERS, st.data(), st.integers(1, 3))
def test_no_router_deadlocks_with_the_least_buffers(
    grid: str, net: Network, changes: dict[str, Any], router: dict[str, Any], data: st.DataObject, inputs: int
) -> None:
    plan = small_enough(net, {**changes, **BOUNDED, **data.draw(GRIDS[grid]), **router})
    if plan is None:
        return
    with least_buffers():
        outcome = simulate_chip(plan, inputs)
    second = SecondEngine(plan, inputs, int(changes["host.max_inputs_in_flight"]), least=True).run()
    compare(plan, outcome, second, inputs)
