"""`Dac` and `Adc`: the converters of a tile, as an architecture file describes them."""

from __future__ import annotations

import math
from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from chipsim.architecture.later_fields import LaterFields
from chipsim.architecture.quantities import Energy, PositiveTime
from chipsim.architecture.section import Bits, Count


class Dac(LaterFields):
    """Input converters: one per row, signed codes."""

    later_fields: ClassVar[frozenset[str]] = frozenset({"early_stop"})

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
    early_stop: bool = Field(False, description="Each plane integrates for its longest pulse, at least one step.")
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


class Adc(LaterFields):
    """Output converters."""

    later_fields: ClassVar[frozenset[str]] = frozenset(
        {"kind", "crossbars_per_adc", "cycle_time", "early_stop", "energy_per_cycle"}
    )

    bits: Bits = Field(8, description="Resolution; codes are signed and symmetric.")
    kind: Literal["sar", "ramp", "counter"] = Field(
        "sar", description="Bit by bit; one rising ramp for all columns of a turn; or counting while they integrate."
    )
    columns_per_adc: Count = Field(1, description="Columns that take turns at one converter.")
    crossbars_per_adc: Count = Field(1, description="Arrays of a tile that take turns at one set of converters.")
    conversion_time: PositiveTime | None = Field(None, description="Of one column; of a `counter`, reading it out.")
    cycle_time: PositiveTime | None = Field(
        None, description="Instead of `conversion_time`, which is then `bits` cycles (`sar`) or 2^bits cycles (`ramp`)."
    )
    early_stop: bool = Field(False, description="A ramp ends when the last column of its turn has crossed.")
    energy_per_conversion: Energy = Field(
        0.0, description="Of one column, plane and slice; counted only where `mvm_energy` is not given."
    )
    energy_per_cycle: Energy = Field(
        0.0, description="Of each cycle of a conversion, of each count of a `counter`; beside `energy_per_conversion`."
    )
    range: Literal["calibrated", "full-scale", "one-lsb"] = Field(
        "calibrated",
        description="Full scale: from calibration; the largest sum of the rows used; or one level x digit per step.",
    )
    range_percentile: float = Field(
        99.99, gt=0, le=100, description="Of |column sum| in calibration: the calibrated full scale."
    )
    noise: float = Field(0.0, ge=0, le=1e6, description="Of each conversion: standard deviation in steps.")
    gain_spread: float = Field(0.0, ge=0, le=10, description="Between columns: standard deviation around a gain of 1.")
    offset_spread: float = Field(0.0, ge=0, le=1e6, description="Between columns: standard deviation in steps.")

    @model_validator(mode="after")
    def _fields_belong_to_the_kind(self) -> Adc:
        if self.conversion_time is not None and self.cycle_time is not None:
            raise ValueError("conversion_time and cycle_time say the same twice: leave one of them out")
        if self.early_stop and self.kind != "ramp":
            raise ValueError(f"early_stop belongs to kind: ramp, not {self.kind}: leave it out")
        if self.early_stop and self.conversion_time is not None:
            raise ValueError("early_stop cuts cycles off: give cycle_time instead of conversion_time")
        if self.kind != "counter":
            return self
        if self.cycle_time is not None:
            raise ValueError("cycle_time belongs to kind sar or ramp: a counter counts while its column integrates")
        if self.columns_per_adc > 1:
            raise ValueError(
                f"columns_per_adc ({self.columns_per_adc}) must be 1: a counter counts while its column integrates"
            )
        return self

    def largest_code(self, unsigned: bool) -> int:
        """Largest magnitude of a code, which are signed or run from zero.

        Examples
        --------
        >>> Adc(bits=4).largest_code(unsigned=False), Adc(bits=4).largest_code(unsigned=True)
        (7, 15)
        """
        return int(2**self.bits - 1 if unsigned else 2 ** (self.bits - 1) - 1)

    def cycles(self, unsigned: bool) -> int:
        """Cycles of one conversion, counts of a counter; the most where they depend on the code."""
        if self.kind == "counter":
            return self.largest_code(unsigned)
        if self.early_stop:
            return self.largest_code(unsigned) + 1
        return self.bits if self.kind == "sar" else int(2**self.bits)
