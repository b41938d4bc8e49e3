"""Paths and waits through rounds (T87): they fill all times, on random networks and chips, and on paper."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from random_recurrent import with_operands
from small_machines import NS, chip, dense, network, plan, source
from test_second_engine import CHIPS, networks

from chipsim.errors import CapacityError
from chipsim.mapping.placement import pieces
from chipsim.planning.reloading import simulate_rounds
from chipsim.planning.rounds import plan_rounds
from chipsim.planning.rounds_what_if import WRITING, on_chip, what_if_rounds
from chipsim.planning.traced_rounds import cycle_of_rounds, path_through_rounds, trace_rounds, waits_in_rounds
from chipsim.planning.writing import MostWrites
from chipsim.simulation.explaining.terms import ADMISSION, ARRIVAL, BATCH, INPUT, LINK, TILE, TURN, WRITTEN
from chipsim.simulation.explaining.what_if import variant_of
from chipsim.simulation.explaining.writing import PROGRAM, WEIGHTS, trace_loading, writing_path, writing_waits
from chipsim.simulation.loading import simulate_loading

SLOW = [HealthCheck.too_slow, HealthCheck.filter_too_much]
WRITERS = st.fixed_dictionaries(
    {
        "tile.programming.pulse_time": st.sampled_from(["1 ns", "100 ns"]),
        "tile.programming.verify_time": st.sampled_from(["2 ns", "300 ns"]),
        "tile.programming.max_iterations": st.sampled_from([1, 4]),
        "tile.programming.write_heads": st.sampled_from([1, 2, 8]),
        "tile.programming.tiles_in_parallel": st.sampled_from(["all", 1, 2, 3]),
        "tile.programming.step": st.just(0.25),
        "tile.programming.tolerance": st.just(0.02),
        "router.switching": st.sampled_from(["cut-through", "store-and-forward"]),
        "router.arbitration": st.sampled_from(["age", "round-robin"]),
        "link.latency": st.sampled_from(["0 ns", "3 ns"]),
    }
)
PULSES = {
    "tile.programming.step": 0.25, "tile.programming.tolerance": 0.02, "tile.programming.pulse_time": "10 ns",
    "tile.programming.verify_time": "20 ns", "tile.programming.max_iterations": 2,
}  # fmt: skip
NETS = st.one_of(networks(layers=6), with_operands(layers=3))


def rounds_of(net, changes):
    """On six tiles; None where no rounds are needed or none are enough."""
    built = chip({**changes, "grid.shape": "[2, 3]", "mapping.reload": "true"})
    if not net.matrix_layers or not 6 < len(pieces(net, built)) < 40:
        return None
    try:
        return plan_rounds(net, built)
    except CapacityError:
        return None


def times_of(parts) -> list[tuple[int, int]]:
    return [(segment.start_ps, segment.end_ps) for _, segments in parts for segment in segments]


@settings(max_examples=40, suppress_health_check=SLOW)
@given(NETS, CHIPS, WRITERS, st.integers(1, 7), st.integers(1, 3))
def test_paths_fill_the_latency_of_every_input_and_cycles_the_time_from_batch_to_batch(
    net, changes, writers, inputs, batch
):
    rounds = rounds_of(net, {**changes, **writers})
    assume(rounds is not None)
    outcome, reloading = simulate_rounds(rounds, inputs, batch)
    traced = {size: trace_rounds(rounds, size, None) for size in {batch, inputs % batch} if 0 < size <= inputs}
    for input in range(inputs):
        number, place = divmod(input, batch)
        size = min(batch, inputs - number * batch)
        parts = path_through_rounds(traced[size], place)
        assert [number for number, _ in parts] == sorted(number for number, _ in parts)
        times = times_of(parts)
        assert times[0][0] == 0
        assert all(first[1] == second[0] for first, second in pairwise(times))
        assert times[-1][1] == outcome.done_ps[input] - outcome.released_ps[input]
    if inputs >= 2 * batch:
        times = times_of(cycle_of_rounds(traced[batch]))
        assert all(first[1] == second[0] for first, second in pairwise(times))
        assert times[-1][1] - times[0][0] == traced[batch].period_ps
        assert traced[batch].period_ps == outcome.released_ps[batch] - outcome.released_ps[0]
    written = sum(traced[min(batch, inputs)].writing_ps(number) * count for number, count in enumerate(reloading.times))
    assert written == reloading.time_ps


@settings(max_examples=40, suppress_health_check=SLOW)
@given(NETS, CHIPS, WRITERS, st.integers(1, 3))
def test_work_and_servers_wait_for_what_they_say(net, changes, writers, inputs):
    rounds = rounds_of(net, {**changes, **writers})
    assume(rounds is not None)
    traced = trace_rounds(rounds, inputs, None)
    for number, found in waits_in_rounds(traced, written_before=True):
        assert all(wait.work_ps >= 0 <= wait.server_ps for wait in found)
        admitted = {wait.cause: wait for wait in found if wait.activity == "admit"}
        assert sum(wait.count for wait in admitted.values()) == inputs
        begins = (WRITTEN,) if traced.loads[number] is not None else (BATCH,) if number else (ADMISSION,)
        assert set(admitted) <= {*begins, ADMISSION}
        load = traced.loads[number]
        if load is None:
            continue
        of_tiles = [wait for wait in found if wait.activity == PROGRAM]
        last = {}
        for tile in load.loading.tiles:
            last[tile.tile] = max(tile.end_ps, last.get(tile.tile, 0))
        assert sum(wait.busy_ps + wait.server_ps for wait in of_tiles) == sum(last.values())
        assert {wait.cause for wait in of_tiles} <= {INPUT, TILE, TURN}
        ends = {}
        for (link, _), span in load.transfers.items():
            ends[link] = max(span.end_ps, ends.get(link, 0))
        of_links = [wait for wait in found if wait.activity == WEIGHTS]
        assert sum(wait.busy_ps + wait.server_ps for wait in of_links) == sum(ends.values())


def two_layers(**writers):
    """Two matrices of 8 x 4 weights, 32 bytes each, on two tiles of a row; two pulses and three verifies a group."""
    changes = {
        **PULSES, "grid.shape": "[1, 2]", "host.bandwidth": "1 GB/s", "host.latency": "0 ns",
        "widths.packet_header_bytes": 0, "tile.programming.write_heads": 8,
    }  # fmt: skip
    given_ = {f"tile.programming.{name}": value for name, value in writers.items()}
    return plan([source(8), dense("a", "x", 8, 4), dense("b", "a", 4, 8)], {**changes, **given_})


def loading_of(built):
    return trace_loading(built, {placed.name: MostWrites.of(built.chip.spec, placed) for placed in built.blocks})


def test_writing_on_paper():
    """Weights of b come behind those of a over the host's port, 32 ns each, and hop 5 ns; a group takes 80 ns.

    a has 4 columns of pairs: 8 groups, 640 ns; b has 8, so 16 groups, 1280 ns.
    """
    traced = loading_of(two_layers())
    path = [(s.component, s.activity, s.layer, s.ps // NS, s.cause) for s in writing_path(traced, 0)]
    assert path == [
        ("host->router(0,0)", WEIGHTS, "a", 32, LINK),
        ("router(0,0)", "route", "b", 2, INPUT),
        ("router(0,0)->router(0,1)", "latency", "b", 3, INPUT),
        ("router(0,1)->tile(0,1)", WEIGHTS, "b", 32, INPUT),
        ("tile(0,1)", PROGRAM, "b", 1280, WRITTEN),
    ]
    assert sum(step[3] for step in path) * NS == traced.loading.end_ps == (32 + 32 + 5 + 1280) * NS


def test_tiles_that_take_turns_wait_for_each_other():
    traced = loading_of(two_layers(tiles_in_parallel=1))
    path = [(s.component, s.activity, s.cause) for s in writing_path(traced, 0)]
    assert path[-2:] == [("tile(0,0)", PROGRAM, TURN), ("tile(0,1)", PROGRAM, WRITTEN)]
    assert traced.loading.end_ps == (32 + 640 + 1280) * NS
    found = {(wait.activity, wait.layer): wait for wait in writing_waits(traced)}
    assert (found[PROGRAM, "b"].cause, found[PROGRAM, "b"].work_ps) == (TURN, (32 + 640 - 32 - 32 - 5) * NS)


def test_a_trace_changes_nothing_that_loading_says():
    built = two_layers()
    writes = {placed.name: MostWrites.of(built.chip.spec, placed) for placed in built.blocks}
    assert trace_loading(built, writes).loading == simulate_loading(built, writes)


def test_the_first_batch_waits_for_no_writing_and_the_next_ones_do():
    net = network([source(4), dense("a", "x", 4, 4), dense("b", "a", 4, 4)])
    rounds = plan_rounds(net, chip({**PULSES, "grid.shape": "[1, 1]", "mapping.reload": "true"}))
    traced = trace_rounds(rounds, 2, None)
    for before, first in ((False, ARRIVAL), (True, WRITTEN)):
        causes = [
            {wait.cause for wait in found if wait.activity == "admit"}
            for _, found in waits_in_rounds(traced, written_before=before)
        ]
        assert causes == [{first}, {WRITTEN}]


def test_every_variant_is_the_run_of_an_architecture_with_these_fields():
    net = network([source(4), dense("a", "x", 4, 4), dense("b", "a", 4, 4), dense("c", "b", 4, 4)])

    def rounds_with(changes):
        return plan_rounds(net, chip({**PULSES, **changes, "grid.shape": "[1, 2]", "mapping.reload": "true"}))

    today, *found = what_if_rounds(rounds_with({}), 8, 2, None, 2, lambda done, total: None)
    by_name = {variant.what: variant for variant in found}
    assert today.busiest == WRITING
    for what, changes in {
        "programming": {"tile.programming.pulse_time": "5 ns", "tile.programming.verify_time": "10 ns"},
        "neuron unit": {"neuron_unit.rate": "2 Gop/s"},
    }.items():
        outcome, _ = simulate_rounds(rounds_with(changes), 8, 2)
        expected = variant_of(what, "", (), outcome, 2)
        variant = by_name[what]
        assert variant.throughput_inputs_per_s == expected.throughput_inputs_per_s > today.throughput_inputs_per_s
        assert variant.latency_s == expected.latency_s < today.latency_s
    assert found[0].what == "programming"


def test_rounds_on_another_chip_are_those_that_are_planned_there():
    net = network([source(4), dense("a", "x", 4, 4), dense("b", "a", 4, 4)])
    told = {**PULSES, "grid.shape": "[1, 1]", "mapping.reload": "true"}
    before, after = plan_rounds(net, chip(told)), plan_rounds(net, chip({**told, "neuron_unit.rate": "7 Gop/s"}))
    moved = on_chip(before, after.rounds[0].plan.chip)
    assert simulate_rounds(moved, 4, 2)[0].done_ps == simulate_rounds(after, 4, 2)[0].done_ps
    assert simulate_rounds(moved, 4, 2)[0].done_ps != simulate_rounds(before, 4, 2)[0].done_ps
