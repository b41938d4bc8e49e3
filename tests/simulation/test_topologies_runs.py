"""Whole runs on every topology: links of the result, energy of the traffic, and the floor plan."""

from __future__ import annotations

import json
from pathlib import Path

import matplotlib.pyplot as plt
import pytest

import chipsim
from chipsim.architecture.spec import Grid
from chipsim.architecture.topology import build_topology
from chipsim.report.figures.floor_plan import draw_floor_plan
from chipsim.result import Result

LADDER = str([[i, i + 1] for i in range(11)] + [[0, 11], [2, 9], [0, 3]])
GRIDS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("mesh", "torus", "ring", "bus", "tree", "crossbar"), ()),
    "custom": (f"grid.links={LADDER}",),
}


def ran(topology: str) -> Result:
    grid = ("grid.shape=[3,4]", f"grid.topology={topology}", "digital_unit.tiles_per_unit=4", *GRIDS[topology])
    return chipsim.run("hermes64", "zoo:digits-cnn", timing_only=True, overrides=grid)


@pytest.mark.parametrize("topology", GRIDS)
def test_a_run_gives_links_between_places_of_routers_and_a_floor_plan(topology: str, tmp_path: Path) -> None:
    result = ran(topology)
    links = [link for link in result.tables["links"] if link["kind"] == "link"]
    made = build_topology(
        Grid(topology=topology, shape=(3, 4), **({"links": json.loads(LADDER)} if topology == "custom" else {}))
    )
    routers = {f"router({made.label(router)})": made.coordinates(router) for router in range(made.routers)}
    assert links
    for link in links:
        for end in ("source", "target"):
            assert (link[f"{end}_x"], link[f"{end}_y"]) == routers[link[end]]
    figure = draw_floor_plan(result)
    assert figure is not None
    figure.savefig(tmp_path / "plan.png")
    plt.close(figure)
    assert (tmp_path / "plan.png").stat().st_size > 10_000


def test_every_layer_meets_at_the_bus_and_nowhere_else_as_much() -> None:
    links = [link for link in ran("bus").tables["links"] if link["kind"] == "link"]
    bus = next(link for link in links if link["source"] == "router(bus in)")
    into = [link for link in links if link["target"] == "router(bus in)"]
    assert bus["packets"] == sum(link["packets"] for link in into)
    assert bus["bytes"] == sum(link["bytes"] for link in into)
    assert bus["utilisation"] == max(link["utilisation"] for link in links)


def test_long_links_are_drawn_round_the_tiles_between_their_ends() -> None:
    """A ring of a torus closes with a line beside its tiles, not below them."""
    figure = draw_floor_plan(ran("torus"))
    assert figure is not None
    lines = [line for part in figure.axes[0].collections for line in getattr(part, "get_segments", list)()]
    plt.close(figure)
    bent = [line for line in lines if len(line) == 4]
    assert bent
    for start, first, last, end in bent:
        assert max(abs(end - start)) >= 2
        assert max(abs(first - start)) == max(abs(last - end)) == pytest.approx(0.44)


def test_switches_without_a_tile_draw_static_power_too():
    result = chipsim.run(
        "hermes64",
        "zoo:digits-mlp",
        timing_only=True,
        overrides=["grid.topology=tree", "grid.shape=[2,2]", "router.static_power=1 mW", "power_gating=false"],
    )
    rows = result.ledger
    routers = rows[(rows.action == "static") & (rows.kind == "router")]
    assert sorted(name for name in routers.component if "switch" in name) == [
        "router(switch 1.0)",
        "router(switch 1.1)",
        "router(switch 2.0)",
    ]
    assert len(routers) == 4 + 3
