"""What a run that came to its end has left undone, which is an error."""

from __future__ import annotations

from chipsim.errors import ConsistencyError
from chipsim.simulation.building.machine import Machine


def who_waits(machine: Machine, done: int, inputs: int) -> str:
    """Say which layers have positions left, and where they are."""
    progress = [
        *((tile.layer, tile.name, tile.drains, tile.gate.positions) for tile in machine.tiles),
        *((neuron.layer, neuron.name, neuron.done, neuron.gate.positions) for neuron in machine.neurons),
        *((layer.layer, layer.unit.name, layer.done, layer.gate.positions) for layer in machine.digital),
    ]
    waiting = [
        f"{layer} on {name} waits at position {count}"
        for layer, name, count, positions in progress
        if count < inputs * positions
    ]
    shown = "; ".join(waiting[:6]) + (f"; and {len(waiting) - 6} more" if len(waiting) > 6 else "")
    return f"nothing can go on after {done} of {inputs} inputs: {shown}"


def check_nothing_is_left(machine: Machine, inputs: int) -> None:
    """Refuse a run in which a block did not do the MVMs of all inputs.

    Raises
    ------
    ConsistencyError
    """
    for tile in machine.tiles:
        if tile.drains != inputs * tile.gate.positions:
            raise ConsistencyError(
                f"layer {tile.layer} on {tile.name} has done {tile.drains} of {inputs * tile.gate.positions} MVMs; "
                f"please report this"
            )
