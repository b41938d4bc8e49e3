"""`map_in_order`: the strategy ``in-order``, which is the default."""

from __future__ import annotations

from chipsim.architecture.chip import Chip
from chipsim.mapping.placement import place
from chipsim.mapping.plan import Plan
from chipsim.mapping.strategy import Options
from chipsim.network.graph import Network


def map_in_order(network: Network, chip: Chip, options: Options, seed: int) -> Plan:  # noqa: ARG001
    """Layers in topological order on neighbouring tiles, one block per tile, no copies but those asked for."""
    return place(network, chip, options.replicas)
