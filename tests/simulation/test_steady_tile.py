"""`SteadyTile` notes less than `TileServer` and gives the same times, whatever comes when."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from small_machines import chip, conv, plan, source

from chipsim.simulation.building.wiring import build_machine
from chipsim.simulation.core.actor import Places
from chipsim.simulation.core.clock import Clock
from chipsim.simulation.core.durations import MvmPhases
from chipsim.simulation.core.gate import Arrivals, EdgeSink, Gate
from chipsim.simulation.core.in_order_gate import InOrderGate, InOrderSink
from chipsim.simulation.core.origin import Origin
from chipsim.simulation.core.timeline import SpanColumn
from chipsim.simulation.links.interconnect import Interconnect
from chipsim.simulation.tiles.steady_tile import SteadyTile
from chipsim.simulation.tiles.tile import TileServer

TIMES = st.integers(1, 9)
PHASES = st.builds(MvmPhases, TIMES, TIMES, st.just(0), TIMES)


class Unit:
    """A neuron unit beside a tile: takes sums at once, and is told afterwards how many it has finished."""

    def __init__(self, slots: int, service: int) -> None:
        self.places, self.service = Places(slots), service
        self.sums: list[int] = []
        self.free = 0

    def receive(self, input: int, position: int, time: int) -> None:
        self.sums.append(time)

    def finish(self, tile: TileServer) -> None:
        while self.places.done < len(self.sums):
            self.free = max(self.free, self.sums[self.places.done]) + self.service
            self.places.finish(self.free)
        if tile.waits_for_place:
            tile.advance()


def run(
    kind: type[TileServer], phases: MvmPhases, banks: int, slots: int, service: int, gaps: list[tuple[int, bool]]
) -> tuple[list[int], list[tuple[int, ...]], int, object]:
    """Sums' times, all spans, busy time and the state at the end."""
    gate = InOrderGate(len(gaps))
    sink = InOrderSink(gate, np.arange(len(gaps)))
    sink.expect(np.arange(len(gaps)), [1] * len(gaps))
    tile = kind("tile(0,0)", "a", gate, phases, banks, False, Interconnect(chip(), Clock(), 1, 1))
    gate.open()
    unit = Unit(slots, service)
    tile.places, tile.done_gate = unit.places, unit  # type: ignore[assignment]
    columns: list[SpanColumn] = []
    tile.trace_inputs(1, columns.append)
    time = 0
    for position, (gap, finishes) in enumerate(gaps):
        time += gap
        sink.arrive(0, position, time)
        if finishes:
            unit.finish(tile)
    while len(unit.sums) < len(gaps):
        unit.finish(tile)
    spans = [(*span[1:2], *span[4:7]) for column in columns for span in column.spans()]
    return unit.sums, spans, tile.busy, tile.state(Origin(0, 0))[:4]


@given(
    PHASES, st.integers(1, 3), st.integers(1, 3), TIMES,
    st.lists(st.tuples(st.integers(0, 25), st.booleans()), min_size=1, max_size=20),
)  # fmt: skip
def test_a_steady_tile_is_a_tile(
    phases: MvmPhases, banks: int, slots: int, service: int, gaps: list[tuple[int, bool]]
) -> None:
    what = phases, banks, slots, service, gaps
    assert run(SteadyTile, *what) == run(TileServer, *what)


def test_tiles_are_steady_where_conversion_is_no_phase_of_its_own() -> None:
    x = source(1, 1, 3)
    apart = {"tile.mvm_latency": None, "tile.dac.time_per_lsb": "1 ns", "tile.adc.conversion_time": "1 ns"}
    for changes, kind in (({}, SteadyTile), (apart, TileServer)):
        machine = build_machine(plan([x, conv("a", x, 1)], changes), 2)
        assert {type(tile) for tile in machine.tiles} == {kind}


@given(st.integers(0, 50), st.integers(0, 50), st.integers(1, 40), st.booleans())
def test_many_packets_at_once_are_packets_one_by_one(free: int, time: int, count: int, traced: bool) -> None:
    def sent(at_once: bool) -> tuple[object, ...]:
        net = Interconnect(chip(), Clock(), 10**9, 10**4)
        gate, arrivals = Gate(3, 2), Arrivals()
        completes = [min(position // 7, 2) for position in range(count)]
        gate.expect(np.bincount(completes, minlength=3))
        gate.open()
        flow = net.add_flow("host", "x", 5, 0, [("tile(0,0)", EdgeSink(gate, completes, arrivals))])
        net.close()
        flow.first.link.free = free
        columns: list[SpanColumn] = []
        if traced:
            net.trace_inputs(1, columns.append)
        if at_once:
            net.send_all(flow, 0, np.arange(count), time)
        else:
            for position in range(count):
                net.send(flow, 0, position, time)
        spans = sorted(span for column in columns for span in column.spans())
        return (
            gate.latest,
            gate.remaining,
            arrivals.positions,
            arrivals.times,
            flow.packets,
            flow.first.link.free,
            spans,
        )

    assert sent(at_once=True) == sent(at_once=False)
