"""`add_gates`: the gate layers of recurrent operators on their neuron units (rule T82)."""

from __future__ import annotations

from chipsim.network.layers import GateLayer
from chipsim.simulation.building.far import add_far_operands
from chipsim.simulation.building.machine import Machine, Source, Target
from chipsim.simulation.core.durations import gate_service_ps
from chipsim.simulation.links.sender import Outlet
from chipsim.simulation.units.gate_layer import GateLayerServer
from chipsim.simulation.units.spilling_digital import SpillingGateServer
from chipsim.units import to_ps


def add_gates(machine: Machine, layer: GateLayer) -> None:
    """Make the server of a gate layer.

    Parameters
    ----------
    machine : Machine
    layer : GateLayer
    """
    spec, unit = machine.spec.neuron_unit, machine.sharing.neuron_units[machine.plan.gate_units[layer.name]]
    outlet, far = Outlet(machine.interconnect, layer.positions), add_far_operands(machine, layer, unit.name)
    what = (
        gate_service_ps(machine.spec, layer.element_operations, layer.positions), to_ps(spec.latency), outlet,
        machine.clock, machine.order.keys(layer.name, 0, unit.name),
    )  # fmt: skip
    if far is None:
        server = GateLayerServer(unit, layer.name, machine.new_in_order_gate(layer.positions), *what)
    else:
        server = SpillingGateServer(unit, layer.name, machine.new_gate(layer.positions), *what, far)
    machine.digital.append(server)
    machine.sources[layer.name].append(Source(unit.name, layer.name, 0, layer.channels, outlet, server.advance))
    gate = server.gate
    for operand, producer in enumerate(layer.inputs):
        whole = ((0, machine.plan.network.layers[producer].channels),)
        machine.targets[layer.name, operand].append(
            Target(unit.name, gate, lambda taps, w=whole: w if taps is None or all(taps) else (), spec.buffer, server)  # type: ignore[misc]
        )
