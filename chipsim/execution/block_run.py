"""`BlockRun`: one programmed block between its converters, and how much physics a run has (`Fidelity`)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chipsim.architecture.spec import InMemorySpec
from chipsim.crossbar.array import Array, program_block
from chipsim.crossbar.compensation import Reference
from chipsim.crossbar.converters import InputConverter, OutputConverter
from chipsim.crossbar.plane_path import PlanePath
from chipsim.crossbar.read_path import ReadPath
from chipsim.crossbar.sliced_block import SlicedArray
from chipsim.device.model import DeviceModel
from chipsim.execution.block_path import connect, program_cells
from chipsim.execution.calibration import BlockKey, Ranges, block_weights, scales
from chipsim.mapping.plan import LayerPlan, PlacedBlock
from chipsim.network.layers import MatrixLayer
from chipsim.streams import Key, stream

REFERENCE_READS = 8


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


def slots_of(layer: MatrixLayer) -> int:
    """Vectors per BLAS call: many for feature maps, few where a layer has few positions."""
    return 256 if layer.positions >= 64 else 64 if layer.positions >= 16 else 16


def program_run(
    plan: LayerPlan, placed: PlacedBlock, device: DeviceModel, dac: InputConverter, ranges: Ranges, fidelity: Fidelity,
    spec: InMemorySpec, draw: tuple[int, int],
) -> BlockRun:  # fmt: skip
    """Program one block, evaluate its cells at an age and put them between converters.

    Parameters
    ----------
    plan : LayerPlan
    placed : PlacedBlock
        One of the plan's.
    device : DeviceModel
    dac : InputConverter
    ranges : Ranges
        Of the layer.
    fidelity : Fidelity
    spec : InMemorySpec
    draw : tuple of int
        Seed, and which of several independent programmings.
    """
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
