"""Packets that pass ahead of their time change nothing but how many events there are."""

from __future__ import annotations

from unittest.mock import patch

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from second_engine import SecondEngine
from small_machines import add, conv, network, source, spec

from chipsim.architecture.chip import build_chip
from chipsim.architecture.loader import load_spec
from chipsim.errors import ChipsimError
from chipsim.mapping.placement import place
from chipsim.mapping.plan import Plan
from chipsim.mapping.registry import find_mapping
from chipsim.mapping.strategy import Options
from chipsim.network.zoo import load_network
from chipsim.simulation.building import flows
from chipsim.simulation.building.looking_ahead import look_ahead
from chipsim.simulation.building.wiring import build_machine
from chipsim.simulation.chip_outcome import ChipOutcome
from chipsim.simulation.engine import simulate_chip

ROWS = ["tile.crossbar.rows=32", "tile.crossbar.columns=32", "grid.shape=[8,8]"]
"""So small that layers need several row blocks."""


def digits(changes: list[str]) -> Plan:
    chip = build_chip(load_spec("hermes64", [*ROWS, *changes]))
    return find_mapping("in-order")(load_network("zoo:digits-cnn"), chip, Options(), 0)


def numbers(outcome: ChipOutcome) -> list[object]:
    spans = sorted(outcome.timeline.spans)
    return [outcome.done_ps, sorted(outcome.links), outcome.buffer_peaks, outcome.timeline.busy_ps, spans]


@pytest.mark.parametrize(
    "changes",
    [
        [],
        ["neuron_unit.partial_sums=gather"],
        ["router.switching=store-and-forward"],
        ["tile.buffer.capacity=8 KiB"],
        ["link.latency=0 ns", "router.delay=1 ps"],
    ],
)
def test_all_numbers_but_events_stay(changes: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    plan = digits(changes)
    ahead = simulate_chip(plan, 3, trace_inputs=2, exact_all=True)
    monkeypatch.setattr(flows, "look_ahead", lambda machines: None)
    in_turn = simulate_chip(plan, 3, trace_inputs=2, exact_all=True)
    assert numbers(ahead) == numbers(in_turn)
    assert ahead.cost.events < in_turn.cost.events or changes == ["neuron_unit.partial_sums=gather"]


def test_in_turns_nothing_is_known_ahead() -> None:
    for arbitration, known in (("age", True), ("round-robin", False)):
        machine = build_machine(digits([f"router.arbitration={arbitration}"]), 2)
        look_ahead([machine])
        assert any(inlet.other is not None for inlet in machine.interconnect.inlets.values()) == known


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """Residual networks of convolutions on meshes: rows of tiles that pass sums on while other packets go by."""
    layers = [source(draw(st.integers(1, 8)), 6, draw(st.integers(3, 8)))]
    for number in range(draw(st.integers(2, 6))):
        before = layers[-1]
        kernel = draw(st.sampled_from([1, 3]))
        layer = conv(f"c{number}", before, draw(st.integers(1, 12)), kernel, draw(st.integers(1, 2)), kernel // 2)
        same = [other for other in layers[:-1] if other.output_shape == layer.output_shape]
        layers.append(layer)
        if same and draw(st.booleans()):
            layers.append(add(f"a{number}", layer, draw(st.sampled_from(same))))
    nanoseconds = st.integers(1, 40).map("{} ns".format)
    side = draw(st.integers(4, 8))
    changes = {
        "grid.shape": f"[{side}, {side}]", "tile.crossbar.rows": draw(st.sampled_from([8, 16, 32])),
        "tile.crossbar.columns": draw(st.sampled_from([4, 8])), "neuron_unit.partial_sums": draw(CHAINS),
        "tile.mvm_latency": draw(st.sampled_from(["5 ns", "60 ns", "400 ns"])),
        "tile.register_banks": draw(st.integers(1, 2)), "neuron_unit.partial_sum_slots": draw(st.integers(1, 3)),
        "neuron_unit.latency": draw(nanoseconds), "neuron_unit.rate": draw(st.sampled_from(["0.2 Gop/s", "4 Gop/s"])),
        "neuron_unit.hop_latency": draw(nanoseconds), "digital_unit.latency": draw(nanoseconds),
        "digital_unit.tiles_per_unit": draw(st.sampled_from([4, 100])),
        "link.bandwidth": draw(st.sampled_from(["0.3 GB/s", "2 GB/s", "8 GB/s"])), "link.latency": draw(nanoseconds),
        "router.delay": draw(nanoseconds),
        "tile.buffer.capacity": draw(st.sampled_from(["unbounded", "unbounded", "1 KiB"])),
        "router.switching": draw(st.sampled_from(["cut-through", "cut-through", "store-and-forward"])),
        "host.max_inputs_in_flight": draw(st.integers(1, 4)),
    }  # fmt: skip
    try:
        return place(network(layers), build_chip(spec(changes)))
    except ChipsimError:
        assume(False)
        raise


CHAINS = st.sampled_from(["chain", "chain", "chain", "gather"])


@settings(max_examples=60)
@given(plans(), st.integers(1, 3))
def test_random_meshes_give_the_same_numbers(plan: Plan, inputs: int) -> None:
    ahead = simulate_chip(plan, inputs, trace_inputs=1, exact_all=True)
    with patch.object(flows, "look_ahead", lambda machines: None):
        in_turn = simulate_chip(plan, inputs, trace_inputs=1, exact_all=True)
    assert numbers(ahead) == numbers(in_turn)
    assert ahead.cost.events <= in_turn.cost.events


@settings(max_examples=12)
@given(plans())
def test_random_meshes_agree_with_the_second_engine(plan: Plan) -> None:
    outcome = simulate_chip(plan, 2, exact_all=True)
    other = SecondEngine(plan, 2, outcome.max_inputs_in_flight).run()
    assert outcome.done_ps == other.done
