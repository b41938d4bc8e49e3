"""`Programming`: how a tile's cells are written, as an architecture file describes it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator

from chipsim.architecture.quantities import Energy, PositiveTime
from chipsim.architecture.section import Count, Section


class Programming(Section):
    """Iterative program-and-verify of a tile's cells, and how many are written side by side (docs/programming.md)."""

    pulse_time: PositiveTime = Field(description="Of one programming pulse.")
    pulse_energy: Energy = Field(0.0, description="Of one pulse on one cell.")
    verify_time: PositiveTime = Field(description="Of one verifying read.")
    verify_energy: Energy = Field(0.0, description="Of verifying one cell once.")
    step: float = Field(
        gt=0, le=1, description="Share of what is left to a cell's final conductance that one pulse closes."
    )
    tolerance: float = Field(
        gt=0, description="Below 1, of g_max - g_min: verify accepts a cell that is so near to its final conductance."
    )
    max_iterations: Annotated[int, Field(ge=1, le=10_000, strict=True)] = Field(
        description="Pulses after which a cell is left as it is."
    )
    write_heads: Count = Field(1, description="Cells of a bit line, one below the other, that are written together.")
    tiles_in_parallel: Count | Literal["all"] = Field("all", description="Tiles that are written at the same time.")

    @field_validator("tolerance")
    @classmethod
    def _below_the_whole_range(cls, value: float) -> float:
        if value >= 1:
            raise ValueError("must be below 1, the whole range of conductances, or no cell would ever be written")
        return value
