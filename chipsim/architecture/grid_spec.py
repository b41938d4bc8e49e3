"""`Grid`: how an architecture file says which routers there are and how they are joined."""

from __future__ import annotations

import math
from typing import Annotated

from pydantic import Field, field_validator, model_validator

from chipsim.architecture.section import Count, Section
from chipsim.architecture.topologies.edge_list import check_links
from chipsim.architecture.topologies.registry import find_topology, is_built_in

MOST_SITES = 2**16
SiteNumber = Annotated[int, Field(ge=0, strict=True)]


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
