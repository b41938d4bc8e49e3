"""`Ideal`: a cell that holds what was asked for, for ever, without noise."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from chipsim.device.model import CellsNow, CellState, check_age_range, check_conductance_range, check_targets


@dataclass(frozen=True, slots=True)
class Ideal:
    """Exact programming, no drift, no noise.

    Parameters
    ----------
    g_min_siemens, g_max_siemens : float
        The range of conductances (assumption: 0 to 25 µS, the range of the `pcm` model).

    Examples
    --------
    >>> import numpy as np
    >>> from chipsim.streams import stream
    >>> device = Ideal()
    >>> state = device.program([0.0, 5e-6], stream(1, "programming"))
    >>> device.at_age(state, 3600.0, stream(1, "read")).conductance.tolist() == state.target.tolist()
    True
    """

    name: ClassVar[str] = "ideal"
    earliest_age_s: ClassVar[float] = 0.0
    latest_age_s: ClassVar[float] = math.inf

    g_min_siemens: float = 0.0
    g_max_siemens: float = 25e-6

    def __post_init__(self) -> None:
        check_conductance_range(self.name, self.g_min_siemens, self.g_max_siemens)

    def check_age(self, age_s: float) -> None:
        """Raise `DeviceRangeError` unless the age is finite and not negative."""
        check_age_range(self.name, age_s, self.earliest_age_s)

    def program(self, targets_siemens: ArrayLike, rng: np.random.Generator) -> CellState:  # noqa: ARG002
        """Store the targets as they are, rounded to float32."""
        targets = check_targets(self.name, targets_siemens, self.g_min_siemens, self.g_max_siemens)
        return CellState(targets, targets)

    def at_age(self, state: CellState, age_s: float, rng: np.random.Generator) -> CellsNow:  # noqa: ARG002
        """Return the programmed conductances, whatever the age."""
        self.check_age(age_s)
        return CellsNow(state.programmed)
