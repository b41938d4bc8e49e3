"""What only grows and is reported, what is known of buffers, and what is finished: of one machine or of several."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from chipsim.simulation.building.machine import BufferUse, Machine


def counted(machines: Sequence[Machine]) -> Iterator[tuple[Any, str]]:
    """Everything that only grows and is reported: objects, and names of their attributes."""
    for machine in machines:
        yield from _of_one(machine)
    shared = machines[0]
    if shared.memory is not None:
        yield shared.memory, "busy"
    for adder in shared.adders.values():
        yield adder, "busy"
    for unit in shared.units.values():
        yield unit, "busy"
    for flow in shared.interconnect.flows:
        yield flow, "packets"
        yield from ((hop, "waited") for hop in flow.hops)


def _of_one(machine: Machine) -> Iterator[tuple[Any, str]]:
    for tile in machine.tiles:
        yield from ((tile, name) for name in ("loads", "integrates", "drains", "worked"))
    for neuron in machine.neurons:
        yield neuron.places, "done"
    yield from ((writer, "written") for writer in machine.far_writers)
    yield from ((reader, "fetched") for reader in machine.far_readers)
    yield from ((traffic, "held") for traffic in (*machine.far_writers, *machine.far_readers))
    for layer in (*machine.digital, *machine.reductions):
        yield from ((layer, "busy"), (layer, "done"))


def known_ahead_ps(machine: Machine) -> int:
    """The latest time that is known of a buffer."""
    return max((_last_ps(use) for use in machine.buffers), default=0)


def _last_ps(use: BufferUse) -> int:
    return max(use.arrivals.latest(), use.releases[-1] if use.releases else 0)


def are_finished(machine: Machine, inputs: int) -> bool:
    """Whether no server works on the first inputs any more."""
    servers = (
        *((tile.drains, tile.gate) for tile in machine.tiles),
        *((server.done, server.gate) for server in (*machine.neurons, *machine.digital)),
    )
    return all(done >= inputs * gate.positions for done, gate in servers)
