"""`Dac` and `Adc`: the converters of a tile, as an architecture file describes them."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import Field, model_validator

from chipsim.architecture.quantities import Energy, PositiveTime
from chipsim.architecture.section import Bits, Count, Section


class Dac(Section):
    """Input converters: one per row, signed codes."""

    bits: Bits = Field(8, description="Resolution; codes are signed and symmetric.")
    encoding: Literal["pulse-width", "pulse-count", "bit-serial"] = Field(
        "pulse-width", description="One pulse; pulses with fast noise of their own; or planes of bits, read in turn."
    )
    bits_per_cycle: Annotated[int, Field(ge=1, le=15, strict=True)] | None = Field(
        None, description="Of bit-serial inputs: bits of one plane, as a pulse width; 1 where it is not given."
    )
    signs: Literal["bipolar", "positive-negative", "twos-complement"] = Field(
        "bipolar", description="Both on one word line; positive codes, then negative; or (bit-serial) a plane of signs."
    )
    time_per_lsb: PositiveTime = Field(1e-9, validate_default=False, description="Pulse length of one step of a digit.")
    energy_per_conversion: Energy = Field(
        0.0, description="Of one row and plane; counted only where `mvm_energy` is not given."
    )
    range: Literal["calibrated", "per-vector"] = Field(
        "calibrated", description="Full scale: from calibration inputs, or the largest |x| of each MVM's own inputs."
    )
    range_percentile: float = Field(
        99.99, gt=0, le=100, description="Of |x| in calibration: the calibrated full scale."
    )

    @model_validator(mode="after")
    def _planes_belong_to_bit_serial(self) -> Dac:
        if self.encoding == "bit-serial":
            if self.digit_bits >= self.bits:
                raise ValueError(f"bits_per_cycle ({self.bits_per_cycle}) must be below bits ({self.bits})")
            return self
        if self.bits_per_cycle is not None:
            raise ValueError("bits_per_cycle belongs to encoding: bit-serial")
        if self.signs == "twos-complement":
            raise ValueError("signs: twos-complement belongs to encoding: bit-serial")
        return self

    @property
    def digit_bits(self) -> int:
        """Bits of one plane."""
        return (self.bits_per_cycle or 1) if self.encoding == "bit-serial" else self.bits - 1

    @property
    def planes(self) -> int:
        """How often the array is read for one MVM."""
        magnitudes = math.ceil((self.bits - 1) / self.digit_bits)
        return {"bipolar": magnitudes, "positive-negative": 2 * magnitudes, "twos-complement": magnitudes + 1}[
            self.signs
        ]


class Adc(Section):
    """Output converters."""

    bits: Bits = Field(8, description="Resolution; codes are signed and symmetric.")
    columns_per_adc: Count = Field(1, description="Columns that take turns at one converter.")
    conversion_time: PositiveTime | None = Field(None, description="Of one column.")
    energy_per_conversion: Energy = Field(
        0.0, description="Of one column, plane and slice; counted only where `mvm_energy` is not given."
    )
    range: Literal["calibrated", "full-scale", "one-lsb"] = Field(
        "calibrated",
        description="Full scale: from calibration; the largest sum of the rows used; or one level x digit per step.",
    )
    range_percentile: float = Field(
        99.99, gt=0, le=100, description="Of |column sum| in calibration: the calibrated full scale."
    )
    noise: float = Field(0.0, ge=0, description="Of each conversion: standard deviation in steps.")
    gain_spread: float = Field(0.0, ge=0, description="Between columns: standard deviation around a gain of 1.")
    offset_spread: float = Field(0.0, ge=0, description="Between columns: standard deviation in steps.")
