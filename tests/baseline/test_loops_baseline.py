"""Tokens and recurrent layers on the von Neumann machine (rules B23 to B26)."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from baseline_machines import machine, matrix, network
from hypothesis import given
from hypothesis import strategies as st

from chipsim.baseline.dataflow import Gemm, gemm_cycles
from chipsim.baseline.loops import loops_of
from chipsim.baseline.machine import best_batch, simulate_baseline
from chipsim.baseline.plan import plan_memory
from chipsim.baseline.systolic import dataflow_of
from chipsim.errors import CapacityError
from chipsim.network.cell import CellRules, GateFunction
from chipsim.network.graph import Network
from chipsim.network.layers import AnyLayer, GateLayer, InputLayer, MatrixLayer, ViewLayer, Window

NS = 1000
WIDTH, HIDDEN, GATES = 16, 24, 12
SLOW_VECTOR = {"rate": "1 Gop/s"}


def tokens(name: str, before: str, steps: int, rows: int, columns: int, delay: int = 0) -> MatrixLayer:
    weights = (matrix(name, rows, columns),)
    return MatrixLayer(
        name, (before,), (steps, columns), (rows, 1, steps), Window(), weights, channels_last=True, delay=delay
    )


def lstm(name: str, before: str, steps: int, width: int, delay: int = 1) -> list[AnyLayer]:
    rules = CellRules("LSTM", (GateFunction("tanh"),), HIDDEN, delay, np.zeros((delay, HIDDEN), np.float32))
    parts = f"{name}/input", f"{name}/recurrent"
    gates = GateLayer(
        name, parts, (steps, HIDDEN), rules, element_operations=GATES * HIDDEN * steps, channels_last=True
    )
    return [
        tokens(parts[0], before, steps, width, 4 * HIDDEN),
        tokens(parts[1], name, steps, HIDDEN, 4 * HIDDEN, delay),
        gates,
    ]


def gru(name: str, before: str, steps: int, width: int) -> list[AnyLayer]:
    """The reset gate comes before the recurrent matrix: two matrices in one loop."""
    rules = CellRules("GRU", (GateFunction("tanh"),), HIDDEN, 1, np.zeros((1, HIDDEN), np.float32))
    shape, work = (steps, HIDDEN), 5 * HIDDEN * steps
    read = f"{name}/input", f"{name}/recurrent"
    return [
        tokens(read[0], before, steps, width, 3 * HIDDEN),
        tokens(read[1], name, steps, HIDDEN, 2 * HIDDEN, 1),
        GateLayer(f"{name}/reset", read, shape, rules, "reset", name, work, channels_last=True),
        tokens(f"{name}/candidate", f"{name}/reset", steps, HIDDEN, HIDDEN),
        GateLayer(name, (*read, f"{name}/candidate"), shape, rules, element_operations=work, channels_last=True),
    ]


def source(steps: int) -> InputLayer:
    return InputLayer("x", (), (steps, WIDTH), channels_last=True)


def cycles(vectors: int, rows: int, columns: int) -> int:
    return gemm_cycles(dataflow_of(machine().compute), Gemm(vectors, rows, columns))


@pytest.mark.parametrize("steps", [1, 2, 9])
@pytest.mark.parametrize("batch", [1, 3])
def test_a_step_is_a_product_and_then_gates_for_every_input_of_the_batch(steps: int, batch: int) -> None:
    """B24 by hand, at 1 GHz and one operation per ns: W for all steps at once, R and the gates step by step."""
    spec = machine(vector_unit=SLOW_VECTOR)
    outcome = simulate_baseline(spec, network(source(steps), *lstm("h", "x", steps, WIDTH)), batch, batch)
    before = max(cycles(steps * batch, WIDTH, 4 * HIDDEN), 4 * HIDDEN * steps * batch)
    loop = max(cycles(batch, HIDDEN, 4 * HIDDEN), 4 * HIDDEN * batch) + GATES * HIDDEN * batch
    arrives, leaves = steps * WIDTH * batch + 5, steps * HIDDEN * batch + 5
    assert outcome.done_ps[-1] == (arrives + before + steps * loop + leaves) * NS


def test_stacked_layers_run_one_after_the_other() -> None:
    """This machine has one array: what is above waits for the last step of what is below."""
    steps, spec = 7, machine(vector_unit=SLOW_VECTOR)
    stacked = network(source(steps), *lstm("a", "x", steps, WIDTH), *lstm("b", "a", steps, HIDDEN))
    outcome = simulate_baseline(spec, stacked, 1)
    loop = max(cycles(1, HIDDEN, 4 * HIDDEN), 4 * HIDDEN) + GATES * HIDDEN
    inputs = sum(max(cycles(steps, rows, 4 * HIDDEN), 4 * HIDDEN * steps) for rows in (WIDTH, HIDDEN))
    assert outcome.done_ps == [(steps * WIDTH + 5 + inputs + 2 * steps * loop + steps * HIDDEN + 5) * NS]


def test_a_gru_goes_over_both_of_its_matrices_in_every_round() -> None:
    steps, spec = 5, machine(vector_unit=SLOW_VECTOR)
    outcome = simulate_baseline(spec, network(source(steps), *gru("h", "x", steps, WIDTH)), 1)
    before = max(cycles(steps, WIDTH, 3 * HIDDEN), 3 * HIDDEN * steps)
    products = sum(max(cycles(1, HIDDEN, columns), columns) for columns in (2 * HIDDEN, HIDDEN))
    assert outcome.done_ps == [
        (steps * WIDTH + 5 + before + steps * (products + 10 * HIDDEN) + steps * HIDDEN + 5) * NS
    ]


def test_sequences_side_by_side_share_their_rounds() -> None:
    """Four positions of two sequences: two rounds of two vectors."""
    spec = machine(vector_unit=SLOW_VECTOR)
    outcome = simulate_baseline(spec, network(source(4), *lstm("h", "x", 4, WIDTH, delay=2)), 1)
    before = max(cycles(4, WIDTH, 4 * HIDDEN), 4 * HIDDEN * 4)
    loop = max(cycles(2, HIDDEN, 4 * HIDDEN), 4 * HIDDEN * 2) + GATES * HIDDEN * 2
    assert outcome.done_ps == [(4 * WIDTH + 5 + before + 2 * loop + 4 * HIDDEN + 5) * NS]


def test_operands_that_are_data_arrive_with_the_sequence() -> None:
    """First states and biases take the time of their bytes; the loop itself goes round as ever (B24)."""
    steps, spec = 6, machine(vector_unit=SLOW_VECTOR)
    up, looped, gates = lstm("h", "x", steps, WIDTH)
    assert isinstance(looped, MatrixLayer)
    assert isinstance(gates, GateLayer)
    first = InputLayer("first", (), (1, HIDDEN), channels_last=True)
    bias = InputLayer("bias", (), (8 * HIDDEN,), channels_last=True)
    looped = replace(looped, inputs=("h", "first"))
    gates = replace(gates, inputs=(*gates.inputs, "bias"), given=("bias",))
    outcome = simulate_baseline(spec, network(source(steps), first, bias, up, looped, gates), 1)
    alone = simulate_baseline(spec, network(source(steps), *lstm("h", "x", steps, WIDTH)), 1)
    assert outcome.done_ps[0] - alone.done_ps[0] == (HIDDEN + 8 * HIDDEN) * NS


def test_tokens_are_one_product() -> None:
    steps, spec = 20, machine()
    net = network(source(steps), tokens("up", "x", steps, WIDTH, 64), tokens("down", "up", steps, 64, WIDTH))
    outcome = simulate_baseline(spec, net, 1)
    work = cycles(steps, WIDTH, 64) + cycles(steps, 64, WIDTH)
    assert outcome.done_ps == [(2 * (steps * WIDTH + 5) + work) * NS]
    assert loops_of(net) == {}


def fetched(size: int, steps: int, batches: int, net: Network | None = None) -> tuple[int, int]:
    """Bytes from DRAM, and the weights of the loop that have no room."""
    spec = machine(on_chip_memory={"capacity": f"{size} B"}, vector_unit=SLOW_VECTOR)
    net = net or network(source(steps), *lstm("h", "x", steps, WIDTH))
    plan = plan_memory(spec, net, 1)
    assert plan.used_bytes <= size
    assert not plan.spilled
    outcome = simulate_baseline(spec, net, batches)
    missing = sum(plan.weight_bytes.values()) - plan.resident_bytes
    return outcome.ledger.bytes_by_level()["global_memory"], missing


RECURRENT, INPUT = 4 * HIDDEN * HIDDEN, 4 * HIDDEN * WIDTH


def test_weights_of_a_loop_stay_where_others_are_fetched() -> None:
    """Room for one of the matrices: the recurrent one, though it comes second."""
    moved, missing = fetched(4200, 3, batches=4)
    assert missing == INPUT
    assert moved == 4 * INPUT


@pytest.mark.parametrize(("size", "stays"), [(20000, True), (16000, False)])
def test_weights_of_a_loop_that_fit_half_a_buffer_are_fetched_once_per_batch(size: int, stays: bool) -> None:
    """Twelve loops of which a few have room; the others' matrices are a little smaller or larger than an eighth."""
    steps, before = 3, "x"
    layers: list[AnyLayer] = [source(steps)]
    for number in range(12):
        layers += lstm(f"h{number}", before, steps, WIDTH if before == "x" else HIDDEN)
        before = f"h{number}"
    net, spec = network(*layers), machine(on_chip_memory={"capacity": f"{size} B"}, vector_unit=SLOW_VECTOR)
    plan = plan_memory(spec, net, 1)
    missing = [name for name in plan.weight_bytes if name not in plan.resident]
    loops = {name for name in missing if name.endswith("/recurrent")}
    assert 0 < len(loops) < 12
    assert (plan.weight_half_bytes >= RECURRENT) == stays
    moved = simulate_baseline(spec, net, 4).ledger.bytes_by_level()["global_memory"]
    once, again = sum(plan.weight_bytes[name] for name in missing), len(loops) * RECURRENT
    assert moved == 4 * (once + (0 if stays else (steps - 1) * again))


def test_fetching_in_every_round_costs_the_time_of_a_fetch_in_every_round() -> None:
    """A machine whose DRAM is slow: nearly all the time is transfers."""
    steps, size = 6, 3200
    spec = machine(on_chip_memory={"capacity": f"{size} B"}, dram={"bandwidth": "1 MB/s"})
    net = network(source(steps), *lstm("h", "x", steps, WIDTH))
    plan = plan_memory(spec, net, 1)
    loop = plan.tensors.loops["h"]
    assert plan.fetched_of(loop) == RECURRENT > plan.weight_half_bytes
    outcome = simulate_baseline(spec, net, 1)
    moved = outcome.ledger.bytes_by_level()["global_memory"]
    assert moved >= steps * RECURRENT
    assert outcome.done_ps[0] >= moved * 10**6
    assert outcome.done_ps[0] <= 1.01 * moved * 10**6


def test_macs_operations_and_bytes_are_those_of_all_steps() -> None:
    steps, inputs = 5, 3
    net = network(source(steps), *lstm("h", "x", steps, WIDTH))
    ledger = simulate_baseline(machine(), net, inputs).ledger
    amounts = {(row.component, row.action, row.layer): row.amount for row in ledger.rows()}
    for name, rows in (("h/input", WIDTH), ("h/recurrent", HIDDEN)):
        assert amounts["compute", "mac", name] == inputs * steps * rows * 4 * HIDDEN
        assert amounts["vector_unit", "operation", name] == inputs * steps * 4 * HIDDEN
    assert amounts["vector_unit", "operation", "h"] == inputs * GATES * HIDDEN * steps
    assert amounts["on_chip_memory", "read", "h"] == inputs * steps * (8 * HIDDEN + HIDDEN)  # the last on its way out
    assert amounts["on_chip_memory", "write", "h"] == inputs * steps * HIDDEN
    joules = {(row.component, row.action, row.layer): row.joules for row in ledger.rows()}
    assert joules["vector_unit", "operation", "h"] == pytest.approx(inputs * GATES * HIDDEN * steps * 0.25e-12)


def test_sums_of_a_loop_take_the_room_of_one_step() -> None:
    net = network(source(50), *lstm("h", "x", 50, WIDTH))
    tensors = plan_memory(machine(), net, 1).tensors.by_name
    assert tensors["h/recurrent"].bytes_per_input == 4 * HIDDEN
    assert tensors["h/recurrent"].made_per_input == 50 * 4 * HIDDEN
    assert tensors["h/input"].bytes_per_input == 50 * 4 * HIDDEN
    assert tensors["h"].bytes_per_input == 50 * HIDDEN


def test_only_what_is_picked_leaves() -> None:
    last = ViewLayer("last", ("h",), (HIDDEN,), channels_last=True, picks=(8,))
    net = network(source(9), *lstm("h", "x", 9, WIDTH), last)
    ledger = simulate_baseline(machine(), net, 2).ledger
    sent = [row.amount for row in ledger.rows() if (row.component, row.action) == ("host", "send")]
    assert sent == [2 * HIDDEN]


def test_a_batch_whose_round_does_not_fit_is_refused_and_the_best_batch_is_smaller() -> None:
    spec = machine(on_chip_memory={"capacity": "6 kB"})
    net = network(source(30), *lstm("h", "x", 30, WIDTH))
    with pytest.raises(CapacityError, match="the loop of 'h' needs 12288 bytes on chip for one step of 128 inputs"):
        simulate_baseline(spec, net, 128, 128)
    assert best_batch(spec, net, 128) < 128


@given(st.integers(1, 12), st.integers(2200, 30000), st.integers(1, 5), st.integers(1, 4), st.booleans())
def test_every_capacity_runs_to_its_end_and_moves_what_it_must(
    steps: int, size: int, inputs: int, batch: int, reset_first: bool
) -> None:
    spec = machine(on_chip_memory={"capacity": f"{size} B"})
    loop = gru if reset_first else lstm
    net = network(source(steps), *loop("h", "x", steps, WIDTH), tokens("out", "h", steps, HIDDEN, 4))
    try:
        plan = plan_memory(spec, net, min(batch, inputs))
    except CapacityError:
        return
    assert plan.used_bytes <= size
    outcome = simulate_baseline(spec, net, inputs, batch)
    assert len(outcome.done_ps) == inputs
    moved = outcome.ledger.bytes_by_level().get("global_memory", 0)
    missing = sum(plan.weight_bytes.values()) - plan.resident_bytes
    assert moved >= math.ceil(inputs / batch) * missing
    mac = {row.layer: row.amount for row in outcome.ledger.rows() if row.action == "mac"}
    assert mac == {layer.name: inputs * layer.macs for layer in net.matrix_layers}
