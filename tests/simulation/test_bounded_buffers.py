"""Credits, least capacities and deadlocks (T19 to T21)."""

from __future__ import annotations

import itertools
from array import array
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_machines import NS, add, conv, global_pool, plan, relu, source

from chipsim.errors import CapacityError, DeadlockError
from chipsim.mapping.plan import Plan
from chipsim.network.layers import AnyLayer
from chipsim.simulation.building import credits as credits_module
from chipsim.simulation.core.gate import Arrivals, Credit
from chipsim.simulation.engine import simulate_chip
from chipsim.simulation.memories.buffers import kept_from, peak_occupancy

CHANNELS, SIDE = 2, 5


def residual(changes: dict[str, Any]) -> Plan:
    """x -> conv -> conv -> + x."""
    x = source(CHANNELS, SIDE, SIDE)
    a = conv("a", x, CHANNELS, 3, 1, 1)
    b = conv("b", a, CHANNELS, 3, 1, 1)
    return plan([x, a, b, add("sum", b, x)], {"tile.crossbar.rows": 32, **changes})


def seen(p: int) -> int:
    """Last position of a 5 x 5 map that a 3 x 3 window with a border of 1 around position p touches."""
    y, x = divmod(p, SIDE)
    return min(y + 1, SIDE - 1) * SIDE + min(x + 1, SIDE - 1)


def ahead() -> int:
    """Positions of x that the two convolutions need before the sum takes p: the skip buffer's least capacity."""
    need, most = 0, 0
    for p in range(SIDE * SIDE):
        for q in range(seen(p) + 1):
            need = max(need, seen(q) + 1)
        most = max(most, need - p)
    return most


def test_a_residual_branch_with_the_least_buffer_runs_and_one_position_less_is_refused_t21() -> None:
    least = ahead()
    assert least == 2 * (SIDE + 1) + 1  # two rows and two pixels ahead, and the position itself
    outcome = simulate_chip(residual({"digital_unit.buffer.capacity": f"{least * CHANNELS} B"}), 3)
    assert len(outcome.done_ps) == 3
    peak = {(p.producer, p.consumer): p.positions for p in outcome.buffer_peaks}
    assert peak["x", "sum"] == least
    with pytest.raises(CapacityError) as refused:
        simulate_chip(residual({"digital_unit.buffer.capacity": f"{(least - 1) * CHANNELS} B"}), 3)
    message = str(refused.value)
    assert "x -> sum" in message
    assert f"{(least - 1) * CHANNELS} bytes" in message
    assert f"needs {least * CHANNELS} bytes" in message
    assert "digital_unit.buffer.capacity" in message


def test_a_chain_needs_the_rows_that_its_window_spans_t21() -> None:
    """need - oldest of a 3 x 3 window over 5 columns: two rows and three pixels."""
    x = source(2, 5, 5)
    layers: list[AnyLayer] = [x, conv("a", x, 2, 3)]
    least = (2 * 5 + 3) * 2
    simulate_chip(plan(layers, {"tile.crossbar.rows": 18, "tile.buffer.capacity": f"{least} B"}), 2)
    with pytest.raises(CapacityError, match=rf"x -> a has 25 bytes \(12 positions of 2 bytes\), needs {least} bytes"):
        simulate_chip(plan(layers, {"tile.crossbar.rows": 18, "tile.buffer.capacity": "25 B"}), 2)


def test_capacity_counts_whole_positions_of_the_channels_that_a_tile_reads_t20() -> None:
    """Two row blocks of a 1 x 1 convolution over 6 channels read 4 and 2 of them."""
    x = source(6, 2, 2)
    layers: list[AnyLayer] = [x, conv("a", x, 2)]
    rows = {"tile.crossbar.rows": 4}
    simulate_chip(plan(layers, {**rows, "tile.buffer.capacity": "4 B"}), 2)
    with pytest.raises(CapacityError, match=r"0 positions of 4 bytes\), needs 4 bytes \(1 positions\)"):
        simulate_chip(plan(layers, {**rows, "tile.buffer.capacity": "3 B"}), 2)


def test_positions_that_nobody_reads_still_need_their_operands_t21() -> None:
    """The consumer reads the first position only, which needs one position; the rest are computed all the same."""
    x = source(1, 4, 4)
    a = conv("a", x, 1, 3, 1, (2, 2, 0, 0))
    layers: list[AnyLayer] = [x, a, conv("c", a, 1, 1, 4)]
    with pytest.raises(CapacityError, match="needs 11 bytes"):
        simulate_chip(plan(layers, {"tile.buffer.capacity": "10 B"}), 1)
    outcome = simulate_chip(plan(layers, {"tile.buffer.capacity": "11 B"}), 3)
    assert list(outcome.tile_mvms.values()) == [48, 3]


def test_a_sender_waits_for_the_end_of_the_load_that_frees_its_place_by_hand_t19_t20() -> None:
    """One place: operand 1 leaves the host when load 0 ends (1 + 1 + 9), and so on."""
    x = source(1, 1, 3)
    changes = {
        "tile.buffer.capacity": "1 B", "control_unit.issue_time": "8 ns",
        "tile.mvm_latency": "5 ns", "host.latency": "2 ns"
    }  # fmt: skip
    outcome = simulate_chip(plan([x, conv("a", x, 1)], changes), 1, trace_inputs=1)
    loads = [(s.start_ps, s.end_ps) for s in outcome.timeline.spans if s.activity == "load"]
    way = 2 + 1
    assert loads == [((way + i * (9 + way)) * NS, (way + i * (9 + way) + 9) * NS) for i in range(3)]
    assert [p.positions for p in outcome.buffer_peaks] == [1]


def test_a_digital_unit_frees_a_place_at_the_end_of_its_service_by_hand_t20() -> None:
    x = source(1, 1, 3)
    changes = {"digital_unit.buffer.capacity": "1 B", "digital_unit.rate": "100 Mop/s", "grid.shape": "[1, 1]"}
    outcome = simulate_chip(plan([x, relu("r", x)], changes), 1, trace_inputs=1)
    services = [(s.start_ps, s.end_ps) for s in outcome.timeline.spans if s.activity == "digital"]
    assert services == [((1 + i * 11) * NS, (11 + i * 11) * NS) for i in range(3)]


@settings(max_examples=40)
@given(st.integers(0, 40), st.integers(0, 60), st.integers(1, 3), st.integers(1, 3))
def test_on_a_chain_bounded_buffers_are_never_earlier_and_more_room_never_later(
    extra: int, more: int, kernel: int, inputs: int
) -> None:
    x = source(1, 4, 4)
    a = conv("a", x, 1, kernel)
    layers: list[AnyLayer] = [x, a, conv("b", a, 1, 2)]
    least = max(1, (kernel - 1) * 4 + kernel, a.output_shape[2] + 2)
    base = {"tile.mvm_latency": "9 ns", "host.max_inputs_in_flight": 3}
    rooms = [f"{least + extra} B", f"{least + extra + more} B", "unbounded"]
    done = [simulate_chip(plan(layers, {**base, "tile.buffer.capacity": room}), inputs).done_ps for room in rooms]
    for tighter, wider in itertools.pairwise(done):
        assert all(wide <= tight for tight, wide in zip(tighter, wider, strict=True))


def test_a_buffer_below_its_working_set_would_deadlock_and_the_error_says_who_waits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What the refusal before the run protects from."""
    monkeypatch.setattr(credits_module, "least_capacities", lambda edges, positions: [0] * len(edges))
    small = residual({"digital_unit.buffer.capacity": f"{(ahead() - 1) * CHANNELS} B"})
    with pytest.raises(DeadlockError) as stuck:
        simulate_chip(small, 2)
    message = str(stuck.value)
    assert "after 0 of 1 inputs" in message  # the one that is tried alone first
    assert "sum on digital(0) waits at position 0" in message
    assert "b on tile" in message


def test_credits_that_never_come_are_a_deadlock_that_names_every_waiting_layer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Credit, "time", lambda self, input, position: None)
    x = source(1, 2, 2)
    a = conv("a", x, 1)
    with pytest.raises(DeadlockError, match=r"a on tile\(0,0\) waits at position 0; .*pool on digital\(0\)"):
        simulate_chip(plan([x, a, global_pool("pool", a)], {"tile.buffer.capacity": "1 kB"}), 1)


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[int], int, list[tuple[int, int]], list[int]]:
    """oldest of an edge, producer positions, (position, time) of packets, release times."""
    producers, consumers, inputs = draw(st.integers(1, 5)), draw(st.integers(1, 5)), draw(st.integers(1, 2))
    steps = sorted(draw(st.lists(st.integers(0, producers), min_size=consumers - 1, max_size=consumers - 1)))
    packets = []
    for g in range(producers * inputs):
        packets += [(g, draw(st.integers(0, 30))) for _ in range(draw(st.integers(0, 2)))]
    last = max((t for _, t in packets), default=0)
    releases = sorted(
        draw(st.lists(st.integers(last + 1, last + 20), min_size=consumers * inputs, max_size=consumers * inputs))
    )
    return [0, *steps], producers, packets, releases


@settings(max_examples=150)
@given(histories())
def test_peak_occupancy_equals_counting_at_every_moment(
    history: tuple[list[int], int, list[tuple[int, int]], list[int]],
) -> None:
    oldest, producers, packets, releases = history
    arrivals = Arrivals()
    for position, time in packets:
        arrivals.positions.append(position)
        arrivals.times.append(time)
    most = 0
    for now in range(max([*releases, *(t for _, t in packets)]) + 1):
        done = sum(release <= now for release in releases)
        input, position = divmod(done, len(oldest))
        first_kept = input * producers + oldest[position]
        most = max(most, len({g for g, time in packets if time <= now and g >= first_kept}))
    kept = kept_from(np.array(oldest), producers, len(releases))
    assert peak_occupancy(arrivals, array("q", releases), kept, producers) == most


@given(st.integers(1, 6), st.integers(1, 4), st.data())
def test_credit_is_there_once_the_consumer_has_got_far_enough_t20(
    producers: int, capacity: int, data: st.DataObject
) -> None:
    oldest = [0, *sorted(data.draw(st.lists(st.integers(0, producers), max_size=4)))]
    releases = array("q", sorted(data.draw(st.lists(st.integers(1, 50), max_size=3 * len(oldest)))))
    credit = Credit(capacity, oldest, producers, releases)
    for g in range(2 * producers):
        expected: int | None = None
        for done in range(len(releases) + 1):
            input, position = divmod(done, len(oldest))
            if input * producers + oldest[position] > g - capacity:
                expected = releases[done - 1] if done else 0
                break
        assert credit.time(*divmod(g, producers)) == expected


def test_windows_wholly_in_the_padding_wait_for_the_admission_only_by_hand_t5() -> None:
    """Positions 0 to 3 of 3 x 3 read nothing; two register banks; operands come after 1 us and 1 ns."""
    x = source(1, 2, 2)
    a = conv("a", x, 1, 1, 1, (1, 1, 0, 0))
    outcome = simulate_chip(plan([x, a], {"host.latency": "1 us"}), 1, trace_inputs=1)
    loads = [s.start_ps for s in outcome.timeline.spans if s.activity == "load"]
    assert loads[:5] == [0, 1 * NS, 101 * NS, 201 * NS, 1001 * NS]
