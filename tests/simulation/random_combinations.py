"""Cases that combine what chips and networks can be: any links, routers, sums, tiles, memories and streams at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st
from packing import shared
from random_recurrent import BOUNDED, LOOPS, sequences, with_operands
from second_engine import Planes, SecondEngine
from second_engines import SecondEngines
from small_machines import chip
from test_links_engines import GRIDS as UNLIKE
from test_links_engines import ROUTERS
from test_reduction_in_routers import ADD, tall
from test_second_engine import least_buffers
from test_second_engine import networks as maps
from test_several_inputs_engines import networks as several_inputs
from test_several_networks import busy_arrays
from test_shared_tiles_engines import SHARING
from test_shared_weights_engines import sharing
from test_spilling import SPILLING, amounts
from test_topologies_engines import GRIDS, on
from test_varying_engines import BASE, INPUTS, Counts, random_lengths

from chipsim.architecture.chip import Chip
from chipsim.errors import CapacityError
from chipsim.mapping.beside import place_beside
from chipsim.mapping.placement import gate_units, place
from chipsim.mapping.plan import Plan
from chipsim.network.graph import Network
from chipsim.simulation.building.wiring import build_machines
from chipsim.simulation.chip_outcome import ChipOutcome
from chipsim.simulation.engine import simulate_chip
from chipsim.simulation.together import Workload, simulate_together
from chipsim.simulation.units.arrivals import parse_arrivals

KINDS: dict[str, st.SearchStrategy[Network]] = {
    "maps": maps(layers=4), "tall": tall(), "loops": sequences(layers=3), "operands": with_operands(),
    "several inputs": several_inputs(), "shared weights": maps(layers=4).map(sharing),
}  # fmt: skip
SUMS: dict[str, st.SearchStrategy[dict[str, Any]]] = {
    "gather": st.just({}),
    "chain": st.fixed_dictionaries(
        {
            "neuron_unit.partial_sums": st.just("chain"),
            "neuron_unit.tiles_per_unit": st.just(1),
            "neuron_unit.hop_latency": st.sampled_from(["0 ns", "2 ns", "30 ns"]),
            "tile.crossbar.rows": st.sampled_from([4, 9, 16]),
        }
    ),
    "routers": st.fixed_dictionaries(
        {
            **{key: st.just(value) for key, value in ADD.items()},
            "router.adder.rate": st.sampled_from(["200 Mop/s", "1 Gop/s"]),
            "tile.crossbar.rows": st.sampled_from([4, 9]),
        }
    ),
}
LINKS: dict[str, st.SearchStrategy[dict[str, Any]]] = {
    "mesh": st.just({"grid.shape": "[6, 6]"}),
    "unlike": st.one_of(UNLIKE["hierarchical"], UNLIKE["custom"]),
    "circles": st.sampled_from(["torus", "ring", "one way"]).map(lambda grid: on(grid, {})),
    "any": st.sampled_from(list(GRIDS)).map(lambda grid: on(grid, {})),
}
RATES = st.sampled_from([None, None, "3/us", "1/us", "poisson 3/us", "poisson 20/us"])
ENOUGH = {"tile.buffer.capacity": "90 B", "digital_unit.buffer.capacity": "90 B", "neuron_unit.buffer.capacity": "90 B"}


@dataclass(frozen=True)
class Case:
    """Networks on one chip, what is sent to each, and the length of every MVM where they differ."""

    works: list[Workload]
    least: bool
    spills: bool
    lengths: list[dict[str, list[Planes]]]

    @property
    def in_flight(self) -> int:
        return int(self.works[0].plan.chip.spec.host.max_inputs_in_flight)


@st.composite
def cases(
    draw: st.DrawFn, *, kinds: tuple[str, ...] = tuple(KINDS), sums: tuple[str, ...] = tuple(SUMS),
    links: tuple[str, ...] = tuple(LINKS), memories: tuple[str, ...] = ("roomy", "enough", "least", "spilling"),
    tiles: tuple[int, ...] = (0, 0, 1, 2), copies: int = 3, networks: tuple[int, ...] = (1, 1, 2),
    bounded_routers: tuple[bool, ...] = (False, True), varying: tuple[bool, ...] = (False, True),
) -> Case:  # fmt: skip
    """Anything at once, or what is asked for.

    Parameters
    ----------
    tiles : tuple of int
        The fewest tiles on which the blocks of a network are put together, 0 for one block on each.
    copies : int
        The most copies of each layer.
    networks : tuple of int
        How many side by side.
    """
    memory, varies = draw(st.sampled_from(memories)), draw(st.sampled_from(varying))
    changes = {**draw(LOOPS), **draw(SHARING), **draw(LINKS[draw(st.sampled_from(links))]), **draw(ROUTERS)}
    changes |= draw(SUMS[draw(st.sampled_from(sums))])
    stops = (False, False)
    if varies:
        stops = draw(st.sampled_from([(True, True), (True, False), (False, True)]))
        ramps = {"tile.adc.kind": "ramp", "tile.adc.early_stop": True} if stops[1] else {}
        changes |= BASE | draw(INPUTS) | ramps | {"tile.dac.early_stop": stops[0]}
    if changes["tile.crossbars"] % changes["tile.adc.crossbars_per_adc"]:
        changes["tile.adc.crossbars_per_adc"] = 1
    changes |= {"roomy": {}, "enough": ENOUGH, "least": BOUNDED, "spilling": {}}[memory]
    if memory == "spilling":
        changes |= draw(SPILLING)
        site = draw(st.sampled_from(chip(changes | {"global_memory.site": "apart"}).tiles))
        changes["global_memory.site"] = draw(st.sampled_from(["apart", "host", f'"{site[5:-1]}"']))
    nets = [draw(KINDS[draw(st.sampled_from(kinds))]) for _ in range(draw(st.sampled_from(networks)))]
    fewest = draw(st.sampled_from(tiles))
    numbers = [
        {layer.name: draw(st.integers(1, min(copies, layer.positions))) for layer in net.matrix_layers
         if not layer.shares and not any(other.shares == layer.name for other in net.matrix_layers)}
        for net in nets
    ]  # fmt: skip
    plans = _side_by_side(nets, chip(changes), numbers, fewest)
    if draw(st.sampled_from(bounded_routers)):
        largest = max((flow.bytes for flow in _flows(plans)), default=1)
        changes["router.buffer"] = f"{largest + draw(st.sampled_from([0, 0, 0, 1, 5, 40]))} B"
        plans = _side_by_side(nets, chip(changes), numbers, fewest)
    return _case(draw, plans, stops if varies else None, memory)


def _case(draw: st.DrawFn, plans: list[Plan], stops: tuple[bool, bool] | None, memory: str) -> Case:
    works, lengths = [], []
    for plan in plans:
        inputs, batch, rate = draw(st.integers(1, 4)), draw(st.integers(1, 3)), draw(RATES)
        times = None if rate is None else parse_arrivals(rate).times_ps(inputs, batch, draw(st.integers(0, 9)))
        counts: dict[str, Counts] | None = None
        own: dict[str, list[Planes]] = {}
        if stops is not None:
            counts, own = random_lengths(plan, inputs, np.random.default_rng(draw(st.integers(0, 99))), stops)
        works.append(
            Workload(
                plan=plan, inputs=inputs, batch=batch, drain=draw(st.booleans()), arrivals_ps=times, counts=counts
            )
        )  # fmt: skip
        lengths.append(own)
    return Case(works, memory == "least", memory == "spilling", lengths)


def _side_by_side(nets: list[Network], built: Chip, copies: list[dict[str, int]], fewest: int) -> list[Plan]:
    plans: list[Plan] = []
    for net, numbers in zip(nets, copies, strict=True):
        try:
            plans.append(place_beside(plans, built, lambda free, n=net, c=numbers: _placed(n, free, c, fewest)))
        except CapacityError:
            assume(False)
    return plans


def _placed(net: Network, free: Chip, copies: dict[str, int], fewest: int) -> Plan:
    plan = place(net, free, copies)
    if fewest:
        plan = shared(plan, fewest)
        plan = replace(plan, gate_units=gate_units(net, plan.layers))
    return plan


def _flows(plans: list[Plan]) -> list[Any]:
    """All packets' ways; cases whose buffers hold too little are left out."""
    with _refused():
        return [
            flow for machine in build_machines(plans, [1] * len(plans), [None] * len(plans)) for flow in machine.flows
        ]


@contextmanager
def _refused() -> Iterator[None]:
    """Leaves out cases in which a buffer is smaller than what it must hold."""
    try:
        yield
    except CapacityError:
        assume(False)


def agree(case: Case) -> None:
    """Both engines on a case: times, work, packets, busy times, buffers and what is spilled are equal."""
    with least_buffers() if case.least else nullcontext(), _refused():
        outcomes, links, busy = _simulated(case.works)
    engines = _second(case)
    assert not any(engines[0].used.values())
    for outcome, other in zip(outcomes, engines, strict=True):
        _agree_on_one(case, outcome, other)
    moved = {(a, b): (packets, size, held) for _, a, b, packets, size, held in links if packets}
    assert moved == {edge: (q.packets, q.bytes, q.busy) for edge, q in engines[0].links.items()}
    assert {name: unit.busy for name, unit in engines[0].units.items()} == {n: busy[n] for n in engines[0].units}
    assert engines[0].shared.memory["busy"] == busy.get("global memory", 0)


def _simulated(works: list[Workload]) -> tuple[list[ChipOutcome], list[Any], dict[str, int]]:
    if len(works) > 1:
        found = simulate_together(works)
        return found.networks, found.links, found.busy_ps
    (work,) = works
    alone = simulate_chip(
        work.plan, work.inputs, work.batch, drain=work.drain, arrivals_ps=work.arrivals_ps, counts=work.counts
    )
    return [alone], alone.links, alone.timeline.busy_ps


def _second(case: Case) -> list[SecondEngine]:
    engines = [
        SecondEngine(
            work.plan, work.inputs, case.in_flight, work.batch, work.drain, case.least,
            None if work.arrivals_ps is None else list(work.arrivals_ps), lengths,
        )
        for work, lengths in zip(case.works, case.lengths, strict=True)
    ]  # fmt: skip
    return SecondEngines(engines).run().engines


def _agree_on_one(case: Case, outcome: ChipOutcome, other: SecondEngine) -> None:
    assert (outcome.done_ps, outcome.released_ps, outcome.admitted_ps) == (other.done, other.released, other.admitted)
    assert outcome.tile_mvms == {tile.name: tile.ended["load"] for tile in other.tiles}
    assert all(tile.ended["load"] == len(tile.own) * other.inputs for tile in other.tiles)
    expected = Counter(busy_arrays(other))
    for served in (*other.neurons, *other.chain):
        if served.name not in other.units:
            expected[served.name] += served.busy
    expected.update(other.reductions.busy)
    assert expected == {name: outcome.timeline.busy_ps[name] for name in expected}
    peaks = sorted((p.producer, p.consumer, p.component, p.positions) for p in outcome.buffer_peaks)
    assert peaks == sorted(
        (r.producer, r.consumer, r.component, r.peak) for r in other.readers if r not in other.outputs
    )
    if case.spills:
        assert amounts(outcome) == {"write": other.shared.written, "read": other.shared.read}
