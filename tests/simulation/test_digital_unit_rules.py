"""Layers that share a digital unit (T17) by hand."""

from __future__ import annotations

from small_machines import NS, add, plan, relu, source

from chipsim.network.layers import DigitalLayer
from chipsim.simulation.chip_outcome import ChipOutcome
from chipsim.simulation.engine import simulate_chip

Services = list[tuple[str, int, int, int]]
SLOW = {"grid.shape": "[1, 1]", "digital_unit.rate": "100 Mop/s"}


def services(outcome: ChipOutcome) -> Services:
    spans = [s for s in outcome.timeline.spans if s.activity == "digital"]
    return sorted(((s.layer, s.input, s.position, s.start_ps // NS) for s in spans), key=lambda row: row[3])


def barrier(name: str, before: str, operations: int) -> DigitalLayer:
    """Two positions that both need everything."""
    return DigitalLayer(name, (before,), (1, 1, 2), "Softmax", element_operations=operations)


def test_requests_of_one_picosecond_go_by_layer_then_position_t3() -> None:
    """Both layers' both positions are ready when the second byte of x is there: at 2 ns."""
    small = plan([source(1, 1, 2), barrier("a", "x", 2), barrier("b", "x", 4)], SLOW, ("a", "b"))
    order = services(simulate_chip(small, 1, trace_inputs=1))
    assert order == [("a", 0, 0, 2), ("a", 0, 1, 12), ("b", 0, 0, 22), ("b", 0, 1, 42)]


def test_earlier_requests_go_first_whatever_the_layer_t17() -> None:
    """Position 0 of both asks at 1 ns, position 1 at 2 ns."""
    x = source(1, 1, 2)
    small = plan([x, relu("a", x), relu("b", x)], SLOW, ("a", "b"))
    order = services(simulate_chip(small, 1, trace_inputs=1))
    assert order == [("a", 0, 0, 1), ("b", 0, 0, 11), ("a", 0, 1, 21), ("b", 0, 1, 31)]


def test_earlier_inputs_go_before_earlier_layers_t3() -> None:
    """Both inputs of x are sent at 0; b of input 0 and a of input 1 never tie, but FIFO keeps inputs apart."""
    x = source(1)
    small = plan([x, relu("a", x), relu("b", x)], SLOW, ("a", "b"))
    order = services(simulate_chip(small, 2, trace_inputs=2))
    assert order == [("a", 0, 0, 1), ("b", 0, 0, 11), ("a", 1, 0, 21), ("b", 1, 0, 31)]


def test_a_join_starts_when_both_operands_are_there_and_fused_operations_take_time_t7_t17() -> None:
    x = source(2)
    a = relu("a", x, operations=3)
    small = plan([x, a, add("s", a, x, operations=5)], {**SLOW, "digital_unit.latency": "7 ns"})
    outcome = simulate_chip(small, 1, trace_inputs=1)
    # x is there at 2; a works for 30 and its result leaves 7 later, 2 bytes out and in
    assert services(outcome) == [("a", 0, 0, 2), ("s", 0, 0, 2 + 30 + 7 + 2)]
    assert outcome.done_ps == [(41 + 50 + 7 + 2) * NS]
    assert outcome.timeline.busy_ps["digital(0)"] == 80 * NS


def test_results_of_two_layers_leave_a_shared_unit_in_the_order_of_their_ends() -> None:
    """A result that goes far must not be handed to the port before one that ends earlier and stays near."""
    x = source(1, 1, 3)
    a = relu("a", x)
    b = add("b", a, x)
    changes = {**SLOW, "grid.shape": "[5, 5]", "digital_unit.tiles_per_unit": 13}
    small = plan([x, a, b, relu("c", b)], changes)
    outcome = simulate_chip(small, 1, trace_inputs=1)
    ports = {unit: f"{unit}->{small.chip.path(unit, 'host')[0][1]}" for unit in small.chip.digital_units}
    for unit, port in ports.items():
        ends = sorted((s.end_ps, s.layer) for s in outcome.timeline.spans if s.component == unit)
        starts = sorted(s.start_ps for s in outcome.timeline.spans if s.component == port)
        assert starts == [end for end, _ in ends]  # 1 ns a packet, 10 ns a service: nobody waits
