"""Gates whose operands do not fit into their neuron unit's buffer (T100): engines, paths, and on paper."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from random_recurrent import CHAIN, LOOPS, laid, sequences, with_operands
from recurrent_layers import recurrent, steps
from second_engine import SecondEngine
from small_machines import NS, chip, plan, spec
from test_critical_path import check
from test_loops_engines import SLOW
from test_periodic import both
from test_reduction_in_routers import ADD
from test_several_networks import STREAMS, side_by_side, workloads
from test_several_networks import compare as compare_all
from test_several_networks import second as second_engines
from test_shared_tiles_engines import SHARING, together
from test_shared_tiles_engines import compare as compare_shared
from test_spilling import ROUTERS, SPILLING, amounts

from chipsim.errors import CapacityError, SpecError
from chipsim.mapping.placement import gate_units
from chipsim.mapping.plan import Plan
from chipsim.network.layers import InputLayer
from chipsim.simulation.building.wiring import build_machine
from chipsim.simulation.engine import simulate_chip
from chipsim.simulation.explaining.terms import FAR, MEMORY
from chipsim.simulation.explaining.tracing import trace_run
from chipsim.simulation.explaining.waits import waits
from chipsim.simulation.explaining.what_if import Stream, what_if
from chipsim.simulation.together import simulate_together

SUMS = st.sampled_from([{}, {}, CHAIN, ADD])
NETS = st.one_of(sequences(layers=3), with_operands())
GATES = st.builds(
    lambda spilling, tile, capacity: {
        **spilling, "neuron_unit.buffer.capacity": capacity, "neuron_unit.buffer.spill": "global_memory",
        **({} if tile else {"tile.buffer.capacity": "unbounded", "tile.buffer.spill": "none"}),
    },
    SPILLING, st.booleans(), st.sampled_from(["1 B", "1 B", "2 B", "4 B", "12 B"]),
)  # fmt: skip


def fits(built: Plan | None) -> Plan:
    """A first state never spills (T96): what does not hold one is refused."""
    assume(built is not None)
    assert built is not None
    try:
        build_machine(built, 1)
    except CapacityError as error:
        assume("/recurrent has" not in str(error))
        raise
    return built


@settings(max_examples=120, suppress_health_check=SLOW)
@given(NETS, LOOPS, SUMS, GATES, ROUTERS, st.integers(1, 3), st.integers(1, 2))
def test_two_engines_agree_where_gates_spill(net, changes, sums, gates, routers, inputs, batch):
    built = fits(laid(net, {**changes, **sums, **gates, **routers}))
    outcome = simulate_chip(built, inputs, batch)
    second = SecondEngine(built, inputs, int(changes["host.max_inputs_in_flight"]), batch).run()
    compare_shared(built, outcome, second, inputs)
    assert amounts(outcome) == {"write": second.shared.written, "read": second.shared.read}
    assert outcome.timeline.busy_ps.get("global memory", 0) == second.shared.memory["busy"]
    moved = second.shared.written + second.shared.read
    assert outcome.ledger.bytes_by_level().get("global_memory", 0) == moved
    joules = sum(row.joules for row in outcome.ledger.rows() if row.kind == "global memory")
    assert joules == pytest.approx(moved * 2e-12)


@settings(max_examples=80, suppress_health_check=SLOW)
@given(NETS, LOOPS, SHARING, GATES, st.sampled_from([0, 1, 2, 3]), st.integers(1, 2), st.integers(1, 3))
def test_two_engines_agree_where_gates_spill_and_share(net, changes, sharing, gates, tiles, copies, inputs):
    built = together(net, {**changes, **sharing, **gates}, tiles, copies)
    assume(built is not None)
    built = fits(replace(built, gate_units=gate_units(net, built.layers)))
    outcome = simulate_chip(built, inputs)
    second = SecondEngine(built, inputs, int(changes["host.max_inputs_in_flight"])).run()
    compare_shared(built, outcome, second, inputs)
    assert amounts(outcome) == {"write": second.shared.written, "read": second.shared.read}


@settings(max_examples=30, suppress_health_check=SLOW)
@given(st.lists(sequences(layers=2), min_size=2, max_size=2), LOOPS, GATES, st.lists(STREAMS, min_size=2, max_size=2))
def test_two_engines_agree_where_gates_of_several_networks_spill(nets, changes, gates, streams):
    works = workloads(side_by_side(nets, chip({**changes, **gates})), streams)
    found = simulate_together(works)
    engines = second_engines(works, int(changes["host.max_inputs_in_flight"]))
    compare_all(found, engines)
    assert found.busy_ps.get("global memory", 0) == engines[0].shared.memory["busy"]


@settings(max_examples=40, suppress_health_check=SLOW)
@given(NETS, LOOPS, SUMS, GATES, st.integers(12, 30))
def test_the_jump_changes_nothing(net, changes, sums, gates, inputs):
    both(fits(laid(net, {**changes, **sums, **gates})), inputs)


@settings(max_examples=100, suppress_health_check=SLOW)
@given(NETS, LOOPS, SUMS, GATES, ROUTERS, st.integers(1, 3))
def test_paths_fill_the_latency_and_busy_and_waiting_the_memory_s_time(net, changes, sums, gates, routers, inputs):
    run = trace_run(fits(laid(net, {**changes, **sums, **gates, **routers})), inputs)
    check(run)
    of_memory = [wait for wait in waits(run, inputs - 1) if wait.kind == "memory"]
    last = max((span.end_ps for span in run.accesses.values()), default=0)
    assert sum(wait.busy_ps + wait.server_ps for wait in of_memory) == last


STEPS = 3
APART = {
    "global_memory.bandwidth": "100 MB/s",
    "global_memory.latency": "40 ns",
    "global_memory.energy_per_byte": "2 pJ/B",
}
SMALL = {**APART, "neuron_unit.buffer.capacity": "1 B", "neuron_unit.buffer.spill": "global_memory"}


def loop(changes: dict[str, Any]) -> Plan:
    """Three steps of an RNN with two hidden values, of which a sum has 2 bytes."""
    x = steps(STEPS, 2)
    return plan([x, *recurrent("h", x, 2, "RNN")], {"host.bandwidth": "20 MB/s", "grid.shape": "[1, 4]", **changes})


def test_every_step_waits_for_writing_the_last_sum_and_reading_both_back() -> None:
    """2 bytes are written in 20 ns, 4 read in 40 ns, and data is there 40 ns later: 140 ns for each time round."""
    near, far = simulate_chip(loop({}), 1), simulate_chip(loop(SMALL), 1)
    assert far.done_ps[0] - near.done_ps[0] == STEPS * (20 + 40 + 40 + 40) * NS
    assert amounts(far) == {"write": 2 * 2 * STEPS, "read": 4 * STEPS}
    assert far.timeline.busy_ps["global memory"] == 8 * STEPS * 10 * NS
    assert SecondEngine(loop(SMALL), 1, 4).run().done == far.done_ps


def test_half_of_the_sums_fit() -> None:
    """2 bytes hold one position of each, and a loop needs no more: nothing is spilled."""
    near, far = simulate_chip(loop({}), 2), simulate_chip(loop({**SMALL, "neuron_unit.buffer.capacity": "2 B"}), 2)
    assert far.done_ps == near.done_ps
    assert amounts(far) == {"write": 0, "read": 0}


def test_gates_wait_for_what_they_spilled_and_a_faster_memory_helps() -> None:
    built = loop({**SMALL, "global_memory.bandwidth": "1 MB/s"})
    found = {(wait.kind, wait.activity, wait.cause): wait for wait in waits(trace_run(built, 1), 0)}
    assert found["neuron_unit", "gate", FAR].count == STEPS
    assert found["memory", "write", MEMORY].count > 0
    _, *others = what_if(built, Stream(8), 2.0, lambda done, total: None)
    assert others[0].what == "global memory"


def test_a_small_buffer_that_does_not_spill_is_refused_and_told_what_to_do() -> None:
    refused = r"h/input -> h has 1 bytes .*needs 2 bytes .*or let it spill \(neuron_unit.buffer.spill\)"
    with pytest.raises(CapacityError, match=refused):
        simulate_chip(loop({"neuron_unit.buffer.capacity": "1 B"}), 1)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"neuron_unit.buffer": "{capacity: 1 B, spill: global_memory}"}, "neuron_unit.buffer.spill: .* needs a"),
        ({**APART, "neuron_unit.buffer.spill": "global_memory"}, "give neuron_unit.buffer.capacity bytes"),
    ],
)  # fmt: skip
def test_spilling_that_cannot_be_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        spec(changes)


def test_data_that_the_gates_read_whole_is_written_once_and_read_at_every_step() -> None:
    """T97: a bias of 6 bytes does not fit into 4; of the sums, 2 bytes at a time, each edge has enough."""
    x, bias = steps(STEPS, 2), InputLayer("b", (), (6,), channels_last=True)
    made = [x, bias, *recurrent("h", x, 2, "RNN", given={"bias": bias})]
    built = plan(made, {**SMALL, "neuron_unit.buffer.capacity": "4 B"})
    outcome = simulate_chip(built, 1)
    assert amounts(outcome) == {"write": 6, "read": 6 * STEPS}
    assert {row.layer for row in outcome.ledger.rows() if row.kind == "global memory" and row.amount} == {"h"}
    assert SecondEngine(built, 1, 4).run().done == outcome.done_ps
