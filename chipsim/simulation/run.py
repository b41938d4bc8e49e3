"""`Run`: one execution of a machine, from the first admission to the last output."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

from chipsim.architecture.memory_spec import GLOBAL_MEMORY
from chipsim.errors import DeadlockError
from chipsim.simulation.building.machine import Machine
from chipsim.simulation.core.gate import Gate
from chipsim.simulation.core.in_order_gate import InOrderGate
from chipsim.simulation.core.timeline import Timeline
from chipsim.simulation.links.reduction import Reduction
from chipsim.simulation.memories.far_traffic import FarTraffic
from chipsim.simulation.periodic.member import Member
from chipsim.simulation.periodic.regime import ASKED, PeriodicRegime, Share
from chipsim.simulation.tiles.stages import STAGE_INPUTS, StageNotes
from chipsim.simulation.tiles.tile import TileServer
from chipsim.simulation.unfinished import check_nothing_is_left, who_waits
from chipsim.simulation.units.chain import ChainUnit
from chipsim.simulation.units.digital import DigitalLayerServer
from chipsim.simulation.units.gate_layer import GateLayerServer
from chipsim.simulation.units.host import HostSink, Stream
from chipsim.simulation.units.neuron import NeuronServer

Traced = TileServer | NeuronServer | ChainUnit | Reduction | DigitalLayerServer | FarTraffic


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
        self.member = Member(machine, self.sink, stream, max(STAGE_INPUTS, trace_inputs))
        self.regime = Share(PeriodicRegime([self.member], ASKED if exact_all else None), 0)
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
        self.timeline.busy_ps = busy_ps_of(self.machine)

    def start(self) -> None:
        """Admit the first inputs."""
        self.sink.start()

    def finish(self) -> None:
        """Check that all is done, and put in what was left out; call when nothing is to happen any more."""
        if len(self.sink.done) < self.sink.inputs:
            raise DeadlockError(who_waits(self.machine, len(self.sink.done), self.sink.inputs))
        self.simulated = self.regime.complete()
        check_nothing_is_left(self.machine, len(self.sink.done))
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


def _admission_of(gate: Gate | InOrderGate) -> Callable[[int, int], None]:
    """A gate that expects nothing for its first position is told of each admission instead."""
    return lambda input, time: gate.receive(input, 0, time)


def _traced(machine: Machine) -> list[Traced]:
    units = *machine.neurons, *machine.reductions, *machine.digital
    return [*machine.tiles, *units, *machine.far_writers, *machine.far_readers]


def busy_ps_of(machine: Machine) -> dict[str, int]:
    """For how long each component that does anything was busy, by its name, ps."""
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
