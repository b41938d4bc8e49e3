"""`check_analog`: whether neuron units may apply scale and activation before conversion (rule T76)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from chipsim.architecture.chip import Chip
from chipsim.errors import MappingError
from chipsim.network.graph import Network
from chipsim.network.layers import GateLayer

if TYPE_CHECKING:
    from chipsim.mapping.plan import LayerPlan


def check_analog(network: Network, chip: Chip, layers: Mapping[str, LayerPlan]) -> None:
    """Refuse layers whose columns need sums of numbers, where neuron units are analog.

    Parameters
    ----------
    network : Network
    chip : Chip
    layers : mapping of str to LayerPlan

    Raises
    ------
    MappingError
        Naming the layer.
    """
    if chip.spec.neuron_unit.activation == "digital":
        return
    for layer in network.layers.values():
        if isinstance(layer, GateLayer):
            raise MappingError(
                f"layer {layer.name}: its gates add sums of several matrices as numbers, which analog neuron units "
                f"do not have; set neuron_unit.activation to digital"
            )
    for name, plan in layers.items():
        blocks = max(len(part.blocks) for part in plan.slices)
        if blocks > 1:
            rows = max(matrix.rows for matrix in plan.matrices)
            raise MappingError(
                f"layer {name}: its columns are cut into {blocks} row blocks, whose partial sums only a digital neuron "
                f"unit can add; set neuron_unit.activation to digital, or tile.crossbar.rows to {rows} or more"
            )
