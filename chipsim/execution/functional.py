"""`AnalogNetwork`: a network programmed into a plan's tiles; `run` computes what they put out."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from chipsim.architecture.fault_map import KnownFault, read_fault_map
from chipsim.architecture.spec import Faults, InMemorySpec, Wires
from chipsim.crossbar.conversion_cycles import ConversionCounts
from chipsim.crossbar.converters import InputConverter
from chipsim.crossbar.precision import data_type
from chipsim.device import get_device
from chipsim.device.model import DeviceModel
from chipsim.execution.affine import Affine
from chipsim.execution.block_path import cycle_rules
from chipsim.execution.block_run import IDEAL, QUANTISED, REFERENCE_READS, BlockRun, BlockSite, Fidelity, ReadyBlock
from chipsim.execution.calibration import Ranges, device_of, finish_layer, input_vectors, vector_sizes
from chipsim.execution.forward import Values, forward
from chipsim.mapping.plan import LayerPlan, PlacedBlock, Plan, Replica
from chipsim.network.layers import MatrixLayer

__all__ = ["IDEAL", "QUANTISED", "REFERENCE_READS", "AnalogNetwork", "Fidelity", "LayerRun", "program_network"]

CHUNK_BYTES = 64 * 2**20
"""Scratch space for a layer's input vectors and products, which bounds how many inputs go through together; what is
made of them on the way takes a few times as much."""

DRIVE_MVMS = 1024
"""MVMs whose row drive is counted together: exact in any order, so this bounds memory only."""


class Stored(Protocol):
    """Programmings to take cells from; `chipsim.execution.stored.ProgrammingFile` is one."""

    def ready(self, programming: int, site: BlockSite) -> ReadyBlock:
        """The cells of one block."""


@dataclass(slots=True)
class LayerRun:
    """A layer's blocks and input converter, and what its neuron units do to each channel before the activation."""

    plan: LayerPlan
    input_converter: InputConverter
    blocks: list[BlockRun]
    converted_inputs: int = 0
    clipped_inputs: int = 0
    affine: Affine | None = None


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
        size = chunk or self.chunk()
        layers = self.plan.network.layers
        kept = {name: np.empty((len(x), *layers[name].output_shape), np.float32) for name in keep}
        with threadpool_limits(1, "blas"), ThreadPoolExecutor(self.threads) as pool:
            for start in range(0, len(x), size):
                part = x[start : start + size]
                found = forward(self.plan.network, part, lambda layer, v: self._multiply(layer, v, pool), keep)
                for name in keep:
                    kept[name][start : start + size] = found[name]
                self._first_input += len(part)
        return kept

    def uncompensated(self, purpose: str = "fast noise") -> AnalogNetwork:
        """The same cells, not read yet, without drift compensation; `purpose` names the streams of their fast noise."""
        layers = {
            name: replace(
                layer, blocks=[run.site.run(replace(run.ready, reference_reads=0), purpose) for run in layer.blocks],
                converted_inputs=0, clipped_inputs=0, affine=None,
            )
            for name, layer in self.layers.items()
        }  # fmt: skip
        return AnalogNetwork(self.plan, replace(self.fidelity, compensated=False), layers, self.threads)

    def with_affine(self, affine: dict[str, Affine]) -> AnalogNetwork:
        """The same cells, not read yet, with scale and shift per channel instead of factors from reference reads."""
        plain = self.uncompensated()
        layers = {name: replace(layer, affine=affine[name]) for name, layer in plain.layers.items()}
        return replace(plain, layers=layers, fidelity=replace(self.fidelity, compensated=True))

    def count_conversions(self) -> None:
        """From now on count what conversions take, where time or energy depends on it."""
        rules = cycle_rules(self.plan.chip.spec)
        for run in (run for layer in self.layers.values() for run in layer.blocks):
            run.cycle_rules = rules

    def conversion_counts(self) -> dict[str, ConversionCounts]:
        """What the conversions of each block took so far, by the name of its place, where that was counted."""
        runs = [run for layer in self.layers.values() for run in layer.blocks if run.counted]
        return {run.placed.name: ConversionCounts.joined(run.counted) for run in runs}

    def tile_mvms(self) -> dict[str, int]:
        """MVMs computed so far per block, by the name of its place, reference reads apart."""
        return {run.placed.name: run.mvms for layer in self.layers.values() for run in layer.blocks}

    def _multiply(self, layer: MatrixLayer, values: Values, pool: ThreadPoolExecutor) -> Values:
        sums, affine = self.layer_sums(layer, values, self._first_input, pool), self.layers[layer.name].affine
        return finish_layer(layer, (sums if affine is None else affine.apply(sums)).astype(np.float32, copy=False))

    def layer_sums(
        self, layer: MatrixLayer, values: Values, first_input: int, pool: ThreadPoolExecutor
    ) -> NDArray[np.floating[Any]]:
        """What a layer's neuron units have added up.

        Parameters
        ----------
        layer : MatrixLayer
        values : ndarray of float32, shape (n, C, H, W)
        first_input : int
            Which input comes first; the layer has had those before.
        pool : ThreadPoolExecutor
            For blocks side by side.

        Returns
        -------
        ndarray of float, shape (n * positions, channels)
            Bias included, before affine factors and activation.
        """
        run = self.layers[layer.name]
        vectors, sizes = self._codes(run, values)
        products = list(
            pool.map(lambda block: self._read(block, vectors[block.placed.matrix], layer, first_input), run.blocks)
        )
        sums = np.empty((len(values) * layer.positions, layer.channels), data_type(self.fidelity.precision))
        for matrix in run.plan.matrices:
            first = matrix.first_output_channel
            sums[:, first : first + matrix.columns] = matrix.bias
        for block, product in zip(run.blocks, products, strict=True):  # row blocks add up in a fixed order
            first = run.plan.matrices[block.placed.matrix].first_output_channel + block.placed.block.first_column
            mine = _share(sums, layer, block.placed.replica)[..., first : first + product.shape[1]]
            scale = _share(sizes[block.placed.matrix], layer, block.placed.replica)
            mine += product.reshape(mine.shape) * scale
        return sums

    def _codes(self, run: LayerRun, values: Values) -> tuple[list[Values], list[Values]]:
        """Input codes of each matrix, and what the products have to be multiplied by, shape (mvms or 1, 1)."""
        matrices, window = run.plan.matrices, run.plan.layer.window
        if self.fidelity.converters and self.plan.chip.spec.tile.dac.range == "per-vector":
            codes, sizes = [], []
            for matrix in matrices:
                vectors = input_vectors(matrix, values, window)
                sizes.append(vector_sizes(vectors))
                codes.append(_convert(run, vectors / sizes[-1]))
            return codes, sizes
        shared = _convert(run, values)
        return [input_vectors(matrix, shared, window) for matrix in matrices], [np.ones((1, 1), np.float32)] * len(
            matrices
        )

    def _read(self, run: BlockRun, vectors: Values, layer: MatrixLayer, first_input: int) -> Values:
        block = run.placed.block
        replica = run.placed.replica
        mine = vectors[:, block.first_row : block.first_row + block.rows]
        if replica.of > 1:
            mine = _share(mine, layer, replica).reshape(-1, block.rows)
        own = len(replica.positions(layer.positions))
        tally = run.new_tally(len(mine))
        product = run.path.multiply_codes(mine, run.noise, first_mvm=first_input * own, tally=tally)
        run.count_conversions(mine, tally)
        run.mvms += len(mine)
        run.saturated_outputs += product.saturated_outputs
        if self.fidelity.converters:
            for start in range(0, len(mine), DRIVE_MVMS):
                run.drive += run.path.row_drive(mine[start : start + DRIVE_MVMS])
        return product.values

    def chunk(self) -> int:
        """Inputs that go through together if nobody says otherwise."""
        widest = max((_bytes_per_input(run.plan) for run in self.layers.values()), default=1)
        return max(1, CHUNK_BYTES // widest)


def _share(values: Values, layer: MatrixLayer, replica: Replica) -> Values:
    """What belongs to the positions of one replica, shape (n, its positions, ...); one value for all stays as it is."""
    if len(values) == 1 and layer.positions > 1:
        return values
    return values.reshape(-1, layer.positions, values.shape[1])[:, replica.number :: replica.of]


def _bytes_per_input(plan: LayerPlan) -> int:
    """Input vectors of all matrices in float32 and products of all blocks in float64, of one input."""
    rows = sum(matrix.rows for matrix in plan.matrices)
    columns = sum(placed.block.columns for placed in plan.blocks)
    return plan.layer.positions * (4 * rows + 8 * columns)


def program_network(
    plan: Plan, ranges: dict[str, Ranges], fidelity: Fidelity, seed: int, programming: int = 0, threads: int = 2,
    stored: Stored | None = None,
) -> AnalogNetwork:  # fmt: skip
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
        Blocks programmed and computed side by side.
    stored : Stored, optional
        Where the cells are taken from instead of programming them.

    Raises
    ------
    DeviceRangeError
        If the device model does not know the age.
    SpecError
        If known faults cannot be read, or products cannot be exact.
    """

    def prepare(site: BlockSite) -> BlockRun:
        if not fidelity.converters:
            return site.plain_run()
        if stored is not None:
            return site.run(stored.ready(programming, site))
        return site.run(site.evaluate(site.program(), fidelity.age_s, fidelity.compensated))

    sites = block_sites(plan, ranges, fidelity, (seed, programming))
    return run_sites(plan, fidelity, sites, prepare, 1 if stored else threads)  # a file is read by one at a time


def block_sites(
    plan: Plan, ranges: dict[str, Ranges], fidelity: Fidelity, draw: tuple[int, int]
) -> dict[str, list[BlockSite]]:
    """Where the blocks of each layer stand, for one programming."""
    spec = plan.chip.spec
    chosen = device_of(spec)
    device = chosen if fidelity.devices else _ideal_like(chosen)
    device.check_age(fidelity.age_s)
    known = known_faults(plan) if fidelity.devices else {}
    seen = spec if fidelity.devices else _without_faults(spec)
    bits = spec.tile.dac.bits if fidelity.converters else None
    return {
        name: [
            BlockSite(
                layer, placed, device, InputConverter(bits, ranges[name].input), ranges[name], seen, draw,
                _of_block(known.get(placed.array, ()), placed), fidelity.precision,
            )
            for placed in layer.blocks
        ]
        for name, layer in plan.layers.items()
    }  # fmt: skip


def run_sites(
    plan: Plan, fidelity: Fidelity, sites: dict[str, list[BlockSite]], prepare: Callable[[BlockSite], BlockRun],
    threads: int,
) -> AnalogNetwork:  # fmt: skip
    """Prepare all blocks side by side and put them together to a network."""
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(threads) as pool:
        runs = iter(list(pool.map(prepare, [site for own in sites.values() for site in own])))
    layers = {name: LayerRun(plan.layers[name], own[0].dac, [next(runs) for _ in own]) for name, own in sites.items()}
    return AnalogNetwork(plan, fidelity, layers, threads)


def _of_block(faults: Iterable[KnownFault], placed: PlacedBlock) -> list[KnownFault]:
    """Faults of an array, counted from where a block's cells begin."""
    moved = (
        replace(
            fault,
            row=None if fault.row is None else fault.row - placed.first_row,
            column=None if fault.column is None else fault.column - placed.first_column,
        )
        for fault in faults
    )
    return [fault for fault in moved if (fault.row or 0) >= 0 and (fault.column or 0) >= 0]


def known_faults(plan: Plan) -> dict[str, list[KnownFault]]:
    """The faults that the architecture's map names, by array.

    Raises
    ------
    SpecError
        If the map cannot be read.
    """
    crossbar, arrays = plan.chip.spec.tile.crossbar, frozenset(plan.chip.arrays)
    found: dict[str, list[KnownFault]] = {}
    if crossbar.faults.map is not None:
        shape = (crossbar.rows, crossbar.columns, crossbar.encoding.lines)
        for fault in read_fault_map(Path(crossbar.faults.map), arrays, shape):
            found.setdefault(fault.tile, []).append(fault)
    return found


def _without_faults(spec: InMemorySpec) -> InMemorySpec:
    """The same chip with nothing broken or left half-written, and with wires that do not resist."""
    crossbar = spec.tile.crossbar.model_copy(update={"faults": Faults(), "wires": Wires()})
    return spec.model_copy(update={"tile": spec.tile.model_copy(update={"crossbar": crossbar, "programming": None})})


def _convert(run: LayerRun, values: Values) -> Values:
    codes, clipped = run.input_converter.convert(values)
    run.clipped_inputs += clipped
    run.converted_inputs += codes.size
    return codes


def _ideal_like(device: DeviceModel) -> DeviceModel:
    """Ideal cells with the conductance range of another device."""
    return get_device("ideal", g_min_siemens=device.g_min_siemens, g_max_siemens=device.g_max_siemens)
