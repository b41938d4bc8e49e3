"""`Sram`: a digital cell that is on or off."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from chipsim.device.model import CellsNow, CellState, check_age_range, check_conductance_range, check_targets
from chipsim.errors import DeviceRangeError, SpecError


@dataclass(frozen=True, slots=True)
class Sram:
    """A static memory cell with a read transistor: two levels, exact, no drift, no noise.

    Parameters
    ----------
    g_min_siemens, g_max_siemens : float
        Conductance of a cell that is off and of one that is on (assumption: 0 and 50 µS; digital results do not depend
        on them).
    round_targets : bool
        Round targets between the two levels to the nearer one (the middle goes up). Without it they are an error: a
        weight of several bits has to be sliced into cells of one bit each.

    Examples
    --------
    >>> from chipsim.streams import stream
    >>> Sram().program([0.0, 50e-6], stream(1, "programming")).programmed.tolist() == [0.0, float(np.float32(50e-6))]
    True
    """

    name: ClassVar[str] = "sram"
    earliest_age_s: ClassVar[float] = 0.0
    latest_age_s: ClassVar[float] = math.inf

    g_min_siemens: float = 0.0
    g_max_siemens: float = 50e-6
    round_targets: bool = False

    def __post_init__(self) -> None:
        check_conductance_range(self.name, self.g_min_siemens, self.g_max_siemens)
        if not isinstance(self.round_targets, bool):
            raise SpecError(f"device '{self.name}': round_targets must be true or false, got {self.round_targets!r}")

    @property
    def levels_siemens(self) -> tuple[float, ...] | None:
        """The only targets that a cell takes; None where others are rounded to them."""
        return None if self.round_targets else (self.g_min_siemens, self.g_max_siemens)

    def check_age(self, age_s: float) -> None:
        """Raise `DeviceRangeError` unless the age is finite and not negative."""
        check_age_range(self.name, age_s, self.earliest_age_s)

    def program(self, targets_siemens: ArrayLike, rng: np.random.Generator) -> CellState:  # noqa: ARG002
        """Store the nearer level of each target.

        Parameters
        ----------
        targets_siemens : array_like, any shape
            Conductances to reach, in siemens.
        rng : numpy.random.Generator
            Not used.

        Raises
        ------
        DeviceRangeError
            If a target lies between the levels, and ``round_targets`` is not set.
        """
        targets = check_targets(self.name, targets_siemens, self.g_min_siemens, self.g_max_siemens)
        low, high = np.float32(self.g_min_siemens), np.float32(self.g_max_siemens)
        levels = np.where(targets >= (low + high) / 2, high, low)
        between = np.abs(targets - levels) > 1e-6 * high
        if between.any() and not self.round_targets:
            raise DeviceRangeError(
                f"device '{self.name}' holds one bit: {self.g_min_siemens:g} S or {self.g_max_siemens:g} S, not a "
                f"target of {targets[between].flat[0]:g} S; slice weights into cells of one bit, or set round_targets"
            )
        return CellState(targets, levels)

    def at_age(self, state: CellState, age_s: float, rng: np.random.Generator) -> CellsNow:  # noqa: ARG002
        """Return the stored levels, whatever the age."""
        self.check_age(age_s)
        return CellsNow(state.programmed)
