"""`Section`: what all parts of an architecture file share, and what both kinds of machine say of themselves."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from chipsim.architecture.quantities import (
    Bandwidth,
    EnergyPerByte,
    Time,
)

Count = Annotated[int, Field(ge=1, strict=True)]
Few = Annotated[int, Field(ge=1, le=1_000_000, strict=True)]
Bits = Annotated[int, Field(ge=2, le=16, strict=True)]


class Section(BaseModel):
    """A part of an architecture file; unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    source: str | dict[str, str] = Field(
        "", description="Where the numbers come from: one text for the section, or one per field."
    )

    @model_validator(mode="after")
    def _sources_name_fields(self) -> Section:
        if isinstance(self.source, dict):
            unknown = set(self.source) - set(type(self).model_fields)
            if unknown:
                raise ValueError(f"source names {sorted(unknown)}, which are no fields of this section")
        return self

    def source_of(self, name: str) -> str:
        """The source of one field, ``"assumption"`` where the file gives none."""
        text = self.source.get(name, "") if isinstance(self.source, dict) else self.source
        return text or "assumption"


class Host(Section):
    """Where inputs come from and outputs go."""

    bandwidth: Bandwidth = Field(description="In each direction.")
    latency: Time = Field(0.0, validate_default=False, description="Added to every transfer.")
    energy_per_byte: EnergyPerByte = Field(0.0, description="Sent and received.")
    max_inputs_in_flight: Count | Literal["auto"] = Field(
        "auto", description="Inputs admitted before the first of them is done; 'auto' keeps the slowest stage busy."
    )


class Machine(Section):
    """What both kinds of machine say of themselves."""

    schema_version: Literal[1] = Field(description="Version of this file format.")
    name: str = Field(min_length=1, description="In tables and figures.")
    description: str = Field("", description="Free text.")
    technology: str = Field("", description="Process node, for comparisons.")
    power_gating: bool = Field(False, description="Components that the network does not use draw no static power.")
    host: Host
