"""Times that were worked out by hand or by the closed form of a double buffer."""

import pytest
from baseline_machines import convolution, dense, input_layer, machine, network

from chipsim.architecture.spec import VonNeumannSpec
from chipsim.baseline.machine import simulate_baseline
from chipsim.baseline.plan import plan_memory
from chipsim.units import duration_ps

SIZE = 128
LAYER = network(input_layer(SIZE), dense("d", "x", SIZE, SIZE))
NS = 1000
HOST_NS = SIZE + 5  # 1 byte per ns and 5 ns latency


def streaming(dataflow: str, capacity: str, bandwidth: str, **changes: object) -> VonNeumannSpec:
    compute = {"kind": "simd", "rows": 1, "columns": 64} if dataflow == "simd" else {"dataflow": dataflow}
    return machine(compute=compute, on_chip_memory={"capacity": capacity}, dram={"bandwidth": bandwidth}, **changes)


def tile_cycles(dataflow: str, tiles: int) -> tuple[int, int]:
    """Cycles of a tile, and of the last one, for one vector through 128 x 128 weights on 8 x 8 cells."""
    bands, per_band = {
        "weight-stationary": (16 * 16, 16 + 8 + 1 - 2),
        "input-stationary": (16, 16 + 8 + SIZE - 2),
        "output-stationary": (16, 8 + 8 + SIZE - 2),
        "simd": (SIZE, 2),
    }[dataflow]
    cycles = bands // tiles * per_band
    return cycles, cycles - (dataflow != "simd")


@pytest.mark.parametrize("dataflow", ["weight-stationary", "input-stationary", "output-stationary", "simd"])
@pytest.mark.parametrize(("capacity", "tiles"), [("8192 B", 16), ("8704 B", 16), ("16384 B", 8)])
@pytest.mark.parametrize("bandwidth", ["0.5 GB/s", "8 GB/s", "1000 GB/s"])
def test_one_layer_in_equal_tiles(dataflow: str, capacity: str, tiles: int, bandwidth: str) -> None:
    spec = streaming(dataflow, capacity, bandwidth)
    outcome = simulate_baseline(spec, LAYER, 1)
    transfer = 10 * NS + duration_ps(SIZE * SIZE // tiles, spec.dram.bandwidth)
    compute, last = (cycles * NS for cycles in tile_cycles(dataflow, tiles))
    middle = (tiles - 1) * max(transfer, compute)
    assert outcome.done_ps == [HOST_NS * NS + transfer + middle + last + HOST_NS * NS]
    assert outcome.released_ps == [0]
    assert outcome.ledger.bytes_by_level()["global_memory"] == SIZE * SIZE


def test_both_bounds_are_met() -> None:
    """The cases above hold slow and fast memories: in the slow one DRAM never rests, in the fast one the array."""
    for bandwidth, busy in (("0.5 GB/s", "dram"), ("1000 GB/s", "compute")):
        outcome = simulate_baseline(streaming("simd", "8192 B", bandwidth), LAYER, 1)
        assert outcome.timeline.busy_ps[busy] / outcome.makespan_ps > 0.45


def test_two_layers_by_hand() -> None:
    """The first layer stays on chip, the second is fetched while the first runs.

    Host: 64 bytes in 64 ns + 5 ns. Layer a: 64 x 16 weights, 16 folds of 23 cycles less one = 367 ns. Layer b: 16 x 512
    weights, 128 folds. Capacity 8 KiB: tiles of 1 KiB = 16 folds = 368 cycles; 8 tiles; transfers take 10 ns + 1024 ns.
    The first transfer starts with layer a, at 69 ns, so it ends at 1103 ns; 7 more follow; the last tile takes 367 ns.
    Then 512 bytes leave in 512 ns + 5 ns.
    """
    net = network(input_layer(64), dense("a", "x", 64, 16), dense("b", "a", 16, 512))
    spec = machine(on_chip_memory={"capacity": "8 KiB"})
    assert plan_memory(spec, net, 1).resident == {"a"}
    outcome = simulate_baseline(spec, net, 1)
    assert outcome.done_ps == [(69 + 8 * 1034 + 367 + 517) * NS]
    stages = {stage.layer: (stage.start_ps, stage.end_ps) for stage in outcome.timeline.stages}
    assert stages == {"a": (69 * NS, 436 * NS), "b": (1103 * NS, (69 + 8 * 1034 + 367) * NS)}


def test_everything_on_chip_by_hand() -> None:
    """Two layers of 183 and 23 - 1 cycles between arrival and departure; no DRAM."""
    net = network(input_layer(64), dense("a", "x", 64, 8), dense("b", "a", 8, 8))
    outcome = simulate_baseline(machine(), net, 1)
    assert outcome.done_ps == [(69 + 183 + 22 + 8 + 5) * NS]
    assert "dram" not in {row.component for row in outcome.ledger.rows() if row.action != "static"}


def test_batches_follow_when_an_input_buffer_is_free() -> None:
    """Saturated: one batch per 205 ns of compute; the host is never in the way (64 ns a batch)."""
    net = network(input_layer(64), dense("a", "x", 64, 8), dense("b", "a", 8, 8))
    outcome = simulate_baseline(machine(), net, 5)
    computed = [(69 + 205 * count) * NS for count in range(1, 6)]
    assert outcome.done_ps == [end + 13 * NS for end in computed]
    assert outcome.released_ps == [0, 64 * NS, *computed[:3]]


def test_on_chip_bandwidth_bounds_compute() -> None:
    """4096 weights, 8 x 64 inputs read, 64 results written at 1 byte per ns: slower than 64 folds of 23 cycles."""
    net = network(input_layer(64), dense("a", "x", 64, 64))
    outcome = simulate_baseline(machine(on_chip_memory={"bandwidth": "1 GB/s"}), net, 1)
    assert outcome.timeline.stages[0].end_ps - outcome.timeline.stages[0].start_ps == (4096 + 512 + 64) * NS


def test_vector_unit_bounds_compute() -> None:
    net = network(input_layer(64), dense("a", "x", 64, 64))
    outcome = simulate_baseline(machine(vector_unit={"rate": "1 Mop/s"}), net, 1)
    assert outcome.timeline.stages[0].end_ps - outcome.timeline.stages[0].start_ps == 64 * 10**6


def test_spilled_tensors_by_hand() -> None:
    """A feature map that does not fit goes to DRAM and back: 2 x 64 x 64 x 16 bytes, whatever the weights do."""
    net = network(input_layer(1, 64, 64), convolution("a", "x", 1, 16, 64), convolution("b", "a", 16, 1, 64))
    spec = machine(on_chip_memory={"capacity": "48 KiB"})
    plan = plan_memory(spec, net, 1)
    assert plan.spilled == {"a"}
    assert plan.resident == {"a", "b"}
    outcome = simulate_baseline(spec, net, 2)
    amounts = {(row.layer, row.action): row.amount for row in outcome.ledger.rows() if row.component == "dram"}
    del amounts["", "static"]
    assert amounts == {("a", "write"): 2 * 65536, ("b", "read"): 2 * 65536}
    stages = {stage.layer: stage for stage in outcome.timeline.stages if stage.input == 0}
    assert stages["b"].start_ps > stages["a"].end_ps
