"""`Crossbar`: the array of cells of a tile, as an architecture file describes it."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from chipsim.architecture.quantities import Voltage
from chipsim.architecture.section import Count, Section


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
