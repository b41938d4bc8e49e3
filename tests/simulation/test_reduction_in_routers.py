"""Partial sums that are added in routers where they meet (rules T64, T65)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from second_engine import SecondEngine
from small_machines import NS, chip, conv, dense, network, plan, source
from test_critical_path import check
from test_links_engines import GRIDS as UNLIKE
from test_links_engines import ROUTERS
from test_periodic import both
from test_replicas import replicated
from test_second_engine import BOUNDED, CHIPS, compare, least_buffers, networks
from test_shared_tiles_engines import SHARING, together
from test_shared_tiles_engines import compare as compare_shared

from chipsim.architecture.chip import build_chip
from chipsim.errors import CapacityError, SpecError
from chipsim.mapping.placement import place
from chipsim.mapping.plan import Plan
from chipsim.network.graph import Network
from chipsim.simulation.building.reduction_tree import reduction_tree
from chipsim.simulation.chip_outcome import ChipOutcome
from chipsim.simulation.engine import simulate_chip
from chipsim.simulation.explaining.tracing import trace_run

SOME = settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
FEW = settings(max_examples=15, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
ADD = {"neuron_unit.partial_sums": "routers", "router.adder.rate": "1 Gop/s"}


@st.composite
def tall(draw: st.DrawFn) -> Network:
    """One or two layers of many row blocks each on arrays of few rows."""
    x = source(draw(st.integers(2, 6)), 3, 3)
    first = conv("a", x, draw(st.integers(1, 4)), draw(st.integers(1, 3)), pads=draw(st.integers(0, 1)))
    layers = [x, first]
    if draw(st.booleans()):
        layers.append(conv("b", first, draw(st.integers(1, 4)), (first.output_shape[1], first.output_shape[2])))
    return network(layers)


@st.composite
def adding(draw: st.DrawFn) -> Plan:
    """Such a network on a chip whose routers add, layers with any number of replicas."""
    net, changes, router = draw(tall()), draw(CHIPS), draw(ROUTERS)
    built = replicated(draw, net, chip({**changes, **router, **ADD, "tile.crossbar.rows": 4, "grid.shape": "[7, 7]"}))
    assume(built is not None)
    assert built is not None
    return built


def agree(built: Plan, inputs: int, changes: dict[str, Any], **second: Any) -> SecondEngine:
    outcome = simulate_chip(built, inputs)
    other = SecondEngine(built, inputs, int(changes["host.max_inputs_in_flight"]), **second).run()
    compare(built, outcome, other, inputs)
    busy = outcome.timeline.busy_ps
    assert {name: busy[name] for name in other.reductions.busy} == dict(other.reductions.busy)
    conserved(built, outcome, inputs)
    return other


def conserved(built: Plan, outcome: ChipOutcome, inputs: int) -> None:
    """Every tree link carries one packet for each position; a router that adds k packets sends one and adds k - 1."""
    packets = {(a, b): count for _, a, b, count, _, _ in outcome.links}
    wanted: dict[tuple[str, str], int] = {}
    additions: dict[str, int] = {}
    for layer in built.layers.values():
        for part in layer.slices:
            positions = len(part.replica.positions(layer.layer.positions)) * inputs
            tree = reduction_tree(built.chip, part.neuron_unit, [placed.tile for placed in part.blocks])
            edges = [edge for stretch in tree.stretches for edge in stretch.way]
            assert len(edges) == len(set(edges))
            for edge in edges:
                wanted[edge] = wanted.get(edge, 0) + positions
            for router, operands in tree.operands.items():
                into = sum(stretch.target == router for stretch in tree.stretches)
                assert into == operands == sum(b == router for _, b in edges)
                additions[router] = additions.get(router, 0) + (operands - 1) * part.channels * positions
    assert all(packets[edge] >= count for edge, count in wanted.items())
    rows = [row for row in outcome.ledger.rows() if row.action == "add"]
    found: dict[str, int] = {}
    for row in rows:
        found[row.component] = found.get(row.component, 0) + row.amount
    assert found == additions


@SOME
@given(st.data(), tall(), CHIPS, ROUTERS, st.integers(1, 3), st.sampled_from(["unbounded", "16 B"]), st.booleans())
def test_two_engines_agree_on_reduction_with_replicas_and_bounded_routers(
    data: st.DataObject, net: Network, changes: dict[str, Any], router: dict[str, Any], inputs: int, buffer: str,
    slow: bool,
) -> None:  # fmt: skip
    changes = {**changes, **router, **ADD, "tile.crossbar.rows": 4, "grid.shape": "[7, 7]", "router.buffer": buffer}
    built = replicated(data.draw, net, chip({**changes, **({"router.adder.rate": "200 Mop/s"} if slow else {})}))
    assume(built is not None)
    assert built is not None
    try:
        agree(built, inputs, changes)
    except CapacityError:
        assume(False)


@pytest.mark.parametrize("grid", UNLIKE)
@FEW
@given(tall(), CHIPS, ROUTERS, st.data(), st.integers(1, 3), st.sampled_from(["unbounded", "16 B"]))
def test_two_engines_agree_on_reduction_over_links_that_are_unlike(
    grid: str, net: Network, changes: dict[str, Any], router: dict[str, Any], data: st.DataObject, inputs: int,
    buffer: str,
) -> None:  # fmt: skip
    changes = {**changes, **router, **data.draw(UNLIKE[grid]), **ADD, "tile.crossbar.rows": 9, "router.buffer": buffer}
    built_chip = chip(changes)
    tiles = sum(-(-m.rows // 9) * -(-m.columns // changes["tile.crossbar.columns"]) for layer in net.matrix_layers
                for m in layer.matrices)  # fmt: skip
    assume(tiles <= len(built_chip.tiles))
    try:
        agree(place(net, built_chip), inputs, changes)
    except CapacityError:
        assume(False)


@FEW
@given(networks(), CHIPS, st.integers(1, 3))
def test_reduction_with_the_least_buffers_of_tiles_does_not_deadlock(
    net: Network, changes: dict[str, Any], inputs: int
) -> None:
    changes = {**changes, **ADD, **BOUNDED, "grid.shape": "[7, 7]", "tile.crossbar.rows": 4}
    built = replicated(lambda strategy: 1, net, chip(changes))
    assume(built is not None)
    assert built is not None
    with least_buffers():
        agree(built, inputs, changes, least=True)


@FEW
@given(adding(), st.integers(1, 3))
def test_paths_fill_the_latency_where_routers_add(built: Plan, inputs: int) -> None:
    check(trace_run(built, inputs))


@FEW
@given(adding(), st.integers(12, 30))
def test_the_jump_changes_nothing_where_routers_add(built: Plan, inputs: int) -> None:
    both(built, inputs)


@FEW
@given(
    networks(), CHIPS, SHARING, st.sampled_from([1, 2, 3, 0]), st.integers(1, 2), st.integers(1, 3),
    st.sampled_from(["unbounded", "32 B"]), st.sampled_from(["gather", "routers"]),
)  # fmt: skip
def test_two_engines_agree_where_blocks_share_tiles_and_paths_fill_the_latency(
    net: Network, changes: dict[str, Any], sharing: dict[str, Any], tiles: int, copies: int, inputs: int, buffer: str,
    sums: str,
) -> None:  # fmt: skip
    changes = {**changes, **sharing, **ADD, "neuron_unit.partial_sums": sums, "router.buffer": buffer}
    built = together(net, {**changes, "tile.crossbar.rows": 4, "tile.adc.crossbars_per_adc": 1}, tiles, copies)
    assume(built is not None)
    assert built is not None
    try:
        outcome = simulate_chip(built, inputs)
    except CapacityError:
        return
    second = SecondEngine(built, inputs, int(changes["host.max_inputs_in_flight"])).run()
    compare_shared(built, outcome, second, inputs)
    check(trace_run(built, inputs))


def times(changes: dict[str, Any]) -> tuple[list[tuple[str, str, int, int]], ChipOutcome]:
    """Four row blocks of 16 rows and 8 columns in a line; what happens after the drains, in ns from their end."""
    built = plan(
        [source(64), dense("d", "x", 64, 8)], {"grid.shape": "[1, 4]", "tile.buffer.bandwidth": "1 PB/s", **changes}
    )
    outcome = simulate_chip(built, 1, trace_inputs=1)
    spans = outcome.timeline.spans
    return [
        (s.component, s.activity, s.start_ps // NS, s.end_ps // NS)
        for s in spans
        if s.activity in ("drain", "add", "neuron")
    ], outcome


def test_sums_of_a_line_of_tiles_by_hand_t64_t65() -> None:
    """8 bytes in 8 ns over port and link, 3 ns of wire, 2 of router; 8 additions take 8 ns.

    A packet is at the router beside its tile 8 ns after the drain, at the next one 8 + 2 + 3 = 13 ns after it.
    """
    found, outcome = times(ADD)
    drains = {name: end for name, activity, _, end in found if activity == "drain"}
    adds = {name.split("+")[0]: (start, end) for name, activity, start, end in found if activity == "add"}
    first = max(drains["tile(0,2)"] + 8, drains["tile(0,3)"] + 13) + 2
    assert adds["router(0,2)"] == (first, first + 8)
    second = max(drains["tile(0,1)"] + 8, first + 8 + 8 + 3) + 2
    assert adds["router(0,1)"] == (second, second + 8)
    (neuron,) = [(start, end) for _, activity, start, end in found if activity == "neuron"]
    start = max(drains["tile(0,0)"], second + 8 + 8 + 3)
    assert neuron == (start, start + 16)  # its own tile's and one packet: 16 values
    packets = {(a, b): count for _, a, b, count, _, _ in outcome.links}
    assert [packets[f"router(0,{i + 1})", f"router(0,{i})"] for i in range(3)] == [1, 1, 1]


def test_gathering_carries_a_packet_of_each_block_over_the_last_link() -> None:
    """The same with one unit that adds everything: three packets there, and a unit that is busy for 32 values."""
    found, outcome = times({})
    packets = {(a, b): count for _, a, b, count, _, _ in outcome.links}
    assert [packets[f"router(0,{i + 1})", f"router(0,{i})"] for i in range(3)] == [3, 2, 1]
    assert [end - start for _, activity, start, end in found if activity == "neuron"] == [32]


def test_additions_are_paid_for_where_they_are_made() -> None:
    built = plan([source(64), dense("d", "x", 64, 8)], {**ADD, "router.adder.energy_per_operation": "3 pJ/op"})
    rows = [row for row in simulate_chip(built, 5).ledger.rows() if row.action in ("add", "neuron")]
    assert {(row.component, row.amount) for row in rows} == {
        ("router(0,1)", 40), ("router(0,2)", 40), ("neuron(0,0)", 80),
    }  # fmt: skip
    assert sum(row.joules for row in rows) == pytest.approx(80 * 3e-12)


def test_routers_without_adders_are_refused() -> None:
    with pytest.raises(SpecError, match=r"give router\.adder\.rate"):
        chip({"neuron_unit.partial_sums": "routers"})


def test_ways_meet_in_trees_of_switches() -> None:
    """Eight leaves, the unit at leaf 0: 2 and 3 meet above, 4 to 7 on the other side, then all."""
    built = build_chip(chip({"grid.topology": "tree", "grid.shape": "[1, 8]"}).spec)
    tree = reduction_tree(built, "neuron(0)", [f"tile({leaf})" for leaf in range(8)])
    assert tree.operands == {
        "router(switch 1.0)": 2, "router(switch 1.1)": 2, "router(switch 1.2)": 2, "router(switch 1.3)": 2,
        "router(switch 2.0)": 2, "router(switch 2.1)": 2,
    }  # fmt: skip
    assert tree.at_unit == 2
