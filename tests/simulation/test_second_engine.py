"""The engine against a second one, written from docs/timing.md: equal to the picosecond, packet and position."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from second_engine import SecondEngine
from small_machines import add, chip, conv, dense, global_pool, network, pool, relu, source, view

from chipsim.architecture.chip import Chip
from chipsim.architecture.spec import InputBuffer
from chipsim.mapping.placement import place
from chipsim.mapping.plan import Plan
from chipsim.network.edges import Edge, edges
from chipsim.network.graph import Network
from chipsim.network.layers import AnyLayer
from chipsim.simulation.building import credits as credits_module
from chipsim.simulation.building.machine import Machine, Target
from chipsim.simulation.chip_outcome import ChipOutcome
from chipsim.simulation.core.durations import bytes_of
from chipsim.simulation.engine import simulate_chip
from chipsim.simulation.memories.buffers import least_capacities


@st.composite
def networks(draw: st.DrawFn, layers: int = 6) -> Network:
    """A few convolutions, sums, poolings and dense layers that read any earlier layer that fits."""
    side = draw(st.sampled_from([2, 3, 4]))
    made: list[AnyLayer] = [source(draw(st.sampled_from([1, 2, 4])), side, side)]
    for number in range(draw(st.integers(1, layers))):
        made.append(_layer(draw, f"l{number}", made))
    read = {name for layer in made for name in layer.inputs}
    outputs = [layer.name for layer in made[1:] if layer.name not in read]
    return network(made, tuple(outputs))


def _layer(draw: st.DrawFn, name: str, made: list[AnyLayer]) -> AnyLayer:
    before = made[-1] if draw(st.booleans()) else draw(st.sampled_from(made))
    shape = before.output_shape
    if len(shape) < 3:
        kinds = ["dense", "relu", "add"] + ["map"] * (shape[0] % 4 == 0)
    elif min(shape[1:]) >= 2:
        kinds = ["conv", "conv", "conv", "group", "add", "add", "pool", "relu", "global", "whole", "flat"]
    else:
        kinds = ["conv", "add", "relu", "whole", "flat"]
    kind = draw(st.sampled_from(kinds))
    if kind in ("map", "flat"):
        return view(name, before, *((shape[0] // 4, 2, 2) if kind == "map" else (math.prod(shape),)))
    if kind == "conv":
        kernel = draw(st.integers(1, min(3, *shape[1:])))
        pads = tuple(draw(st.integers(0, 2)) for _ in range(4))
        return conv(name, before, draw(st.sampled_from([1, 2, 4])), kernel, draw(st.integers(1, 3)), pads)  # type: ignore[arg-type]
    if kind == "group":
        return conv(name, before, shape[0], 2, 1, 1, groups=shape[0])
    if kind == "add":
        return add(name, before, draw(st.sampled_from([m for m in made if m.output_shape == shape])))
    if kind == "pool":
        return pool(name, before, 2, draw(st.integers(1, 2)))
    if kind == "global":
        return global_pool(name, before)
    if kind == "whole":
        return conv(name, before, draw(st.integers(1, 5)), (shape[1], shape[2]))
    return (
        relu(name, before) if kind == "relu" else dense(name, before.name, shape[0], draw(st.sampled_from([3, 4, 8])))
    )


TIMES = st.sampled_from(["1 ns", "2 ns", "4 ns", "7 ns"])
RATES = st.sampled_from(["250 MB/s", "500 MB/s", "1 GB/s", "3 GB/s"])
CHIPS = st.fixed_dictionaries(
    {
        "grid.shape": st.just("[5, 5]"),
        "tile.crossbar.rows": st.sampled_from([4, 9, 16]),
        "tile.crossbar.columns": st.sampled_from([2, 4]),
        "tile.mvm_latency": st.sampled_from(["4 ns", "20 ns", None]),
        "tile.adc.conversion_time": st.sampled_from(["1 ns", "6 ns"]),
        "tile.dac.bits": st.sampled_from([2, 3]),
        "tile.adc.columns_per_adc": st.sampled_from([1, 2]),
        "tile.sample_and_hold": st.booleans(),
        "tile.register_banks": st.sampled_from([1, 2]),
        "tile.buffer.bandwidth": RATES,
        "tile.output_bandwidth": RATES,
        "control_unit.issue_time": st.sampled_from(["0 ns", "3 ns"]),
        "neuron_unit.rate": st.sampled_from(["200 Mop/s", "1 Gop/s"]),
        "neuron_unit.latency": st.sampled_from(["0 ns", "5 ns"]),
        "neuron_unit.partial_sum_slots": st.sampled_from([1, 2, 3]),
        "digital_unit.tiles_per_unit": st.sampled_from([13, 25]),
        "digital_unit.rate": st.sampled_from(["200 Mop/s", "1 Gop/s"]),
        "digital_unit.latency": st.sampled_from(["0 ns", "5 ns"]),
        "link.bandwidth": RATES,
        "link.latency": st.sampled_from(["0 ns", "1 ns", "3 ns"]),
        "router.delay": TIMES,
        "host.bandwidth": RATES,
        "host.latency": st.sampled_from(["0 ns", "10 ns"]),
        "host.max_inputs_in_flight": st.sampled_from([1, 2, 3]),
        "widths.activation_bits": st.sampled_from([4, 8]),
        "widths.partial_sum_bits": st.sampled_from([8, 16]),
        "widths.packet_header_bytes": st.sampled_from([0, 2]),
    }
)


def small_enough(net: Network, changes: dict[str, Any]) -> Plan | None:
    built = chip(changes)
    rows, columns = built.spec.tile.crossbar.rows, built.spec.tile.crossbar.columns
    tiles = sum(-(-m.rows // rows) * -(-m.columns // columns) for layer in net.matrix_layers for m in layer.matrices)
    return place(net, built) if tiles <= len(built.tiles) else None


def compare(plan: Plan, outcome: ChipOutcome, second: SecondEngine, inputs: int) -> None:
    assert outcome.done_ps == second.done
    assert outcome.released_ps == second.released
    assert outcome.tile_mvms == {t.name: len(t.own) * inputs for t in second.tiles}
    assert all(t.ended["drain"] == len(t.own) * inputs for t in second.tiles)
    moved = {(a, b): (packets, size, busy) for _, a, b, packets, size, busy in outcome.links if packets}
    assert moved == {edge: (q.packets, q.bytes, q.busy) for edge, q in second.links.items()}
    busy = outcome.timeline.busy_ps
    assert {t.name: t.busy for t in second.tiles} == {t.name: busy[t.name] for t in second.tiles}
    alone = [n for n in second.neurons if n.name not in second.units]
    assert {n.name: n.busy for n in alone} == {n.name: busy[n.name] for n in alone}
    assert {name: q.busy for name, q in second.units.items()} == {name: busy[name] for name in second.units}
    peaks = sorted((p.producer, p.consumer, p.component, p.positions) for p in outcome.buffer_peaks)
    assert peaks == sorted(
        (r.producer, r.consumer, r.component, r.peak) for r in second.readers if r not in second.outputs
    )


@settings(max_examples=80, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(networks(), CHIPS, st.integers(1, 4), st.integers(1, 2), st.booleans())
def test_two_engines_agree(net: Network, changes: dict[str, Any], inputs: int, batch: int, drain: bool) -> None:
    plan = small_enough(net, changes)
    if plan is None:
        return
    outcome = simulate_chip(plan, inputs, batch, drain=drain)
    in_flight = int(changes["host.max_inputs_in_flight"])
    second = SecondEngine(plan, inputs, in_flight, batch, drain).run()
    compare(plan, outcome, second, inputs)


@contextmanager
def least_buffers() -> Iterator[None]:
    """Give every bounded buffer exactly the positions that the design computes for its edge."""
    original = credits_module._watch_buffer

    def watch(
        machine: Machine, edge: Edge, target: Target, buffer: InputBuffer, needed: int, producer_positions: int
    ) -> None:
        channels = sum(high - low for low, high in machine.channels_read(edge, target, None))
        each = bytes_of(channels, machine.spec.widths.activation_bits)
        exact = buffer.model_copy(update={"capacity": float(needed * each)})
        original(machine, edge, target, exact, needed, producer_positions)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(credits_module, "_watch_buffer", watch)
        yield


@cache
def roomy_chip() -> Chip:
    return chip({"grid.shape": "[12, 12]", "tile.crossbar.rows": 64, "digital_unit.tiles_per_unit": 12})


BOUNDED = {"tile.buffer.capacity": "1 MB", "digital_unit.buffer.capacity": "1 MB"}


@settings(max_examples=80, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(networks(), CHIPS, st.integers(1, 4))
def test_two_engines_agree_with_the_least_buffers_and_neither_deadlocks(
    net: Network, changes: dict[str, Any], inputs: int
) -> None:
    plan = small_enough(net, {**changes, **BOUNDED})
    if plan is None:
        return
    with least_buffers():
        outcome = simulate_chip(plan, inputs)
    second = SecondEngine(plan, inputs, int(changes["host.max_inputs_in_flight"]), least=True).run()
    compare(plan, outcome, second, inputs)
    capacity = {(r.producer, r.consumer, r.component): r.capacity for r in second.readers}
    assert all(p.positions <= capacity[p.producer, p.consumer, p.component] for p in outcome.buffer_peaks)


@settings(max_examples=60)
@given(networks())
def test_least_capacities_equal_a_recursive_execution_on_demand(net: Network) -> None:
    """T21, and its closed form for edges of a chain."""
    plan = place(net, roomy_chip())
    found = edges(net)
    least = least_capacities(found, {name: layer.positions for name, layer in net.layers.items()})
    again = SecondEngine(plan, 1, 1).least()
    assert {(e.consumer, e.operand): c for e, c in zip(found, least, strict=True)} == again
    for edge, capacity in zip(found, least, strict=True):
        span = max(0, int((edge.need - edge.oldest).max()))  # a window that lies in the padding alone needs nothing
        assert capacity >= span
        if len(net.outputs) == 1 and all(len(layer.inputs) < 2 for layer in net.layers.values()):
            assert capacity == span
