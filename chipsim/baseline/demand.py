"""`LayerDemand`: what one layer asks of the machine for one batch (rules B6 to B9, B12, B13)."""

from __future__ import annotations

from dataclasses import dataclass

from chipsim.architecture.spec import VonNeumannSpec
from chipsim.baseline.loops import Loop, given_to
from chipsim.baseline.plan import MemoryPlan, chunks_of
from chipsim.baseline.systolic import dataflow_of
from chipsim.baseline.weights import LayerProducts, cut_weights, products_of
from chipsim.network.graph import Network
from chipsim.network.layers import DigitalLayer, GateLayer, MatrixLayer
from chipsim.simulation.core.durations import bytes_of


@dataclass(frozen=True, slots=True)
class LayerDemand:
    """Amounts of one layer and one batch.

    Attributes
    ----------
    layer : str
    macs, operations : int
        Useful multiply-accumulates; scalar operations of the vector unit.
    tile_cycles : tuple of int
        Compute cycles per weight tile; one tile if the weights are resident.
    tile_bytes : tuple of int
        Bytes of weights to fetch per tile; empty if they are resident.
    chunks : int
        Parts in which each tile walks through spilled tensors.
    input_bytes, output_bytes : int
        Of spilled tensors, read from and written to DRAM.
    awaits : tuple of str
        Spilled tensors that it reads.
    on_chip_reads, on_chip_writes : int
        Bytes through the port of the on-chip memory.
    """

    layer: str
    macs: int
    operations: int
    tile_cycles: tuple[int, ...]
    tile_bytes: tuple[int, ...]
    chunks: int
    input_bytes: int
    output_bytes: int
    awaits: tuple[str, ...]
    on_chip_reads: int
    on_chip_writes: int

    @property
    def on_chip_bytes(self) -> int:
        """Bytes through the port, both ways."""
        return self.on_chip_reads + self.on_chip_writes


def demand_of(
    spec: VonNeumannSpec, network: Network, plan: MemoryPlan, layer: MatrixLayer | DigitalLayer | GateLayer,
    inputs: int, loop: Loop | None = None,
) -> LayerDemand:  # fmt: skip
    """What a layer needs for ``inputs`` inputs; of a layer of a loop the tiles are those of one round."""
    tensors, rounds = plan.tensors, 1 if loop is None else loop.rounds
    read = tensors.read_by(given_to(layer))
    spilled = [name for name in read if name in plan.spilled]
    spilled_in = sum(read[name] for name in spilled) * inputs
    made = tensors.by_name[layer.name].made_per_input * inputs
    spilled_out = made if layer.name in plan.spilled else 0
    chunks = chunks_of(plan, spilled_in + spilled_out, layer.positions * inputs)
    # what the network's inputs hand on has arrived before the batch begins
    given = {layer.name for layer in network.input_layers}
    awaits = tuple(name for name in spilled if name not in given)
    if not isinstance(layer, MatrixLayer):
        reads = sum(read.values()) * inputs
        return LayerDemand(
            layer.name, 0, layer.element_operations * inputs, (0,), (), chunks, spilled_in, spilled_out, awaits,
            reads + spilled_out, made + spilled_in,
        )  # fmt: skip
    products = products_of(layer, dataflow_of(spec.compute), inputs, rounds)
    cycles, fetched = _tiles(spec, plan, layer, products)
    spilled_in *= products.input_passes(len(cycles))
    reads = rounds * _array_reads(spec, products)
    operations = layer.positions * inputs * sum(gemm.columns for gemm in products.gemms)
    return LayerDemand(
        layer.name, layer.macs * inputs, operations, cycles, fetched, chunks, spilled_in, spilled_out, awaits,
        reads + spilled_out, made + spilled_in + sum(fetched) * rounds,
    )  # fmt: skip


def _tiles(
    spec: VonNeumannSpec, plan: MemoryPlan, layer: MatrixLayer, products: LayerProducts
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Cycles and fetched bytes per weight tile."""
    if layer.name in plan.resident:
        return (products.cycles_until(products.bands),), ()
    bits = spec.precision.weight_bits
    tiles = cut_weights(products, bits, plan.weight_half_bytes)
    return tuple(tiles.cycles(products)), tuple(bytes_of(weights, bits) for weights in tiles.weights(products))


def _array_reads(spec: VonNeumannSpec, products: LayerProducts) -> int:
    """Bytes of weights and inputs that the compute array reads from on-chip memory."""
    flow, precision = products.dataflow, spec.precision
    weights = sum(flow.weight_reads(gemm) for gemm in products.gemms)
    inputs = sum(flow.input_reads(gemm) for gemm in products.gemms)
    return bytes_of(weights, precision.weight_bits) + bytes_of(inputs, precision.activation_bits)
