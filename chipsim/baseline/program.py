"""`Program`: what the machine does for one batch, as segments that run without waiting (rules B3 to B9, B15)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache

from chipsim.architecture.spec import VonNeumannSpec
from chipsim.baseline.demand import LayerDemand, demand_of
from chipsim.baseline.loop_demand import LoopDemand, loop_demand
from chipsim.baseline.plan import MemoryPlan
from chipsim.network.graph import Network
from chipsim.network.layers import DigitalLayer, GateLayer, MatrixLayer
from chipsim.units import duration_ps

MOST_STEPS = 32
"""Chunks of a layer are simulated together so that it has about as many steps at most (assumption)."""


@dataclass(frozen=True, slots=True)
class Segment:
    """Work between two points at which the compute side may have to wait.

    Attributes
    ----------
    layer : str
        Of its first step; a segment of several layers neither fetches inputs nor writes to DRAM.
    weight_bytes, input_bytes : int
        To be fetched from DRAM before it starts.
    awaits : tuple of str
        Tensors that must be complete in DRAM before the inputs are fetched.
    bursts : int
        Transfers that the inputs, and the outputs, take each.
    duration_ps : int
    frees_weights : bool
        Its weight tile is not needed any more when it ends.
    output_bytes : int
        To be written to DRAM when it ends.
    completes : str
        The tensor that is complete with this write; empty if none is.
    marks : tuple of (str, int, int)
        Layer, its start and its end within the segment in picoseconds.
    """

    layer: str
    weight_bytes: int
    input_bytes: int
    awaits: tuple[str, ...]
    bursts: int
    duration_ps: int
    frees_weights: bool
    output_bytes: int
    completes: str
    marks: tuple[tuple[str, int, int], ...]

    @property
    def fetches(self) -> bool:
        """Whether DRAM must deliver something first."""
        return self.weight_bytes > 0 or self.input_bytes > 0


@dataclass(frozen=True, slots=True)
class Busy:
    """Busy picoseconds of one batch."""

    compute: int = 0
    vector_unit: int = 0
    on_chip_memory: int = 0


@dataclass(frozen=True, slots=True)
class Arriving:
    """What the host sends of one input layer, per input of the network, and whether it waits in DRAM."""

    layer: str
    bytes: int
    staged: bool


@dataclass(frozen=True, slots=True)
class Program:
    """One batch.

    Attributes
    ----------
    inputs : int
        In the batch.
    segments : tuple of Segment
    demands : tuple of LayerDemand
        Per layer, whole batch: for the ledger.
    busy : Busy
    arriving : tuple of Arriving
    outputs : tuple of str
        Tensors that leave for the host.
    output_bytes : int
        Over the host link, per input of the network.
    staged_output_bytes : int
        The part of them, for the whole batch, that waits in DRAM.
    staged_outputs : tuple of str
        The outputs among them that a layer writes.
    """

    inputs: int
    segments: tuple[Segment, ...]
    demands: tuple[LayerDemand, ...]
    busy: Busy
    arriving: tuple[Arriving, ...]
    outputs: tuple[str, ...]
    output_bytes: int
    staged_output_bytes: int
    staged_outputs: tuple[str, ...]

    @property
    def input_bytes(self) -> int:
        """Over the host link, per input of the network."""
        return sum(each.bytes for each in self.arriving)

    @property
    def staged_input_bytes(self) -> int:
        """The part of them, for the whole batch, that waits in DRAM."""
        return sum(each.bytes for each in self.arriving if each.staged) * self.inputs

    @property
    def spills(self) -> bool:
        """Whether anything but the fetching process uses DRAM."""
        return bool(self.staged_input_bytes) or any(segment.output_bytes for segment in self.segments)


def build_program(spec: VonNeumannSpec, network: Network, plan: MemoryPlan, inputs: int) -> Program:
    """Lay out a batch of ``inputs`` under a plan that was made for at least as many."""
    stepper = _Stepper(spec)
    segments: list[Segment] = []
    demands: list[LayerDemand] = []
    for demand in _demands(spec, network, plan, inputs):
        steps = stepper.rounds(demand) if isinstance(demand, LoopDemand) else stepper.steps(demand)
        demands += demand.layers if isinstance(demand, LoopDemand) else (demand,)
        for step in steps:
            if segments and _continues(segments[-1], step):
                segments[-1] = _join(segments[-1], step)
            else:
                segments.append(step)
    tensors = plan.tensors
    arriving = tuple(
        Arriving(layer.name, tensors.by_name[layer.name].bytes_per_input, layer.name in plan.spilled)
        for layer in network.input_layers
    )
    given = {each.layer for each in arriving}
    leaving = tensors.read_by(network.outputs)
    staged = [name for name in leaving if name in plan.spilled]
    return Program(
        inputs, tuple(segments), tuple(demands), stepper.busy, arriving, tensors.outputs, sum(leaving.values()),
        sum(leaving[name] for name in staged) * inputs, tuple(name for name in staged if name not in given),
    )  # fmt: skip


def _demands(
    spec: VonNeumannSpec, network: Network, plan: MemoryPlan, inputs: int
) -> Iterator[LayerDemand | LoopDemand]:
    """Of each layer, in the order in which they run; of a loop at its last layer's place (rule B24)."""
    for layer in network.layers.values():
        loop = plan.tensors.loops.get(layer.name)
        if loop is not None and layer.name == loop.layers[-1]:
            yield loop_demand(spec, network, plan, loop, inputs)
        elif loop is None and isinstance(layer, MatrixLayer | DigitalLayer | GateLayer):
            yield demand_of(spec, network, plan, layer, inputs)


class _Stepper:
    """Cuts a layer's demand into steps of one weight tile and one chunk, and times them."""

    def __init__(self, spec: VonNeumannSpec) -> None:
        self.spec = spec
        self.busy = Busy()
        self._duration = cache(duration_ps)

    def steps(self, demand: LayerDemand) -> Iterator[Segment]:
        """Segments of one step each, in order."""
        tiles = len(demand.tile_cycles)
        parts = min(demand.chunks, max(1, MOST_STEPS // tiles))
        count = tiles * parts
        for index in range(count):
            tile, chunk = divmod(index, parts)
            cycles = _share(demand.tile_cycles[tile], chunk, parts)
            duration = self._time(
                cycles, _share(demand.operations, index, count), _share(demand.on_chip_bytes, index, count)
            )
            streams = bool(demand.tile_bytes)
            last = index == count - 1
            yield Segment(
                demand.layer,
                demand.tile_bytes[tile] if streams and chunk == 0 else 0,
                _share(demand.input_bytes, index, count),
                demand.awaits,
                _share(demand.chunks, chunk, parts),
                duration,
                streams and chunk == parts - 1,
                _share(demand.output_bytes, index, count),
                demand.layer if last and demand.output_bytes else "",
                ((demand.layer, 0, duration),),
            )

    def rounds(self, loop: LoopDemand) -> Iterator[Segment]:
        """Segments of all layers of a loop, round after round (rules B24, B25)."""
        for number in range(loop.rounds):
            for place, demand in enumerate(loop.layers):
                last_round, last_layer = number == loop.rounds - 1, place == len(loop.layers) - 1
                steps = [*self.steps(loop.of_round(demand, number))]
                for index, step in enumerate(steps):
                    first, last = index == 0, index == len(steps) - 1
                    if loop.kept_bytes and number == place == 0 and first:
                        step = replace(step, weight_bytes=loop.kept_bytes)
                    if loop.kept_bytes and last_round and last_layer and last:
                        step = replace(step, frees_weights=True)
                    yield step if last_round else replace(step, completes="")

    def _time(self, cycles: int, operations: int, on_chip_bytes: int) -> int:
        """Array, vector unit and memory port work side by side: the slowest decides (rule B5)."""
        spec, duration = self.spec, self._duration
        compute = duration(cycles, spec.compute.frequency)
        vector = duration(operations, spec.vector_unit.rate)
        memory = duration(on_chip_bytes, spec.on_chip_memory.bandwidth)
        busy = self.busy
        self.busy = Busy(busy.compute + compute, busy.vector_unit + vector, busy.on_chip_memory + memory)
        return max(1, compute, vector, memory)


def _share(total: int, index: int, count: int) -> int:
    """One of ``count`` parts that are as equal as integers can be."""
    return total * (index + 1) // count - total * index // count


def _continues(before: Segment, step: Segment) -> bool:
    """Whether a step waits for nothing and nothing waits for the end of what is before it."""
    held = before.input_bytes or before.output_bytes or before.frees_weights
    return not (held or step.fetches or step.output_bytes)


def _join(before: Segment, step: Segment) -> Segment:
    """Two segments of which the second waits for nothing, as one."""
    begin = before.duration_ps
    spans = {layer: (start, end) for layer, start, end in before.marks}
    for layer, start, end in step.marks:
        first, _ = spans.get(layer, (begin + start, 0))
        spans[layer] = first, begin + end
    return replace(
        before,
        duration_ps=begin + step.duration_ps,
        frees_weights=step.frees_weights,
        marks=tuple((layer, start, end) for layer, (start, end) in spans.items()),
    )
