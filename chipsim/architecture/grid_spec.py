"""`Grid`: how an architecture file says which routers there are and how they are joined."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import ConfigDict, Discriminator, Field, Tag, field_validator, model_validator

from chipsim.architecture.later_fields import LaterFields
from chipsim.architecture.link_spec import CustomLink, LinkChanges, SiteNumber
from chipsim.architecture.section import Count
from chipsim.architecture.topologies.edge_list import Link, check_links
from chipsim.architecture.topologies.registry import find_topology, is_built_in

MOST_SITES, MOST_ARRAYS = 2**16, 2**20
_OWNERS = {"links": "custom", "directed": "custom", "arity": "tree", "levels": "hierarchical"}


def _pair_or_section(value: object) -> str:
    return "[section]" if isinstance(value, Mapping | CustomLink) else "[pair]"


Entry = Annotated[
    Annotated[tuple[SiteNumber, SiteNumber], Tag("[pair]")] | Annotated[CustomLink, Tag("[section]")],
    Discriminator(_pair_or_section),
]


class Shape(LaterFields):
    """What a whole grid and one level of it have in common."""

    topology: str = Field(
        "mesh",
        description="Shape of the network between the routers: `mesh`, `torus`, `ring`, `bus`, `tree`, `crossbar`, "
        "`custom`, `hierarchical`, or the name that an installed package gives one.",
    )
    shape: tuple[Count, Count] = Field(
        description="Rows and columns of sites; each site has a tile. A ring, bus, tree or crossbar has rows x columns "
        "sites that lie so on the floor plan. A hierarchical grid has what its levels make, and needs no shape."
    )
    arity: Annotated[int, Field(ge=2, le=64, strict=True)] = Field(2, description="Children of each switch of a tree.")
    links: tuple[Entry, ...] = Field(
        (),
        description="Of a custom topology: pairs of sites, numbered from 0 row by row; a link that is not like the "
        "others is a section with `ends`.",
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
    def _fields_fit_the_topology(self) -> Shape:
        if self.topology == "custom":
            check_links(self.sites, self.pairs, self.directed)
        for name, owner in _OWNERS.items():
            field = type(self).model_fields.get(name)
            changed = field is not None and getattr(self, name) != field.default
            if changed and is_built_in(self.topology) and self.topology != owner:
                raise ValueError(
                    f"{name}: has no meaning for the topology {self.topology}, only for {owner}; remove it"
                )
        return self

    @property
    def sites(self) -> int:
        """Number of sites."""
        return math.prod(self.shape)

    @property
    def pairs(self) -> tuple[Link, ...]:
        """The ends of the links of a custom topology."""
        return tuple(entry.ends if isinstance(entry, CustomLink) else entry for entry in self.links)

    @property
    def unlike(self) -> tuple[tuple[Link, LinkChanges], ...]:
        """Those links that are not like the others."""
        return tuple((entry.ends, entry) for entry in self.links if isinstance(entry, CustomLink))


class Level(Shape):
    """One level of a hierarchical grid: so many copies of the level inside it, and how they are joined."""

    link: LinkChanges = LinkChanges()

    @field_validator("topology")
    @classmethod
    def _is_flat(cls, topology: str) -> str:
        if topology == "hierarchical":
            raise ValueError("a level has a topology of its own, such as mesh; add its levels to grid.levels instead")
        return topology


def _need_no_shape(schema: dict[str, Any]) -> None:
    """A hierarchical grid may leave the shape to its levels."""
    schema["required"] = [name for name in schema["required"] if name != "shape"]


class Grid(Shape):
    """How routers are joined."""

    model_config = ConfigDict(json_schema_extra=_need_no_shape)

    later_fields: ClassVar[frozenset[str]] = frozenset({"levels"})

    levels: tuple[Level, ...] = Field((), description="Of a hierarchical topology: from the inside out, two or more.")

    @model_validator(mode="before")
    @classmethod
    def _shape_of_levels(cls, values: Any) -> Any:
        """A hierarchical grid without a shape has that of its levels."""
        if isinstance(values, dict) and values.get("topology") == "hierarchical" and "shape" not in values:
            return {**values, "shape": _product(values.get("levels"))}
        return values

    @model_validator(mode="after")
    def _levels_fit(self) -> Grid:
        if self.topology != "hierarchical":
            return self
        if len(self.levels) < 2:
            raise ValueError("levels: the topology hierarchical needs two or more, from the inside out")
        made = _product([{"shape": level.shape} for level in self.levels])
        if self.shape != made:
            raise ValueError(
                f"shape: {self.shape[0]} x {self.shape[1]} sites are not what the levels make, {made[0]} x {made[1]}; "
                f"write [{made[0]}, {made[1]}], or leave shape out"
            )
        return self


def _product(levels: Any) -> tuple[int, int]:
    """Rows and columns of all levels together; 1 x 1 where a level says nothing that makes sense."""
    try:
        shapes = [(int(rows), int(columns)) for rows, columns in (level["shape"] for level in levels)]
    except (TypeError, ValueError, KeyError):
        return 1, 1
    return math.prod(rows for rows, _ in shapes), math.prod(columns for _, columns in shapes)
