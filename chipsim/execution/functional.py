"""`AnalogNetwork`: a network programmed into a plan's tiles; `run` computes what they put out."""

from __future__ import annotations

from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from chipsim.architecture.spec import Faults, InMemorySpec, Wires
from chipsim.crossbar.conversion_cycles import ConversionCounts
from chipsim.crossbar.converters import InputConverter
from chipsim.device import get_device
from chipsim.device.model import DeviceModel
from chipsim.execution.affine import Affine
from chipsim.execution.analog_outputs import convert_outputs, is_analog
from chipsim.execution.block_path import cycle_rules
from chipsim.execution.block_run import IDEAL, QUANTISED, REFERENCE_READS, BlockRun, BlockSite, Fidelity, ReadyBlock
from chipsim.execution.calibration import Ranges, device_of, finish_layer
from chipsim.execution.forward import MatrixFunctions, Values, forward, matrix_input
from chipsim.execution.known_faults import faults_of_block, known_faults
from chipsim.execution.layer_run import LayerRun, Span
from chipsim.mapping.plan import LayerPlan, Plan
from chipsim.network.cell_operands import Given
from chipsim.network.layers import MatrixLayer
from chipsim.network.loops import Loop

__all__ = ["IDEAL", "QUANTISED", "REFERENCE_READS", "AnalogNetwork", "Fidelity", "LayerRun", "program_network"]

CHUNK_BYTES = 64 * 2**20
"""Scratch space for a layer's input vectors and products, which bounds how many inputs go through together; what is
made of them on the way takes a few times as much."""


class Stored(Protocol):
    """Programmings to take cells from; `chipsim.execution.stored.ProgrammingFile` is one."""

    def ready(self, programming: int, site: BlockSite) -> ReadyBlock:
        """The cells of one block."""


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
        kept: dict[str, Values] = {}
        with threadpool_limits(1, "blas"), ThreadPoolExecutor(self.threads) as pool:
            for start in range(0, len(x), size):
                part = x[start : start + size]
                found = forward(self.plan.network, part, keep, self._matrix_functions(pool, keep))
                for name in keep:
                    if not start:
                        kept[name] = np.empty((len(x), *layers[name].output_shape), found[name].dtype)
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

    def _matrix_functions(self, pool: ThreadPoolExecutor, keep: Collection[str]) -> MatrixFunctions:
        def multiply(layer: MatrixLayer, values: Values) -> Values:
            sums, affine = self.layer_sums(layer, values, self._first_input, pool), self.layers[layer.name].affine
            scaled = (sums if affine is None else affine.apply(sums)).astype(np.float32, copy=False)
            return self.converted(layer, finish_layer(layer, scaled))

        def go_round(loop: Loop, sums: Values, given: Given) -> dict[str, Values]:
            found = loop.run(sums, given, lambda layer, values, step: self._step(layer, values, step, pool), keep)
            for run in (run for layer in loop.matrices for run in self.layers[layer.name].blocks):
                run.finish_steps()
            return found.outputs

        return MatrixFunctions(multiply, go_round)

    def _step(self, layer: MatrixLayer, values: Values, step: int, pool: ThreadPoolExecutor) -> Values:
        """One step of a matrix in a loop."""
        side_by_side = values.shape[1]
        span = Span(self._first_input, step * side_by_side, side_by_side, step)
        sums = self.layers[layer.name].sums(matrix_input(layer, values, step), span, self.fidelity, pool)
        return sums.astype(np.float32, copy=False).reshape(*values.shape[:2], layer.channels)

    def converted(self, layer: MatrixLayer, outputs: Values) -> Values:
        """A layer's outputs behind the converters that analog neuron units feed, in place; as they are without."""
        spec = self.plan.chip.spec
        if not (self.fidelity.converters and is_analog(spec)):
            return outputs
        blocks = self.layers[layer.name].blocks
        saturated = convert_outputs(
            self.plan.layers[layer.name], outputs, blocks[0].site.ranges.outputs, spec.tile.adc.bits
        )
        for run in blocks:
            block = run.placed.block
            if not run.placed.replica.number:
                run.saturated_outputs += saturated[run.placed.matrix, block.row, block.column]
        return outputs

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
        span = Span(first_input, 0, layer.positions)
        return self.layers[layer.name].sums(values, span, self.fidelity, pool)

    def chunk(self) -> int:
        """Inputs that go through together if nobody says otherwise."""
        widest = max((_bytes_per_input(run.plan) for run in self.layers.values()), default=1)
        return max(1, CHUNK_BYTES // widest)


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
                faults_of_block(known.get(placed.array, ()), placed), fidelity.precision,
            )
            for placed in layer.blocks
        ]
        for name, layer in plan.layers.items()
    }  # fmt: skip


def run_sites(
    plan: Plan, fidelity: Fidelity, sites: dict[str, list[BlockSite]], prepare: Callable[[BlockSite], BlockRun],
    threads: int,
) -> AnalogNetwork:  # fmt: skip
    """Prepare all blocks with cells of their own side by side, and put them together to a network."""
    stored = [(name, site) for name, own in sites.items() for site in own if not site.placed.reader]
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(threads) as pool:
        runs = dict(
            zip([_cells(*each) for each in stored], pool.map(prepare, [site for _, site in stored]), strict=True)
        )

    def run_of(site: BlockSite) -> BlockRun:
        if not site.placed.reader:
            return runs[_cells(site.plan.layer.name, site)]
        cells = runs[_cells(site.plan.layer.shares, site)].ready
        return site.run(cells) if fidelity.converters else site.plain_run(cells)

    layers = {
        name: LayerRun(plan.layers[name], own[0].dac, [run_of(site) for site in own]) for name, own in sites.items()
    }
    return AnalogNetwork(plan, fidelity, layers, threads)


def _cells(layer: str, site: BlockSite) -> tuple[str, int, int, int, int]:
    """Which cells of the layer that has them a block is."""
    block = site.placed.block
    return layer, site.placed.matrix, block.row, block.column, site.placed.replica.number


def _without_faults(spec: InMemorySpec) -> InMemorySpec:
    """The same chip with nothing broken or left half-written, and with wires that do not resist."""
    crossbar = spec.tile.crossbar.model_copy(update={"faults": Faults(), "wires": Wires()})
    return spec.model_copy(update={"tile": spec.tile.model_copy(update={"crossbar": crossbar, "programming": None})})


def _ideal_like(device: DeviceModel) -> DeviceModel:
    """Ideal cells with the conductance range of another device."""
    return get_device("ideal", g_min_siemens=device.g_min_siemens, g_max_siemens=device.g_max_siemens)
