"""Chains, admission, batches and rates (T18, T22 to T24) against closed forms."""

from __future__ import annotations

import math
from collections import defaultdict
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_machines import NS, conv, dense, network, plan, source

from chipsim.architecture.chip import build_chip
from chipsim.architecture.loader import load_spec
from chipsim.architecture.spec import InMemorySpec
from chipsim.mapping.placement import place
from chipsim.mapping.plan import Plan
from chipsim.network.layers import AnyLayer, MatrixLayer, Window
from chipsim.network.matrix import Matrix
from chipsim.simulation.engine import simulate_chip
from chipsim.simulation.outcome import headline
from chipsim.simulation.steady import steady_interval_ps


def chain(sizes: list[int], changes: dict[str, Any]) -> Plan:
    """Dense layers in a row of one tile each; no two flows share a link."""
    layers: list[AnyLayer] = [source(sizes[0])]
    for before, after in pairwise(sizes):
        layers.append(dense(f"d{len(layers)}", layers[-1].name, before, after))
    return plan(layers, {"grid.shape": f"[1, {len(sizes) - 1}]", "neuron_unit.partial_sum_slots": 8, **changes})


def closed_form(sizes: list[int], times: dict[str, int]) -> tuple[int, int]:
    """T10, T15, T24: first input's latency and the slowest server's interval, ns; a byte takes 1 ns everywhere."""
    hop, stages = 5, len(sizes) - 1
    fill, slowest = sizes[0], max(sizes)
    for stage, (rows, columns) in enumerate(pairwise(sizes)):
        phases = [times["issue"] + rows, times["mvm"], columns, columns * times["neuron"]]
        hops = 1 if stage < stages - 1 else stages - 1
        fill += sum(phases) + hops * hop + columns
        slowest = max(slowest, *phases)
    return fill, slowest


@settings(max_examples=60)
@given(
    sizes=st.lists(st.integers(1, 16), min_size=2, max_size=6), issue=st.integers(0, 60), mvm=st.integers(1, 60),
    neuron=st.sampled_from([1, 2, 10]), inputs=st.integers(1, 8),
)  # fmt: skip
def test_a_chain_takes_fill_plus_slowest_interval_times_inputs_t24(
    sizes: list[int], issue: int, mvm: int, neuron: int, inputs: int
) -> None:
    changes = {
        "control_unit.issue_time": f"{issue} ns", "tile.mvm_latency": f"{mvm} ns",
        "neuron_unit.rate": f"{1000 // neuron} Mop/s", "host.max_inputs_in_flight": inputs,
    }  # fmt: skip
    fill, slowest = closed_form(sizes, {"issue": issue, "mvm": mvm, "neuron": neuron})
    outcome = simulate_chip(chain(sizes, changes), inputs)
    assert outcome.done_ps == [(fill + i * slowest) * NS for i in range(inputs)]
    assert outcome.released_ps == [0] * inputs


def test_one_input_in_flight_runs_one_after_the_other_t22() -> None:
    fill, _ = closed_form([8, 4, 4], {"issue": 0, "mvm": 100, "neuron": 1})
    outcome = simulate_chip(chain([8, 4, 4], {"host.max_inputs_in_flight": 1}), 5)
    assert outcome.done_ps == [(i + 1) * fill * NS for i in range(5)]
    assert outcome.released_ps == [0, *outcome.done_ps[:-1]]


@pytest.mark.parametrize("in_flight", [2, 3, 4])
def test_input_i_is_admitted_when_input_i_minus_m_is_done_t22(in_flight: int) -> None:
    outcome = simulate_chip(chain([8, 4, 4], {"host.max_inputs_in_flight": in_flight}), 8)
    assert outcome.released_ps == [0] * in_flight + outcome.done_ps[:-in_flight]


@pytest.mark.parametrize(("mvm", "neuron"), [(100, 1), (20, 10)])
def test_auto_keeps_the_busiest_server_busy_t22(mvm: int, neuron: int) -> None:
    """ceil(latency / busiest server's time) + 1: enough for the closed form of T24 to hold from some input on."""
    sizes = [8, 4, 4, 6]
    changes = {
        "host.max_inputs_in_flight": "auto",
        "tile.mvm_latency": f"{mvm} ns",
        "neuron_unit.rate": f"{1000 // neuron} Mop/s",
    }
    fill, slowest = closed_form(sizes, {"issue": 0, "mvm": mvm, "neuron": neuron})
    outcome = simulate_chip(chain(sizes, changes), 12)
    assert outcome.max_inputs_in_flight == math.ceil(fill / slowest) + 1
    assert outcome.done_ps == [(fill + i * slowest) * NS for i in range(12)]
    assert steady_interval_ps(outcome.done_ps) == slowest * NS


def test_batches_are_released_together_and_follow_without_a_drain_t23() -> None:
    outcome = simulate_chip(chain([8, 4, 4], {"host.max_inputs_in_flight": 2}), 7, batch=3)
    first_of = [0, 0, 0, 3, 3, 3, 6]
    admitted = [0, 0, *outcome.done_ps[:-2]]
    assert outcome.released_ps == [admitted[i] for i in first_of]


def test_with_drain_a_batch_waits_for_the_one_before_t23() -> None:
    fill, slowest = closed_form([8, 4, 4], {"issue": 0, "mvm": 100, "neuron": 1})
    small = chain([8, 4, 4], {"host.max_inputs_in_flight": 4})
    outcome = simulate_chip(small, 5, batch=2, drain=True)
    batch = fill + slowest
    expected = [fill, batch, batch + fill, 2 * batch, 2 * batch + fill]
    assert outcome.done_ps == [time * NS for time in expected]
    assert outcome.released_ps == [0, 0, batch * NS, batch * NS, 2 * batch * NS]


def test_latency_of_an_input_counts_from_the_release_of_its_batch_t23() -> None:
    small = chain([8, 4, 4], {"host.max_inputs_in_flight": 4})
    outcome = simulate_chip(small, 4, batch=2, drain=True)
    numbers = headline(outcome, small.network.macs)
    fill, slowest = closed_form([8, 4, 4], {"issue": 0, "mvm": 100, "neuron": 1})
    assert numbers["latency_first_input_s"] == pytest.approx(fill * 1e-9)
    assert numbers["latency_p99_s"] == pytest.approx((fill + slowest) * 1e-9)


BANDWIDTHS = ["link.bandwidth", "host.bandwidth", "tile.buffer.bandwidth", "tile.output_bandwidth", "neuron_unit.rate"]


def convolution_row(draw: st.DrawFn) -> list[AnyLayer]:
    layers: list[AnyLayer] = [source(draw(st.integers(1, 3)), 3, 3)]
    for number in range(draw(st.integers(1, 4))):
        kernel, pads = draw(st.sampled_from([(1, 0), (2, 1), (3, 1)]))
        if min(layers[-1].output_shape[1:]) < kernel:
            kernel, pads = 1, 0
        layers.append(conv(f"c{number}", layers[-1], draw(st.integers(1, 4)), kernel, draw(st.integers(1, 2)), pads))
    return layers


@settings(max_examples=60)
@given(st.data(), st.sampled_from(BANDWIDTHS), st.sampled_from([None, "1 kB"]), st.integers(1, 3))
def test_where_no_flows_share_a_server_more_bandwidth_never_makes_anything_later(
    data: st.DataObject, doubled: str, capacity: str | None, in_flight: int
) -> None:
    layers = convolution_row(data.draw)  # type: ignore[arg-type]
    rates = {name: data.draw(st.sampled_from([100, 300, 500, 1000]), name) for name in BANDWIDTHS}
    base: dict[str, Any] = {
        "grid.shape": f"[1, {len(layers) - 1}]", "tile.crossbar.rows": 64, "tile.mvm_latency": "7 ns",
        "host.max_inputs_in_flight": in_flight, "tile.buffer.capacity": capacity or "unbounded",
    }  # fmt: skip
    ends = []
    for factor in (1, 2):
        units = {
            n: f"{r * (factor if n == doubled else 1)} M{'op' if 'rate' in n else 'B'}/s" for n, r in rates.items()
        }
        small = plan(layers, {**base, **units})
        flows_of: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
        stops = ["host", *(p.blocks[0].tile for p in small.layers.values()), "host"]
        units_of = ["host", *(p.slices[0].neuron_unit for p in small.layers.values())]
        for start, stop in zip(units_of, stops[1:], strict=True):
            for edge in small.chip.path(start, stop):
                flows_of[edge].add(start)
        assert all(len(sources) == 1 for sources in flows_of.values())
        outcome = simulate_chip(small, 4, trace_inputs=4)
        spans = {s[:5]: s.end_ps for s in outcome.timeline.spans}
        assert len(spans) == len(outcome.timeline.spans)
        ends.append({**spans, **dict(enumerate(outcome.done_ps))})
    slow, fast = ends
    assert slow.keys() == fast.keys()
    assert all(fast[name] <= slow[name] for name in slow)


def hermes(layers: int, positions: tuple[int, int], *overrides: str) -> Plan:
    """Layers of one full 256 x 256 tile each on the HERMES-like chip."""
    full = np.broadcast_to(np.float32(0), (256, 256))
    made: list[AnyLayer] = [source(256, *positions)]
    for number in range(layers):
        matrix = Matrix(f"w{number}", full, np.zeros(256, np.float32))
        shape = (256, *positions)
        made.append(MatrixLayer(f"l{number}", (made[-1].name,), shape, shape, Window(), (matrix,)))
    checked = load_spec("hermes64", overrides)
    assert isinstance(checked, InMemorySpec)
    return place(network(made), build_chip(checked))


def test_array_peak_of_the_published_chip_through_the_engine() -> None:
    """64 arrays of 256 x 256, 1,000 MVMs of 133 ns each with operands in the registers: 63.1 TOPS."""
    full = hermes(64, (25, 40))
    outcome = simulate_chip(full, 1, preloaded=True)
    assert outcome.tile_mvms == dict.fromkeys(full.chip.tiles, 1000)
    assert outcome.done_ps == [1000 * 133 * NS]
    operations = 2 * 64 * 256 * 256 * 1000
    assert operations / outcome.makespan_ps == pytest.approx(63.1, rel=1e-3)
    assert outcome.peak_tops == pytest.approx(63.1, rel=1e-3)
    assert outcome.utilisation_mean == 1.0
    assert not any(packets for _, _, _, packets, _, _ in outcome.links)


def test_fed_through_its_links_the_same_chip_goes_at_their_rate() -> None:
    """A 256-byte vector takes 640 ns over a link of 3.2 Gbit/s, against 133 ns in the array."""
    full = hermes(64, (2, 5), "neuron_unit.rate=4 Gop/s")
    outcome = simulate_chip(full, 4)
    assert steady_interval_ps(outcome.done_ps) == 10 * 640 * NS
    busiest = max(outcome.links, key=lambda row: row[5])
    assert busiest[5] == 4 * 10 * 640 * NS
    numbers = headline(outcome, full.network.macs)
    assert numbers["tops"] == pytest.approx(63.07 * 133 / 640, rel=1e-3)
    for name in full.chip.tiles:
        assert outcome.timeline.busy_ps[name] == 4 * 10 * 133 * NS
    longer = simulate_chip(hermes(3, (2, 5), "neuron_unit.rate=4 Gop/s"), 40)
    busiest = max(longer.links, key=lambda row: row[5])
    assert busiest[5] / longer.makespan_ps > 0.98
