"""What is estimated without simulating: bytes over links exactly, throughput as a bound that a simple chain reaches."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from small_machines import chip, conv, dense, network, plan, source
from test_replicas import FAST, one_by_one, replicated
from test_second_engine import CHIPS, networks

from chipsim.architecture.chip import build_chip
from chipsim.architecture.loader import load_spec
from chipsim.mapping.placement import place
from chipsim.network.zoo import load_network
from chipsim.planning.compare import compare
from chipsim.planning.estimate import estimate
from chipsim.planning.traffic import hop_bytes, traffic_of, tree_links
from chipsim.simulation.engine import simulate_chip

SLOW = [HealthCheck.too_slow, HealthCheck.filter_too_much]


@settings(max_examples=60, suppress_health_check=SLOW)
@given(st.data(), networks(layers=4), CHIPS, st.sampled_from(["gather", "chain"]), st.integers(1, 3))
def test_traffic_is_what_the_simulator_counts_and_no_run_is_faster_than_the_estimate(data, net, changes, sums, inputs):
    built = chip({**changes, "grid.shape": "[7, 7]", "neuron_unit.partial_sums": sums})
    made = replicated(data.draw, net, built)
    assume(made is not None)
    outcome = simulate_chip(made, inputs)
    flows = traffic_of(made)
    assert hop_bytes(built, flows) * inputs == outcome.ledger.bytes_by_level()["link_hop"]
    packets = {name: count for name, _, _, count, _, _ in outcome.links}
    busy = {name: time for name, *_, time in outcome.links}
    found = estimate(made)
    for link, count in packets.items():
        source_, target = next((a, b) for name, a, b, *_ in outcome.links if name == link)
        assert sum(flow.packets for flow in flows if (source_, target) in flow.links) * inputs == count
        assert found.parts_ps[f"{source_} -> {target}"] * inputs <= busy[link]
    assert outcome.makespan_ps >= inputs * found.interval_ps


@settings(max_examples=40, suppress_health_check=SLOW)
@given(networks(layers=3), st.sampled_from(["mesh", "ring", "torus", "tree"]))
def test_the_links_of_a_flow_are_those_of_the_routes_to_its_targets(net, topology):
    built = chip({"grid.topology": topology, "grid.shape": "[6, 6]"})
    made = place(net, built)
    for flow in traffic_of(made):
        between = {edge for edge in flow.links if built.graph.edges[edge]["kind"] == "link"}
        routers = {(built.site(a), built.site(b)) for a, b in between}
        assert routers == tree_links(built, flow.source, flow.targets)


@pytest.mark.parametrize("copies", [1, 2, 4])
def test_where_tiles_set_the_pace_the_estimate_is_exact(copies):
    made = place(one_by_one(), chip(FAST), {"c": copies})
    found = estimate(made)
    assert found.layers_ps == {"c": 64 // copies * 1_000_000}
    assert (found.interval_ps, found.limit) == (64 // copies * 1_000_000, max(b.tile for b in made.blocks))
    outcome = simulate_chip(made, 40)
    steady = (outcome.done_ps[-1] - outcome.done_ps[19]) / 20
    assert found.error(1e12 / steady) == pytest.approx(0, abs=0.01)


def test_a_slow_host_is_named_as_the_limit():
    made = place(one_by_one(), chip({**FAST, "host.bandwidth": "1 MB/s"}), {"c": 8})
    found = estimate(made)
    assert found.limit in ("host -> router(0,0)", "router(0,0) -> host")
    assert found.interval_ps == 64 * 4 * 1_000_000


def test_mappings_side_by_side_differ_in_what_they_should():
    net, spec = load_network("zoo:digits-cnn"), load_spec("hermes64")
    found = compare(net, spec, ["in-order", "annealed", "balanced"])
    assert list(found) == ["in-order", "annealed", "balanced"]
    in_order, annealed, balanced = found.values()
    assert annealed.estimated.hop_bytes < in_order.estimated.hop_bytes
    assert balanced.throughput_inputs_per_s > 1.5 * in_order.throughput_inputs_per_s
    assert (in_order.plan.tiles_used, balanced.plan.tiles_used) == (6, 9)
    for each in found.values():
        assert abs(each.estimated.error(each.throughput_inputs_per_s)) < 0.1
        assert each.estimated.hop_bytes == each.numbers["bytes_moved_per_input"]["link_hop"]


def test_a_chain_of_layers_has_the_pace_of_its_slowest():
    x = source(4, 8, 8)
    first = conv("first", x, 4)
    net = network([x, first, conv("second", first, 4, 2, 2), dense("out", "second", 64, 3)])
    found = estimate(place(net, chip(FAST)))
    assert found.layers_ps["first"] == 64e6
    assert found.layers_ps["second"] == 16e6
    assert found.limit == "tile(0,0)"


def test_a_plan_without_links_between_routers_moves_no_hop_bytes():
    made = plan([source(4), dense("a", "x", 4, 3)], {"grid.shape": "[1, 1]"})
    assert hop_bytes(made.chip, traffic_of(made)) == 0
    assert build_chip(made.chip.spec).tiles == made.chip.tiles
