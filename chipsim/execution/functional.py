"""`AnalogNetwork`: a network programmed into a plan's tiles; `run` computes what they put out."""

from __future__ import annotations

from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from chipsim.architecture.fault_map import KnownFault, read_fault_map
from chipsim.architecture.spec import Faults, InMemorySpec, Wires
from chipsim.crossbar.converters import InputConverter
from chipsim.crossbar.precision import data_type
from chipsim.device import get_device
from chipsim.device.model import DeviceModel
from chipsim.execution.block_run import IDEAL, QUANTISED, REFERENCE_READS, BlockRun, BlockSite, Fidelity
from chipsim.execution.calibration import Ranges, device_of, finish_layer, input_vectors, vector_sizes
from chipsim.execution.forward import Values, forward
from chipsim.mapping.plan import LayerPlan, Plan
from chipsim.network.layers import MatrixLayer

__all__ = ["IDEAL", "QUANTISED", "REFERENCE_READS", "AnalogNetwork", "Fidelity", "LayerRun", "program_network"]

CHUNK_BYTES = 256 * 2**20
"""Scratch space for a layer's input vectors, which bounds how many inputs go through together."""


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
        sums = np.empty((len(values) * layer.positions, layer.channels), data_type(self.fidelity.precision))
        for matrix in run.plan.matrices:
            first = matrix.first_output_channel
            sums[:, first : first + matrix.columns] = matrix.bias
        for block, product in zip(run.blocks, products, strict=True):  # row blocks add up in a fixed order
            first = run.plan.matrices[block.placed.matrix].first_output_channel + block.placed.block.first_column
            sums[:, first : first + product.shape[1]] += product * sizes[block.placed.matrix]
        return finish_layer(layer, sums.astype(np.float32, copy=False))

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
        Blocks programmed and computed side by side.

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
        return site.run(site.evaluate(site.program(), fidelity.age_s, fidelity.compensated))

    sites = block_sites(plan, ranges, fidelity, (seed, programming))
    return run_sites(plan, fidelity, sites, prepare, threads)


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
                known.get(placed.tile, ()), fidelity.precision,
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


def known_faults(plan: Plan) -> dict[str, list[KnownFault]]:
    """The faults that the architecture's map names, by tile.

    Raises
    ------
    SpecError
        If the map cannot be read.
    """
    crossbar, tiles = plan.chip.spec.tile.crossbar, frozenset(plan.chip.tiles)
    found: dict[str, list[KnownFault]] = {}
    if crossbar.faults.map is not None:
        shape = (crossbar.rows, crossbar.columns, crossbar.encoding.lines)
        for fault in read_fault_map(Path(crossbar.faults.map), tiles, shape):
            found.setdefault(fault.tile, []).append(fault)
    return found


def _without_faults(spec: InMemorySpec) -> InMemorySpec:
    """The same chip with nothing broken and with wires that do not resist."""
    crossbar = spec.tile.crossbar.model_copy(update={"faults": Faults(), "wires": Wires()})
    return spec.model_copy(update={"tile": spec.tile.model_copy(update={"crossbar": crossbar})})


def _convert(run: LayerRun, values: Values) -> Values:
    codes, clipped = run.input_converter.convert(values)
    run.clipped_inputs += clipped
    run.converted_inputs += codes.size
    return codes


def _ideal_like(device: DeviceModel) -> DeviceModel:
    """Ideal cells with the conductance range of another device."""
    return get_device("ideal", g_min_siemens=device.g_min_siemens, g_max_siemens=device.g_max_siemens)
