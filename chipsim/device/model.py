"""`DeviceModel`: the contract between a memory cell and the crossbar that is built from it.

* ``device.program(targets_siemens, rng) -> CellState`` draws everything that a cell keeps for life;
* ``device.at_age(state, age_s, rng) -> CellsNow`` is what those cells are at one age;
* ``device.check_age(age_s)`` refuses an age outside what was measured.

`chipsim.device.conformance.check_device` tests whether a model keeps the contract, and
`chipsim.device.registry.get_device` finds models by name.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from chipsim.errors import DeviceRangeError, SpecError
from chipsim.units import age_text

Conductances = NDArray[np.float32]
_LEAST_G_MAX, _LARGEST_G_MAX = 1e-18, 1e6  # far beyond any cell, and well inside float32
_LEAST_SPAN = 1e-3
_LARGEST_SCALE = 1e6


def frozen(values: NDArray[Any]) -> NDArray[np.float32]:
    """Return a float32 copy in C order that nobody can write to.

    Examples
    --------
    >>> import numpy as np
    >>> frozen(np.array([1.0])).flags.writeable
    False
    """
    copy = np.array(values, dtype=np.float32, order="C")
    copy.flags.writeable = False
    return copy


@dataclass(frozen=True, slots=True)
class CellState:
    """What programming left in a group of cells; drawn once and kept for life.

    Attributes
    ----------
    target : ndarray of float32, any shape
        The conductances that were asked for, in siemens.
    programmed : ndarray of float32, same shape
        The conductances right after programming, before any read, drift or relaxation, in siemens.
    drawn : mapping of str to ndarray of float32, same shape
        Whatever else a model drew per cell and needs later, such as drift exponents.
    """

    target: Conductances
    programmed: Conductances
    drawn: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "target", frozen(self.target))
        object.__setattr__(self, "programmed", frozen(self.programmed))
        drawn = {name: frozen(values) for name, values in self.drawn.items()}
        object.__setattr__(self, "drawn", MappingProxyType(drawn))


@dataclass(frozen=True, slots=True)
class CellsNow:
    """A group of cells at one age.

    Attributes
    ----------
    conductance : ndarray of float32, any shape
        In siemens, not negative: drift or relaxation applied, and one draw of the noise that is slower
        than a run. (In float64 behind wires, see `chipsim.crossbar.array_wires`.)
    fast_sigma : ndarray of the same shape and kind, or None
        Standard deviation in siemens of the Gaussian noise that is fresh in every matrix-vector product
        (not clipped at zero). None where the model has none.
    """

    conductance: NDArray[np.floating[Any]]
    fast_sigma: NDArray[np.floating[Any]] | None = None


@runtime_checkable
class DeviceModel(Protocol):
    """How one kind of memory cell behaves.

    A model is an immutable object; its parameters are its fields, in SI units that the field's name ends
    with (``_siemens``, ``_s``). All randomness comes from the generators that are passed in, and the same
    generator state gives the same bytes. No array that is passed in is changed.

    A model whose cells take only some conductances has one more attribute, ``levels_siemens``: those levels, rising,
    the first and last being g_min and g_max. It refuses other targets with a `DeviceRangeError`.
    """

    @property
    def name(self) -> str:
        """The name it is registered under."""

    @property
    def g_min_siemens(self) -> float:
        """Lowest conductance that may be asked for."""

    @property
    def g_max_siemens(self) -> float:
        """Highest conductance that may be asked for."""

    @property
    def earliest_age_s(self) -> float:
        """Youngest age that the model covers; zero for most."""

    @property
    def latest_age_s(self) -> float:
        """Oldest age that the model covers; infinite where there is no limit."""

    def check_age(self, age_s: float) -> None:
        """Raise `DeviceRangeError`, naming the range, if the model does not cover this age."""

    def program(self, targets_siemens: ArrayLike, rng: np.random.Generator) -> CellState:
        """Program cells of any shape once; targets outside the range are a `DeviceRangeError`."""

    def at_age(self, state: CellState, age_s: float, rng: np.random.Generator) -> CellsNow:
        """Return the programmed cells at an age: a pure function of state, age and generator."""


def check_age_range(name: str, age_s: float, earliest_s: float, latest_s: float = math.inf) -> None:
    """Refuse an age outside [earliest, latest], or one that is not a finite number.

    Raises
    ------
    DeviceRangeError
        Naming the device, the age and the range.

    Examples
    --------
    >>> check_age_range("pcm", 3600.0, 0.0)
    """
    if math.isfinite(age_s) and earliest_s <= age_s <= latest_s:
        return
    first = _in_words(earliest_s)
    allowed = f"{first} or more" if math.isinf(latest_s) else f"from {first} to {_in_words(latest_s)}"
    raise DeviceRangeError(f"device '{name}' cannot be evaluated at age {_in_words(age_s)}; allowed: {allowed}")


def _in_words(age_s: float) -> str:
    """Seconds, and a larger unit beside them where the age is a whole number of it."""
    seconds = f"{age_s:g} s"
    words = age_text(age_s) if math.isfinite(age_s) else seconds
    return seconds if words.endswith(" s") else f"{seconds} ({words})"


def check_targets(
    name: str, targets_siemens: ArrayLike, g_min_siemens: float, g_max_siemens: float
) -> NDArray[np.float32]:
    """Return the targets as float32, refusing what is not finite or outside the device's range.

    One part in a million beyond the range is taken as rounding and clipped.

    Raises
    ------
    DeviceRangeError
        Naming the device, the first bad target and the range.

    Examples
    --------
    >>> float(check_targets("ideal", 1e-6, 0.0, 25e-6)) == float(np.float32(1e-6))
    True
    """
    targets = np.asarray(targets_siemens, dtype=np.float64)
    slack = 1e-6 * g_max_siemens
    good = (targets >= g_min_siemens - slack) & (targets <= g_max_siemens + slack)
    if not good.all():
        bad = float(targets[~good].flat[0])
        raise DeviceRangeError(
            f"device '{name}' cannot hold a target of {bad:g} S; allowed: {g_min_siemens:g} S to {g_max_siemens:g} S"
        )
    return np.clip(targets, g_min_siemens, g_max_siemens).astype(np.float32)


def check_conductance_range(name: str, g_min_siemens: float, g_max_siemens: float) -> None:
    """Refuse a conductance range that is empty, negative, not finite, or beyond what float32 resolves.

    Raises
    ------
    SpecError
        Naming the device and both ends.
    """
    if not 0 <= g_min_siemens < g_max_siemens < math.inf:
        raise SpecError(
            f"device '{name}': g_min_siemens ({g_min_siemens!r}) must be at least 0 and below g_max_siemens "
            f"({g_max_siemens!r}), both finite"
        )
    if not _LEAST_G_MAX <= g_max_siemens <= _LARGEST_G_MAX:
        raise SpecError(
            f"device '{name}': g_max_siemens ({g_max_siemens!r}) must be {_LEAST_G_MAX:g} to {_LARGEST_G_MAX:g} S"
        )
    if g_max_siemens - g_min_siemens < _LEAST_SPAN * g_max_siemens:
        raise SpecError(
            f"device '{name}': g_min_siemens ({g_min_siemens!r}) must be below g_max_siemens ({g_max_siemens!r}) by at "
            f"least {_LEAST_SPAN:g} of it: conductances are single-precision numbers"
        )


def check_at_least_zero(name: str, **values: float) -> None:
    """Refuse parameters that are negative or not finite.

    Raises
    ------
    SpecError
        Naming the device, the parameter and its value.
    """
    for parameter, value in values.items():
        if not 0 <= value < math.inf:
            raise SpecError(f"device '{name}': {parameter} ({value!r}) must be finite and at least 0")
        if parameter.endswith("_scale") and value > _LARGEST_SCALE:
            raise SpecError(f"device '{name}': {parameter} ({value!r}) must be at most {_LARGEST_SCALE:g}")
