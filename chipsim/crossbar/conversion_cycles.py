"""How long conversions took, where that depends on values: `CodeTally`, `ConversionCounts`.

A ramp that stops early lasts until the last column of its turn has crossed, a counter counts up to the code, and an
integration that stops early lasts for its longest pulse. All functions take codes as they come out of converters.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

AnyCodes = NDArray[np.floating[Any]] | NDArray[np.integer[Any]]
Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class CycleRules:
    """What is counted on one chip.

    Attributes
    ----------
    pulses : bool
        Integration ends with the longest pulse of each plane.
    ramps : bool
        The ramp of a turn ends with its largest code; otherwise, where codes are counted, they are counts.
    codes : bool
        Codes of output converters decide on time or energy.
    converters : int
        Of one slice: so many columns are converted in one turn.
    """

    pulses: bool = False
    ramps: bool = False
    codes: bool = False
    converters: int = 1


@dataclass(frozen=True, slots=True)
class ConversionCounts:
    """What some MVMs took; None where nobody asks.

    Attributes
    ----------
    pulses : ndarray of int32, shape (mvms, planes), or None
        Steps of the longest pulse.
    ramps : ndarray of int32, shape (mvms, planes), or None
        Cycles of all turns' ramps, one after the other.
    cycles : ndarray of int64, shape (mvms,), or None
        Cycles of all conversions, each counted for itself: what they cost.
    """

    pulses: NDArray[np.int32] | None = None
    ramps: NDArray[np.int32] | None = None
    cycles: Counts | None = None

    @classmethod
    def joined(cls, parts: Sequence[ConversionCounts]) -> ConversionCounts:
        """The same of several runs of MVMs, one after the other."""
        return cls(
            _joined([part.pulses for part in parts]),
            _joined([part.ramps for part in parts]),
            _joined([part.cycles for part in parts]),
        )

    @classmethod
    def by_input(cls, parts: Sequence[ConversionCounts], positions: Sequence[int]) -> ConversionCounts:
        """The same of several runs that have some positions of each input in turn, in the order of the inputs.

        Parameters
        ----------
        parts : sequence of ConversionCounts
            All of the same inputs.
        positions : sequence of int
            MVMs of each input in each part.

        Examples
        --------
        >>> parts = [ConversionCounts(cycles=np.array(each)) for each in ([1, 2], [10, 11, 20, 21])]
        >>> ConversionCounts.by_input(parts, [1, 2]).cycles.tolist()
        [1, 10, 11, 2, 20, 21]
        """
        return cls(
            _interleaved([part.pulses for part in parts], positions),
            _interleaved([part.ramps for part in parts], positions),
            _interleaved([part.cycles for part in parts], positions),
        )


class CodeTally:
    """What the conversions of some MVMs gave, collected plane by plane and slice by slice.

    Parameters
    ----------
    mvms, planes : int
    columns : sequence of int
        Of each slice.
    rules : CycleRules

    Examples
    --------
    >>> tally = CodeTally(mvms=1, planes=1, columns=[3], rules=CycleRules(ramps=True, codes=True, converters=2))
    >>> tally.add(np.array([[5.0, -7.0, 2.0]]), slice(0, 1), plane=0)
    >>> tally.ramps.tolist(), tally.cycles.tolist()
    ([[11]], [19])
    """

    def __init__(self, mvms: int, planes: int, columns: Sequence[int], rules: CycleRules) -> None:
        self._rules = rules
        self._sizes = turn_sizes(columns, rules.converters)
        self._tops = np.zeros((mvms, planes, len(self._sizes)), np.int32) if rules.ramps else None
        self._sums = np.zeros(mvms, np.int64)

    def add(self, codes: AnyCodes, mvms: slice, plane: int) -> None:
        """Note what one slice's converters gave for one plane of some MVMs, shape (mvms, columns)."""
        if self._tops is None:
            self._sums[mvms] += code_sums(codes)
            return
        found = turn_tops(codes, self._rules.converters)
        seen = self._tops[mvms, plane, : found.shape[1]]
        np.maximum(seen, found, out=seen)

    @property
    def ramps(self) -> NDArray[np.int32] | None:
        """Cycles of all turns' ramps, shape (mvms, planes); None where there are none that stop early."""
        return None if self._tops is None else (self._tops + 1).sum(axis=2, dtype=np.int32)

    @property
    def cycles(self) -> Counts:
        """Cycles of all conversions, shape (mvms,)."""
        if self._tops is None:
            return self._sums
        return np.asarray(((self._tops + 1).sum(axis=1, dtype=np.int64) * self._sizes).sum(axis=1))


def turn_tops(codes: AnyCodes, converters: int) -> Counts:
    """Largest magnitude of a code in each turn: columns 0 to converters - 1 first, and so on.

    Parameters
    ----------
    codes : ndarray, shape (mvms, columns)
        Of one slice and plane.
    converters : int

    Returns
    -------
    ndarray of int64, shape (mvms, turns)

    Examples
    --------
    >>> turn_tops(np.array([[5.0, -7.0, 2.0]]), converters=2).tolist()
    [[7, 2]]
    """
    starts = np.arange(0, codes.shape[1], converters)
    return np.asarray(np.maximum.reduceat(np.abs(codes), starts, axis=1), np.int64)


def turn_sizes(columns: Sequence[int], converters: int) -> Counts:
    """How many columns of all slices are converted in each turn, shape (turns,).

    Examples
    --------
    >>> turn_sizes([5, 5, 1], converters=2).tolist()
    [5, 4, 2]
    """
    turns = range(math.ceil(max(columns) / converters))
    return np.array([sum(min(max(n - turn * converters, 0), converters) for n in columns) for turn in turns], np.int64)


def code_sums(codes: AnyCodes) -> Counts:
    """Sum of the magnitudes of each MVM's codes: what counters counted, shape (mvms,).

    Examples
    --------
    >>> code_sums(np.array([[5.0, -7.0, 2.0]])).tolist()
    [14]
    """
    return np.asarray(np.abs(codes).sum(axis=1, dtype=np.float64), np.int64)


def _interleaved(parts: Sequence[NDArray[Any] | None], positions: Sequence[int]) -> Any:
    known = [part for part in parts if part is not None]
    if not known:
        return None
    split = [part.reshape(-1, count, *part.shape[1:]) for part, count in zip(known, positions, strict=True)]
    return np.concatenate(split, axis=1).reshape(-1, *known[0].shape[1:])


def _joined(parts: Sequence[NDArray[Any] | None]) -> NDArray[Any] | None:
    found = [part for part in parts if part is not None]
    return np.concatenate(found) if found else None
