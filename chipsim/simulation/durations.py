"""How long each phase takes on one chip, in integer picoseconds (rules T1, T12, T16, T17)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

from chipsim.architecture.spec import InMemorySpec
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
    """Durations of one MVM's phases in picoseconds; ``convert_ps`` is 0 where ``mvm_latency`` covers both."""

    load_ps: int
    integrate_ps: int
    convert_ps: int
    drain_ps: int

    @property
    def latency_ps(self) -> int:
        """Sum of the phases."""
        return self.load_ps + self.integrate_ps + self.convert_ps + self.drain_ps


def mvm_phases(spec: InMemorySpec, rows: int, columns: int) -> MvmPhases:
    """Phases of an MVM that uses so many rows and columns of a tile."""
    tile = spec.tile
    load = to_ps(spec.control_unit.issue_time) + duration_ps(
        bytes_of(rows, spec.widths.activation_bits), tile.buffer.bandwidth
    )
    drain = duration_ps(bytes_of(columns, spec.widths.partial_sum_bits), tile.output_bandwidth)
    if tile.mvm_latency is not None:
        return MvmPhases(load, to_ps(tile.mvm_latency), 0, drain)
    assert tile.adc.conversion_time is not None  # the specification demands one of the two
    converters = math.ceil(tile.crossbar.columns / tile.adc.columns_per_adc)
    steps, planes = 2**tile.dac.digit_bits - 1, tile.dac.planes
    integrate = math.ceil(steps * exact(tile.dac.time_per_lsb) * PS_PER_S)
    convert = math.ceil(math.ceil(columns / converters) * exact(tile.adc.conversion_time) * PS_PER_S)
    if not tile.sample_and_hold:
        return MvmPhases(load, planes * integrate, planes * convert, drain)
    if integrate >= convert:  # each plane is converted while the next one integrates
        return MvmPhases(load, planes * integrate, convert, drain)
    return MvmPhases(load, integrate, planes * convert, drain)


def peak_interval_ps(spec: InMemorySpec) -> int:
    """Time between two full MVMs of a tile that is never kept waiting."""
    phases = mvm_phases(spec, spec.tile.crossbar.rows, spec.tile.crossbar.columns)
    if spec.tile.sample_and_hold:
        return max(phases.integrate_ps, phases.convert_ps)
    return phases.integrate_ps + phases.convert_ps


def neuron_service_ps(spec: InMemorySpec, row_blocks: int, columns: int) -> int:
    """Time of a neuron unit for one position."""
    return duration_ps(row_blocks * columns, spec.neuron_unit.rate)


def digital_service_ps(spec: InMemorySpec, element_operations: int, positions: int) -> int:
    """Time of a digital unit for one position of a layer, at least 1 ps."""
    share = Fraction(element_operations, positions)
    return max(1, math.ceil(share * PS_PER_S / exact(spec.digital_unit.rate)))
