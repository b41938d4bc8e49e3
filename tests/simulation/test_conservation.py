"""What must hold of every run: bytes, energy, busy times, spans, repeatability."""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import pairwise, product
from typing import Any

import pytest
from small_machines import add, conv, dense, global_pool, plan, pool, relu, source

from chipsim.mapping.plan import Plan
from chipsim.simulation.building.wiring import build_machine
from chipsim.simulation.chip_outcome import ChipOutcome
from chipsim.simulation.core.durations import bytes_of
from chipsim.simulation.engine import simulate_chip

ENERGIES = {
    "tile.mvm_energy": "3 nJ", "tile.buffer.energy_per_byte": "2 pJ/B", "tile.static_power": "1 mW",
    "neuron_unit.energy_per_operation": "0.5 pJ", "digital_unit.energy_per_operation": "0.7 pJ",
    "digital_unit.buffer.energy_per_byte": "5 pJ/B",
    "link.energy_per_byte": "1 pJ/B", "router.energy_per_byte": "0.25 pJ/B",
    "host.energy_per_byte": "11 pJ/B", "control_unit.energy_per_mvm": "4 pJ", "router.static_power": "0.5 mW",
}  # fmt: skip
INPUTS = 3


def mixed(changes: dict[str, Any] | None = None) -> Plan:
    """Convolutions split over rows and columns, a grouped one, a residual sum, poolings and a dense layer."""
    x = source(3, 6, 6)
    a = conv("a", x, 20, 3, 1, 1)
    b = conv("b", a, 20, 3, 1, 1, groups=20)
    s = add("s", b, a)
    p = pool("p", s)
    c = conv("c", p, 6, 2, 1)
    g = global_pool("g", c)
    d = dense("d", "g", 6, 5)
    base = {
        "grid.shape": "[4, 4]", "tile.crossbar.rows": 36,
        "digital_unit.tiles_per_unit": 8, "widths.packet_header_bytes": 1
    }  # fmt: skip
    return plan([x, a, b, s, p, c, g, d, relu("r", d)], {**base, **ENERGIES, **(changes or {})})


@pytest.fixture(scope="module")
def built() -> Plan:
    return mixed()


@pytest.fixture(scope="module")
def run(built: Plan) -> ChipOutcome:
    return simulate_chip(built, INPUTS, trace_inputs=INPUTS)


def test_each_tile_executes_positions_times_inputs_mvms(built: Plan, run: ChipOutcome) -> None:
    expected = {p.tile: lp.layer.positions * INPUTS for lp in built.layers.values() for p in lp.blocks}
    assert run.tile_mvms == expected
    assert sum(run.tile_mvms.values()) == built.tile_mvms * INPUTS


def test_bytes_by_level_are_the_sums_over_links_and_buffers(built: Plan, run: ChipOutcome) -> None:
    graph, widths = built.chip.graph, built.chip.spec.widths
    by_kind: Counter[str] = Counter()
    for _, source_name, target, _, size, _ in run.links:
        kind = graph.edges[source_name, target]["kind"]
        ends = graph.nodes[target]["kind"]
        by_kind[kind if kind != "port" else f"into {ends}"] += size
    rows = {p.tile: bytes_of(p.block.rows, widths.activation_bits) for lp in built.layers.values() for p in lp.blocks}
    columns = {
        p.tile: bytes_of(p.block.columns, widths.partial_sum_bits) for lp in built.layers.values() for p in lp.blocks
    }
    reads = sum(run.tile_mvms[tile] * size for tile, size in rows.items())
    levels = run.ledger.bytes_by_level()
    assert levels["link_hop"] == by_kind["link"]
    assert levels["host"] == by_kind["host"]
    assert levels["tile_buffer"] == by_kind["into tile"] + reads + 2 * by_kind["into digital_unit"]
    assert levels["cell_array"] == reads + sum(run.tile_mvms[tile] * size for tile, size in columns.items())
    assert levels["global_memory"] == 0


def test_the_host_sends_what_is_read_and_receives_the_outputs(built: Plan, run: ChipOutcome) -> None:
    size = {(a, b): (packets, total) for _, a, b, packets, total, _ in run.links}
    assert size["host", "router(0,0)"] == (36 * INPUTS, (3 + 1) * 36 * INPUTS)  # both tiles read the same channels
    assert size["router(0,0)", "host"] == (INPUTS, (5 + 1) * INPUTS)


def test_every_router_passes_on_what_it_gets(run: ChipOutcome) -> None:
    """Packets in, once per destination out: routers neither make nor lose packets but by fan-out."""
    into: Counter[str] = Counter()
    out: Counter[str] = Counter()
    for _, a, b, packets, _, _ in run.links:
        into[b] += packets
        out[a] += packets
    routers = [name for name in {*into, *out} if name.startswith("router")]
    assert routers
    assert all(out[name] >= into[name] > 0 for name in routers)


def test_the_parts_sum_to_the_total_energy(run: ChipOutcome) -> None:
    rows = run.ledger.rows()
    assert all(row.joules == row.amount * row.joules_per_unit for row in rows)
    assert run.ledger.total_joules() == pytest.approx(sum(r.amount * r.joules_per_unit for r in rows), rel=1e-12)
    by_component: defaultdict[str, float] = defaultdict(float)
    for row in rows:
        by_component[row.component] += row.joules
    assert sum(by_component.values()) == pytest.approx(run.ledger.total_joules(), rel=1e-12)


def test_energy_is_amounts_times_unit_costs_by_hand(built: Plan, run: ChipOutcome) -> None:
    graph, mvms = built.chip.graph, sum(run.tile_mvms.values())
    hop = sum(size for _, a, b, _, size, _ in run.links if graph.edges[a, b]["kind"] == "link")
    host = sum(size for _, a, b, _, size, _ in run.links if graph.edges[a, b]["kind"] == "host")
    digital_in = sum(size for _, a, b, _, size, _ in run.links if b.startswith("digital"))
    buffer = run.ledger.bytes_by_level()["tile_buffer"] - 2 * digital_in
    sums = sum(lp.layer.positions * len(s.blocks) * s.channels for lp in built.layers.values() for s in lp.slices)
    operations = sum(getattr(layer, "element_operations", 0) for layer in built.network.layers.values())
    static = run.makespan_ps * 1e-12 * 16 * (1e-3 + 0.5e-3)
    expected = (
        mvms * (3e-9 + 4e-12) + hop * 1.25e-12 + host * 11e-12 + buffer * 2e-12 + 2 * digital_in * 5e-12
        + INPUTS * (sums * 0.5e-12 + operations * 0.7e-12) + static
    )  # fmt: skip
    assert run.ledger.total_joules() == pytest.approx(expected, rel=1e-9)


def test_gated_components_draw_no_static_power() -> None:
    gated = mixed({"power_gating": True})
    outcome = simulate_chip(gated, 1)
    powered = {row.component for row in outcome.ledger.rows() if row.action == "static" and row.kind == "tile"}
    assert powered == {p.tile for lp in gated.layers.values() for p in lp.blocks}
    everything = simulate_chip(mixed(), 1)
    assert len({r.component for r in everything.ledger.rows() if r.action == "static" and r.kind == "tile"}) == 16


def test_no_server_is_busy_longer_than_the_run(run: ChipOutcome) -> None:
    assert all(0 < busy <= run.makespan_ps for busy in run.timeline.busy_ps.values())
    assert 0 < run.utilisation_mean <= 1


def test_traced_spans_of_a_server_never_overlap_and_sum_to_its_busy_time(run: ChipOutcome) -> None:
    spans: defaultdict[tuple[str, str], list[tuple[int, int]]] = defaultdict(list)
    for span in run.timeline.spans:
        assert span.start_ps < span.end_ps
        spans[span.component, span.activity].append((span.start_ps, span.end_ps))
    for found in spans.values():
        found.sort()
        assert all(before[1] <= after[0] for before, after in pairwise(found))
    for activity in ("mvm", "neuron", "digital", "transfer"):
        sums = {name: sum(e - s for s, e in found) for (name, kind), found in spans.items() if kind == activity}
        assert sums
        assert sums == {name: run.timeline.busy_ps[name] for name in sums}
    assert {name for name, kind in spans if kind not in ("load", "drain")} == set(run.timeline.busy_ps)


def test_with_sample_and_hold_busy_time_is_the_union_of_the_mvms_t25() -> None:
    changes = {
        "tile.mvm_latency": None, "tile.adc.conversion_time": "9 ns",
        "tile.dac.bits": 3, "tile.dac.time_per_lsb": "4 ns",
        "tile.sample_and_hold": True,
    }  # fmt: skip
    outcome = simulate_chip(mixed(changes), 2, trace_inputs=2)
    spans: defaultdict[str, list[tuple[int, int]]] = defaultdict(list)
    for span in outcome.timeline.spans:
        if span.activity == "mvm":
            spans[span.component].append((span.start_ps, span.end_ps))
    for name, found in spans.items():
        covered = end = 0
        for start, stop in sorted(found):
            covered += max(0, stop - max(start, end))
            end = max(end, stop)
        assert covered == outcome.timeline.busy_ps[name]


def comparable(outcome: ChipOutcome) -> dict[str, Any]:
    return {
        "done": outcome.done_ps, "released": outcome.released_ps, "ledger": outcome.ledger.rows(),
        "busy": outcome.timeline.busy_ps, "stages": outcome.timeline.stages, "spans": outcome.timeline.spans,
        "links": outcome.links, "peaks": outcome.buffer_peaks, "events": outcome.cost.events,
    }  # fmt: skip


def test_the_same_run_twice_is_the_same_in_every_number() -> None:
    first, second = (comparable(simulate_chip(mixed(), INPUTS, trace_inputs=1)) for _ in range(2))
    assert first == second


def test_tracing_changes_no_number() -> None:
    plain, traced = (comparable(simulate_chip(mixed(), INPUTS, trace_inputs=n)) for n in (0, INPUTS))
    assert plain.pop("spans") == []
    assert len(traced.pop("spans")) > 1000
    assert plain == traced


def test_traces_of_the_first_inputs_are_those_of_all() -> None:
    few, every = (simulate_chip(mixed(), INPUTS, trace_inputs=n).timeline.spans for n in (1, INPUTS))
    assert sorted(few) == sorted(span for span in every if span.input == 0)


def test_stages_span_a_layers_first_start_to_its_last_end(run: ChipOutcome) -> None:
    for stage in run.timeline.stages:
        mine = [s for s in run.timeline.spans if (s.layer, s.input) == (stage.layer, stage.input)]
        assert stage.start_ps == min(s.start_ps for s in mine)
        assert stage.end_ps == max(s.end_ps for s in mine if s.activity in ("neuron", "digital"))
    assert len(run.timeline.stages) == 8 * INPUTS


def test_progress_hears_of_every_input_in_order(built: Plan) -> None:
    heard: list[int] = []
    simulate_chip(built, INPUTS, progress=heard.append)
    assert heard == [1, 2, 3]


def test_tie_keys_order_packets_by_input_layer_position_block_and_source_t3(built: Plan) -> None:
    machine = build_machine(built, 2)
    net, rank = machine.interconnect, {name: index for index, name in enumerate(built.network.layers)}
    found = []
    for tile in machine.tiles:
        if tile.flow is not None:
            block = [placed.tile for placed in built.layers[tile.layer].blocks].index(tile.name)
            found += [(tile.flow, position, block) for position in (0, tile.gate.positions - 1)]
    for server in (*machine.hosts, *machine.neurons, *machine.digital):
        for position, flows in enumerate(server.outlet.flows):
            found += [(flow, position, block) for block, flow in enumerate(flows)]
    packets = []
    for (flow, position, block), input in product(found, range(2)):
        key = flow.key + input * net.input_key + position * net.position_key
        packets.append((key, (input, rank[flow.layer], position, block, flow.source)))
    assert len({key for key, _ in packets}) == len(packets) > 100
    assert sorted(packets) == sorted(packets, key=lambda packet: packet[1])
