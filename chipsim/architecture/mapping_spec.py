"""`Mapping`: how networks are put on a chip, as an architecture file or an option of a run describes it."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from chipsim.architecture.later_fields import LaterFields
from chipsim.architecture.section import Count, Few


class Mapping(LaterFields):
    """How networks are put on the chip; a choice of the run, not of the hardware."""

    later_fields: ClassVar[frozenset[str]] = frozenset({"share_weights"})

    strategy: str = Field(
        "in-order",
        min_length=1,
        description="A strategy (`in-order`, `balanced`, `best-fit`, `annealed`, or one of an installed package), or "
        "a file that holds a mapping.",
    )
    tiles: Count | Literal["all"] = Field(
        "all",
        description="Tiles that a network may take, whatever the strategy; `balanced` fills them while copies help.",
    )
    effort: Few = Field(100, description="Moves that `annealed` draws for each tile in use, in each of its rounds.")
    depthwise: Literal["block-diagonal", "digital"] = Field(
        "block-diagonal",
        description="Convolutions with one input channel per group: on diagonals of crossbars, or on digital units.",
    )
    fuse_parallel: bool = Field(
        False,
        description="Layers on tiles with the same input and geometry become one matrix (Q, K and V of attention).",
    )
    share_weights: bool = Field(
        True, description="Layers that read the same stored weights are on the same tiles, and take turns on them."
    )
    chips: Count = Field(1, description="Copies of the chip, joined by links like that to the host.")
    reload: bool = Field(
        False,
        description="What does not fit at once goes on the tiles in rounds, one after the other for each batch.",
    )
