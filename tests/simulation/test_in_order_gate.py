"""`InOrderGate` says the same as a look at every packet would, whatever comes over which way."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chipsim.simulation.core.gate import Arrivals
from chipsim.simulation.core.in_order_gate import InOrderGate, InOrderSink
from chipsim.simulation.core.origin import Origin

WAYS = st.lists(st.lists(st.integers(0, 3), min_size=4, max_size=4).filter(any), min_size=1, max_size=3)
"""How many packets each of four positions takes from each way."""


class Consumer:
    """Takes what is complete, unless it is held up."""

    def __init__(self, gate: InOrderGate) -> None:
        self.gate, self.taken, self.held_up = gate, list[int](), False
        gate.notify = self.advance

    def advance(self) -> None:
        while self.gate.left <= 0 and not self.held_up:
            self.taken.append(self.gate.take((len(self.taken) + 1) % self.gate.positions))


def made(ways: list[list[int]]) -> tuple[Consumer, list[InOrderSink], InOrderGate]:
    gate = InOrderGate(4)
    consumer, sinks = Consumer(gate), [InOrderSink(gate, np.arange(4)) for _ in ways]
    for sink, expected in zip(sinks, ways, strict=True):
        sink.expect(np.arange(sum(expected)), expected)
    gate.open()
    return consumer, sinks, gate


def expected_times(ways: list[list[int]], came: list[list[int]]) -> list[int]:
    """When the last packet of each position came, no sooner than of the one before; as long as all is there."""
    found, latest = [], 0
    for m in range(1000):
        for expected, times in zip(ways, came, strict=True):
            packets = m // 4 * sum(expected) + sum(expected[: m % 4 + 1])
            if packets > len(times):
                return found
            latest = max(latest, times[packets - 1] if packets else 0)
        found.append(latest)
    raise AssertionError("it never ends")


@given(WAYS, st.lists(st.tuples(st.integers(0, 2), st.integers(0, 9), st.booleans()), max_size=60), st.booleans())
def test_it_says_when_the_last_packet_of_each_position_came(
    ways: list[list[int]], packets: list[tuple[int, int, bool]], at_once: bool
) -> None:
    consumer, sinks, gate = made(ways)
    came: list[list[int]] = [[] for _ in ways]
    if gate.admitted:
        ways, came, sinks = [*ways, [1, 0, 0, 0]], [*came, []], [*sinks, gate._ways[-1]]
    now = 0
    for way, later, held_up in packets:
        now, way = now + later, way % len(sinks)
        consumer.held_up = held_up
        count = 3 if at_once else 1
        came[way] += [now] * count
        if at_once:
            sinks[way].arrive_all(0, np.arange(count), np.full(count, now))
        else:
            sinks[way].arrive(0, 0, now)
    consumer.held_up = False
    consumer.advance()
    there = expected_times(ways, came)
    assert np.maximum.accumulate([0, *consumer.taken]).tolist() == [0, *there]


def test_it_tells_only_of_the_next_position() -> None:
    consumer, [sink], _ = made([[2, 1, 0, 1]])
    told: list[int] = []
    consumer.gate.notify = lambda: told.append(len(sink.counts.times))
    sink.lead_to_gate()
    for time in range(8):
        sink.arrive(0, 0, time)
    assert told == [2]


def test_without_packets_for_the_first_position_it_waits_for_the_admission() -> None:
    consumer, [sink], gate = made([[0, 2, 0, 1]])
    assert gate.admitted
    for time in (5, 6, 7):
        sink.arrive(0, 0, time)
    assert consumer.taken == []
    gate.receive(0, 0, 9)
    assert consumer.taken == [9, 9, 9, 9]


@pytest.mark.parametrize("shift", [0, 100])
def test_its_state_is_told_relative_to_now(shift: int) -> None:
    def state(taken: int) -> bytes:
        consumer, [first, second], gate = made([[1, 1, 1, 1], [1, 1, 1, 1]])
        consumer.held_up = True
        for time in (10, 20, 30):
            first.arrive(0, 0, time + shift)
        second.arrive(0, 0, 15 + shift)
        if taken:
            consumer.held_up = False
            consumer.advance()
        return gate.state(Origin(12 + shift, 0))

    assert state(0) != state(1)
    assert state(1) == _state_of_another_machine()


def _state_of_another_machine() -> bytes:
    _, [first, second], gate = made([[1, 1, 1, 1], [1, 1, 1, 1]])
    for time in (1003, 1013, 1023):
        first.arrive(0, 0, time)
    second.arrive(0, 0, 1008)
    return gate.state(Origin(1005, 0))


def test_arrivals_are_told_which_positions_come() -> None:
    gate, arrivals = InOrderGate(2), Arrivals()
    sink = InOrderSink(gate, np.array([0, 1, 1]), arrivals)
    sink.expect(np.array([0, 2]), [1, 1])
    gate.open()
    for time in (4, 5, 8):
        sink.arrive(0, 0, time)
    positions, times = arrivals.first(3)
    assert positions.tolist() == [0, 2, 3]
    assert times.tolist() == [4, 5, 8]
