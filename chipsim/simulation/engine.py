"""`simulate_chip`: a plan and a number of inputs become times, counts and spans."""

from __future__ import annotations

import gc
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chipsim.mapping.plan import Plan, Replica
from chipsim.simulation.accounting import count_actions
from chipsim.simulation.building.machine import BufferUse
from chipsim.simulation.building.taking_apart import take_apart
from chipsim.simulation.building.wiring import build_machine
from chipsim.simulation.chip_outcome import BufferPeak, ChipOutcome
from chipsim.simulation.core.durations import peak_interval_ps
from chipsim.simulation.core.ledger import Ledger
from chipsim.simulation.memories.buffers import kept_from, peak_occupancy
from chipsim.simulation.outcome import SimulatorCost
from chipsim.simulation.run import Run, busy_ps_of
from chipsim.simulation.tiles.varying import ConversionCounts
from chipsim.simulation.units.host import Stream


def simulate_chip(
    plan: Plan, inputs: int, batch: int = 1, *, drain: bool = False, trace_inputs: int = 0, preloaded: bool = False,
    arrivals_ps: Sequence[int] | None = None, stop: Callable[[], bool] | None = None,
    progress: Callable[[int], None] | None = None, at_time: Callable[[int], None] | None = None,
    counts: Mapping[str, ConversionCounts] | None = None, exact_all: bool = False,
) -> ChipOutcome:  # fmt: skip
    """Simulate a stream of inputs on a chip.

    Parameters
    ----------
    plan : Plan
    inputs : int
        How many, at least 1.
    batch : int
        Inputs that the host hands over together.
    drain : bool
        Finish a batch before the next one is admitted.
    trace_inputs : int
        Keep every span of so many first inputs.
    preloaded : bool
        Measure the arrays alone: operands are in the tiles' registers and results stay there.
    arrivals_ps : sequence of int, length inputs, optional
        When each input is there to be sent, never falling; all from the beginning if not given.
    stop : callable, optional
        Asked before an input is admitted; once it says so, those admitted are finished and no others (rule T30).
    progress : callable, optional
        Told the number of finished inputs.
    at_time : callable, optional
        Told the simulated time in ps now and then.
    counts : mapping of tile to ConversionCounts, optional
        What the conversions of all its MVMs took, where that depends on values; the most if not given (rule T43).
    exact_all : bool
        Simulate every input, also where a period is known (rule T50): the same numbers, later.

    Raises
    ------
    CapacityError
        If a bounded buffer is smaller than its working set.
    DeadlockError
        If nothing can go on with work left.
    ConsistencyError
        If the work of a tile is not that of all inputs: an error of the engine.
    """
    cpu, wall = time.process_time(), time.perf_counter()
    with no_cycle_search():
        alone = simulate_alone(plan, counts, preloaded=preloaded) if inputs > 1 else None
        in_flight = plan.chip.spec.host.max_inputs_in_flight
        if in_flight == "auto":
            in_flight = 1 if alone is None else alone.in_flight
        stream = Stream(inputs, in_flight, batch, drain, arrivals_ps, stop)
        machine = build_machine(plan, stream.window, preloaded=preloaded, counts=counts)
        run = Run(machine, stream, trace_inputs, progress, exact_all=exact_all)
        run.execute(at_time)
        events = run.machine.clock.events + (0 if alone is None else alone.events)
        cost = SimulatorCost(events, time.process_time() - cpu, time.perf_counter() - wall)
        outcome = outcome_of(run, alone, cost, count_actions(run.machine, max(run.sink.done)))
        take_apart([run.machine])
        return outcome


@contextmanager
def no_cycle_search() -> Iterator[None]:
    """Pause Python's search for reference cycles: a run makes none until it ends, and looking costs a tenth of it."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


@dataclass(frozen=True, slots=True)
class Alone:
    """What one input does on an empty machine.

    Attributes
    ----------
    latency_ps : int
    busiest_ps : int
        Of the server that is busy for longest.
    events : int
        That finding out took.
    """

    latency_ps: int
    busiest_ps: int
    events: int

    @property
    def in_flight(self) -> int:
        """The fewest inputs that keep the busiest server busy (rule T22)."""
        return math.ceil(self.latency_ps / self.busiest_ps) + 1


def simulate_alone(
    plan: Plan, counts: Mapping[str, ConversionCounts] | None, *, preloaded: bool = False
) -> Alone:  # fmt: skip
    """Simulate one input on an empty machine; see `simulate_chip`."""
    stream = Stream(1, 1)
    machine = build_machine(plan, stream.window, preloaded=preloaded, counts=counts)
    run = Run(machine, stream, 0, None, exact_all=True)
    run.execute(None)
    alone = Alone(run.sink.done[0], max(busy_ps_of(run.machine).values()), run.machine.clock.events)
    take_apart([machine])
    return alone


def outcome_of(run: Run, alone: Alone | None, cost: SimulatorCost, ledger: Ledger) -> ChipOutcome:
    """What a run that is finished gives."""
    machine, stream, plan = run.machine, run.stream, run.machine.plan
    spec = plan.chip.spec
    makespan = max(run.sink.done)
    cells = spec.tile.crossbar.rows * spec.tile.crossbar.columns
    arrays = dict.fromkeys(placed.array for placed in plan.blocks)
    shares = [min(1.0, run.timeline.busy_ps[array] / makespan) for array in arrays]
    return ChipOutcome(
        name=spec.name,
        released_ps=run.sink.released,
        done_ps=run.sink.done,
        admitted_ps=run.sink.admitted,
        batch=stream.batch,
        latency_alone_ps=None if alone is None else alone.latency_ps,
        ledger=ledger,
        timeline=run.timeline,
        peak_tops=2 * cells * len(plan.chip.arrays) / peak_interval_ps(spec),
        utilisation_mean=sum(shares) / len(shares) if shares else 0.0,
        cost=cost,
        tile_mvms={tile.name: tile.drains for tile in machine.tiles},
        block_busy_ps={tile.name: tile.busy for tile in machine.tiles},
        links=[
            (link.name, *link.edge, link.packets, link.bytes, link.busy) for link in machine.interconnect.links.values()
        ],
        buffer_peaks=list(_buffer_peaks(plan, machine.buffers)),
        max_inputs_in_flight=stream.in_flight,
        simulated=run.simulated,
    )


def _buffer_peaks(plan: Plan, uses: Sequence[BufferUse]) -> Iterator[BufferPeak]:
    known: dict[tuple[int, Replica, int], NDArray[np.int64]] = {}  # the same for all tiles of a consumer
    for use in uses:
        edge, done = use.edge, len(use.releases)
        positions = plan.network.layers[edge.producer].positions
        kept = known.get((id(edge), use.replica, done))
        if kept is None:
            own = use.replica.positions(len(edge.oldest))
            kept = kept_from(edge.oldest[own.start :: own.step], positions, done)
            known[id(edge), use.replica, done] = kept
        peak = peak_occupancy(use.arrivals, use.releases, kept, positions)
        yield BufferPeak(edge.producer, edge.consumer, use.component, peak)
