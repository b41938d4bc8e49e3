"""`Tile`: crossbar, converters, registers and line buffer of a tile, as an architecture file describes them."""

from __future__ import annotations

import math
from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from chipsim.architecture.compensation_spec import Compensation
from chipsim.architecture.converter_spec import Adc, Dac
from chipsim.architecture.crossbar_spec import Crossbar
from chipsim.architecture.later_fields import LaterFields
from chipsim.architecture.programming_spec import Programming
from chipsim.architecture.quantities import Bandwidth, Capacity, Energy, EnergyPerByte, PositiveTime, Power


class InputBuffer(LaterFields):
    """Memory that holds what has arrived and is still needed."""

    capacity: Capacity | Literal["unbounded"] = Field(
        "unbounded", description="Bytes for each edge of the network that ends here."
    )
    energy_per_byte: EnergyPerByte = Field(0.0, description="Written and read.")


class SpillingBuffer(InputBuffer):
    """Memory that holds what has arrived and is still needed, or hands on what does not fit."""

    later_fields: ClassVar[frozenset[str]] = frozenset({"spill"})

    spill: Literal["none", "global_memory"] = Field(
        "none", description="Where positions go that do not fit; with `none` too small a buffer is refused."
    )


class LineBuffer(SpillingBuffer):
    """Memory of a tile, from which the input registers are loaded."""

    bandwidth: Bandwidth = Field(64e9, validate_default=False, description="Of its one port.")


class Tile(LaterFields):
    """A crossbar with its converters, registers and line buffer."""

    later_fields: ClassVar[frozenset[str]] = frozenset({"compensation", "crossbars", "output_ports", "programming"})

    crossbar: Crossbar
    crossbars: Annotated[int, Field(ge=1, le=4096, strict=True)] = Field(
        1, description="Arrays of the tile, each as `crossbar` says, with registers of their own."
    )
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
    compensation: Compensation = Compensation()
    buffer: LineBuffer = LineBuffer()
    output_bandwidth: Bandwidth = Field(64e9, validate_default=False, description="Of the output register.")
    output_ports: Literal["per-tile", "per-crossbar"] = Field(
        "per-tile", description="Arrays drain one after another; or each through a port of its own."
    )
    static_power: Power = Field(0.0, description="For as long as the run lasts.")
    programming: Programming | None = Field(
        None, description="How cells are written; without it they are as the device model programs them, at no cost."
    )

    @model_validator(mode="after")
    def _timing_is_complete(self) -> Tile:
        if self.mvm_latency is not None:
            for name, stops in (("dac", self.dac.early_stop), ("adc", self.adc.early_stop)):
                if stops:
                    raise ValueError(f"tile.{name}.early_stop cannot shorten mvm_latency: leave one of the two out")
        elif self.adc.kind != "counter" and self.adc.conversion_time is None and self.adc.cycle_time is None:
            raise ValueError("give either tile.mvm_latency or tile.adc.conversion_time (or tile.adc.cycle_time)")
        return self

    @model_validator(mode="after")
    def _arrays_share_converters(self) -> Tile:
        shared = self.adc.crossbars_per_adc
        if shared > 1 and self.adc.kind == "counter":
            raise ValueError(f"tile.adc.crossbars_per_adc ({shared}) must be 1: a counter counts while its array works")
        if self.crossbars % shared:
            raise ValueError(
                f"tile.adc.crossbars_per_adc ({shared}) must divide tile.crossbars ({self.crossbars}): "
                f"every set of converters has as many arrays"
            )
        return self

    @model_validator(mode="after")
    def _steps_are_levels(self) -> Tile:
        if self.adc.range == "one-lsb" and self.crossbar.encoding.kind == "pair":
            raise ValueError("tile.adc.range: one-lsb needs cells of whole levels: crossbar.encoding slices or offset")
        return self

    @property
    def unsigned_codes(self) -> bool:
        """Whether codes of the output converters run from zero: neither cells nor digits have a sign."""
        return self.crossbar.encoding.kind == "offset" and self.dac.signs != "bipolar"

    @property
    def converters(self) -> int:
        """Output converters of one slice: so many columns are converted in one turn."""
        return math.ceil(self.crossbar.columns / self.adc.columns_per_adc)

    @property
    def cycles_depend_on_codes(self) -> bool:
        """Whether the energy of output conversions depends on what they give."""
        paid = self.mvm_energy is None and self.adc.energy_per_cycle > 0
        return paid and (self.adc.kind == "counter" or self.adc.early_stop)

    @property
    def depends_on_values(self) -> bool:
        """Whether the time or the energy of conversions depends on values."""
        return self.dac.early_stop or self.adc.early_stop or self.cycles_depend_on_codes
