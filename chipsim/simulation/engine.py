"""`simulate_chip`: a plan and a number of inputs become times, counts and spans."""

from __future__ import annotations

import gc
import math
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from chipsim.architecture.memory_spec import GLOBAL_MEMORY
from chipsim.errors import ConsistencyError, DeadlockError
from chipsim.mapping.plan import Plan
from chipsim.simulation.accounting import count_actions
from chipsim.simulation.building.machine import BufferUse, Machine
from chipsim.simulation.building.taking_apart import take_apart
from chipsim.simulation.building.wiring import build_machine
from chipsim.simulation.core.durations import peak_interval_ps
from chipsim.simulation.core.gate import Gate
from chipsim.simulation.core.jump import Simulated
from chipsim.simulation.core.ledger import Ledger
from chipsim.simulation.core.timeline import Timeline
from chipsim.simulation.links.reduction import Reduction
from chipsim.simulation.memories.buffers import peak_occupancy
from chipsim.simulation.memories.far_traffic import FarTraffic
from chipsim.simulation.outcome import Outcome, SimulatorCost
from chipsim.simulation.periodic.regime import PeriodicRegime
from chipsim.simulation.tiles.stages import STAGE_INPUTS, StageNotes
from chipsim.simulation.tiles.tile import TileServer
from chipsim.simulation.tiles.varying import ConversionCounts
from chipsim.simulation.units.chain import ChainUnit
from chipsim.simulation.units.digital import DigitalLayerServer
from chipsim.simulation.units.gate_layer import GateLayerServer
from chipsim.simulation.units.host import HostSink, Stream
from chipsim.simulation.units.neuron import NeuronServer

Traced = TileServer | NeuronServer | ChainUnit | Reduction | DigitalLayerServer | FarTraffic


@dataclass(frozen=True, slots=True)
class BufferPeak:
    """Greatest number of positions that a buffer held."""

    producer: str
    consumer: str
    component: str
    positions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ChipOutcome(Outcome):
    """What simulating a chip gives, beside what every machine gives.

    Attributes
    ----------
    tile_mvms : dict of str to int
        MVMs per block, over all inputs, by `PlacedBlock.name`; a block alone on a tile has the tile's.
    block_busy_ps : dict of str to int
        For how long array or converters worked on each block's.
    links : list of (name, source, target, packets, bytes, busy_ps)
    buffer_peaks : list of BufferPeak
    max_inputs_in_flight : int
    simulated : Simulated
        How much of the stream was simulated; the rest follows from it exactly.
    """

    tile_mvms: dict[str, int]
    block_busy_ps: dict[str, int]
    links: list[tuple[str, str, str, int, int, int]]
    buffer_peaks: list[BufferPeak]
    max_inputs_in_flight: int
    simulated: Simulated


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
    alone = Alone(run.sink.done[0], max(_busy(run.machine).values()), run.machine.clock.events)
    take_apart([machine])
    return alone


class Run:
    """One execution of a machine: `execute`, or where several share a clock, `start`, the clock, `finish`."""

    def __init__(
        self, machine: Machine, stream: Stream, trace_inputs: int, progress: Callable[[int], None] | None, *,
        exact_all: bool, traces_links: bool = True,
    ) -> None:  # fmt: skip
        self.machine, self.stream = machine, stream
        admitted = [_admission_of(gate) for gate in machine.gates if gate.admitted]
        self.sink = HostSink(machine.hosts, stream, admitted, self._on_done)
        for gate in machine.host_gates:
            self.sink.add(gate)
        kept = max(STAGE_INPUTS, trace_inputs)
        self.regime = PeriodicRegime(machine, self.sink, stream, kept, exact_all=exact_all)
        self._progress = progress
        self.timeline = Timeline()
        self._stages = StageNotes()
        self._watch(trace_inputs)
        if trace_inputs and traces_links:
            machine.interconnect.trace_inputs(trace_inputs, self.timeline.columns.append)

    def execute(self, at_time: Callable[[int], None] | None) -> None:
        """Run to the end; see `simulate_chip`."""
        self.start()
        self.machine.clock.run_all(None if at_time is None else lambda time: at_time(time + self.regime.skipped_ps))
        self.finish()
        self.machine.interconnect.account()
        self.timeline.busy_ps = _busy(self.machine)

    def start(self) -> None:
        """Admit the first inputs."""
        self.sink.start()

    def finish(self) -> None:
        """Check that all is done, and put in what was left out; call when nothing is to happen any more."""
        if len(self.sink.done) < self.sink.inputs:
            raise DeadlockError(_who_waits(self.machine, len(self.sink.done), self.sink.inputs))
        self.simulated = self.regime.complete()
        _check_nothing_is_left(self.machine, len(self.sink.done))
        self.timeline.stages = self._stages.spans()

    def _on_done(self, inputs: int) -> None:
        self.regime.note()
        if self._progress is not None:
            self._progress(inputs + self.regime.skipped)

    def _watch(self, trace_inputs: int) -> None:
        machine = self.machine
        starters: list[TileServer | DigitalLayerServer] = [*machine.tiles, *machine.digital]
        enders: list[NeuronServer | ChainUnit | DigitalLayerServer] = [*machine.neurons, *machine.digital]
        for starter in starters:
            starter.on_start = self._stages.starter(starter.layer)
        for ender in enders:
            ender.on_end = self._stages.ender(ender.layer)
        if trace_inputs:
            for traced in _traced(machine):
                traced.trace_inputs(trace_inputs, self.timeline.columns.append)


def _admission_of(gate: Gate) -> Callable[[int, int], None]:
    """A gate that expects nothing for its first position is told of each admission instead."""
    return lambda input, time: gate.receive(input, 0, time)


def _traced(machine: Machine) -> list[Traced]:
    units = *machine.neurons, *machine.reductions, *machine.digital
    return [*machine.tiles, *units, *machine.far_writers, *machine.far_readers]


def _busy(machine: Machine) -> dict[str, int]:
    busy: defaultdict[str, int] = defaultdict(int)  # arrays with several blocks, neuron units with several slices
    for placed, tile in zip(machine.plan.blocks, machine.tiles, strict=True):
        busy[placed.array] += tile.busy
    for neuron in machine.neurons:
        busy[neuron.name] += neuron.busy
    for layer in machine.digital:
        if isinstance(layer, GateLayerServer):
            busy[layer.unit.name] += layer.busy
    if machine.memory is not None and machine.spills:
        busy[GLOBAL_MEMORY] = machine.memory.busy
    return (
        dict(busy)
        | {unit.name: unit.busy for unit in machine.units.values()}
        | {adder.name: adder.busy for adder in machine.adders.values()}
        | {link.name: link.busy for link in machine.interconnect.links.values() if link.busy}
    )


def _who_waits(machine: Machine, done: int, inputs: int) -> str:
    progress = [
        *((tile.layer, tile.name, tile.drains, tile.gate) for tile in machine.tiles),
        *((neuron.layer, neuron.name, neuron.done, neuron.gate) for neuron in machine.neurons),
        *((layer.layer, layer.unit.name, layer.done, layer.gate) for layer in machine.digital),
    ]
    waiting = [
        f"{layer} on {name} waits at position {count}"
        for layer, name, count, gate in progress
        if count < inputs * gate.positions
    ]
    shown = "; ".join(waiting[:6]) + (f"; and {len(waiting) - 6} more" if len(waiting) > 6 else "")
    return f"nothing can go on after {done} of {inputs} inputs: {shown}"


def _check_nothing_is_left(machine: Machine, inputs: int) -> None:
    for tile in machine.tiles:
        if tile.drains != inputs * tile.gate.positions:
            raise ConsistencyError(
                f"layer {tile.layer} on {tile.name} has done {tile.drains} of {inputs * tile.gate.positions} MVMs; "
                f"please report this"
            )


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
        buffer_peaks=[_buffer_peak(plan, use) for use in machine.buffers],
        max_inputs_in_flight=stream.in_flight,
        simulated=run.simulated,
    )


def _buffer_peak(plan: Plan, use: BufferUse) -> BufferPeak:
    edge = use.edge
    positions = plan.network.layers[edge.producer].positions
    own = use.replica.positions(len(edge.oldest))
    peak = peak_occupancy(use.arrivals, use.releases, edge.oldest[own.start :: own.step], positions)
    return BufferPeak(edge.producer, edge.consumer, use.component, peak)
