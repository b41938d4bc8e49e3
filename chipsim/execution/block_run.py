"""`BlockRun`: one programmed block between its converters, and how much physics a run has (`Fidelity`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from chipsim.architecture.compensation_spec import Compensation
from chipsim.architecture.fault_map import KnownFault
from chipsim.architecture.spec import InMemorySpec
from chipsim.crossbar.array import Array, Physics, ProgrammedBlock, program_block
from chipsim.crossbar.compensation import Reference
from chipsim.crossbar.conversion_cycles import CodeTally, ConversionCounts, CycleRules
from chipsim.crossbar.converter_errors import ConverterErrors
from chipsim.crossbar.converters import InputConverter, OutputConverter
from chipsim.crossbar.plane_path import PlanePath
from chipsim.crossbar.precision import Precision, data_type
from chipsim.crossbar.program_verify import WriteCounts
from chipsim.crossbar.read_path import ReadPath
from chipsim.crossbar.sliced_block import SlicedArray, SlicedBlock
from chipsim.device.model import DeviceModel
from chipsim.execution.block_path import (
    block_faults,
    connect,
    converter_errors,
    program_cells,
    read_physics,
    slots_of,
)
from chipsim.execution.calibration import BlockKey, Ranges, block_weights, scales
from chipsim.mapping.plan import LayerPlan, PlacedBlock
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
        Drift is made up for as the architecture says.
    precision : str
        Of the products; without converters ``"exact"`` means float64.
    """

    converters: bool
    devices: bool
    age_s: float = 0.0
    compensated: bool = False
    precision: Precision = "float32"


IDEAL = Fidelity(converters=False, devices=False)
QUANTISED = Fidelity(converters=True, devices=False)


@dataclass(frozen=True, slots=True)
class ReadyBlock:
    """The cells of one block at one age and all that was drawn or measured to read them: what programming left.

    Attributes
    ----------
    array : Array or SlicedArray
    errors : tuple of ConverterErrors
        One per slice, or none where the output converters are ideal.
    factor : ndarray of float64, shape () or (columns,)
        Drift compensation; 1 without.
    reference_reads : int
        MVMs spent on it, at the start and now.
    reference_conductance : float
        Siemens x codes of those at the asked-for age.
    writes : WriteCounts or None
        What writing the cells took; None where the architecture does not say how.
    """

    array: Array | SlicedArray
    errors: tuple[ConverterErrors, ...] = ()
    factor: NDArray[np.float64] = field(default_factory=lambda: np.ones(()))
    reference_reads: int = 0
    reference_conductance: float = 0.0
    writes: WriteCounts | None = None


@dataclass(slots=True)
class BlockRun:
    """One programmed block on its tile and what it has done.

    Attributes
    ----------
    site : BlockSite
    ready : ReadyBlock
    path : ReadPath or PlanePath
        The same between converters.
    mvms : int
        MVMs computed for the network.
    saturated_outputs : int
    drive : ndarray of float64, shape (rows,)
        Steps for which each row was driven over all MVMs for the network: exact in any order.
    cycle_rules : CycleRules or None
        What is counted of the conversions; None where time and energy do not depend on it.
    counted : list of ConversionCounts
        Of one run of MVMs after the other.
    purpose : str
        What the streams of fast noise are called.
    """

    site: BlockSite
    ready: ReadyBlock
    path: ReadPath | PlanePath
    noise: np.random.Generator
    drive: NDArray[np.float64]
    mvms: int = 0
    saturated_outputs: int = 0
    cycle_rules: CycleRules | None = None
    counted: list[ConversionCounts] = field(default_factory=list)
    purpose: str = "fast noise"
    _noise_of_steps: dict[int, np.random.Generator] = field(default_factory=dict)
    _counted_steps: list[tuple[ConversionCounts, int]] = field(default_factory=list)

    @property
    def placed(self) -> PlacedBlock:
        """The block and its tile."""
        return self.site.placed

    @property
    def array(self) -> Array | SlicedArray:
        """The cells as they are read."""
        return self.ready.array

    @property
    def integrated_conductance(self) -> float:
        """Siemens x codes over all MVMs for the network."""
        return self.array.integrated_conductance(self.drive)

    @property
    def conversions(self) -> int:
        """Output conversions over all MVMs for the network."""
        return self.mvms * self.path.conversions

    def new_tally(self, mvms: int) -> CodeTally | None:
        """Something to collect the codes of so many MVMs, where they matter."""
        if self.cycle_rules is None or not self.cycle_rules.codes:
            return None
        return CodeTally(mvms, self.site.spec.tile.dac.planes, self.path.columns, self.cycle_rules)

    def step_noise(self, step: int) -> np.random.Generator:
        """The stream of the fast noise of one step of a loop."""
        if step not in self._noise_of_steps:
            self._noise_of_steps[step] = self.site.rng(self.purpose, step)
        return self._noise_of_steps[step]

    def count_conversions(
        self, codes: NDArray[np.float32], tally: CodeTally | None, positions: int = 1, step: int | None = None
    ) -> None:
        """Keep what the conversions of some MVMs took, given their input codes.

        Parameters
        ----------
        codes : ndarray of float32, shape (mvms, rows)
        tally : CodeTally or None
            What their output converters gave.
        positions : int
            MVMs of each input among them.
        step : int or None
            Of a loop; `finish_steps` puts the steps together.
        """
        if self.cycle_rules is None:
            return
        pulses = self.path.longest_pulses(codes) if self.cycle_rules.pulses else None
        ramps, cycles = (None, None) if tally is None else (tally.ramps, tally.cycles)
        counts = ConversionCounts(pulses, ramps, cycles)
        if step is None:
            self.counted.append(counts)
        else:
            self._counted_steps.append((counts, positions))

    def finish_steps(self) -> None:
        """Put what the steps of a loop took into the order of inputs, then positions."""
        if self._counted_steps:
            parts, positions = zip(*self._counted_steps, strict=True)
            self.counted.append(ConversionCounts.by_input(parts, positions))
            self._counted_steps.clear()


@dataclass(frozen=True, slots=True)
class BlockSite:
    """Where a block stands: what is needed to program it, to evaluate its cells and to read them.

    Attributes
    ----------
    plan : LayerPlan
    placed : PlacedBlock
        One of the plan's.
    device : DeviceModel
    dac : InputConverter
    ranges : Ranges
        Of the layer.
    spec : InMemorySpec
    draw : tuple of int
        Seed, and which of several independent programmings.
    known_faults : sequence of KnownFault
        Of the tile.
    precision : str
        Of the products.
    """

    plan: LayerPlan
    placed: PlacedBlock
    device: DeviceModel
    dac: InputConverter
    ranges: Ranges
    spec: InMemorySpec
    draw: tuple[int, int]
    known_faults: Sequence[KnownFault] = ()
    precision: Precision = "float32"

    def rng(self, purpose: str, *more: Key) -> np.random.Generator:
        """The random stream of this block for one purpose; the tile is no part of its name."""
        seed, programming = self.draw
        matrix, block = self.plan.matrices[self.placed.matrix], self.placed.block
        where: tuple[Key, ...] = (self.plan.layer.name, matrix.name, block.row, block.column)
        return stream(seed, *where, self.placed.replica.number, programming, purpose, *more)

    def program(self) -> ProgrammedBlock | SlicedBlock:
        """Put the weights into cells, as the architecture encodes them."""
        faults = block_faults(self.spec, self.placed.block, self.known_faults, self.rng("faults"))
        return program_cells(*self._weights(), self.device, self.spec, self.rng("programming"), faults)

    def evaluate(self, cells: ProgrammedBlock | SlicedBlock, age_s: float, compensated: bool) -> ReadyBlock:
        """Let programmed cells reach an age, and measure what drift compensation needs."""
        physics = read_physics(self.spec, self.precision)
        array = cells.at_age(age_s, self.rng("slow noise"), physics)
        ready = ReadyBlock(array, converter_errors(array, self.spec, self.rng("converter spread")), writes=cells.writes)
        if not (compensated and self.spec.tile.compensation.reads_per_tile):
            return ready
        return self.referenced(ready, self.start(cells), self.spec.tile.compensation)

    def start(self, cells: ProgrammedBlock | SlicedBlock) -> Array | SlicedArray:
        """Programmed cells at the device's earliest age, when the answers to reference inputs are noted."""
        physics = read_physics(self.spec, self.precision)
        return cells.at_age(self.device.earliest_age_s, self.rng("slow noise at the start"), physics)

    def referenced(self, ready: ReadyBlock, start: Array | SlicedArray, compensation: Compensation) -> ReadyBlock:
        """Find the factors of drift compensation for evaluated cells, from reference reads at the start and now."""
        before, now = self._connect(replace(ready, array=start)), self._connect(ready)
        reads = compensation.reads_per_tile
        reference = Reference.take(before, self.rng("reference pattern"), self.rng("reference noise"), reads)
        find = reference.column_factors if compensation.kind == "per-column" else reference.factor
        return replace(
            ready,
            factor=np.asarray(find(now, self.rng("reference noise now"))),
            reference_reads=2 * reference.reads,
            reference_conductance=ready.array.integrated_conductance(now.row_drive(reference.codes)),
        )

    def run(self, ready: ReadyBlock, purpose: str = "fast noise") -> BlockRun:
        """Put evaluated cells between converters, ready to be read; `purpose` names the stream of their fast noise."""
        path = self._connect(ready)
        if ready.reference_reads:
            path = path.compensated(ready.factor)
        noise, drive = self.rng(purpose), np.zeros(self.placed.block.rows)
        return BlockRun(self, ready, path, noise, drive, purpose=purpose)

    def plain_run(self, ready: ReadyBlock | None = None) -> BlockRun:
        """Analog pairs without converters: real inputs, and ideal cells if none are given."""
        cells = ReadyBlock(self._plain_cells()) if ready is None else ready
        assert isinstance(cells.array, Array)
        path = ReadPath.connect(cells.array, self.dac, OutputConverter(), slots_of(self.plan.layer))
        return BlockRun(self, cells, path, self.rng("fast noise"), np.zeros(self.placed.block.rows))

    def _plain_cells(self) -> Array:
        cells = program_block(*self._weights(), self.device, self.rng("programming"))
        return cells.at_age(0.0, self.rng("slow noise"), Physics(type=data_type(self.precision)))

    def _connect(self, ready: ReadyBlock) -> ReadPath | PlanePath:
        key: BlockKey = (self.placed.matrix, self.placed.block.row, self.placed.block.column)
        return connect(
            ready.array, self.dac, self.ranges.outputs[key], slots_of(self.plan.layer), self.spec, ready.errors,
            exact=self.precision == "exact",
        )  # fmt: skip

    def _weights(self) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
        matrix, block = self.plan.matrices[self.placed.matrix], self.placed.block
        return block_weights(matrix, block), scales(matrix, self.device, self.spec, block)
