"""`Crossbar`: the array of cells of a tile, as an architecture file describes it."""

from __future__ import annotations

import math
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from chipsim.architecture.later_fields import LaterFields
from chipsim.architecture.quantities import Resistance, Voltage
from chipsim.architecture.section import Count, Section

Ends = Literal["one-sided", "two-sided"]
_LARGEST_OHM = 1e12
Share = Annotated[float, Field(ge=0, le=1)]


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
    def lines(self) -> int:
        """Bit lines of one output, or rows of cells that are read as its mean."""
        return self.slices * self.devices_per_polarity * (1 if self.kind == "offset" else 2)

    @property
    def unit_columns(self) -> int:
        """Columns that give the sum of the inputs."""
        return 1 if self.kind == "offset" else 0


class Wires(Section):
    """Resistance of the array's wires, drivers and sense ends."""

    word_line_segment: Resistance = Field(0.0, validate_default=False, description="Between two columns.")
    bit_line_segment: Resistance = Field(0.0, validate_default=False, description="Between two rows.")
    driver: Resistance = Field(0.0, validate_default=False, description="Of each word line's driver.")
    sense_end: Resistance = Field(0.0, validate_default=False, description="Input of each sense amplifier.")
    drive: Ends = Field("one-sided", description="Drivers before the first column, or at both ends.")
    sense: Ends = Field("one-sided", description="Sense amplifiers behind the last row, or at both ends.")
    line_order: Literal["interleaved", "side-by-side"] = Field(
        "interleaved", description="Bit lines of one output beside each other; or all first ones, then all second ones."
    )
    undriven_rows: Literal["reference"] = Field(
        "reference", description="Held at the reference voltage; floating rows have no one effective matrix."
    )
    method: Literal["exact", "polynomial"] = Field(
        "exact", description="Solve the network; or approximate the drop along bit lines alone (docs/wires.md)."
    )

    @model_validator(mode="after")
    def _resistances_are_wires(self) -> Wires:
        for name in ("word_line_segment", "bit_line_segment", "driver", "sense_end"):
            if getattr(self, name) > _LARGEST_OHM:
                raise ValueError(f"{name} must be at most {_LARGEST_OHM:g} ohm: beyond it nothing flows")
        return self

    @model_validator(mode="after")
    def _polynomial_knows_bit_lines_only(self) -> Wires:
        others = ("word_line_segment", "driver", "sense_end")
        ends = self.drive, self.sense
        if self.method == "polynomial" and (any(getattr(self, name) for name in others) or "two-sided" in ends):
            raise ValueError("method: polynomial knows bit_line_segment alone, with drivers and sense ends on one side")
        return self


class Faults(Section):
    """Cells that do not follow programming, and lines that carry nothing."""

    stuck_on_rate: Share = Field(0.0, description="Share of cells that are stuck at the highest conductance.")
    stuck_off_rate: Share = Field(0.0, description="Share of cells that are stuck at the lowest conductance.")
    dead_row_rate: Share = Field(0.0, description="Share of word lines that drive no cell.")
    dead_column_rate: Share = Field(0.0, description="Share of bit lines that carry no current.")
    map: str | None = Field(
        None, min_length=1, description="CSV file of known faults: tile, row, column, line, fault (docs/faults.md)."
    )

    @model_validator(mode="after")
    def _stuck_one_way(self) -> Faults:
        if self.stuck_on_rate + self.stuck_off_rate > 1:
            raise ValueError("stuck_on_rate and stuck_off_rate must not be above 1 together")
        return self

    @property
    def any(self) -> bool:
        """Whether anything may be broken."""
        rates = self.stuck_on_rate, self.stuck_off_rate, self.dead_row_rate, self.dead_column_rate
        return any(rates) or self.map is not None


class Crossbar(LaterFields):
    """The array of cells."""

    later_fields: ClassVar[frozenset[str]] = frozenset({"fast_noise", "wires", "faults"})

    rows: Count = Field(description="Word lines, one input each.")
    columns: Count = Field(description="Outputs: bit lines, or pairs or slices of them side by side.")
    encoding: Encoding = Encoding()
    device: str | DeviceChoice = Field(description="Device model, by name or with parameters.")
    scale: Literal["per-column", "per-tensor"] = Field(
        "per-column", description="Which weights share one scale between weight and conductance."
    )
    fast_noise: Literal["per-read", "per-mvm"] = Field(
        "per-read", description="Fresh in every plane (and counted pulse) of an MVM; or one draw for all of them."
    )
    wires: Wires = Wires()
    faults: Faults = Faults()
    read_voltage: Voltage = Field(0.2, validate_default=False, description="On a driven word line.")

    @property
    def device_name(self) -> str:
        """Name of the device model."""
        return self.device if isinstance(self.device, str) else self.device.model

    @property
    def device_parameters(self) -> dict[str, Any]:
        """Parameters that differ from the model's own."""
        return {} if isinstance(self.device, str) else dict(self.device.parameters)
