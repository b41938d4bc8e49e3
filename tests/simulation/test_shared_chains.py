"""Chains of partial sums whose blocks share tiles and units (rules T79, T79a): the engine against the second one."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from random_recurrent import LOOPS, sequences
from second_engine import SecondEngine
from small_machines import chip
from test_links_engines import ROUTERS
from test_second_engine import BOUNDED, CHIPS, least_buffers, networks
from test_several_inputs_engines import networks as several_inputs
from test_several_networks import STREAMS, workloads
from test_several_networks import compare as compare_all
from test_several_networks import second as second_engines
from test_shared_tiles_engines import SHARING, compare, together
from test_shared_weights_engines import check_sums, sharing
from test_spilling import SPILLING, amounts
from test_varying_engines import BASE, INPUTS, random_lengths

from chipsim.errors import CapacityError
from chipsim.mapping.beside import place_beside
from chipsim.mapping.best_fit import map_best_fit
from chipsim.mapping.placement import gate_units
from chipsim.mapping.plan import Plan
from chipsim.mapping.strategy import Options
from chipsim.network.graph import Network
from chipsim.simulation.building.wiring import build_machine
from chipsim.simulation.chip_outcome import ChipOutcome
from chipsim.simulation.engine import simulate_chip
from chipsim.simulation.together import simulate_together

RANDOM = [HealthCheck.too_slow, HealthCheck.filter_too_much]
CHAINS = st.fixed_dictionaries(
    {
        "neuron_unit.partial_sums": st.just("chain"),
        "neuron_unit.tiles_per_unit": st.just(1),
        "neuron_unit.hop_latency": st.sampled_from(["0 ns", "2 ns", "30 ns"]),
        "neuron_unit.partial_sum_slots": st.sampled_from([1, 2, 3]),
        "tile.crossbar.rows": st.sampled_from([4, 9, 16]),
    }
)
TILES = st.sampled_from([1, 2, 3, 5])


def placed(net: Network, changes: dict[str, Any], tiles: int, copies: int = 1) -> Plan:
    """Blocks on so few tiles, gates where their recurrent matrix begins; examples without room are left out."""
    plan = together(net, changes, tiles, copies)
    assume(plan is not None)
    assert plan is not None
    return replace(plan, gate_units=gate_units(plan.network, plan.layers))


def packed(nets: Iterable[Network], changes: dict[str, Any]) -> list[Plan]:
    """Networks side by side on a chip, the blocks of each on as few tiles as possible."""
    built, plans = chip(changes), list[Plan]()
    for net in nets:
        try:
            plans.append(place_beside(plans, built, lambda free, net=net: map_best_fit(net, free, Options(), 0)))
        except CapacityError:
            assume(False)
    return plans


def agree(plan: Plan, inputs: int, *, least: bool = False, **options: Any) -> ChipOutcome:
    with least_buffers() if least else nullcontext():
        outcome = simulate_chip(plan, inputs, **options)
    in_flight = int(plan.chip.spec.host.max_inputs_in_flight)
    compare(plan, outcome, SecondEngine(plan, inputs, in_flight, least=least, **options).run(), inputs)
    return outcome


@settings(max_examples=120, suppress_health_check=RANDOM)
@given(networks(8), CHIPS, SHARING, CHAINS, ROUTERS, TILES, st.integers(1, 2), st.integers(1, 4), st.booleans())
def test_two_engines_agree_on_shared_chains(net, changes, tile, chains, router, tiles, copies, inputs, drain):
    agree(placed(net, {**changes, **tile, **chains, **router}, tiles, copies), inputs, drain=drain)


@settings(max_examples=40, suppress_health_check=RANDOM)
@given(networks(8), CHIPS, SHARING, CHAINS, TILES, st.integers(1, 4))
def test_two_engines_agree_with_the_least_buffers_and_neither_deadlocks(net, changes, tile, chains, tiles, inputs):
    agree(placed(net, {**changes, **tile, **chains, **BOUNDED}, tiles), inputs, least=True)


@settings(max_examples=50, suppress_health_check=RANDOM)
@given(networks(8), CHIPS, SHARING, CHAINS, st.sampled_from([1, 2, 3, 0]), st.integers(1, 4), st.booleans())
def test_two_engines_agree_on_shared_weights(net, changes, tile, chains, tiles, inputs, bounded):
    """T77: layers that read the same cells have chains of their own through the same units."""
    changes = {**changes, **tile, **chains, **(BOUNDED if bounded else {})}
    plan = placed(sharing(net), changes, tiles)
    check_sums(plan, agree(plan, inputs, least=bounded).tile_mvms, inputs)


@settings(max_examples=40, suppress_health_check=RANDOM)
@given(sequences(), LOOPS, SHARING, CHAINS, st.sampled_from([1, 2, 3, 0]), st.integers(1, 4), st.booleans())
def test_two_engines_agree_on_loops(net, changes, tile, chains, tiles, inputs, bounded):
    """T82: gates and blocks of several chains at one unit."""
    changes = {**changes, **tile, **chains, **(BOUNDED if bounded else {})}
    changes["tile.crossbar.rows"] = min(4, changes["tile.crossbar.rows"])
    agree(placed(net, changes, tiles), inputs, least=bounded)


@settings(max_examples=40, suppress_health_check=RANDOM)
@given(several_inputs(), CHIPS, SHARING, CHAINS, TILES, st.integers(1, 3), st.integers(1, 2))
def test_two_engines_agree_on_networks_of_several_inputs(net, changes, tile, chains, tiles, inputs, batch):
    agree(placed(net, {**changes, **tile, **chains}, tiles), inputs, batch=batch)


@settings(max_examples=40, suppress_health_check=RANDOM)
@given(networks(6), CHIPS, SHARING, CHAINS, ROUTERS, TILES, st.integers(1, 3), st.sampled_from([0, 3]), st.booleans())
def test_two_engines_agree_where_routers_have_bounded_buffers(
    net, changes, tile, chains, router, tiles, inputs, more, bounded
):
    """T60: also in routers chains that share units do not wait for each other for ever."""
    changes = {**changes, **tile, **chains, **router, **(BOUNDED if bounded else {})}
    flows = build_machine(placed(net, changes, tiles), 1).interconnect.flows
    largest = max((flow.bytes for flow in flows), default=1)
    agree(placed(net, {**changes, "router.buffer": f"{largest + more} B"}, tiles), inputs, least=bounded)


@settings(max_examples=40, suppress_health_check=RANDOM)
@given(networks(4), CHIPS, SHARING, CHAINS, INPUTS, st.sampled_from([1, 2]), st.integers(1, 3))
def test_two_engines_agree_where_every_mvm_takes_its_own_time(net, changes, tile, chains, dac, tiles, inputs):
    stops = {"tile.adc.kind": "ramp", "tile.adc.early_stop": True, "tile.dac.early_stop": True}
    plan = placed(net, changes | tile | chains | BASE | dac | stops, tiles)
    counts, lengths = random_lengths(plan, inputs, np.random.default_rng(inputs), (True, True))
    outcome = simulate_chip(plan, inputs, counts=counts)
    second = SecondEngine(plan, inputs, int(changes["host.max_inputs_in_flight"]), lengths=lengths).run()
    assert outcome.done_ps == second.done


@settings(max_examples=60, suppress_health_check=RANDOM)
@given(networks(), CHIPS, SHARING, SPILLING, CHAINS, ROUTERS, st.sampled_from([0, 0, 1, 2]), st.integers(1, 3))
def test_two_engines_agree_where_line_buffers_spill(net, changes, tile, spilling, chains, router, tiles, inputs):
    """T75, T78: a block whose buffer spills enters as on a shared tile; its unit is one of a chain, shared or not."""
    plan = placed(net, {**changes, **tile, **spilling, **chains, **router}, tiles)
    outcome = simulate_chip(plan, inputs)
    second = SecondEngine(plan, inputs, int(changes["host.max_inputs_in_flight"])).run()
    compare(plan, outcome, second, inputs)
    assert amounts(outcome) == {"write": second.shared.written, "read": second.shared.read}


@settings(max_examples=40, suppress_health_check=RANDOM)
@given(
    st.tuples(networks(4), st.one_of(networks(3), sequences(layers=2))), LOOPS, CHAINS,
    st.lists(STREAMS, min_size=2, max_size=2),
)  # fmt: skip
def test_two_engines_agree_where_several_networks_are_packed(nets, changes, chains, streams):
    """T90: best-fit packs the tiles of each network, and their chains meet on links."""
    works = workloads(packed(nets, {**changes, **chains}), streams)
    compare_all(simulate_together(works), second_engines(works, int(changes["host.max_inputs_in_flight"])))
