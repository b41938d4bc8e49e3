"""`check_analog`: whether neuron units may apply scale and activation before conversion (rule T76)."""

from __future__ import annotations

from collections.abc import Mapping

from chipsim.architecture.chip import Chip
from chipsim.errors import MappingError
from chipsim.network.graph import Network
from chipsim.network.layers import GateLayer


def check_analog(network: Network, chip: Chip, row_blocks: Mapping[str, tuple[int, int]]) -> None:
    """Refuse layers whose columns need sums of numbers, where neuron units are analog.

    Parameters
    ----------
    network : Network
    chip : Chip
    row_blocks : mapping of str to (int, int)
        Of each matrix layer: most row blocks of a column, rows of its largest matrix.

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
    for name, (blocks, rows) in row_blocks.items():
        if blocks > 1:
            raise MappingError(
                f"layer {name}: its columns are cut into {blocks} row blocks, whose partial sums only a digital neuron "
                f"unit can add; set neuron_unit.activation to digital, or tile.crossbar.rows to {rows} or more"
            )
