"""`map_balanced`: the strategy ``balanced``: copies of the slowest layers, for the most inputs per second."""

from __future__ import annotations

from chipsim.architecture.chip import Chip
from chipsim.errors import CapacityError
from chipsim.mapping.placement import place
from chipsim.mapping.plan import Plan
from chipsim.mapping.replication import balanced_replicas
from chipsim.mapping.strategy import Options
from chipsim.network.graph import Network
from chipsim.simulation.tiles.pace import position_interval_ps


def map_balanced(network: Network, chip: Chip, options: Options, seed: int) -> Plan:  # noqa: ARG001
    """In order, with one copy more of whatever layer is the slowest until the tiles allowed are used up."""
    tiles = options.section.tiles
    budget = len(chip.tiles) if tiles == "all" else tiles
    copies = balanced_replicas(
        network, chip, lambda layer: position_interval_ps(chip.spec, layer), dict(options.replicas), budget
    )
    plan = place(network, chip, copies)
    if plan.tiles_used > budget:
        raise CapacityError(
            f"mapping.tiles is {budget}, and {network.name} needs {plan.tiles_used} without copies; allow more"
        )
    return plan
