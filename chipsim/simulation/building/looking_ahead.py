"""`look_ahead`: where packets need not wait for their turn, because it is known that nothing comes before them.

A neuron unit beside its tile sends nothing before the tile's next sums are there, and a digital unit nothing before it
has worked on what is not there yet. A link that gets packets from such units and over one other link can let pass what
comes over that one, as long as the units are not ready.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import partial
from operator import add
from typing import TypeGuard

from chipsim.architecture.chip import Edge
from chipsim.simulation.building.machine import Machine
from chipsim.simulation.links.packets import Flow, Inlet
from chipsim.simulation.links.sender import Outlet
from chipsim.simulation.tiles.shared_block import SharedBlock
from chipsim.simulation.units.chain import ChainUnit, LoneUnit
from chipsim.simulation.units.digital import DigitalLayerServer
from chipsim.simulation.units.neuron import NeuronServer

Earliest = Callable[[int], int]
"""From now, the time before which a component sends no packet that it has not sent yet."""


def look_ahead(machines: Sequence[Machine]) -> None:
    """Tell the inlets of links what is known of their others; call once all flows are closed.

    Parameters
    ----------
    machines : sequence of Machine
        Of all networks on the chip.
    """
    if machines[0].spec.router.arbitration != "age":
        return  # whose turn it is shows only when a link is free
    earliest = _earliest(machines)
    inlets: defaultdict[Edge, list[tuple[str, Inlet]]] = defaultdict(list)
    for (edge, port), inlet in machines[0].interconnect.inlets.items():
        inlets[edge].append((port, inlet))
    for found in inlets.values():
        if len(found) == 2:
            for (_, inlet), (port, other) in (found, reversed(found)):
                if port in earliest:
                    inlet.other, other.earliest = other, earliest[port]


def _earliest(machines: Sequence[Machine]) -> dict[str, Earliest]:
    """Of each component all of whose packets go on their way as soon as it is known when they leave."""
    found: dict[str, Earliest] = {}
    flows: defaultdict[str, set[Flow]] = defaultdict(set)  # of these components
    least: defaultdict[str, list[int]] = defaultdict(list)  # how long each layer of a digital unit takes
    for machine in machines:
        for unit in machine.neurons:
            if _is_beside_its_tile(unit) and unit.name not in machine.sharing.neuron_units:
                found[unit.name] = unit.sends_from
                flows[unit.name] |= _sent_at_once(unit.outlet) if unit.flow is None else {unit.flow}
        for layer in machine.digital:
            if type(layer) is DigitalLayerServer:
                least[layer.unit.name].append(layer.service + layer.latency)
                flows[layer.unit.name] |= _sent_at_once(layer.outlet)
    found |= {name: partial(add, min(times)) for name, times in least.items()}
    others = {flow.source for flow in machines[0].interconnect.flows if flow not in flows[flow.source]}
    return {name: earliest for name, earliest in found.items() if name not in others}


def _is_beside_its_tile(unit: NeuronServer | ChainUnit) -> TypeGuard[ChainUnit]:
    """Whether a unit works for one tile, which works for nobody else."""
    return type(unit) in (ChainUnit, LoneUnit) and not isinstance(unit.tiles[0], SharedBlock)


def _sent_at_once(outlet: Outlet | None) -> set[Flow]:
    """Flows whose packets are handed over when it is known when they leave, not only then."""
    return {flow for kind in outlet.kinds for flow in kind} if outlet is not None and outlet.guarded else set()
