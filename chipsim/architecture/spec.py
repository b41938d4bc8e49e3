"""`InMemorySpec` and `VonNeumannSpec`: one description of an architecture file for checks, schema and docs.

Energies are optional extras of the parts they belong to; a part without a number costs nothing and the
file should say why. ``source`` stands next to the numbers: one text for a section, or one per field.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from chipsim.architecture.converter_spec import Adc, Dac
from chipsim.architecture.crossbar_spec import Crossbar, DeviceChoice, Encoding, Faults, Wires
from chipsim.architecture.grid_spec import MOST_ARRAYS, Grid
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
from chipsim.architecture.tile_spec import InputBuffer, LineBuffer, SpillingBuffer, Tile
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
    "SpillingBuffer",
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

    later_fields: ClassVar[frozenset[str]] = frozenset(
        {"partial_sums", "hop_latency", "buffer", "tiles_per_unit", "activation"}
    )

    tiles_per_unit: Count = Field(1, description="Tiles that share one, which sits beside the first of them.")
    rate: Rate = Field(description="Partial-sum values, or scalar operations of gates, per second.")
    activation: Literal["digital", "analog"] = Field(
        "digital", description="Scale, bias and activation behind the converters; or before them, in every column."
    )
    latency: Time = Field(
        0.0, validate_default=False,
        description="Pipeline depth, beyond the values' own time; of an analog unit, until it has settled.",
    )  # fmt: skip
    partial_sums: Literal["gather", "chain", "routers"] = Field(
        "gather",
        description="One unit adds all row blocks'; or they pass from tile to tile, and each adds its own; or routers "
        "add what meets on the way to the unit.",
    )
    hop_latency: Time = Field(
        0.0, validate_default=False, description="Of a chain: from a value's arrival to its being added to the next."
    )
    partial_sum_slots: Few = Field(2, description="Positions of partial sums held per sending tile.")
    buffer: SpillingBuffer = SpillingBuffer()
    energy_per_operation: EnergyPerOperation = Field(
        0.0, description="Of one partial-sum value, one scalar operation of a gate, or one analog activation."
    )
    static_power: Power = Field(0.0, description="For as long as the run lasts.")

    @model_validator(mode="after")
    def _analog_units_are_in_the_columns(self) -> NeuronUnit:
        if self.activation == "analog" and self.partial_sums == "chain":
            raise ValueError("activation: analog leaves no partial sums to pass on: use partial_sums: gather")
        if self.activation == "analog" and self.tiles_per_unit > 1:
            raise ValueError(
                f"tiles_per_unit ({self.tiles_per_unit}) must be 1 with activation: analog, which is in every column"
            )
        return self

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
    buffer: SpillingBuffer = SpillingBuffer()
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
    def _arrays_fit_in_memory(self) -> InMemorySpec:
        tiles, arrays = self.grid.sites, self.grid.sites * self.tile.crossbars
        if arrays > MOST_ARRAYS:
            raise ValueError(
                f"tile.crossbars: {self.tile.crossbars:,} arrays on each of {tiles:,} tiles are {arrays:,}; at most "
                f"{MOST_ARRAYS:,} can be simulated"
            )
        return self

    @model_validator(mode="after")
    def _analog_units_see_whole_sums(self) -> InMemorySpec:
        if self.neuron_unit.activation == "digital":
            return self
        tile, encoding = self.tile, self.tile.crossbar.encoding
        reasons = {
            f"tile.dac makes {tile.dac.planes} planes, which are added as numbers": tile.dac.planes > 1,
            f"tile.crossbar.encoding: {encoding.kind} adds slices as numbers": encoding.kind != "pair",
            "tile.dac.range: per-vector scales sums as numbers": tile.dac.range == "per-vector",
            f"tile.adc.range: {tile.adc.range} is one of sums; use calibrated": tile.adc.range != "calibrated",
            "times or energies that depend on values are not known for it": tile.depends_on_values,
            "errors of output converters (noise, gain_spread, offset_spread) are not known for it": any(
                (tile.adc.noise, tile.adc.gain_spread, tile.adc.offset_spread)
            ),
        }
        wrong = [reason for reason, holds in reasons.items() if holds]
        if wrong:
            raise ValueError(f"neuron_unit.activation: analog converts what is activated already, but {wrong[0]}")
        return self

    @model_validator(mode="after")
    def _spilling_has_somewhere_to_go(self) -> InMemorySpec:
        sections = ("tile", self.tile), ("digital_unit", self.digital_unit), ("neuron_unit", self.neuron_unit)
        buffers = [(f"{name}.buffer", section.buffer) for name, section in sections]
        for name, buffer in ((name, buffer) for name, buffer in buffers if buffer.spill != "none"):
            if self.global_memory is None:
                raise ValueError(f"{name}.spill: global_memory needs a section global_memory with its bandwidth")
            if buffer.capacity == "unbounded":
                raise ValueError(f"{name}.spill: an unbounded buffer spills nothing; give {name}.capacity bytes")
        return self

    @model_validator(mode="after")
    def _routers_that_add_have_adders(self) -> InMemorySpec:
        if self.neuron_unit.partial_sums == "routers" and self.router.adder is None:
            raise ValueError(
                "neuron_unit.partial_sums: routers needs adders in routers: give router.adder.rate, such as 1 Gop/s"
            )
        return self


Spec = Annotated[InMemorySpec | VonNeumannSpec, Field(discriminator="kind")]
