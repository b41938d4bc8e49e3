"""Packets that pass ahead of their time change nothing but how many events there are."""

from __future__ import annotations

import pytest

from chipsim.architecture.chip import build_chip
from chipsim.architecture.loader import load_spec
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
