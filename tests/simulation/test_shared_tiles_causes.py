"""Causes of waiting and critical paths on shared tiles and neuron units: on random chips."""

from __future__ import annotations

from collections import defaultdict
from contextlib import nullcontext, suppress

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_critical_path import check
from test_second_engine import BOUNDED, CHIPS, least_buffers, networks
from test_shared_tiles_engines import SHARING, together

from chipsim.errors import MappingError
from chipsim.simulation.explaining.traced_run import TracedRun
from chipsim.simulation.explaining.tracing import trace_run
from chipsim.simulation.explaining.waits import waits

RANDOM = settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])


def traced(plan, inputs: int, **options) -> TracedRun | None:
    """None where planes of several arrays take turns at converters, which may be refused."""
    tile = plan.chip.spec.tile
    refused = tile.adc.crossbars_per_adc > 1 and tile.sample_and_hold and tile.dac.planes > 1
    with suppress(MappingError) if refused else nullcontext():
        return trace_run(plan, inputs, **options)
    return None


@RANDOM
@given(networks(), CHIPS, SHARING, st.sampled_from([1, 2, 3, 0]), st.integers(1, 2), st.integers(1, 3), st.booleans())
def test_paths_fill_the_latency_on_shared_tiles(net, changes, sharing, tiles, copies, inputs, drain):
    plan = together(net, {**changes, **sharing}, tiles, copies)
    run = None if plan is None else traced(plan, inputs, drain=drain)
    if run is not None:
        check(run)


@RANDOM
@given(networks(), CHIPS, SHARING, st.sampled_from([1, 2]), st.integers(1, 3))
def test_paths_fill_the_latency_with_the_least_buffers(net, changes, sharing, tiles, inputs):
    plan = together(net, {**changes, **sharing, **BOUNDED}, tiles, 1)
    if plan is not None:
        with least_buffers():
            run = traced(plan, inputs)
            if run is not None:
                check(run)


@RANDOM
@given(networks(), CHIPS, SHARING, st.sampled_from([1, 2, 3]), st.integers(1, 3))
def test_busy_and_waiting_fill_the_time_of_every_shared_server(net, changes, sharing, tiles, inputs):
    """Until its last activity ends, a load port, an output port or a neuron unit works or waits."""
    plan = together(net, {**changes, **sharing}, tiles, 1)
    run = None if plan is None else traced(plan, inputs)
    if run is None:
        return
    own = plan.chip.spec.tile.output_ports == "per-crossbar"
    places = {placed.name: placed for placed in plan.blocks}
    last: defaultdict[tuple[str, str], int] = defaultdict(int)
    for span in run.outcome.timeline.spans:
        server = span.component
        if span.activity in ("load", "drain"):
            server = places[server].array if own and span.activity == "drain" else places[server].tile
        server = run.feeds.units.get(server, server)
        last[span.activity, server] = max(last[span.activity, server], span.end_ps)
    found = waits(run, inputs - 1)
    for activity in ("load", "drain", "neuron", "digital", "transfer"):
        ends = sum(end for (what, _), end in last.items() if what == activity)
        assert sum(wait.busy_ps + wait.server_ps for wait in found if wait.activity == activity) == ends
