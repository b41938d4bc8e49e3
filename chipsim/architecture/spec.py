"""`InMemorySpec` and `VonNeumannSpec`: one description of an architecture file for checks, schema and docs.

Energies are optional extras of the parts they belong to; a part without a number costs nothing and the
file should say why. ``source`` stands next to the numbers: one text for a section, or one per field.
"""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from chipsim.architecture.quantities import (
    Bandwidth,
    Capacity,
    Energy,
    EnergyPerByte,
    EnergyPerOperation,
    Frequency,
    PositiveTime,
    Power,
    Rate,
    Time,
    Voltage,
)
from chipsim.architecture.topologies.edge_list import check_links
from chipsim.architecture.topologies.registry import find_topology, is_built_in

SCHEMA_VERSION = 1
MOST_SITES = 2**16
Count = Annotated[int, Field(ge=1, strict=True)]
SiteNumber = Annotated[int, Field(ge=0, strict=True)]
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


class Grid(Section):
    """How routers are joined."""

    topology: str = Field(
        "mesh",
        description="Shape of the network between the routers: `mesh`, `torus`, `ring`, `bus`, `tree`, `crossbar`, "
        "`custom`, or the name that an installed package gives one.",
    )
    shape: tuple[Count, Count] = Field(
        description="Rows and columns of sites; each site has a tile. A ring, bus, tree or crossbar has rows x columns "
        "sites that lie so on the floor plan."
    )
    arity: Annotated[int, Field(ge=2, le=64, strict=True)] = Field(2, description="Children of each switch of a tree.")
    links: tuple[tuple[SiteNumber, SiteNumber], ...] = Field(
        (), description="Of a custom topology: pairs of sites, numbered from 0 row by row."
    )
    directed: bool = Field(False, description="Links of a custom topology go from the first site to the second only.")

    @field_validator("topology")
    @classmethod
    def _is_known(cls, topology: str) -> str:
        find_topology(topology)
        return topology

    @field_validator("shape")
    @classmethod
    def _fits_in_memory(cls, shape: tuple[int, int]) -> tuple[int, int]:
        if math.prod(shape) > MOST_SITES:
            raise ValueError(f"{shape[0]:,} x {shape[1]:,} sites are too many; at most {MOST_SITES:,} can be simulated")
        return shape

    @model_validator(mode="after")
    def _fields_fit_the_topology(self) -> Grid:
        if self.topology == "custom":
            check_links(self.sites, self.links, self.directed)
        for name, owner in (("links", "custom"), ("directed", "custom"), ("arity", "tree")):
            changed = getattr(self, name) != type(self).model_fields[name].default
            if changed and is_built_in(self.topology) and self.topology != owner:
                raise ValueError(
                    f"{name}: has no meaning for the topology {self.topology}, only for {owner}; remove it"
                )
        return self

    @property
    def sites(self) -> int:
        """Number of sites."""
        return math.prod(self.shape)


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


class ControlUnit(Section):
    """Issues the MVMs of one tile."""

    issue_time: Time = Field(0.0, validate_default=False, description="Before an MVM's load.")
    energy_per_mvm: Energy = Field(0.0, description="For issuing one MVM.")
    static_power: Power = Field(0.0, description="For as long as the run lasts.")


class NeuronUnit(Section):
    """Scales, adds partial sums and bias, applies the activation; one per site."""

    rate: Rate = Field(description="Partial-sum values per second.")
    latency: Time = Field(0.0, validate_default=False, description="Pipeline depth, beyond the values' own time.")
    partial_sum_slots: Count = Field(2, description="Positions of partial sums held per sending tile.")
    energy_per_operation: EnergyPerOperation = Field(0.0, description="Of one partial-sum value.")
    static_power: Power = Field(0.0, description="For as long as the run lasts.")


class DigitalUnit(Section):
    """Executes every operator that is no MVM."""

    tiles_per_unit: Count = Field(8, description="One unit for each so many tiles, spread over the chip.")
    rate: Rate = Field(description="Scalar operations per second of one unit.")
    latency: Time = Field(0.0, validate_default=False, description="Pipeline depth, beyond the operations' own time.")
    buffer: InputBuffer = InputBuffer()
    energy_per_operation: EnergyPerOperation = Field(0.0, description="Of one scalar operation.")
    static_power: Power = Field(0.0, description="For as long as the run lasts.")


class Link(Section):
    """A directed wire between two routers, or between a router and a component beside it."""

    bandwidth: Bandwidth = Field(description="In each direction; ports to components have the same.")
    latency: Time = Field(0.0, validate_default=False, description="Of the wire between two routers.")
    energy_per_byte: EnergyPerByte = Field(0.0, description="For each link between routers.")


class Router(Section):
    """Switches packets between links."""

    delay: PositiveTime = Field(1e-9, validate_default=False, description="From head in to head out.")
    energy_per_byte: EnergyPerByte = Field(0.0, description="Of each byte that it sends over a link.")
    static_power: Power = Field(0.0, description="For as long as the run lasts.")


class Host(Section):
    """Where inputs come from and outputs go."""

    bandwidth: Bandwidth = Field(description="In each direction.")
    latency: Time = Field(0.0, validate_default=False, description="Added to every transfer.")
    energy_per_byte: EnergyPerByte = Field(0.0, description="Sent and received.")
    max_inputs_in_flight: Count | Literal["auto"] = Field(
        "auto", description="Inputs admitted before the first of them is done; 'auto' keeps the slowest stage busy."
    )


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


class Machine(Section):
    """What both kinds of machine say of themselves."""

    schema_version: Literal[1] = Field(description="Version of this file format.")
    name: str = Field(min_length=1, description="In tables and figures.")
    description: str = Field("", description="Free text.")
    technology: str = Field("", description="Process node, for comparisons.")
    power_gating: bool = Field(False, description="Components that the network does not use draw no static power.")
    host: Host


class InMemorySpec(Machine):
    """A chip of crossbar tiles, neuron units, digital units and an interconnect."""

    kind: Literal["in-memory"] = Field(description="What the file describes.")
    grid: Grid
    tile: Tile
    control_unit: ControlUnit = ControlUnit()
    neuron_unit: NeuronUnit
    digital_unit: DigitalUnit
    link: Link
    router: Router = Router()
    widths: Widths = Widths()


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


Spec = Annotated[InMemorySpec | VonNeumannSpec, Field(discriminator="kind")]
