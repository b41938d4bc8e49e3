"""From an architecture's fields to the cells and converters of one block.

`program_cells` puts weights into cells, `read_physics` says how they are read, and `connect` puts what they have become
between converters.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from chipsim.architecture.fault_map import KnownFault
from chipsim.architecture.spec import InMemorySpec
from chipsim.crossbar.array import Array, Physics, ProgrammedBlock, program_block
from chipsim.crossbar.array_wires import ArrayWires
from chipsim.crossbar.conversion_cycles import CycleRules
from chipsim.crossbar.converter_errors import ConverterErrors
from chipsim.crossbar.converters import InputConverter, OutputConverter
from chipsim.crossbar.faults import FaultRates, Faults
from chipsim.crossbar.input_planes import InputEncoding
from chipsim.crossbar.plane_path import PlanePath
from chipsim.crossbar.precision import Precision, data_type
from chipsim.crossbar.program_verify import ProgramVerify
from chipsim.crossbar.read_path import ReadPath
from chipsim.crossbar.sliced_block import SlicedArray, SlicedBlock, program_slices
from chipsim.crossbar.weight_slices import WeightSlices
from chipsim.crossbar.wires import WireResistance
from chipsim.device.model import DeviceModel
from chipsim.errors import SpecError
from chipsim.execution.analog_outputs import is_analog
from chipsim.mapping.partition import Block
from chipsim.network.layers import MatrixLayer

Values = NDArray[np.float32]


def slots_of(layer: MatrixLayer) -> int:
    """Vectors per BLAS call: many for feature maps, few where a layer has few positions, or one step at a time."""
    if layer.steps > 1:
        return 16
    return 256 if layer.positions >= 64 else 64 if layer.positions >= 16 else 16


def input_encoding(spec: InMemorySpec) -> InputEncoding:
    """How the codes of an architecture's input converters reach the word lines."""
    dac, per_read = spec.tile.dac, spec.tile.crossbar.fast_noise == "per-read"
    counted = dac.encoding == "pulse-count"
    return InputEncoding(dac.bits, dac.digit_bits, dac.signs, fresh_per_pulse=counted and per_read)


def cycle_rules(spec: InMemorySpec) -> CycleRules | None:
    """What is counted of conversions; None where neither time nor energy depends on values."""
    tile = spec.tile
    if not tile.depends_on_values:
        return None
    codes = tile.adc.early_stop or tile.cycles_depend_on_codes
    return CycleRules(tile.dac.early_stop, tile.adc.early_stop, codes, tile.converters)


def weight_slices(spec: InMemorySpec) -> WeightSlices | None:
    """How an architecture cuts weights into slices; None for analog weights."""
    encoding = spec.tile.crossbar.encoding
    if encoding.weight_bits is None or encoding.bits_per_cell is None:
        return None
    return WeightSlices(encoding.weight_bits, encoding.bits_per_cell, encoding.kind == "offset")


def read_physics(spec: InMemorySpec, precision: Precision) -> Physics:
    """How an architecture's wires let the cells be seen, and in which arithmetic.

    Raises
    ------
    SpecError
        If products through an approximation of the wires were to be exact.
    """
    crossbar, type_ = spec.tile.crossbar, data_type(precision)
    given = crossbar.wires
    if given.method == "polynomial":
        if precision == "exact" and given.bit_line_segment:
            raise SpecError("wires.method: polynomial cannot be exact; use method: exact, or --precision float64")
        return Physics(bit_line_ohm=given.bit_line_segment, type=type_)
    wires = WireResistance(
        given.word_line_segment, given.bit_line_segment, given.driver, given.sense_end, given.drive, given.sense,
        given.line_order, given.undriven_rows,
    )  # fmt: skip
    return Physics(None if wires.ideal else ArrayWires(wires, crossbar.rows, crossbar.columns), type=type_)


def block_faults(
    spec: InMemorySpec, block: Block, known: Sequence[KnownFault], rng: np.random.Generator
) -> Faults | None:
    """The broken cells of a block: drawn ones, and known ones of its tile over them."""
    given, encoding = spec.tile.crossbar.faults, spec.tile.crossbar.encoding
    rates = FaultRates(given.stuck_on_rate, given.stuck_off_rate, given.dead_row_rate, given.dead_column_rate)
    if not rates and not known:
        return None
    faults = Faults.none(encoding.lines, block.rows, block.columns, encoding.devices_per_polarity)
    if rates:
        faults = faults.drawn(rates, rng)
    for each in known:
        faults = faults.marked(each.fault, each.row, each.column, each.line)
    return faults


def program_cells(
    weights: Values, scale: NDArray[np.float64], device: DeviceModel, spec: InMemorySpec, rng: np.random.Generator,
    faults: Faults | None = None,
) -> ProgrammedBlock | SlicedBlock:  # fmt: skip
    """Program a block as the architecture encodes weights."""
    devices, slices = spec.tile.crossbar.encoding.devices_per_polarity, weight_slices(spec)
    verify = program_verify(spec)
    if slices is None:
        return program_block(weights, scale, device, rng, devices=devices, faults=faults, verify=verify)
    return program_slices(weights, scale, device, slices, rng, devices=devices, faults=faults, verify=verify)


def program_verify(spec: InMemorySpec) -> ProgramVerify | None:
    """How an architecture's cells are written; None where it does not say."""
    given = spec.tile.programming
    if given is None:
        return None
    return ProgramVerify(given.step, given.tolerance, given.max_iterations, given.write_heads)


def converter_errors(
    array: Array | SlicedArray, spec: InMemorySpec, rng: np.random.Generator
) -> tuple[ConverterErrors, ...]:
    """Draw the errors of the output converters of a block, slice by slice; none where they are ideal."""
    adc = spec.tile.adc
    if not (adc.gain_spread or adc.offset_spread or adc.noise):
        return ()
    parts = array.arrays if isinstance(array, SlicedArray) else (array,)
    return tuple(
        ConverterErrors.draw(part.shape[1], adc.gain_spread, adc.offset_spread, adc.noise, rng) for part in parts
    )


def connect(
    array: Array | SlicedArray, dac: InputConverter, ranges: tuple[float, ...], slots: int, spec: InMemorySpec,
    errors: tuple[ConverterErrors, ...] = (), *, exact: bool = False,
) -> ReadPath | PlanePath:  # fmt: skip
    """Put an array between the architecture's converters.

    Parameters
    ----------
    array : Array or SlicedArray
    dac : InputConverter
    ranges : tuple of float
        From `chipsim.execution.output_ranges`.
    slots : int
    spec : InMemorySpec
    errors : tuple of ConverterErrors
        From `converter_errors`.
    exact : bool
        Products are exact in any order.
    """
    encoding = input_encoding(spec)
    bits = None if is_analog(spec) else spec.tile.adc.bits  # analog neuron units come before conversion
    adcs = [OutputConverter(bits, range_) for range_ in ranges]
    if isinstance(array, Array) and spec.tile.dac.planes == 1:
        own = errors[0] if errors else None
        return ReadPath.connect(
            array, dac, adcs[0], slots, own, fresh_per_pulse=encoding.fresh_per_pulse, exact=exact
        )  # fmt: skip
    sliced = SlicedArray.of_pairs(array) if isinstance(array, Array) else array
    shared = spec.tile.crossbar.fast_noise == "per-mvm"
    return PlanePath.connect(sliced, dac, encoding, adcs, slots, errors, shared_noise=shared, exact=exact)
