"""What always holds: traffic, conservation, order, and what larger or faster parts do."""

from itertools import pairwise

import pytest
from baseline_machines import convolution, dense, input_layer, machine, mlps, network, residual
from hypothesis import given
from hypothesis import strategies as st

from chipsim.architecture.loader import load_spec
from chipsim.architecture.spec import VonNeumannSpec
from chipsim.baseline.accounting import loading_of
from chipsim.baseline.machine import best_batch, simulate_baseline
from chipsim.baseline.plan import plan_memory
from chipsim.errors import CapacityError, InputError
from chipsim.network.graph import Network

capacities = st.integers(2000, 60000)


def with_capacity(size: int, **sections: dict[str, object] | bool) -> VonNeumannSpec:
    return machine(on_chip_memory={"capacity": f"{size} B"}, **sections)


def dram_bytes(spec: VonNeumannSpec, net: Network, inputs: int, batch: int = 1) -> int:
    return simulate_baseline(spec, net, inputs, batch).ledger.bytes_by_level()["global_memory"]


@given(mlps(), capacities, st.integers(1, 6), st.integers(1, 4))
def test_dram_bytes_are_at_least_compulsory(net: Network, size: int, inputs: int, batch: int) -> None:
    """No schedule can keep more weights on chip than its capacity; the rest comes in for every batch."""
    spec = with_capacity(size)
    batches = -(-inputs // batch)
    plan = plan_memory(spec, net, min(batch, inputs))
    weights = sum(plan.weight_bytes.values())
    moved = dram_bytes(spec, net, inputs, batch)
    assert moved >= batches * max(0, weights - size)
    assert moved >= batches * (weights - plan.resident_bytes)
    if not plan.spilled:
        assert moved == batches * (weights - plan.resident_bytes)


@given(mlps(), st.integers(1, 6), st.integers(1, 4))
def test_no_dram_bytes_if_everything_fits(net: Network, inputs: int, batch: int) -> None:
    assert dram_bytes(machine(), net, inputs, batch) == 0


@given(mlps(), capacities, st.integers(1, 16))
def test_the_plan_fits(net: Network, size: int, batch: int) -> None:
    plan = plan_memory(with_capacity(size), net, batch)
    assert plan.used_bytes <= size


@pytest.mark.parametrize("size", [*range(2300, 34000, 900), 40000])
@pytest.mark.parametrize("batch", [1, 3])
def test_a_network_with_branches_runs_at_every_capacity(size: int, batch: int) -> None:
    spec, net = with_capacity(size), residual()
    plan = plan_memory(spec, net, batch)
    assert plan.used_bytes <= size
    outcome = simulate_baseline(spec, net, 5, batch)
    assert len(outcome.done_ps) == 5
    reads = sum(row.amount for row in outcome.ledger.rows() if (row.component, row.action) == ("dram", "read"))
    writes = sum(row.amount for row in outcome.ledger.rows() if (row.component, row.action) == ("dram", "write"))
    batches = -(-5 // batch)
    made = sum(plan.tensors.by_name[name].bytes_per_input for name in plan.spilled)
    assert writes == 5 * made
    # what is written is read at least once
    assert reads >= writes + batches * (sum(plan.weight_bytes.values()) - plan.resident_bytes)


def test_a_batch_fetches_weights_once() -> None:
    net = network(input_layer(128), dense("a", "x", 128, 128), dense("b", "a", 128, 128))
    spec = with_capacity(20000)
    assert plan_memory(spec, net, 8).resident == plan_memory(spec, net, 1).resident == frozenset()
    assert dram_bytes(spec, net, 8, batch=8) == 2 * 128 * 128
    assert dram_bytes(spec, net, 8, batch=1) == 8 * 2 * 128 * 128
    assert dram_bytes(spec, net, 20, batch=8) == 3 * 2 * 128 * 128


FASTER = [
    ("compute", "frequency", "2 GHz"),
    ("dram", "bandwidth", "3 GB/s"),
    ("dram", "latency", "1 ns"),
    ("host", "bandwidth", "3 GB/s"),
    ("host", "latency", "1 ns"),
    ("vector_unit", "rate", "3 Gop/s"),
    ("on_chip_memory", "bandwidth", "30 GB/s"),
]


@given(mlps(), capacities, st.sampled_from(FASTER), st.booleans())
def test_a_faster_part_makes_nothing_later(net: Network, size: int, part: tuple[str, str, str], drain: bool) -> None:
    """Holds where no two flows share a server: tensors that are spilled share DRAM with weights."""
    slow = {"vector_unit": {"rate": "1 Gop/s"}, "on_chip_memory": {"bandwidth": "10 GB/s", "capacity": f"{size} B"}}
    section, field, value = part
    fast = slow | {section: slow.get(section, {}) | {field: value}}
    if plan_memory(machine(**slow), net, 2).spilled:
        return
    before = simulate_baseline(machine(**slow), net, 7, 2, drain=drain).done_ps
    after = simulate_baseline(machine(**fast), net, 7, 2, drain=drain).done_ps
    assert all(a <= b for a, b in zip(after, before, strict=True))


@given(mlps(), capacities, st.integers(1, 9), st.integers(1, 4), st.booleans())
def test_order_and_conservation(net: Network, size: int, inputs: int, batch: int, drain: bool) -> None:
    spec = with_capacity(size)
    outcome = simulate_baseline(spec, net, inputs, batch, drain=drain)
    assert outcome.inputs == len(outcome.released_ps) == inputs
    assert all(before < after for before, after in pairwise(outcome.done_ps))
    assert all(before <= after for before, after in pairwise(outcome.released_ps))
    assert all(done > released for done, released in zip(outcome.done_ps, outcome.released_ps, strict=True))
    assert all(0 <= busy <= outcome.makespan_ps for busy in outcome.timeline.busy_ps.values())
    rows = outcome.ledger.rows()
    assert sum(row.amount for row in rows if row.action == "mac") == net.macs * inputs
    host = {row.action: row.amount for row in rows if row.component == "host"}
    sizes = plan_memory(spec, net, 1).tensors.by_name
    assert host["receive"] == inputs * sizes["x"].bytes_per_input
    assert host["send"] == inputs * sizes[net.outputs[0]].bytes_per_input
    assert outcome.ledger.total_joules() == pytest.approx(sum(row.amount * row.joules_per_unit for row in rows))


@given(mlps(), capacities, st.integers(1, 5), st.integers(1, 3))
def test_bytes_written_on_chip_come_from_somewhere(net: Network, size: int, inputs: int, batch: int) -> None:
    """From the host or DRAM, unless on their way between the two, and from layers."""
    spec = with_capacity(size)
    plan = plan_memory(spec, net, min(batch, inputs))
    amounts: dict[tuple[str, str], float] = {}
    for row in simulate_baseline(spec, net, inputs, batch).ledger.rows():
        amounts[row.component, row.action] = amounts.get((row.component, row.action), 0) + row.amount
    tensors = plan.tensors.by_name
    made = inputs * sum(tensor.bytes_per_input for name, tensor in tensors.items() if name != "x")
    arrived = 0 if "x" in plan.spilled else amounts["host", "receive"]
    collected = amounts["host", "send"] if net.outputs[0] in plan.spilled else 0
    fetched = amounts.get(("dram", "read"), 0) - collected
    assert amounts["on_chip_memory", "write"] == made + arrived + fetched


def test_energy_by_hand() -> None:
    """64 x 8 MACs, 8 operations, one host byte each way per value, all weights and inputs read once."""
    net = network(input_layer(64), dense("a", "x", 64, 8))
    outcome = simulate_baseline(machine(), net, 2)
    seconds = outcome.makespan_ps * 1e-12
    dynamic = 2 * (512 * 0.5e-12 + 8 * 0.25e-12 + 72 * 10e-12 + (512 + 64 + 8 + 64 + 8) * 2e-12)
    assert outcome.ledger.total_joules() == pytest.approx(dynamic + seconds * 4e-3)
    assert outcome.ledger.joules_of(["static"]) == pytest.approx(seconds * 4e-3)


def test_gated_parts_draw_no_static_power() -> None:
    net = network(input_layer(64), dense("a", "x", 64, 8))
    rows = simulate_baseline(machine(power_gating=True), net, 1).ledger.rows()
    assert {row.component for row in rows if row.action == "static"} == {"compute", "vector_unit", "on_chip_memory"}


def test_costs_carry_their_sources() -> None:
    spec = load_spec("edge_npu")
    assert isinstance(spec, VonNeumannSpec)
    rows = simulate_baseline(spec, residual(), 1).ledger.rows()
    assert {row.source for row in rows if row.action == "mac"} == {spec.compute.source_of("energy_per_mac")}
    assert all(row.source for row in rows)


def test_drain_releases_a_batch_when_the_one_before_is_done() -> None:
    outcome = simulate_baseline(with_capacity(20000), residual(), 7, 2, drain=True)
    assert outcome.released_ps[0] == 0
    for batch in range(1, 4):
        assert outcome.released_ps[2 * batch] == outcome.done_ps[2 * batch - 1]
    alone = simulate_baseline(with_capacity(20000), residual(), 2, 2)
    assert outcome.done_ps[3] - outcome.released_ps[3] == alone.done_ps[1]


def test_inputs_in_flight_can_be_limited() -> None:
    limited = simulate_baseline(machine(host={"max_inputs_in_flight": 1}), residual(), 4)
    assert limited.done_ps == simulate_baseline(machine(), residual(), 4, drain=True).done_ps


@pytest.mark.parametrize("size", [3000, 12000, 40000])
def test_runs_repeat(size: int) -> None:
    one, two = (simulate_baseline(with_capacity(size), residual(), 9, 2) for _ in range(2))
    assert (one.done_ps, one.released_ps, one.timeline, one.ledger.rows()) == (
        two.done_ps, two.released_ps, two.timeline, two.ledger.rows(),
    )  # fmt: skip
    assert one.cost.events == two.cost.events > 0


def test_best_batch_has_the_highest_throughput() -> None:
    net = network(input_layer(128), dense("a", "x", 128, 128), dense("b", "a", 128, 128))
    spec = with_capacity(20000, host={"bandwidth": "100 GB/s"})
    best = best_batch(spec, net, 1000)
    intervals = {}
    for batch in (1, 2, 4, 8, 16, 32, 64, 128, 256):
        done = simulate_baseline(spec, net, 8 * batch, batch).done_ps
        intervals[batch] = (done[-1] - done[-1 - 4 * batch]) / (4 * batch)
    assert intervals[best] == pytest.approx(min(intervals.values()), rel=0.01)
    assert best > 1
    assert best_batch(spec, net, 3) <= 2
    assert best_batch(spec, net, 1) == 1


def test_progress_is_told_after_each_batch() -> None:
    seen: list[int] = []
    simulate_baseline(machine(), residual(), 7, 3, progress=seen.append)
    assert seen == [3, 6, 7]


def test_loading_is_reported_apart() -> None:
    spec, net = machine(), residual()
    loading = loading_of(spec, net)
    weights = sum(plan_memory(spec, net, 1).weight_bytes.values())
    assert loading.bytes == weights
    assert loading.seconds == pytest.approx(10e-9 + weights / 1e9)
    assert loading.joules == pytest.approx(weights * 102e-12)
    outcome = simulate_baseline(spec, net, 1)
    assert (outcome.loading_s, outcome.loading_j) == (loading.seconds, loading.joules)


def test_a_position_that_does_not_fit_is_refused() -> None:
    net = network(input_layer(64, 8, 8), convolution("wide", "x", 64, 32, 8))
    with pytest.raises(CapacityError, match=r"'wide' needs 1344 bytes.*608 bytes each.*64 bytes each.*is 1343 bytes"):
        simulate_baseline(with_capacity(1343), net, 1)
    assert len(simulate_baseline(with_capacity(1344), net, 2).done_ps) == 2


@pytest.mark.parametrize(("inputs", "batch", "name"), [(0, 1, "inputs"), (1, 0, "batch"), (-3, 1, "inputs")])
def test_counts_below_one_are_refused(inputs: int, batch: int, name: str) -> None:
    with pytest.raises(InputError, match=name):
        simulate_baseline(machine(), residual(), inputs, batch)
