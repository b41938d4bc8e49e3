"""`GlobalMemory`: a farther memory for what does not fit into buffers, as an architecture file describes it."""

from __future__ import annotations

from pydantic import Field

from chipsim.architecture.quantities import Bandwidth, EnergyPerByte, Power, Time
from chipsim.architecture.section import Section


class GlobalMemory(Section):
    """A memory that all tiles share, with one port that serves one access at a time."""

    bandwidth: Bandwidth = Field(description="Of its one port, read or written.")
    latency: Time = Field(0.0, validate_default=False, description="From the end of an access until its data is there.")
    energy_per_byte: EnergyPerByte = Field(0.0, description="Written and read.")
    static_power: Power = Field(0.0, description="For as long as the run lasts.")
