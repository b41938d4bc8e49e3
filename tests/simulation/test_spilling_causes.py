"""Causes of waiting and critical paths where buffers spill (T75, T78): on random chips, and on paper."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from small_machines import NS, add, conv, plan, source
from test_critical_path import check
from test_second_engine import CHIPS, networks
from test_shared_tiles_causes import traced
from test_shared_tiles_engines import SHARING, together
from test_spilling import CAPACITY, ROUTERS, SPILLING

from chipsim.network.graph import Network
from chipsim.simulation.explaining.critical_path import critical_path
from chipsim.simulation.explaining.terms import FAR, INPUT, MEMORY
from chipsim.simulation.explaining.tracing import trace_run
from chipsim.simulation.explaining.waits import waits
from chipsim.simulation.explaining.what_if import Stream, what_if


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(
    networks(), CHIPS, SHARING, SPILLING, ROUTERS, st.sampled_from([0, 0, 1, 2]), st.integers(1, 2), st.integers(1, 3)
)
def test_paths_fill_the_latency_and_busy_and_waiting_the_memory_s_time(
    net: Network, changes: dict[str, Any], sharing: dict[str, Any], spilling: dict[str, Any], routers: dict[str, Any],
    tiles: int, copies: int, inputs: int,
) -> None:  # fmt: skip
    built = together(net, {**changes, **sharing, **spilling, **routers}, tiles, copies)
    run = None if built is None else traced(built, inputs)
    if run is None:
        return
    check(run)
    found = waits(run, inputs - 1)
    of_memory = [wait for wait in found if wait.kind == "memory"]
    last = max((span.end_ps for span in run.accesses.values()), default=0)
    assert sum(wait.busy_ps + wait.server_ps for wait in of_memory) == last
    assert all(wait.work_ps >= 0 <= wait.server_ps for wait in found)


def test_a_path_through_the_memory_by_hand() -> None:
    """One pixel that does not fit is written, then read back: 40 ns at the port and 40 ns of latency each."""
    x = source(4)
    changes = {**CAPACITY, "tile.buffer.capacity": "3 B", "grid.shape": "[1, 1]", "host.latency": "5 ns"}
    run = trace_run(plan([x, conv("a", x, 1)], changes), 1)
    path = [(s.activity, s.component, s.ps // NS) for s in critical_path(run, 0) if s.layer == "a"]
    memory = "global memory"
    assert path[:5] == [("write", memory, 40), ("latency", memory, 40), ("read", memory, 40), ("latency", memory, 40),
                        ("load", "tile(0,0)", 4)]  # fmt: skip
    causes = {(w.kind, w.activity, w.cause): w.count for w in waits(run, 0)}
    assert causes["tile", "load", FAR] == 1
    assert causes["memory", "write", INPUT] == causes["memory", "read", INPUT] == 1


def test_a_path_over_links_to_the_memory_by_hand() -> None:
    x = source(4)
    changes = {**CAPACITY, "tile.buffer.capacity": "3 B", "grid.shape": "[1, 1]", "global_memory.site": "host"}
    run = trace_run(plan([x, conv("a", x, 1)], changes), 1)
    path = [(s.activity, s.ps // NS) for s in critical_path(run, 0) if s.layer == "a"]
    assert path[:8] == [("transfer", 4), ("write", 40), ("latency", 40), ("transfer", 1), ("read", 40),
                        ("latency", 40), ("transfer", 4), ("load", 4)]  # fmt: skip


def test_a_digital_unit_waits_for_a_slow_memory_and_a_faster_one_helps() -> None:
    x = source(1, 5, 5)
    slow = conv("a", x, 1, 3, 1, 1)
    changes = {
        "digital_unit.buffer.capacity": "3 B", "digital_unit.buffer.spill": "global_memory",
        "global_memory.bandwidth": "1 MB/s",
    }  # fmt: skip
    built = plan([x, slow, add("b", x, slow)], changes)
    run = trace_run(built, 2)
    found = {(w.kind, w.activity, w.cause): w for w in waits(run, 1)}
    assert found["digital_unit", "digital", FAR].count == 2 * 16
    assert found["memory", "write", MEMORY].count > 0
    today, *others = what_if(built, Stream(8), 2.0, lambda done, total: None)
    assert others[0].what == "global memory"
    assert others[0].throughput_inputs_per_s == pytest.approx(2 * today.throughput_inputs_per_s, rel=0.02)
