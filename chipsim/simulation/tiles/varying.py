"""`VaryingTileServer`: a tile whose MVMs take as long as their values ask for (rules T41 to T43).

The functional plane counts steps and cycles (`ConversionCounts`); `mvm_lengths` makes durations of them.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from chipsim.architecture.spec import InMemorySpec
from chipsim.simulation.core.durations import MvmPhases, mvm_phases, overlaps, steps_ps
from chipsim.simulation.core.in_order_gate import InOrderGate
from chipsim.simulation.links.interconnect import Interconnect
from chipsim.simulation.tiles.tile import TileServer

Picoseconds = NDArray[np.int64]


class ConversionCounts(Protocol):
    """What the MVMs of one tile took, in order of input x positions + position; None where nobody asks.

    `chipsim.crossbar.conversion_cycles.ConversionCounts` is such.
    """

    @property
    def pulses(self) -> NDArray[np.integer] | None:
        """Steps of the longest pulse, shape (mvms, planes)."""

    @property
    def ramps(self) -> NDArray[np.integer] | None:
        """Cycles of all ramps, shape (mvms, planes)."""

    @property
    def cycles(self) -> NDArray[np.integer] | None:
        """Cycles of all conversions, for their energy, shape (mvms,)."""


@dataclass(frozen=True, slots=True)
class MvmLengths:
    """Durations of every MVM of one tile, in ps; the names are those of `MvmPhases` in `durations`."""

    integrate_ps: array[int]
    convert_ps: array[int]
    handover_ps: array[int]
    idle_ps: array[int]


def mvm_lengths(spec: InMemorySpec, rows: int, columns: int, counts: ConversionCounts) -> MvmLengths | None:
    """How long each MVM of a block takes; None where all take as long as `mvm_phases` says.

    Parameters
    ----------
    spec : InMemorySpec
    rows, columns : int
        Of the block.
    counts : ConversionCounts
    """
    found = plane_lengths(spec, rows, columns, counts)
    if found is None:
        return None
    return lay_planes(*found, together=not overlaps(spec.tile, mvm_phases(spec, rows, columns).convert_ps))


def plane_lengths(
    spec: InMemorySpec, rows: int, columns: int, counts: ConversionCounts
) -> tuple[Picoseconds, Picoseconds] | None:
    """How long each plane of each MVM integrates and is converted, shape (mvms, planes); see `mvm_lengths`."""
    if counts.pulses is None and counts.ramps is None:
        return None
    tile, planes = spec.tile, spec.tile.dac.planes
    longest = mvm_phases(spec, rows, columns)
    one_plane = planes == 1 or overlaps(tile, longest.convert_ps)  # which these phases are those of
    integrate, convert = (each // (1 if one_plane else planes) for each in (longest.integrate_ps, longest.convert_ps))
    mvms = len(counts.pulses if counts.pulses is not None else counts.ramps)  # type: ignore[arg-type]
    integrates, converts = np.full((mvms, planes), integrate), np.full((mvms, planes), convert)
    if counts.pulses is not None:
        integrates = _picoseconds(np.maximum(counts.pulses, 1), tile.dac.time_per_lsb)
    if counts.ramps is not None:
        assert tile.adc.cycle_time is not None  # the specification demands it
        converts = _picoseconds(counts.ramps, tile.adc.cycle_time)
    return integrates, converts


def lay_planes(integrates: Picoseconds, converts: Picoseconds, *, together: bool) -> MvmLengths:
    """Put the planes of each MVM one after the other.

    Parameters
    ----------
    integrates, converts : ndarray of int64, shape (mvms, planes)
        In ps.
    together : bool
        All planes are one phase each; otherwise a plane is converted while the next one integrates (rule T42).

    Examples
    --------
    >>> found = lay_planes(np.array([[5, 2, 3]]), np.array([[4, 1, 9]]), together=False)
    >>> found.integrate_ps[0], found.handover_ps[0], found.idle_ps[0], found.convert_ps[0]
    (5, 7, 0, 9)
    """
    if together or integrates.shape[1] == 1:
        nothing = np.zeros(len(integrates), np.int64)
        return _lengths(integrates.sum(axis=1), converts.sum(axis=1), nothing, nothing)
    steps = np.maximum(integrates[:, 1:], converts[:, :-1])
    idle = steps[:, -1] - integrates[:, -1]
    return _lengths(integrates[:, 0], converts[:, -1], steps.sum(axis=1), idle)


def _lengths(*parts: Picoseconds) -> MvmLengths:
    return MvmLengths(*(array("q", np.ascontiguousarray(part, np.int64).tobytes()) for part in parts))


def _picoseconds(counts: NDArray[np.integer], seconds_each: float) -> Picoseconds:
    """Each count of steps as a time, rounded up once."""
    distinct, which = np.unique(counts, return_inverse=True)
    times = np.array([steps_ps(int(count), seconds_each) for count in distinct], np.int64)
    return times[which].reshape(counts.shape)


class VaryingTileServer(TileServer):
    """A tile whose MVMs differ in how long they integrate and convert."""

    __slots__ = ("_lengths",)

    def __init__(
        self, name: str, layer: str, gate: InOrderGate, phases: MvmPhases, banks: int, sample_and_hold: bool,
        interconnect: Interconnect, lengths: MvmLengths,
    ) -> None:  # fmt: skip
        super().__init__(name, layer, gate, phases, banks, sample_and_hold, interconnect)
        self._lengths = lengths

    def _integrate(self) -> None:
        m, lengths = self.integrates, self._lengths
        self._integrate_ps, self._convert_ps = lengths.integrate_ps[m], lengths.convert_ps[m]
        self._handover_ps, self._idle_ps = lengths.handover_ps[m], lengths.idle_ps[m]
        super()._integrate()
