"""`MappingStrategy`: the contract of whoever decides which block sits on which tile.

A package adds a strategy with an entry point::

    [project.entry-points."chipsim.mappings"]
    spiral = "my_package.spiral:map_spiral"

where ``map_spiral`` keeps the contract below; `chipsim.mapping.conformance.check_mapping` tests it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from chipsim.architecture.chip import Chip
from chipsim.architecture.mapping_spec import Mapping as MappingSection
from chipsim.mapping.plan import Plan
from chipsim.network.graph import Network


@dataclass(frozen=True, slots=True)
class Options:
    """What a user asks of a strategy.

    Attributes
    ----------
    section : Mapping
        The section ``mapping`` of the architecture, options of the run included.
    replicas : mapping of str to int
        Copies of a layer's matrices; one of every other layer, unless the strategy chooses.
    """

    section: MappingSection = field(default_factory=MappingSection)
    replicas: Mapping[str, int] = field(default_factory=dict)


class MappingStrategy(Protocol):
    """Decides where a network's blocks and digital layers go.

    Equal arguments give equal plans: what is random comes from `chipsim.streams.stream` of the seed. Copies that the
    options ask for are made. `chipsim.mapping.placement.place` makes a plan from a list of tiles.
    """

    def __call__(self, network: Network, chip: Chip, options: Options, seed: int) -> Plan:
        """Map a network.

        Raises
        ------
        CapacityError
            If the network does not fit on the chip.
        InputError
            If the options make no sense.
        """
