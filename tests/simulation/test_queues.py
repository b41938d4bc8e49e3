"""Every queue on every topology: Little's law, one at a time in service, and busy + waiting + idle = total."""

from __future__ import annotations

from collections import defaultdict
from fractions import Fraction
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_second_engine import CHIPS, networks, small_enough
from test_topologies_engines import GRIDS, on

from chipsim.network.graph import Network
from chipsim.simulation.core.timeline import Span
from chipsim.simulation.explaining.causes import terms
from chipsim.simulation.explaining.terms import OWN_SERVER
from chipsim.simulation.explaining.traced_run import TracedRun
from chipsim.simulation.explaining.tracing import trace_run

CLUSTERS = "[{topology: crossbar, shape: [2, 2]}, {topology: mesh, shape: [2, 2], link: {bandwidth: 250 MB/s}}]"
EVERY: dict[str, dict[str, Any]] = {
    "mesh": {"grid.topology": "mesh"},
    **GRIDS,
    "hierarchical": {"grid.topology": "hierarchical", "grid.shape": None, "grid.levels": CLUSTERS},
}
ROUTERS = st.fixed_dictionaries(
    {
        "router.switching": st.sampled_from(["cut-through", "store-and-forward"]),
        "router.arbitration": st.sampled_from(["age", "round-robin"]),
    }
)
MODEST = settings(max_examples=15, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])


def servers(run: TracedRun) -> dict[tuple[str, str], list[Span]]:
    """Activities by server: a component, and what it does one at a time."""
    found: defaultdict[tuple[str, str], list[Span]] = defaultdict(list)
    for span in run.outcome.timeline.spans:
        found[span.component, span.activity].append(span)
    return {server: sorted(spans, key=lambda span: span.start_ps) for server, spans in found.items()}


def mean_number(steps: list[tuple[int, int]], until_ps: int) -> tuple[Fraction, int, int]:
    """Time average, least and greatest of a number that changes by so much at these times."""
    area = there = before = least = most = 0
    for time, change in steps:
        area += there * (time - before)
        there, before = there + change, time
        least, most = min(least, there), max(most, there)
    assert there == 0, "who came has left"
    return Fraction(area, until_ps), least, most


def check(run: TracedRun) -> None:
    total = max(span.end_ps for span in run.outcome.timeline.spans)
    busy_of: defaultdict[str, int] = defaultdict(int)
    for (component, activity), spans in servers(run).items():
        came = [terms(run, span)[0].time_ps for span in spans]
        rate = Fraction(len(spans), total)
        waits = [span.start_ps - at for span, at in zip(spans, came, strict=True)]
        assert min(waits) >= 0
        queue = [(at, 1) for at in came] + [(span.start_ps, -1) for span in spans]
        waiting, least, _ = mean_number(sorted(queue, key=lambda step: (step[0], -step[1])), total)
        assert waiting == rate * Fraction(sum(waits), len(spans))  # Little's law of the queue
        assert least >= 0
        served = [(span.start_ps, 1) for span in spans] + [(span.end_ps, -1) for span in spans]
        in_service, _, most = mean_number(sorted(served), total)
        assert in_service == rate * Fraction(sum(span.end_ps - span.start_ps for span in spans), len(spans))
        assert most <= 1 or activity in ("integrate", "convert")  # planes of two MVMs overlap (T42)
        if activity in ("transfer", "neuron", "digital"):
            busy_of[component] += sum(span.end_ps - span.start_ps for span in spans)
            idle = spans[0].start_ps + total - spans[-1].end_ps
            gaps = sum(after.start_ps - before.end_ps for before, after in pairwise(spans))
            assert busy_of[component] + idle + gaps == total
            assert gaps + spans[0].start_ps == sum(
                span.start_ps - next((t.time_ps for t in terms(run, span) if t.cause in OWN_SERVER), 0)
                for span in spans
            )
    counted = run.outcome.timeline.busy_ps
    assert busy_of == {name: counted[name] for name in busy_of}


@pytest.mark.parametrize("grid", EVERY)
@MODEST
@given(networks(layers=4), CHIPS, ROUTERS, st.integers(1, 4), st.integers(1, 2))
def test_littles_law_and_the_sum_of_times_hold_for_every_server(
    grid: str, net: Network, changes: dict[str, Any], routers: dict[str, Any], inputs: int, batch: int
) -> None:
    plan = small_enough(net, {**on("torus", changes), **EVERY[grid], **routers})
    if plan is not None:
        check(trace_run(plan, inputs, batch))


@MODEST
@given(networks(layers=4), CHIPS, st.lists(st.integers(0, 400_000), min_size=1, max_size=4))
def test_they_hold_where_inputs_come_at_a_time(net: Network, changes: dict[str, Any], times: list[int]) -> None:
    plan = small_enough(net, changes)
    if plan is not None:
        check(trace_run(plan, len(times), arrivals_ps=sorted(times)))
