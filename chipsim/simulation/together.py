"""`simulate_together`: several networks at once on one chip, each on tiles of its own (rules T90 to T92)."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from chipsim.architecture.memory_spec import GLOBAL_MEMORY
from chipsim.mapping.plan import Plan
from chipsim.simulation.accounting import count_static, count_work
from chipsim.simulation.building.machine import Machine
from chipsim.simulation.building.taking_apart import take_apart
from chipsim.simulation.building.wiring import build_machines
from chipsim.simulation.chip_outcome import ChipOutcome
from chipsim.simulation.core.ledger import Ledger
from chipsim.simulation.engine import Alone, no_cycle_search, outcome_of, simulate_alone
from chipsim.simulation.links.interconnect import Interconnect
from chipsim.simulation.outcome import SimulatorCost
from chipsim.simulation.periodic.regime import ASKED, TIES, PeriodicRegime, Share, TiesOpenError
from chipsim.simulation.run import Run
from chipsim.simulation.tiles.varying import ConversionCounts
from chipsim.simulation.units.host import Stream


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """A network on its tiles, and what the host is to send to it.

    Attributes
    ----------
    plan, inputs, batch, drain, arrivals_ps, counts
        As for `chipsim.simulation.engine.simulate_chip`.
    """

    plan: Plan
    inputs: int
    batch: int = 1
    drain: bool = False
    arrivals_ps: Sequence[int] | None = None
    counts: Mapping[str, ConversionCounts] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Together:
    """What several networks on one chip did.

    Attributes
    ----------
    networks : list of ChipOutcome
        Of each: its inputs, its own servers, packets and energy, and its share of the time of servers that it has in
        common with others. Static energy is in none of them.
    static : Ledger
        Of the whole chip until the last network is done.
    busy_ps : dict of str to int
        Of every server, all networks together.
    links : list of (name, source, target, packets, bytes, busy_ps)
        All networks together.
    cost : SimulatorCost
        Of the simulation of all of them.
    """

    networks: list[ChipOutcome]
    static: Ledger
    busy_ps: dict[str, int]
    links: list[tuple[str, str, str, int, int, int]]
    cost: SimulatorCost

    @property
    def makespan_ps(self) -> int:
        """Until the last network is done."""
        return max(network.makespan_ps for network in self.networks)


def simulate_together(
    workloads: Sequence[Workload], *, trace_inputs: int = 0, stop: Callable[[], bool] | None = None,
    progress: Callable[[int], None] | None = None, at_time: Callable[[int], None] | None = None,
    exact_all: bool = False,
) -> Together:  # fmt: skip
    """Simulate several networks that share links, digital units and the host.

    Parameters
    ----------
    workloads : sequence of Workload
        On different tiles of one chip; of two that ask for a server at once in equal inputs, the first comes first.
    trace_inputs : int
        Keep every span of so many first inputs of each network.
    stop, progress, at_time : callable, optional
        As for `chipsim.simulation.engine.simulate_chip`; ``progress`` is told the number of finished inputs of all.
    exact_all : bool
        Simulate every input, also where periods are known (rules T50, T101): the same numbers, later.

    Raises
    ------
    CapacityError
        If a bounded buffer is smaller than its working set.
    DeadlockError
        If nothing can go on with work left.
    """
    cpu, wall = time.process_time(), time.perf_counter()
    with no_cycle_search():
        alone = [simulate_alone(work.plan, work.counts) for work in workloads]
        events = sum(first.events for first in alone)
        asked = _Asked(workloads, alone, trace_inputs, stop, progress, at_time)
        try:
            runs = _run(asked, ASKED if exact_all else None)
        except TiesOpenError:
            runs = _run(asked, TIES)
    events += runs[0].machine.clock.events
    cost = SimulatorCost(events, time.process_time() - cpu, time.perf_counter() - wall)
    outcome = _together(runs, alone, cost)
    take_apart([run.machine for run in runs])
    return outcome


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is to be simulated; see `simulate_together`."""

    workloads: Sequence[Workload]
    alone: Sequence[Alone]
    trace_inputs: int
    stop: Callable[[], bool] | None
    progress: Callable[[int], None] | None
    at_time: Callable[[int], None] | None


def _run(asked: _Asked, never: str | None) -> list[Run]:
    """Simulate all networks to the end, leaving periods out unless there is a reason for never doing so.

    Raises
    ------
    TiesOpenError
        If inputs were left out that may matter for ties (rule T101).
    """
    works, trace_inputs, at_time = asked.workloads, asked.trace_inputs, asked.at_time
    streams = [_stream(work, first, asked.stop) for work, first in zip(works, asked.alone, strict=True)]
    machines = build_machines(
        [work.plan for work in works], [stream.window for stream in streams], [work.counts for work in works]
    )
    notes = _counting(asked.progress, len(works))
    runs = [
        Run(machine, stream, trace_inputs, note, exact_all=True, traces_links=False)
        for machine, stream, note in zip(machines, streams, notes, strict=True)
    ]
    for run, first in zip(runs, asked.alone, strict=True):
        run.member.interval_ps = first.busiest_ps
    regime = PeriodicRegime([run.member for run in runs], never)
    for number, run in enumerate(runs):
        run.regime = Share(regime, number)
    if trace_inputs:
        _trace_links(runs, trace_inputs)
    for run in runs:
        run.start()
    try:
        machines[0].clock.run_all(None if at_time is None else lambda time: at_time(time + regime.skipped_ps))
    except TiesOpenError:
        take_apart(machines)
        raise
    for run in runs:
        run.finish()
    machines[0].interconnect.account()
    return runs


def _trace_links(runs: Sequence[Run], count: int) -> None:
    """Note every transfer of the first inputs with the network whose packet it is."""
    of_flow = [run for run in runs for _ in run.machine.flows]  # flows are numbered network by network
    runs[0].machine.interconnect.trace_inputs(
        count, lambda column: of_flow[column.flow].timeline.columns.append(column)
    )  # fmt: skip


def _counting(tell: Callable[[int], None] | None, networks: int) -> list[Callable[[int], None]]:
    """What the run of each network calls when an input of it is done; the number of all is passed on."""
    done = [0] * networks

    def note(number: int, of_one: int) -> None:
        done[number] = of_one
        if tell is not None:
            tell(sum(done))

    return [partial(note, number) for number in range(networks)]


def _stream(work: Workload, alone: Alone, stop: Callable[[], bool] | None) -> Stream:
    in_flight = work.plan.chip.spec.host.max_inputs_in_flight
    if in_flight == "auto":
        in_flight = 1 if work.inputs == 1 else alone.in_flight
    return Stream(work.inputs, in_flight, work.batch, work.drain, work.arrivals_ps, stop)


def _together(runs: Sequence[Run], alone: Sequence[Alone], cost: SimulatorCost) -> Together:
    networks = []
    for run, first in zip(runs, alone, strict=True):
        run.timeline.busy_ps = busy_for(run.machine)
        ledger = Ledger()
        count_work(ledger, run.machine)
        outcome = outcome_of(run, first, cost, ledger)
        networks.append(replace(outcome, links=_links_of(run.machine)))
    machines = [run.machine for run in runs]
    static, makespan_ps = Ledger(), max(network.makespan_ps for network in networks)
    count_static(static, machines, makespan_ps)
    busy: Counter[str] = Counter()
    for machine in machines:
        busy.update(busy_for(machine))
    return Together(
        networks=networks, static=static, busy_ps=dict(busy), links=_links(machines[0].interconnect), cost=cost
    )


def busy_for(machine: Machine) -> dict[str, int]:
    """For how long each server worked for one network, ps."""
    busy: Counter[str] = Counter()
    for placed, tile in zip(machine.plan.blocks, machine.tiles, strict=True):
        busy[placed.array] += tile.busy
    for neuron in machine.neurons:
        busy[neuron.name] += neuron.busy
    for reduction in machine.reductions:
        busy[reduction.adder.name] += reduction.busy
    for layer in machine.digital:
        busy[layer.unit.name] += layer.busy
    for traffic in (*machine.far_writers, *machine.far_readers):
        busy[GLOBAL_MEMORY] += traffic.held
    for name, *_, held in _links_of(machine):
        busy[name] += held
    return dict(busy)


def _links(interconnect: Interconnect) -> list[tuple[str, str, str, int, int, int]]:
    return [(link.name, *link.edge, link.packets, link.bytes, link.busy) for link in interconnect.links.values()]


def _links_of(machine: Machine) -> list[tuple[str, str, str, int, int, int]]:
    """Packets and bytes of one network over every link, and how long they held it."""
    names = {link.edge: link.name for link in machine.interconnect.links.values()}
    sums = {edge: [0, 0, 0] for edge in names}
    for flow in machine.flows:
        for hop in flow.hops:
            for link in (hop.link, *hop.followers):
                total = sums[link.edge]
                total[0] += flow.packets
                total[1] += flow.packets * flow.bytes
                total[2] += flow.packets * hop.serialisation + hop.waited
    return [(names[edge], *edge, packets, size, held) for edge, (packets, size, held) in sums.items() if packets]
