"""`wait_for_unread`: what nobody reads is done before its input is (rule T93)."""

from __future__ import annotations

from chipsim.network.edges import HOST
from chipsim.simulation.building.machine import Machine
from chipsim.simulation.core.gate import EdgeSink


def wait_for_unread(machine: Machine) -> None:
    """Let the host wait for every unit whose positions nobody reads; call once all flows are laid.

    Nothing else would hold such a unit back or push it on: it could fall behind its input by as many others as follow.

    Parameters
    ----------
    machine : Machine
    """
    for layer, sources in machine.sources.items():
        positions = machine.plan.network.layers[layer].positions
        for source in sources:
            if source.component == HOST or any(source.outlet.flows):
                continue
            own = source.replica.positions(positions)
            gate = machine.new_gate(len(own))
            gate.expect([1] * len(own))
            source.outlet.ends = EdgeSink(gate, [position // source.replica.of for position in range(positions)])
            machine.host_gates.append(gate)
            machine.unread.append((gate, source))
