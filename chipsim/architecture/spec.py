"""`InMemorySpec` and `VonNeumannSpec`: one description of an architecture file for checks, schema and docs.

Energies are optional extras of the parts they belong to; a part without a number costs nothing and the
file should say why. ``source`` stands next to the numbers: one text for a section, or one per field.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from chipsim.architecture.converter_spec import Adc, Dac
from chipsim.architecture.crossbar_spec import Crossbar, DeviceChoice, Encoding, Faults, Wires
from chipsim.architecture.grid_spec import Grid
from chipsim.architecture.later_fields import LaterFields
from chipsim.architecture.link_spec import Link, LinkChanges, Router
from chipsim.architecture.mapping_spec import Mapping
from chipsim.architecture.memory_spec import GlobalMemory
from chipsim.architecture.quantities import (
    Energy,
    EnergyPerOperation,
    Power,
    Rate,
    Time,
)
from chipsim.architecture.section import Count, Few, Host, Machine, Section
from chipsim.architecture.tile_spec import InputBuffer, LineBuffer, Tile
from chipsim.architecture.von_neumann_spec import (
    ComputeArray,
    Dram,
    OnChipMemory,
    Precision,
    VectorUnit,
    VonNeumannSpec,
)

__all__ = [
    "Adc",
    "ComputeArray",
    "ControlUnit",
    "Crossbar",
    "Dac",
    "DeviceChoice",
    "DigitalUnit",
    "Dram",
    "Encoding",
    "Faults",
    "GlobalMemory",
    "Grid",
    "Host",
    "InMemorySpec",
    "InputBuffer",
    "LineBuffer",
    "Link",
    "LinkChanges",
    "Machine",
    "Mapping",
    "NeuronUnit",
    "OnChipMemory",
    "Precision",
    "Router",
    "Section",
    "Spec",
    "Tile",
    "VectorUnit",
    "VonNeumannSpec",
    "Widths",
    "Wires",
]


class ControlUnit(Section):
    """Issues the MVMs of one tile."""

    issue_time: Time = Field(0.0, validate_default=False, description="Before an MVM's load.")
    energy_per_mvm: Energy = Field(0.0, description="For issuing one MVM.")
    static_power: Power = Field(0.0, description="For as long as the run lasts.")


class NeuronUnit(LaterFields):
    """Scales, adds partial sums and bias, applies the activation; one per site, or one for several tiles."""

    later_fields: ClassVar[frozenset[str]] = frozenset({"partial_sums", "hop_latency", "buffer", "tiles_per_unit"})

    tiles_per_unit: Count = Field(1, description="Tiles that share one, which sits beside the first of them.")
    rate: Rate = Field(description="Partial-sum values, or scalar operations of gates, per second.")
    latency: Time = Field(0.0, validate_default=False, description="Pipeline depth, beyond the values' own time.")
    partial_sums: Literal["gather", "chain"] = Field(
        "gather", description="One unit adds all row blocks'; or they pass from tile to tile, and each adds its own."
    )
    hop_latency: Time = Field(
        0.0, validate_default=False, description="Of a chain: from a value's arrival to its being added to the next."
    )
    partial_sum_slots: Few = Field(2, description="Positions of partial sums held per sending tile.")
    buffer: InputBuffer = InputBuffer()
    energy_per_operation: EnergyPerOperation = Field(
        0.0, description="Of one partial-sum value, or one scalar operation of a gate."
    )
    static_power: Power = Field(0.0, description="For as long as the run lasts.")

    @model_validator(mode="after")
    def _chains_have_a_unit_to_a_tile(self) -> NeuronUnit:
        if self.partial_sums == "chain" and self.tiles_per_unit > 1:
            raise ValueError(
                f"tiles_per_unit ({self.tiles_per_unit}) must be 1 with partial_sums: chain, "
                f"which has a unit beside every tile"
            )
        return self


class DigitalUnit(Section):
    """Executes every operator that is no MVM."""

    tiles_per_unit: Count = Field(8, description="One unit for each so many tiles, spread over the chip.")
    rate: Rate = Field(description="Scalar operations per second of one unit.")
    latency: Time = Field(0.0, validate_default=False, description="Pipeline depth, beyond the operations' own time.")
    buffer: InputBuffer = InputBuffer()
    energy_per_operation: EnergyPerOperation = Field(0.0, description="Of one scalar operation.")
    static_power: Power = Field(0.0, description="For as long as the run lasts.")


class Widths(Section):
    """Widths of what travels."""

    activation_bits: Annotated[int, Field(ge=1, le=64, strict=True)] = Field(
        8, description="Of each value between layers, on links and in buffers."
    )
    partial_sum_bits: Annotated[int, Field(ge=1, le=64, strict=True)] = Field(
        16, description="Of each column's result between tile and neuron unit."
    )
    packet_header_bytes: Annotated[int, Field(ge=0, le=1024, strict=True)] = Field(
        0, description="Added to every packet."
    )


class InMemorySpec(Machine, LaterFields):
    """A chip of crossbar tiles, neuron units, digital units and an interconnect."""

    later_fields: ClassVar[frozenset[str]] = frozenset({"global_memory", "mapping"})

    kind: Literal["in-memory"] = Field(description="What the file describes.")
    grid: Grid
    tile: Tile
    control_unit: ControlUnit = ControlUnit()
    neuron_unit: NeuronUnit
    digital_unit: DigitalUnit
    link: Link
    router: Router = Router()
    widths: Widths = Widths()
    mapping: Mapping = Mapping()
    global_memory: GlobalMemory | None = Field(None, description="A farther memory, for what buffers spill.")

    @model_validator(mode="after")
    def _spilling_has_somewhere_to_go(self) -> InMemorySpec:
        if self.tile.buffer.spill == "none":
            return self
        if self.global_memory is None:
            raise ValueError("tile.buffer.spill: global_memory needs a section global_memory with its bandwidth")
        if self.tile.buffer.capacity == "unbounded":
            raise ValueError("tile.buffer.spill: an unbounded buffer spills nothing; give tile.buffer.capacity bytes")
        if self.neuron_unit.partial_sums == "chain":
            raise ValueError("tile.buffer.spill: global_memory cannot be used with neuron_unit.partial_sums: chain")
        return self


Spec = Annotated[InMemorySpec | VonNeumannSpec, Field(discriminator="kind")]
