"""`AnalogNetwork`: a network programmed into a plan's tiles; `run` computes what they put out."""

from __future__ import annotations

from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from chipsim.architecture.spec import InMemorySpec
from chipsim.crossbar.array import Array, program_block
from chipsim.crossbar.compensation import Reference
from chipsim.crossbar.converters import InputConverter, OutputConverter
from chipsim.crossbar.plane_path import PlanePath
from chipsim.crossbar.read_path import ReadPath
from chipsim.crossbar.sliced_block import SlicedArray
from chipsim.device import get_device
from chipsim.device.model import DeviceModel
from chipsim.execution.block_path import connect, program_cells
from chipsim.execution.calibration import (
    BlockKey,
    Ranges,
    block_weights,
    device_of,
    finish_layer,
    input_vectors,
    scales,
    vector_sizes,
)
from chipsim.execution.forward import Values, forward
from chipsim.mapping.plan import LayerPlan, PlacedBlock, Plan
from chipsim.network.layers import MatrixLayer
from chipsim.streams import Key, stream

REFERENCE_READS = 8
CHUNK_BYTES = 256 * 2**20
"""Scratch space for a layer's input vectors, which bounds how many inputs go through together."""


@dataclass(frozen=True, slots=True)
class Fidelity:
    """How much of the physics a run has.

    Attributes
    ----------
    converters : bool
        DACs and ADCs on.
    devices : bool
        The architecture's cells at the asked-for age; otherwise ideal ones.
    age_s : float
    compensated : bool
        Global drift factor from reference reads.
    """

    converters: bool
    devices: bool
    age_s: float = 0.0
    compensated: bool = False


IDEAL = Fidelity(converters=False, devices=False)
QUANTISED = Fidelity(converters=True, devices=False)


@dataclass(slots=True)
class BlockRun:
    """One programmed block on its tile and what it has done.

    Attributes
    ----------
    mvms, reference_reads : int
        MVMs computed for the network, and for drift compensation.
    clipped_inputs, saturated_outputs : int
    drive : ndarray of float64, shape (rows,)
        Steps for which each row was driven over all MVMs for the network: exact in any order.
    reference_conductance : float
        Siemens x codes of the reference reads at the asked-for age.
    """

    placed: PlacedBlock
    array: Array | SlicedArray
    path: ReadPath | PlanePath
    noise: np.random.Generator
    drive: NDArray[np.float64]
    mvms: int = 0
    reference_reads: int = 0
    saturated_outputs: int = 0
    reference_conductance: float = 0.0

    @property
    def integrated_conductance(self) -> float:
        """Siemens x codes over all MVMs for the network."""
        return self.array.integrated_conductance(self.drive)

    @property
    def conversions(self) -> int:
        """Output conversions over all MVMs for the network."""
        return self.mvms * self.path.conversions


@dataclass(slots=True)
class LayerRun:
    """A layer's blocks and input converter."""

    plan: LayerPlan
    input_converter: InputConverter
    blocks: list[BlockRun]
    converted_inputs: int = 0
    clipped_inputs: int = 0


@dataclass(slots=True)
class AnalogNetwork:
    """A programmed network; make it with `program_network`.

    Attributes
    ----------
    plan : Plan
    fidelity : Fidelity
    layers : dict of str to LayerRun
    threads : int
        Blocks computed side by side; results do not depend on it.
    """

    plan: Plan
    fidelity: Fidelity
    layers: dict[str, LayerRun]
    threads: int = 2
    _first_input: int = field(default=0)

    def run(self, x: Values, keep: Collection[str], chunk: int | None = None) -> dict[str, Values]:
        """Compute the next inputs.

        Parameters
        ----------
        x : ndarray of float32, shape (n, *network.input_shape)
        keep : collection of str
            Layers whose outputs are returned.
        chunk : int, optional
            Inputs that go through a layer together; bounds memory and changes no byte.

        Returns
        -------
        dict of str to ndarray of float32, shape (n, *layer.output_shape)
        """
        size = chunk or self._chunk()
        parts: list[dict[str, Values]] = []
        with threadpool_limits(1, "blas"), ThreadPoolExecutor(self.threads) as pool:
            for start in range(0, len(x), size):
                part = x[start : start + size]
                parts.append(forward(self.plan.network, part, lambda layer, v: self._multiply(layer, v, pool), keep))
                self._first_input += len(part)
        return {name: np.concatenate([part[name] for part in parts]) for name in keep}

    def tile_mvms(self) -> dict[str, int]:
        """MVMs computed so far per tile, reference reads apart."""
        return {run.placed.tile: run.mvms for layer in self.layers.values() for run in layer.blocks}

    def _multiply(self, layer: MatrixLayer, values: Values, pool: ThreadPoolExecutor) -> Values:
        run = self.layers[layer.name]
        vectors, sizes = self._codes(run, values)
        products = list(pool.map(lambda block: self._read(block, vectors[block.placed.matrix], layer), run.blocks))
        sums = np.empty((len(values) * layer.positions, layer.channels), np.float32)
        for matrix in run.plan.matrices:
            first = matrix.first_output_channel
            sums[:, first : first + matrix.columns] = matrix.bias
        for block, product in zip(run.blocks, products, strict=True):  # row blocks add up in a fixed order
            first = run.plan.matrices[block.placed.matrix].first_output_channel + block.placed.block.first_column
            sums[:, first : first + product.shape[1]] += product * sizes[block.placed.matrix]
        return finish_layer(layer, sums)

    def _codes(self, run: LayerRun, values: Values) -> tuple[list[Values], list[Values]]:
        """Input codes of each matrix, and what the products have to be multiplied by, shape (mvms or 1, 1)."""
        matrices, window = run.plan.matrices, run.plan.layer.window
        if self.fidelity.converters and self.plan.chip.spec.tile.dac.range == "per-vector":
            vectors = [input_vectors(matrix, values, window) for matrix in matrices]
            sizes = [vector_sizes(each) for each in vectors]
            codes = [_convert(run, each / size) for each, size in zip(vectors, sizes, strict=True)]
            return codes, sizes
        shared = _convert(run, values)
        return [input_vectors(matrix, shared, window) for matrix in matrices], [np.ones((1, 1), np.float32)] * len(
            matrices
        )

    def _read(self, run: BlockRun, vectors: Values, layer: MatrixLayer) -> Values:
        block = run.placed.block
        mine = vectors[:, block.first_row : block.first_row + block.rows]
        product = run.path.multiply_codes(mine, run.noise, first_mvm=self._first_input * layer.positions)
        run.mvms += len(mine)
        run.saturated_outputs += product.saturated_outputs
        if self.fidelity.converters:
            run.drive += run.path.row_drive(mine)
        return product.values

    def _chunk(self) -> int:
        widest = max(
            (run.plan.layer.positions * matrix.rows for run in self.layers.values() for matrix in run.plan.matrices),
            default=1,
        )
        return max(1, CHUNK_BYTES // (4 * widest))


def program_network(
    plan: Plan, ranges: dict[str, Ranges], fidelity: Fidelity, seed: int, programming: int = 0, threads: int = 2
) -> AnalogNetwork:
    """Program every block of a plan and evaluate its cells at an age.

    Parameters
    ----------
    plan : Plan
    ranges : dict of str to Ranges
        From `chipsim.execution.calibration.calibrate`.
    fidelity : Fidelity
    seed : int
    programming : int
        Which of several independent programmings of the same network.
    threads : int
        Blocks computed side by side.

    Raises
    ------
    DeviceRangeError
        If the device model does not know the age.
    """
    spec = plan.chip.spec
    chosen = device_of(spec)
    device = chosen if fidelity.devices else _ideal_like(chosen)
    device.check_age(fidelity.age_s)
    layers: dict[str, LayerRun] = {}
    with threadpool_limits(1, "blas"):
        for name, layer_plan in plan.layers.items():
            dac = InputConverter(spec.tile.dac.bits if fidelity.converters else None, ranges[name].input)
            blocks = [
                _program(layer_plan, placed, device, dac, ranges[name], fidelity, spec, (seed, programming))
                for placed in layer_plan.blocks
            ]
            layers[name] = LayerRun(layer_plan, dac, blocks)
    return AnalogNetwork(plan, fidelity, layers, threads)


def slots_of(layer: MatrixLayer) -> int:
    """Vectors per BLAS call: many for feature maps, few where a layer has few positions."""
    return 256 if layer.positions >= 64 else 64 if layer.positions >= 16 else 16


def _convert(run: LayerRun, values: Values) -> Values:
    codes, clipped = run.input_converter.convert(values)
    run.clipped_inputs += clipped
    run.converted_inputs += codes.size
    return codes


def _ideal_like(device: DeviceModel) -> DeviceModel:
    """Ideal cells with the conductance range of another device."""
    return get_device("ideal", g_min_siemens=device.g_min_siemens, g_max_siemens=device.g_max_siemens)


def _program(
    plan: LayerPlan, placed: PlacedBlock, device: DeviceModel, dac: InputConverter, ranges: Ranges, fidelity: Fidelity,
    spec: InMemorySpec, draw: tuple[int, int],
) -> BlockRun:  # fmt: skip
    matrix, block = plan.matrices[placed.matrix], placed.block
    key: BlockKey = (placed.matrix, block.row, block.column)
    seed, programming = draw

    def rng(purpose: str) -> np.random.Generator:
        parts: tuple[Key, ...] = (plan.layer.name, matrix.name, block.row, block.column, 0, programming, purpose)
        return stream(seed, *parts)

    weights, scale, slots = block_weights(matrix, block), scales(matrix, device, spec, block), slots_of(plan.layer)
    if not fidelity.converters:
        array = program_block(weights, scale, device, rng("programming")).at_age(fidelity.age_s, rng("slow noise"))
        plain = ReadPath.connect(array, dac, OutputConverter(), slots)
        return BlockRun(placed, array, plain, rng("fast noise"), np.zeros(block.rows))

    def between_converters(now: Array | SlicedArray) -> ReadPath | PlanePath:
        return connect(now, dac, ranges.outputs[key], slots, spec, rng("converter spread"))

    programmed = program_cells(weights, scale, device, spec, rng("programming"))
    cells = programmed.at_age(fidelity.age_s, rng("slow noise"))
    path = between_converters(cells)
    reads, conductance = 0, 0.0
    if fidelity.compensated:
        before = between_converters(programmed.at_age(device.earliest_age_s, rng("slow noise at the start")))
        reference = Reference.take(before, rng("reference pattern"), rng("reference noise"), REFERENCE_READS)
        path = path.compensated(reference.factor(path, rng("reference noise now")))
        reads, conductance = 2 * reference.reads, cells.integrated_conductance(path.row_drive(reference.codes))
    return BlockRun(
        placed, cells, path, rng("fast noise"), np.zeros(block.rows), reference_reads=reads,
        reference_conductance=conductance,
    )  # fmt: skip
