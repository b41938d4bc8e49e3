"""`WireResistance`: the wires of an array, its drivers and its sense ends."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from chipsim.errors import SpecError, nearest

Ends = Literal["one-sided", "two-sided"]
PairLayout = Literal["interleaved", "side-by-side"]
_CHOICES = {
    "drive": ("one-sided", "two-sided"),
    "sense": ("one-sided", "two-sided"),
    "pair_layout": ("interleaved", "side-by-side"),
    "undriven_rows": ("reference",),
}


@dataclass(frozen=True, slots=True)
class WireResistance:
    """The wires of an array and what stands at their ends.

    Attributes
    ----------
    word_line_ohm, bit_line_ohm : float
        Resistance of one segment of a word line (between two columns) and of a bit line (between two rows). The
        segment between a line's end and its first cell counts as one more.
    driver_ohm, sense_ohm : float
        Output resistance of each driver and input resistance of each sense amplifier, in series with that segment.
    drive : {"one-sided", "two-sided"}
        Drivers before the first column only, or before the first and behind the last at the same voltage.
    sense : {"one-sided", "two-sided"}
        Sense amplifiers behind the last row only, or also before the first; the currents of both are added.
    pair_layout : {"interleaved", "side-by-side"}
        Order of the bit lines of pairs along a word line: +, -, +, -, ... or all +, then all -.
    undriven_rows : {"reference"}
        Rows without an input are held at the reference by their drivers. Floating rows are refused: which rows
        float changes from input to input, so no one matrix describes the array.

    Raises
    ------
    SpecError
        If a resistance is negative, NaN or infinite, or a choice is unknown.

    Examples
    --------
    >>> WireResistance(word_line_ohm=1.0, bit_line_ohm=2.0).transposed().word_line_ohm
    2.0
    """

    word_line_ohm: float = 0.0
    bit_line_ohm: float = 0.0
    driver_ohm: float = 0.0
    sense_ohm: float = 0.0
    drive: Ends = "one-sided"
    sense: Ends = "one-sided"
    pair_layout: PairLayout = "interleaved"
    undriven_rows: Literal["reference"] = "reference"

    def __post_init__(self) -> None:
        for name in ("word_line_ohm", "bit_line_ohm", "driver_ohm", "sense_ohm"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise SpecError(f"{name} ({value!r}) must be a finite resistance of at least 0 ohm")
        for name, allowed in _CHOICES.items():
            value = getattr(self, name)
            if value == "floating":
                raise SpecError(f"{name} ('floating') must be 'reference': floating rows have no one effective matrix")
            if value not in allowed:
                choices = " or ".join(map(repr, allowed))
                raise SpecError(f"{name} ({value!r}) must be {choices}{nearest(str(value), allowed)}")

    @property
    def ideal(self) -> bool:
        """Whether nothing has resistance, so that the effective matrix is the conductances."""
        return not (self.word_line_ohm or self.bit_line_ohm or self.driver_ohm or self.sense_ohm)

    def transposed(self) -> WireResistance:
        """Return the wires of the array with word and bit lines, drivers and sense ends exchanged."""
        return WireResistance(
            self.bit_line_ohm, self.word_line_ohm, self.sense_ohm, self.driver_ohm, self.sense, self.drive,
            self.pair_layout,
        )  # fmt: skip
