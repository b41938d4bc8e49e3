"""`Link` and `Router`: what packets travel over, and `LinkChanges`, for links that are not like the others."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from chipsim.architecture.later_fields import LaterFields
from chipsim.architecture.quantities import (
    Bandwidth,
    Capacity,
    EnergyPerByte,
    EnergyPerOperation,
    PositiveTime,
    Power,
    Rate,
    Time,
)
from chipsim.architecture.section import Section

SiteNumber = Annotated[int, Field(ge=0, strict=True)]


class Link(LaterFields):
    """A directed wire between two routers, or between a router and a component beside it."""

    later_fields: ClassVar[frozenset[str]] = frozenset({"flit_bytes"})

    bandwidth: Bandwidth = Field(description="In each direction; ports to components have the same.")
    latency: Time = Field(0.0, validate_default=False, description="Of the wire between two routers.")
    energy_per_byte: EnergyPerByte = Field(0.0, description="For each link between routers.")
    flit_bytes: Annotated[int, Field(ge=1, le=65_536, strict=True)] = Field(
        1, description="Every packet, header included, is filled up to whole flits of so many bytes."
    )


class LinkChanges(Section):
    """How some links differ from those of `link`."""

    bandwidth: Bandwidth | None = Field(None, description="In each direction, where it is not that of `link`.")
    latency: Time | None = Field(None, description="Of the wire, where it is not that of `link`.")
    energy_per_byte: EnergyPerByte | None = Field(None, description="For each link, where it is not that of `link`.")

    def over(self, others: LinkChanges) -> LinkChanges:
        """These changes, and what ``others`` say of the rest.

        Examples
        --------
        >>> both = LinkChanges(latency="5 ns").over(LinkChanges(latency="1 ns", bandwidth="1 GB/s"))
        >>> both.latency, both.bandwidth
        (5e-09, 1000000000.0)
        """
        sources = {name: section.source_of(name) for section in (others, self) for name in section.given}
        figures: dict[str, Any] = {**others.given, **self.given, "source": sources}
        return LinkChanges.model_construct(**figures)

    @property
    def given(self) -> dict[str, float]:
        """The figures that differ, by name."""
        found = {name: getattr(self, name) for name in ("bandwidth", "latency", "energy_per_byte")}
        return {name: value for name, value in found.items() if value is not None}


ALIKE = LinkChanges()
"""Of links that do not differ."""


class CustomLink(LinkChanges):
    """A link of a custom topology that differs from the others."""

    ends: tuple[SiteNumber, SiteNumber] = Field(description="The two sites.")


class RouterAdder(Section):
    """Adds packets of partial sums where they meet (`neuron_unit.partial_sums: routers`)."""

    rate: Rate = Field(description="Additions of two values per second.")
    energy_per_operation: EnergyPerOperation = Field(0.0, description="Of one addition.")


class Router(LaterFields):
    """Switches packets between links."""

    later_fields: ClassVar[frozenset[str]] = frozenset(
        {"switching", "arbitration", "buffer", "virtual_channels", "adder"}
    )

    delay: PositiveTime = Field(1e-9, validate_default=False, description="From head in to head out.")
    switching: Literal["cut-through", "store-and-forward"] = Field(
        "cut-through", description="Whether a packet goes on when its head is there, or only when all of it is."
    )
    arbitration: Literal["age", "round-robin"] = Field(
        "age",
        description="Which waiting packet a link takes next: the one that asked first, or that of the next input port.",
    )
    buffer: Capacity | Literal["unbounded"] = Field(
        "unbounded",
        description="Bytes for each input port and virtual channel. A packet enters a link once there is room for all "
        "of it at the router behind.",
    )
    virtual_channels: Annotated[int, Field(ge=1, le=16, strict=True)] | Literal["auto"] = Field(
        "auto", description="Of each link, where buffers are bounded; `auto` has as many as the topology's routes need."
    )
    adder: RouterAdder | None = Field(None, description="Of each router; there is none unless given.")
    energy_per_byte: EnergyPerByte = Field(0.0, description="Of each byte that it sends over a link.")
    static_power: Power = Field(0.0, description="For as long as the run lasts.")

    @property
    def buffer_bytes(self) -> int | None:
        """Whole bytes for each input port and virtual channel; None where there is always room."""
        return None if self.buffer == "unbounded" else int(self.buffer)
