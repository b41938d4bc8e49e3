"""An input is done when what nobody reads of it is done too (T93): no layer, slice or copy falls behind."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from second_engine import SecondEngine
from small_machines import NS, add, chip, conv, network, plan, relu, source
from test_critical_path import check
from test_periodic import both
from test_second_engine import BOUNDED, CHIPS, compare, least_buffers

from chipsim.errors import CapacityError
from chipsim.mapping.placement import place
from chipsim.mapping.plan import Plan
from chipsim.network.layers import AnyLayer
from chipsim.simulation.engine import simulate_chip
from chipsim.simulation.explaining.tracing import trace_run

SLOW = [HealthCheck.too_slow, HealthCheck.filter_too_much]
TWO_ROW_BLOCKS = {
    "grid.shape": "[2, 4]", "tile.crossbar.rows": 9, "tile.crossbar.columns": 2, "tile.mvm_latency": "4 ns",
    "tile.register_banks": 1, "host.bandwidth": "500 MB/s", "neuron_unit.partial_sum_slots": 1,
}  # fmt: skip


def unread(**changes):
    x = source(4, 2, 2)
    first = conv("first", x, 1, 2)
    return plan([x, first, conv("second", first, 1, 1, 3, (2, 2, 2, 1))], {**TWO_ROW_BLOCKS, **changes})


@st.composite
def unread_plans(draw: st.DrawFn, bounded: bool = False) -> tuple[Plan, dict[str, Any]]:
    """Layers whose last one looks at padding alone, perhaps with a branch that is read, perhaps with copies."""
    net = network(*_layers(draw))
    changes = draw(CHIPS) | (BOUNDED if bounded else {}) | {"grid.shape": "[7, 7]"}
    if draw(st.booleans()):
        changes["neuron_unit.partial_sums"] = "chain"
    copies = {layer.name: draw(st.integers(1, min(3, layer.positions))) for layer in net.matrix_layers}
    try:
        return place(net, chip(changes), copies), changes
    except CapacityError:
        assume(False)
        raise


def _layers(draw: st.DrawFn) -> tuple[list[AnyLayer], tuple[str, ...]]:
    made: list[AnyLayer] = [source(draw(st.sampled_from([1, 4])), 2, draw(st.sampled_from([2, 3])))]
    for number in range(draw(st.integers(1, 3))):
        kind = draw(st.sampled_from(["conv", "wide", "relu", "sum"]))
        name, before = f"l{number}", made[-1]
        if kind == "sum":
            made.append(add(name, before, before))
        elif kind == "relu":
            made.append(relu(name, before, draw(st.sampled_from([None, 200]))))
        else:
            made.append(conv(name, before, draw(st.sampled_from([1, 4])), 1 if kind == "conv" else 3, 1, 1))
    read, side = draw(st.sampled_from(made[:-1])), max(made[-1].output_shape[1:])
    made.append(conv("blind", made[-1], 2, 1, side + 2, (1, 1, 2, 2)))
    made.append(conv("strided", read, 2, 1, 2))
    return made, ("blind", "strided")


@settings(max_examples=80, suppress_health_check=SLOW)
@given(unread_plans(), st.integers(1, 12), st.integers(1, 2), st.booleans())
def test_two_engines_agree(found: tuple[Plan, dict[str, Any]], inputs: int, batch: int, drain: bool) -> None:
    built, changes = found
    outcome = simulate_chip(built, inputs, batch, drain=drain)
    in_flight = int(changes["host.max_inputs_in_flight"])
    second = SecondEngine(built, inputs, in_flight, batch, drain).run()
    assert second.unread
    compare(built, outcome, second, inputs)


@settings(max_examples=40, suppress_health_check=SLOW)
@given(unread_plans(bounded=True), st.integers(1, 8))
def test_two_engines_agree_with_the_least_buffers(found: tuple[Plan, dict[str, Any]], inputs: int) -> None:
    built, changes = found
    with least_buffers():
        outcome = simulate_chip(built, inputs)
    second = SecondEngine(built, inputs, int(changes["host.max_inputs_in_flight"]), least=True).run()
    compare(built, outcome, second, inputs)


@settings(max_examples=40, suppress_health_check=SLOW)
@given(unread_plans(), st.integers(12, 60))
def test_the_jump_changes_nothing(found: tuple[Plan, dict[str, Any]], inputs: int) -> None:
    both(found[0], inputs)


@settings(max_examples=40, suppress_health_check=SLOW)
@given(unread_plans(), st.integers(1, 4))
def test_paths_fill_the_latency(found: tuple[Plan, dict[str, Any]], inputs: int) -> None:
    check(trace_run(found[0], inputs))


@settings(max_examples=40, suppress_health_check=SLOW)
@given(unread_plans(), st.integers(1, 4))
def test_an_early_end_is_a_run_of_the_admitted_inputs(found: tuple[Plan, dict[str, Any]], enough: int) -> None:
    """T30."""
    told = [0]
    cut = simulate_chip(found[0], 12, stop=lambda: told[-1] >= enough, progress=told.append)
    whole = simulate_chip(found[0], cut.inputs)
    assert (cut.done_ps, cut.tile_mvms, cut.links) == (whole.done_ps, whole.tile_mvms, whole.links)


@pytest.mark.parametrize("in_flight", [1, 3])
def test_all_work_of_many_inputs_is_counted(in_flight: int) -> None:
    outcome = simulate_chip(unread(**{"host.max_inputs_in_flight": in_flight}), 24)
    assert sorted(outcome.tile_mvms.values()) == [24, 24, 96]


def test_an_input_is_done_when_the_slow_layer_beside_is() -> None:
    """By hand: the layer that nobody reads has four products of 1 us in a row; the other one waits for nothing."""
    x = source(4, 2, 2)
    first = conv("first", x, 1)
    changes = {"tile.mvm_latency": "1 us", "tile.buffer.bandwidth": "1 TB/s", "tile.output_bandwidth": "1 TB/s",
               "host.bandwidth": "1 TB/s", "link.bandwidth": "1 TB/s", "link.latency": "0 ns", "router.delay": "1 ps",
               "neuron_unit.rate": "1 Top/s", "neuron_unit.latency": "100 ns"}  # fmt: skip
    outcome = simulate_chip(plan([x, first, conv("blind", first, 1, 1, 4, (1, 1, 2, 2))], changes), 3)
    ends = [time // NS for time in outcome.done_ps]
    assert ends == [4100, 8100, 12100]
