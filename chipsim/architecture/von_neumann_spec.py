"""`VonNeumannSpec`: a processor with separate memory, as an architecture file describes it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from chipsim.architecture.quantities import (
    Bandwidth,
    Capacity,
    EnergyPerByte,
    EnergyPerOperation,
    Frequency,
    Power,
    Rate,
    Time,
)
from chipsim.architecture.section import Count, Machine, Section


class ComputeArray(Section):
    """A systolic array of multiply-accumulate cells, or SIMD lanes."""

    kind: Literal["systolic", "simd"] = Field("systolic", description="Kind of array.")
    rows: Count = Field(1, description="Of a systolic array.")
    columns: Count = Field(description="Of a systolic array; lanes of a SIMD unit.")
    dataflow: Literal["weight-stationary", "input-stationary", "output-stationary"] = Field(
        "weight-stationary", description="What stays in the array of a systolic machine."
    )
    frequency: Frequency = Field(description="One multiply-accumulate per cell and cycle.")
    energy_per_mac: EnergyPerOperation = Field(0.0, description="Of one useful multiply-accumulate.")
    static_power: Power = Field(0.0, description="For as long as the run lasts.")

    @property
    def macs_per_cycle(self) -> int:
        """Multiply-accumulates per cycle at the peak."""
        return self.rows * self.columns


class OnChipMemory(Section):
    """The scratchpad that feeds the compute array."""

    capacity: Capacity = Field(description="For weights and tensors together.")
    bandwidth: Bandwidth = Field(description="Of its one port.")
    energy_per_byte: EnergyPerByte = Field(0.0, description="Written and read.")
    static_power: Power = Field(0.0, description="For as long as the run lasts.")


class Dram(Section):
    """The memory beside the processor."""

    bandwidth: Bandwidth = Field(description="Of its one port.")
    latency: Time = Field(0.0, validate_default=False, description="From a request to its first byte.")
    energy_per_byte: EnergyPerByte = Field(0.0, description="Written and read.")
    static_power: Power = Field(0.0, description="For as long as the run lasts.")


class VectorUnit(Section):
    """Executes activations, pooling and the other operators that are no matrix product."""

    rate: Rate = Field(description="Scalar operations per second.")
    energy_per_operation: EnergyPerOperation = Field(0.0, description="Of one scalar operation.")
    static_power: Power = Field(0.0, description="For as long as the run lasts.")


class Precision(Section):
    """Widths of the numbers that move."""

    weight_bits: Annotated[int, Field(ge=1, le=64, strict=True)] = Field(8, description="Of each weight.")
    activation_bits: Annotated[int, Field(ge=1, le=64, strict=True)] = Field(
        8, description="Of each value between layers."
    )


class VonNeumannSpec(Machine):
    """A compute array with on-chip memory and DRAM beside it."""

    kind: Literal["von-neumann"] = Field(description="What the file describes.")
    compute: ComputeArray
    vector_unit: VectorUnit
    on_chip_memory: OnChipMemory
    dram: Dram
    precision: Precision = Precision()
