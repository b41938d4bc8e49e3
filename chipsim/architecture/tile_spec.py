"""`Tile`: crossbar, converters, registers and line buffer of a tile, as an architecture file describes them."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from chipsim.architecture.quantities import (
    Bandwidth,
    Capacity,
    Energy,
    EnergyPerByte,
    PositiveTime,
    Power,
    Voltage,
)
from chipsim.architecture.section import Bits, Count, Section


class DeviceChoice(Section):
    """A device model with parameters of its own."""

    model: str = Field(description="Name of a device model.")
    parameters: dict[str, float | int | bool | str] = Field(
        default_factory=dict,
        description="Fields of the model that differ from its defaults; text with a unit, or SI numbers.",
    )


class Encoding(Section):
    """How weights stand in cells."""

    kind: Literal["pair", "slices", "offset"] = Field(
        "pair", description="Analog pairs; whole numbers in slices of pairs; or with an offset in single cells."
    )
    weight_bits: Annotated[int, Field(ge=2, le=16, strict=True)] | None = Field(
        None, description="Of slices and offset: each weight is rounded to so many bits, sign included."
    )
    bits_per_cell: Annotated[int, Field(ge=1, le=16, strict=True)] | None = Field(
        None, description="Of slices and offset: each slice holds so many bits of a weight."
    )
    devices_per_polarity: Annotated[int, Field(ge=1, le=64, strict=True)] = Field(
        1, description="Cells that hold the same and are read as their mean."
    )

    @model_validator(mode="after")
    def _bits_belong_to_slices(self) -> Encoding:
        given = self.weight_bits is not None, self.bits_per_cell is not None
        if self.kind == "pair" and any(given):
            raise ValueError("kind: pair has analog weights; leave out weight_bits and bits_per_cell")
        if self.kind != "pair" and not all(given):
            raise ValueError(f"kind: {self.kind} needs weight_bits and bits_per_cell")
        if self._sliced_bits < (self.bits_per_cell or 0):
            raise ValueError(
                f"bits_per_cell ({self.bits_per_cell}) must be at most {self._sliced_bits}, a whole weight"
            )
        return self

    @property
    def _sliced_bits(self) -> int:
        return (self.weight_bits or 0) - (self.kind == "slices")

    @property
    def slices(self) -> int:
        """Arrays of cells side by side, the unit column apart."""
        return 1 if self.bits_per_cell is None else math.ceil(self._sliced_bits / self.bits_per_cell)

    @property
    def unit_columns(self) -> int:
        """Columns that give the sum of the inputs."""
        return 1 if self.kind == "offset" else 0


class Crossbar(Section):
    """The array of cells."""

    rows: Count = Field(description="Word lines, one input each.")
    columns: Count = Field(description="Outputs: bit lines, or pairs or slices of them side by side.")
    encoding: Encoding = Encoding()
    device: str | DeviceChoice = Field(description="Device model, by name or with parameters.")
    scale: Literal["per-column", "per-tensor"] = Field(
        "per-column", description="Which weights share one scale between weight and conductance."
    )
    read_voltage: Voltage = Field(0.2, validate_default=False, description="On a driven word line.")

    @property
    def device_name(self) -> str:
        """Name of the device model."""
        return self.device if isinstance(self.device, str) else self.device.model

    @property
    def device_parameters(self) -> dict[str, Any]:
        """Parameters that differ from the model's own."""
        return {} if isinstance(self.device, str) else dict(self.device.parameters)


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


class InputBuffer(Section):
    """Memory that holds what has arrived and is still needed."""

    capacity: Capacity | Literal["unbounded"] = Field(
        "unbounded", description="Bytes for each edge of the network that ends here."
    )
    energy_per_byte: EnergyPerByte = Field(0.0, description="Written and read.")


class LineBuffer(InputBuffer):
    """Memory of a tile, from which the input registers are loaded."""

    bandwidth: Bandwidth = Field(64e9, validate_default=False, description="Of its one port.")


class Tile(Section):
    """A crossbar with its converters, registers and line buffer."""

    crossbar: Crossbar
    dac: Dac = Dac()
    adc: Adc = Adc()
    mvm_latency: PositiveTime | None = Field(None, description="Integrate and convert, where one figure is known.")
    mvm_energy: Energy | None = Field(None, description="Of one MVM: array, DAC and ADC together.")
    sample_and_hold: bool = Field(False, description="The array is free while the ADC converts.")
    register_banks: Annotated[int, Field(ge=1, le=2, strict=True)] = Field(
        2, description="Input and output registers; 2 overlap the load or drain of one MVM with the next."
    )
    digital_scale: bool = Field(
        True, description="Each tile scales its own columns; otherwise row blocks share a column's scale."
    )
    buffer: LineBuffer = LineBuffer()
    output_bandwidth: Bandwidth = Field(64e9, validate_default=False, description="Of the output register.")
    static_power: Power = Field(0.0, description="For as long as the run lasts.")

    @model_validator(mode="after")
    def _timing_is_complete(self) -> Tile:
        if self.mvm_latency is None and self.adc.conversion_time is None:
            raise ValueError("give either tile.mvm_latency or tile.adc.conversion_time")
        return self

    @model_validator(mode="after")
    def _steps_are_levels(self) -> Tile:
        if self.adc.range == "one-lsb" and self.crossbar.encoding.kind == "pair":
            raise ValueError("tile.adc.range: one-lsb needs cells of whole levels: crossbar.encoding slices or offset")
        return self
