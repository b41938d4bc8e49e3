"""How long each phase takes on one chip, in integer picoseconds (rules T1, T12, T16, T17, T42)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

from chipsim.architecture.spec import InMemorySpec, Tile
from chipsim.units import PS_PER_S, duration_ps, exact, to_ps


def bytes_of(values: int, bits: int) -> int:
    """Bytes that so many values of so many bits fill.

    Examples
    --------
    >>> bytes_of(3, 6)
    3
    """
    return math.ceil(values * bits / 8)


@dataclass(frozen=True, slots=True)
class MvmPhases:
    """Durations of one MVM's phases in picoseconds.

    Attributes
    ----------
    load_ps, integrate_ps, drain_ps : int
    convert_ps : int
        0 where ``mvm_latency`` covers both, or a counter needs no time beyond integration.
    handover_ps : int
        Of planes that overlap (rule T42), from the start of the first plane's conversion to that of the last one's;
        ``integrate_ps`` is the first plane's then and ``convert_ps`` the last one's.
    idle_ps : int
        Of the array before the last conversion, with nothing left to integrate.
    """

    load_ps: int
    integrate_ps: int
    convert_ps: int
    drain_ps: int
    handover_ps: int = 0
    idle_ps: int = 0

    @property
    def mvm_ps(self) -> int:
        """Integrate and convert all planes, never kept waiting."""
        return self.integrate_ps + self.handover_ps + self.convert_ps

    @property
    def latency_ps(self) -> int:
        """Sum of the phases."""
        return self.load_ps + self.mvm_ps + self.drain_ps


def mvm_phases(spec: InMemorySpec, rows: int, columns: int) -> MvmPhases:
    """Phases of an MVM that uses so many rows and columns of a tile; the longest where they depend on values."""
    tile = spec.tile
    load = to_ps(spec.control_unit.issue_time) + duration_ps(
        bytes_of(rows, spec.widths.activation_bits), tile.buffer.bandwidth
    )
    drain = duration_ps(bytes_of(columns, column_bits(spec)), tile.output_bandwidth)
    analog = spec.neuron_unit.activation == "analog"
    settle = to_ps(spec.neuron_unit.latency) if analog else 0
    if tile.mvm_latency is not None:
        return MvmPhases(load, to_ps(tile.mvm_latency) + settle, 0, drain)
    planes = tile.dac.planes
    integrate = settle + steps_ps(2**tile.dac.digit_bits - 1, tile.dac.time_per_lsb)
    convert = math.ceil(math.ceil(columns / tile.converters) * _turn_s(tile) * PS_PER_S)
    if not overlaps(tile, convert):
        return MvmPhases(load, planes * integrate, planes * convert, drain)
    return MvmPhases(
        load, integrate, convert, drain, (planes - 1) * max(integrate, convert), max(0, convert - integrate)
    )


def overlaps(tile: Tile, convert_ps: int) -> bool:
    """Whether a plane is converted while the next one integrates (rule T42)."""
    return tile.sample_and_hold and tile.dac.planes > 1 and convert_ps > 0


def steps_ps(steps: int, seconds_each: float) -> int:
    """Time of so many steps or cycles, rounded up once (rule T1).

    Examples
    --------
    >>> steps_ps(3, 0.4e-12)
    2
    """
    return math.ceil(steps * exact(seconds_each) * PS_PER_S)


def _turn_s(tile: Tile) -> Fraction:
    """Time in which all converters of a tile convert one column each, at most."""
    adc = tile.adc
    if adc.conversion_time is not None:
        return exact(adc.conversion_time)
    return Fraction(0) if adc.cycle_time is None else adc.cycles(tile.unsigned_codes) * exact(adc.cycle_time)


def peak_interval_ps(spec: InMemorySpec) -> int:
    """Time between two full MVMs of an array that is never kept waiting; the longest where it depends on values."""
    tile = spec.tile
    phases, sharing = mvm_phases(spec, tile.crossbar.rows, tile.crossbar.columns), tile.adc.crossbars_per_adc
    planes = tile.dac.planes if overlaps(tile, phases.convert_ps) else 1
    converters = sharing * planes * (phases.convert_ps or phases.integrate_ps) if sharing > 1 else 0
    if tile.sample_and_hold:
        return max(converters, phases.handover_ps + max(phases.integrate_ps, phases.convert_ps))
    return max(converters, phases.integrate_ps + phases.convert_ps)


def column_bits(spec: InMemorySpec) -> int:
    """Width of what a column gives: a partial sum, or an activation where neuron units are analog (rule T76)."""
    analog = spec.neuron_unit.activation == "analog"
    return spec.widths.activation_bits if analog else spec.widths.partial_sum_bits


def neuron_latency_ps(spec: InMemorySpec) -> int:
    """From a neuron unit's end to its result; an analog one has settled before conversion (rule T76)."""
    return 0 if spec.neuron_unit.activation == "analog" else to_ps(spec.neuron_unit.latency)


def neuron_service_ps(spec: InMemorySpec, row_blocks: int, columns: int) -> int:
    """Time of a neuron unit for one position; none of an analog one."""
    if spec.neuron_unit.activation == "analog":
        return 0
    return duration_ps(row_blocks * columns, spec.neuron_unit.rate)


def gate_service_ps(spec: InMemorySpec, element_operations: int, positions: int) -> int:
    """Time of a neuron unit for one position of a gate layer, at least 1 ps (rule T82)."""
    share = Fraction(element_operations, positions)
    return max(1, math.ceil(share * PS_PER_S / exact(spec.neuron_unit.rate)))


def digital_service_ps(spec: InMemorySpec, element_operations: int, positions: int) -> int:
    """Time of a digital unit for one position of a layer, at least 1 ps."""
    share = Fraction(element_operations, positions)
    return max(1, math.ceil(share * PS_PER_S / exact(spec.digital_unit.rate)))
