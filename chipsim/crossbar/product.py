"""`Product`, what some MVMs gave, and `Path`, what every way through an array offers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from chipsim.crossbar.conversion_cycles import CodeTally
from chipsim.crossbar.converters import InputConverter

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True)
class Product:
    """The outputs of some MVMs, and what the converters cut off.

    Attributes
    ----------
    values : ndarray of float32 or float64, shape (mvms, columns)
        In weight units x input units.
    clipped_inputs, saturated_outputs : int
        Conversions that left the range of the input and of the output converters.
    """

    values: Floats
    clipped_inputs: int
    saturated_outputs: int


class Path(Protocol):
    """An array between its converters.

    `chipsim.crossbar.read_path.ReadPath` and `chipsim.crossbar.plane_path.PlanePath` are such.
    """

    @property
    def input_converter(self) -> InputConverter:
        """The converter whose codes `multiply_codes` takes."""

    @property
    def rows(self) -> int:
        """Word lines."""

    @property
    def conversions(self) -> int:
        """Output conversions of one MVM."""

    @property
    def columns(self) -> tuple[int, ...]:
        """Bit lines of each slice."""

    def longest_pulses(self, codes: Floats) -> NDArray[np.int32]:
        """Largest magnitude of a digit, shape (mvms, planes)."""

    def compensated(self, factor: float | NDArray[np.float64]) -> Self:
        """Return the same path with outputs multiplied by a factor, or one per column, in the digital periphery."""

    def in_steps(self) -> Self:
        """Return the same path with outputs in conversion steps."""

    def row_drive(self, codes: Floats) -> NDArray[np.float64]:
        """For how many code steps each word line is driven, over all MVMs."""

    def saturates(self, codes: Floats) -> bool:
        """Whether a conversion saturates with these input codes, without noise."""

    def multiply_codes(
        self, codes: NDArray[np.floating[Any]] | NDArray[np.integer[Any]], noise_rng: np.random.Generator,
        first_mvm: int = 0, tally: CodeTally | None = None,
    ) -> Product:  # fmt: skip
        """Multiply input codes with the array."""
