"""`build_machine`: from a plan to servers joined by flows; `build_machines`: from several, for one chip."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from chipsim.mapping.plan import Plan
from chipsim.network.edges import HOST, edges
from chipsim.simulation.building.credits import bound_buffers
from chipsim.simulation.building.flows import close_flows, lay_flows
from chipsim.simulation.building.machine import Machine
from chipsim.simulation.building.servers import add_host_target, add_servers, watch_tiles
from chipsim.simulation.memories.spilling import find_spills
from chipsim.simulation.tiles.varying import ConversionCounts


def build_machine(
    plan: Plan, window: int, *, preloaded: bool = False, counts: Mapping[str, ConversionCounts] | None = None
) -> Machine:
    """Make the servers, then join them.

    Parameters
    ----------
    plan : Plan
    window : int
        Inputs that may be under way at once, plus one.
    preloaded : bool
        Operands are already in the tiles' registers and results stay there: no load, no drain, no traffic.
    counts : mapping of tile to ConversionCounts, optional
        See `chipsim.simulation.engine.simulate_chip`.

    Raises
    ------
    CapacityError
        If a bounded buffer is smaller than its working set.
    """
    [machine] = Machine.empty([plan], [window])
    machine.counts = counts or {}
    _furnish(machine, preloaded=preloaded)
    if not preloaded:
        close_flows([machine])
    return machine


def build_machines(
    plans: Sequence[Plan], windows: Sequence[int], counts: Sequence[Mapping[str, ConversionCounts] | None]
) -> list[Machine]:
    """Put several networks on one chip (rules T90, T91).

    Parameters
    ----------
    plans : sequence of Plan
        Of different tiles of the same chip.
    windows, counts : sequence
        Of each; see `build_machine`.
    """
    machines = Machine.empty(plans, windows)
    for machine, known in zip(machines, counts, strict=True):
        machine.counts = known or {}
        _furnish(machine, preloaded=False)
        for host in machine.hosts:
            host.shares_port = True
    close_flows(machines)
    return machines


def _furnish(machine: Machine, *, preloaded: bool) -> None:
    plan, interconnect = machine.plan, machine.interconnect
    before = len(interconnect.flows)
    network_edges = [] if preloaded else edges(plan.network)
    machine.spills = find_spills(plan, network_edges)
    add_servers(machine, preloaded=preloaded)
    if preloaded:
        watch_tiles(machine)
    else:
        for edge in network_edges:
            if edge.consumer == HOST:
                add_host_target(machine, edge)
        bound_buffers(machine, network_edges)
        lay_flows(machine, network_edges)
    machine.flows = interconnect.flows[before:]
    for gate in machine.gates:
        gate.open()
