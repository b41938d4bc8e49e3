"""`MemoryPlan`: what stays on chip and what is fetched, decided before the run (rules B10 to B14)."""

from __future__ import annotations

from dataclasses import dataclass

from chipsim.architecture.spec import VonNeumannSpec
from chipsim.baseline.dataflow import ceil_div
from chipsim.baseline.loops import Loop
from chipsim.baseline.tensors import Tensor, Tensors, tensors_of
from chipsim.errors import CapacityError
from chipsim.network.graph import Network
from chipsim.network.layers import DigitalLayer, GateLayer, MatrixLayer
from chipsim.simulation.core.durations import bytes_of

WEIGHT_SHARE = 8
"""Half of the weight buffer is at most this fraction of on-chip memory (assumption)."""
CHUNK_SHARE = 16
"""Half of the buffer for activations in DRAM is at most this fraction of on-chip memory (assumption)."""


@dataclass(frozen=True, slots=True)
class MemoryPlan:
    """What is where.

    Attributes
    ----------
    tensors : Tensors
    resident : frozenset of str
        Layers whose weights stay on chip.
    weight_bytes : dict of str to int
        Of every matrix layer.
    spilled : frozenset of str
        Tensors that are kept in DRAM.
    weight_half_bytes : int
        Half of the double buffer for weights; 0 if all are resident.
    chunk_bytes : int
        Half of the double buffer for spilled tensors; 0 if none is.
    activation_bytes : int
        Greatest number of bytes of tensors on chip at one time.
    """

    tensors: Tensors
    resident: frozenset[str]
    weight_bytes: dict[str, int]
    spilled: frozenset[str]
    weight_half_bytes: int
    chunk_bytes: int
    activation_bytes: int

    @property
    def resident_bytes(self) -> int:
        """Weights that are loaded once, before the run."""
        return sum(size for name, size in self.weight_bytes.items() if name in self.resident)

    def fetched_of(self, loop: Loop) -> int:
        """Bytes of a loop's weights that do not stay on chip."""
        return sum(
            size for name, size in self.weight_bytes.items() if name in loop.layers and name not in self.resident
        )

    @property
    def used_bytes(self) -> int:
        """On-chip memory that the plan fills."""
        return self.resident_bytes + self.activation_bytes + 2 * (self.weight_half_bytes + self.chunk_bytes)


@dataclass(frozen=True, slots=True)
class _Needs:
    """The least that any schedule needs: half-buffers for one array of weights and one position."""

    weights: int
    position: int
    layer: str


def plan_memory(spec: VonNeumannSpec, network: Network, batch: int) -> MemoryPlan:
    """Divide the on-chip memory among tensors, resident weights and double buffers.

    Parameters
    ----------
    spec : VonNeumannSpec
    network : Network
    batch : int
        Inputs that are computed together.

    Raises
    ------
    CapacityError
        If not even one position of every layer fits beside two weight tiles, or one round of a loop for the batch.
    """
    capacity = int(spec.on_chip_memory.capacity)
    tensors = tensors_of(network, spec.precision.activation_bits)
    weights = _weight_bytes(network, spec.precision.weight_bits)
    total = sum(weights.values())
    peak, _ = _place(tensors, batch, None)
    if total + peak <= capacity:
        return MemoryPlan(tensors, frozenset(weights), weights, frozenset(), 0, 0, peak)
    needs = _least_needs(spec, network, weights)
    _check(spec, needs, capacity)
    half = max(needs.weights, min(capacity // WEIGHT_SHARE, capacity // 2 - needs.position))
    chunk = max(needs.position, min(capacity // CHUNK_SHARE, capacity // 2 - half))
    if 2 * total <= capacity and 2 * needs.position <= capacity - total:
        half, budget = 0, capacity - total
        chunk = min(chunk, budget // 2)
    else:
        budget = max(2 * needs.position, min(capacity // 2, capacity - 2 * half))
        chunk = min(chunk, budget // 2)
    spilled: frozenset[str] = frozenset()
    if peak > budget:
        _check_loops(spec, tensors, batch, budget - 2 * chunk)
        peak, spilled = _place(tensors, batch, budget - 2 * chunk)
    chunk = chunk if spilled else 0
    resident = _resident(_loops_first(weights, tensors), capacity - peak - 2 * chunk, half)
    half = 0 if len(resident) == len(weights) else half
    return MemoryPlan(tensors, resident, weights, spilled, half, chunk, peak)


def _weight_bytes(network: Network, bits: int) -> dict[str, int]:
    return {
        layer.name: bytes_of(sum(matrix.rows * matrix.columns for matrix in layer.matrices), bits)
        for layer in network.matrix_layers
    }


def _place(tensors: Tensors, batch: int, budget: int | None) -> tuple[int, frozenset[str]]:
    """Give each tensor, in topological order, a place for its lifetime; return the peak and those without one.

    What a loop hands round comes first and always gets one.
    """
    used = [0] * (1 + max(tensor.last for tensor in tensors.by_name.values()))
    spilled = set()
    inner = [tensor for tensor in tensors.by_name.values() if _stays(tensor, tensors)]
    for tensor in (*inner, *(tensor for tensor in tensors.by_name.values() if tensor not in inner)):
        size = tensor.bytes_per_input * tensor.copies * batch
        span = range(tensor.first, tensor.last + 1)
        if budget is not None and tensor not in inner and max(used[place] for place in span) + size > budget:
            spilled.add(tensor.name)
            continue
        for place in span:
            used[place] += size
    return max(used), frozenset(spilled)


def _stays(tensor: Tensor, tensors: Tensors) -> bool:
    loop = tensors.loops.get(tensor.name)
    return loop is not None and tensor.name in loop.inner


def _check_loops(spec: VonNeumannSpec, tensors: Tensors, batch: int, budget: int) -> None:
    """Refuse a batch for which a loop cannot keep what it hands round."""
    for loop in dict.fromkeys(tensors.loops.values()):
        kept = batch * sum(tensors.by_name[name].bytes_per_input for name in loop.inner)
        if kept > budget:
            raise CapacityError(
                f"{spec.name}: the loop of {loop.layers[-1]!r} needs {kept} bytes on chip for one step of {batch} "
                f"inputs; on_chip_memory.capacity leaves {budget} bytes for it; give it more, or use smaller batches"
            )


def _loops_first(weights: dict[str, int], tensors: Tensors) -> dict[str, int]:
    """Weights in the order in which they get room: what is used in every round comes first."""
    return dict(sorted(weights.items(), key=lambda item: item[0] not in tensors.loops))


def _least_needs(spec: VonNeumannSpec, network: Network, weights: dict[str, int]) -> _Needs:
    array = bytes_of(spec.compute.macs_per_cycle, spec.precision.weight_bits)
    positions = {layer.name: _position_values(network, layer) for layer in network.layers.values()}
    layer = max(positions, key=lambda name: positions[name])
    return _Needs(
        min(array, max(weights.values(), default=0)),
        bytes_of(positions[layer], spec.precision.activation_bits),
        layer,
    )


def _position_values(network: Network, layer: object) -> int:
    """Values that one output position reads and writes."""
    if isinstance(layer, MatrixLayer):
        return sum(matrix.rows + matrix.columns for matrix in layer.matrices)
    if isinstance(layer, DigitalLayer | GateLayer):
        return layer.channels + sum(network.layers[name].channels for name in layer.inputs)
    return 0


def _check(spec: VonNeumannSpec, needs: _Needs, capacity: int) -> None:
    least = 2 * (needs.weights + needs.position)
    if least > capacity:
        raise CapacityError(
            f"{spec.name}: layer {needs.layer!r} needs {least} bytes on chip (two buffers for the inputs and outputs "
            f"of one position, {needs.position} bytes each, and two for the weights that fill the compute array, "
            f"{needs.weights} bytes each); on_chip_memory.capacity is {capacity} bytes; give it at least {least} bytes"
        )


def _resident(weights: dict[str, int], room: int, half: int) -> frozenset[str]:
    """All layers if they fit, else greedily in topological order beside the double buffer."""
    if sum(weights.values()) <= room:
        return frozenset(weights)
    room -= 2 * half
    resident = set()
    for name, size in weights.items():
        if size <= room:
            resident.add(name)
            room -= size
    return frozenset(resident)


def chunks_of(plan: MemoryPlan, spilled_bytes: int, vectors: int) -> int:
    """In how many chunks a layer walks through the spilled tensors that it reads or writes."""
    return max(1, min(vectors, ceil_div(spilled_bytes, plan.chunk_bytes))) if spilled_bytes else 1
