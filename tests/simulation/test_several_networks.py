"""Several networks at once on one chip (rules T90 to T92)."""

from __future__ import annotations

from collections import Counter
from contextlib import nullcontext
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from random_recurrent import LOOPS, sequences
from second_engine import SecondEngine
from second_engines import SecondEngines
from small_machines import chip
from test_second_engine import BOUNDED, CHIPS, least_buffers, networks
from test_several_inputs_engines import networks as several_inputs
from test_shared_tiles_engines import SHARING
from test_topologies_engines import GRIDS, on

from chipsim.architecture.chip import Chip
from chipsim.errors import CapacityError
from chipsim.mapping.beside import place_beside
from chipsim.mapping.placement import place
from chipsim.mapping.plan import Plan
from chipsim.network.graph import Network
from chipsim.simulation.building.wiring import build_machines
from chipsim.simulation.engine import simulate_chip
from chipsim.simulation.together import Together, Workload, simulate_together

SLOW = [HealthCheck.too_slow, HealthCheck.filter_too_much]
STREAMS = st.tuples(st.integers(1, 4), st.integers(1, 2), st.booleans(), st.booleans())


def side_by_side(nets: list[Network], built: Chip) -> list[Plan]:
    plans: list[Plan] = []
    for net in nets:
        try:
            plans.append(place_beside(plans, built, lambda free, net=net: place(net, free)))
        except CapacityError:
            assume(False)
    return plans


def workloads(plans: list[Plan], streams: list[Any]) -> list[Workload]:
    found = []
    for number, (plan, (inputs, batch, drain, at_times)) in enumerate(zip(plans, streams, strict=True)):
        times = [100_000 * (i // batch) + 7_000 * number for i in range(inputs)] if at_times else None
        found.append(Workload(plan=plan, inputs=inputs, batch=batch, drain=drain, arrivals_ps=times))
    return found


def second(works: list[Workload], in_flight: int, least: bool = False) -> list[SecondEngine]:
    engines = [
        SecondEngine(
            work.plan, work.inputs, in_flight, work.batch, work.drain, least,
            None if work.arrivals_ps is None else list(work.arrivals_ps),
        )
        for work in works
    ]  # fmt: skip
    return SecondEngines(engines).run().engines


def busy_arrays(other: SecondEngine) -> dict[str, int]:
    """Busy time of every array that holds a block, shared or not."""
    alone, arrays = {tile.name: tile.busy for tile in other.tiles}, other.shared.arrays
    return {
        placed.array: arrays[place].busy if (place := (placed.tile, placed.crossbar)) in arrays else alone[placed.name]
        for placed in other.plan.blocks
    }


def compare(found: Together, engines: list[SecondEngine]) -> None:
    for outcome, other in zip(found.networks, engines, strict=True):
        assert outcome.done_ps == other.done
        assert outcome.released_ps == other.released
        assert outcome.admitted_ps == other.admitted
        assert outcome.tile_mvms == {t.name: t.ended["drain"] for t in other.tiles}
        busy = outcome.timeline.busy_ps
        arrays = busy_arrays(other)
        assert arrays == {name: busy[name] for name in arrays}
        own = {n.name: n.busy for n in other.neurons if n.name not in other.units}
        assert own == {name: busy[name] for name in own}
        peaks = sorted((p.producer, p.consumer, p.component, p.positions) for p in outcome.buffer_peaks)
        assert peaks == sorted(
            (r.producer, r.consumer, r.component, r.peak) for r in other.readers if r not in other.outputs
        )
    moved = {(a, b): (packets, size, held) for _, a, b, packets, size, held in found.links if packets}
    assert moved == {edge: (q.packets, q.bytes, q.busy) for edge, q in engines[0].links.items()}
    assert {name: q.busy for name, q in engines[0].units.items()} == {n: found.busy_ps[n] for n in engines[0].units}


@pytest.mark.parametrize("bounded", [False, True])
@settings(max_examples=60, suppress_health_check=SLOW)
@given(st.lists(networks(layers=4), min_size=2, max_size=3), CHIPS, st.lists(STREAMS, min_size=3, max_size=3))
def test_two_engines_agree(bounded: bool, nets: list[Network], changes: dict[str, Any], streams: list[Any]) -> None:
    changes = {**changes, "grid.shape": "[6, 6]", **(BOUNDED if bounded else {})}
    works = workloads(side_by_side(nets, chip(changes)), streams[: len(nets)])
    with least_buffers() if bounded else nullcontext():
        found = simulate_together(works)
    compare(found, second(works, int(changes["host.max_inputs_in_flight"]), bounded))


@pytest.mark.parametrize("grid", GRIDS)
@settings(max_examples=12, suppress_health_check=SLOW)
@given(
    st.lists(networks(layers=3), min_size=2, max_size=2), CHIPS, st.lists(STREAMS, min_size=2, max_size=2),
    st.sampled_from(["age", "round-robin"]), st.sampled_from(["cut-through", "store-and-forward"]),
)  # fmt: skip
def test_two_engines_agree_on_every_topology(
    grid: str, nets: list[Network], changes: dict[str, Any], streams: list[Any], turns: str, passes: str
) -> None:
    changes = {**on(grid, changes), "router.arbitration": turns, "router.switching": passes}
    works = workloads(side_by_side(nets, chip(changes)), streams)
    compare(simulate_together(works), second(works, int(changes["host.max_inputs_in_flight"])))


@settings(max_examples=60, suppress_health_check=SLOW)
@given(
    st.permutations([networks(layers=3), sequences(layers=2), several_inputs()]).flatmap(lambda nets: st.tuples(*nets)),
    LOOPS, st.lists(STREAMS, min_size=3, max_size=3),
)  # fmt: skip
def test_two_engines_agree_on_loops_and_several_inputs_side_by_side(
    nets: tuple[Network, ...], changes: dict[str, Any], streams: list[Any]
) -> None:
    works = workloads(side_by_side(list(nets), chip(changes)), streams)
    compare(simulate_together(works), second(works, int(changes["host.max_inputs_in_flight"])))


@settings(max_examples=60, suppress_health_check=SLOW)
@given(st.lists(networks(layers=3), min_size=2, max_size=2), CHIPS, SHARING, st.lists(STREAMS, min_size=2, max_size=2))
def test_two_engines_agree_on_shared_tiles_and_units_side_by_side(
    nets: list[Network], changes: dict[str, Any], sharing: dict[str, Any], streams: list[Any]
) -> None:
    changes = {**changes, **sharing}
    if changes["tile.crossbars"] % changes["tile.adc.crossbars_per_adc"]:
        changes["tile.adc.crossbars_per_adc"] = 1
    works = workloads(side_by_side(nets, chip(changes)), streams)
    one, other = (
        {work.plan.chip.neuron_unit_of(placed.tile) for placed in work.plan.blocks} for work in works
    )  # fmt: skip
    assert not one & other
    compare(simulate_together(works), second(works, int(changes["host.max_inputs_in_flight"])))


@pytest.mark.parametrize("grid", ["torus", "ring", "tree", "bus"])
@settings(max_examples=12, suppress_health_check=SLOW)
@given(
    st.lists(networks(layers=3), min_size=2, max_size=2), CHIPS, st.lists(STREAMS, min_size=2, max_size=2),
    st.sampled_from(["age", "round-robin"]), st.sampled_from([0, 0, 5]),
)  # fmt: skip
def test_two_engines_agree_with_bounded_routers(
    grid: str, nets: list[Network], changes: dict[str, Any], streams: list[Any], turns: str, more: int
) -> None:
    changes = {**on(grid, changes), "router.arbitration": turns}
    plans = side_by_side(nets, chip(changes))
    flows = [flow for machine in build_machines(plans, [1, 1], [None, None]) for flow in machine.flows]
    roomy = chip({**changes, "router.buffer": f"{max((flow.bytes for flow in flows), default=1) + more} B"})
    works = workloads(side_by_side(nets, roomy), streams)
    compare(simulate_together(works), second(works, int(changes["host.max_inputs_in_flight"])))


@settings(max_examples=60, suppress_health_check=SLOW)
@given(st.lists(networks(layers=3), min_size=2, max_size=2), CHIPS, st.lists(STREAMS, min_size=2, max_size=2))
def test_work_bytes_and_energy_are_those_of_each_network_alone(
    nets: list[Network], changes: dict[str, Any], streams: list[Any]
) -> None:
    """Conservation: beside others everything may come later, and nothing is done twice or not at all."""
    priced = {"link.energy_per_byte": "1 pJ/B", "tile.mvm_energy": "1 nJ", "host.energy_per_byte": "3 pJ/B"}
    works = workloads(side_by_side(nets, chip({**changes, **priced, "grid.shape": "[6, 6]"})), streams)
    found = simulate_together(works)
    packets: Counter[tuple[str, int]] = Counter()
    for work, outcome in zip(works, found.networks, strict=True):
        alone = simulate_chip(
            work.plan, work.inputs, work.batch, drain=work.drain, arrivals_ps=work.arrivals_ps, exact_all=True
        )
        assert outcome.tile_mvms == alone.tile_mvms
        assert outcome.ledger.rows() == [row for row in alone.ledger.rows() if row.action != "static"]
        moved = {name: (number, size) for name, _, _, number, size, _ in alone.links if number}
        assert {name: (number, size) for name, _, _, number, size, _ in outcome.links} == moved
        for name, (number, size) in moved.items():
            packets.update({(name, 0): number, (name, 1): size})
    assert {(name, 0): number for name, _, _, number, _, _ in found.links if number} == {
        key: number for key, number in packets.items() if key[1] == 0
    }
    total: Counter[str] = Counter()
    for outcome in found.networks:
        total.update(outcome.timeline.busy_ps)
    assert {name: held for name, *_, held in found.links if held} == {
        name: total[name] for name, *_, held in found.links if held
    }
    assert max(found.busy_ps.values()) <= max(outcome.makespan_ps for outcome in found.networks) or any(
        outcome.plan_lag for outcome in ()
    )


@settings(max_examples=20, suppress_health_check=SLOW)
@given(st.lists(networks(layers=3), min_size=2, max_size=2), CHIPS, st.integers(1, 2))
def test_latency_of_the_first_input_is_that_on_an_empty_chip(
    nets: list[Network], changes: dict[str, Any], inputs: int
) -> None:
    works = workloads(side_by_side(nets, chip(changes)), [(inputs, 1, False, False)] * 2)
    for work, outcome in zip(works, simulate_together(works).networks, strict=True):
        assert outcome.latency_alone_ps == simulate_chip(work.plan, 1).done_ps[0]


@settings(max_examples=40, suppress_health_check=SLOW)
@given(networks(layers=4), CHIPS, STREAMS)
def test_one_network_among_none_is_an_ordinary_run(net: Network, changes: dict[str, Any], stream: Any) -> None:
    [work] = workloads(side_by_side([net], chip(changes)), [stream])
    [outcome] = simulate_together([work]).networks
    alone = simulate_chip(
        work.plan, work.inputs, work.batch, drain=work.drain, arrivals_ps=work.arrivals_ps, exact_all=True
    )
    assert (outcome.done_ps, outcome.released_ps, outcome.admitted_ps) == (
        alone.done_ps, alone.released_ps, alone.admitted_ps
    )  # fmt: skip
    assert {n: t for n, t in outcome.timeline.busy_ps.items() if t} == {
        n: t for n, t in alone.timeline.busy_ps.items() if t
    }
    assert outcome.buffer_peaks == alone.buffer_peaks
