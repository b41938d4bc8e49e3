"""`GlobalMemory`: a farther memory for what does not fit into buffers, as an architecture file describes it."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from chipsim.architecture.later_fields import LaterFields
from chipsim.architecture.quantities import Bandwidth, EnergyPerByte, Power, Time

GLOBAL_MEMORY = "global memory"
"""Name of the component."""


class GlobalMemory(LaterFields):
    """A memory that all tiles and digital units share, with one port that serves one access at a time."""

    later_fields: ClassVar[frozenset[str]] = frozenset({"site"})

    site: str = Field(
        "apart",
        min_length=1,
        description="`apart`: on a bus of its own; else the router beside which it sits, so that what is spilled "
        "travels over links: `host` for the host's, or the name of a site's, such as `1,2` for `router(1,2)`.",
    )
    bandwidth: Bandwidth = Field(description="Of its one port, read or written.")
    latency: Time = Field(0.0, validate_default=False, description="From the end of an access until its data is there.")
    energy_per_byte: EnergyPerByte = Field(0.0, description="Written and read.")
    static_power: Power = Field(0.0, description="For as long as the run lasts.")
