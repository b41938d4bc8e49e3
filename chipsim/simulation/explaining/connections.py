"""`connections`, `connections_of`: who feeds whom on a chip, read off machines that are built and never run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from chipsim.mapping.plan import Plan
from chipsim.simulation.building.machine import Machine
from chipsim.simulation.building.wiring import build_machine, build_machines
from chipsim.simulation.core.durations import mvm_phases
from chipsim.simulation.core.gate import EdgeSink, Gate
from chipsim.simulation.core.in_order_gate import InOrderGate, InOrderSink
from chipsim.simulation.explaining.facts import HOST, ChainFacts, Connections, Link, Server, TileFacts
from chipsim.simulation.explaining.far_facts import far_facts
from chipsim.simulation.links.link_queue import RoomyHop
from chipsim.simulation.links.packets import Branch, Flow
from chipsim.simulation.memories.far_sink import FarSink
from chipsim.simulation.tiles.tile import TileServer
from chipsim.simulation.tiles.varying import ConversionCounts, mvm_lengths
from chipsim.simulation.together import Workload
from chipsim.simulation.units.chain import ChainUnit
from chipsim.simulation.units.digital import DigitalLayerServer
from chipsim.simulation.units.neuron import NeuronServer
from chipsim.simulation.units.shared_chain import SharedChainUnit
from chipsim.simulation.units.shared_neuron import SharedNeuronServer
from chipsim.units import duration_ps, to_ps


def connections(plan: Plan, inputs: int, counts: Mapping[str, ConversionCounts] | None = None) -> Connections:
    """Build a machine and note who feeds whom.

    Parameters
    ----------
    plan : Plan
    inputs : int
        That are asked about.
    counts : mapping of tile to ConversionCounts, optional
        As for `chipsim.simulation.engine.simulate_chip`.
    """
    return _read([build_machine(plan, 1, counts=counts)], [""], [inputs])


def connections_of(works: Sequence[Workload], tags: Sequence[str]) -> Connections:
    """The same of several networks on one chip, the first one's plan standing for it.

    Parameters
    ----------
    works : sequence of Workload
    tags : sequence of str
        What stands before the names of each network's layers, so that no two are equal.
    """
    machines = build_machines([work.plan for work in works], [1] * len(works), [work.counts for work in works])
    return _read(machines, tags, [work.inputs for work in works])


def _read(machines: Sequence[Machine], tags: Sequence[str], inputs: Sequence[int]) -> Connections:
    gates = [gate for machine in machines for gate in _gates(machine)]
    number = {id(gate): index for index, gate in enumerate(gates)}
    found = Connections(machines[0].plan, far_facts(machines, tags, number))
    for machine, tag, count in zip(machines, tags, inputs, strict=True):
        _note_servers(found, machine, tag, number)
        _note_tiles(found, machine, tag, number)
        _note_credits(found, machine, tag, count)
    senders = {flow: name for machine in machines for flow, name in _senders(machine).items()}
    for flow in machines[0].interconnect.flows:
        found.flows.append(flow)
        found.senders.append(senders.get(flow, flow.source))
        found.links.append({})
        channels = {hop.branch: hop.channel for hop in flow.hops if isinstance(hop, RoomyHop)}
        note_links(found.links[-1], flow, flow.tree, "", number, found.far.writers, channels)
    return found


def _gates(machine: Machine) -> list[Gate | InOrderGate]:
    return [*machine.gates, *(unit.gate for unit in machine.neurons if isinstance(unit, ChainUnit))]


def _units(machine: Machine) -> dict[int, str]:
    """Names of the units, or of their slices and blocks, that outlets belong to."""
    return {id(server.outlet): name_of(server) for server in (*machine.neurons, *machine.digital)}


def _note_servers(found: Connections, machine: Machine, tag: str, number: dict[int, int]) -> None:
    """Gates, and the positions that servers have of their own."""
    found.admitted |= {number[id(gate)] for gate in machine.gates if gate.admitted}
    found.outputs[tag] = {number[id(gate)]: gate.positions for gate in machine.host_gates}
    found.gated |= {tag + layer for layer in machine.plan.gate_units}
    units = _units(machine)
    for gate, source in machine.unread:
        found.unread[number[id(gate)]] = units[id(source.outlet)], tag + source.layer
    for server in (*machine.tiles, *machine.neurons, *machine.digital):
        here = name_of(server), tag + server.layer
        found.gates[here] = number[id(server.gate)]
        found.own[here] = server.gate.positions, 1 if isinstance(server, DigitalLayerServer) else server.replica.of
    for reduction in machine.reductions:
        here = reduction.name, tag + reduction.layer
        found.gates[here] = number[id(reduction.gate)]
        found.own[here] = reduction.gate.positions, reduction.replica.of
    found.own |= {(HOST, tag + host.layer): (host.positions, 1) for host in machine.hosts}


def name_of(server: TileServer | NeuronServer | ChainUnit | DigitalLayerServer) -> str:
    """Its name in spans."""
    if isinstance(server, DigitalLayerServer):
        return server.unit.name
    return server.name if isinstance(server, TileServer) else server.traced_as


def _senders(machine: Machine) -> dict[Flow, str]:
    """The block or slice that a flow's packets come from."""
    found = {tile.flow: tile.name for tile in machine.tiles if tile.flow is not None}
    found |= {added.flow: added.name for added in machine.reductions if added.flow is not None}
    for neuron in machine.neurons:
        if isinstance(neuron, ChainUnit) and neuron.flow is not None:
            found[neuron.flow] = neuron.traced_as
        if neuron.outlet is not None:
            found |= {flow: name_of(neuron) for flows in neuron.outlet.flows for flow in flows}
    return found


def _note_tiles(found: Connections, machine: Machine, tag: str, number: dict[int, int]) -> None:
    blocks = {placed.name: placed.block for placed in machine.plan.blocks}
    hop_ps = to_ps(machine.spec.neuron_unit.hop_latency)
    for neuron in machine.neurons:
        if isinstance(neuron, ChainUnit):
            after = neuron.after
            within = number[id(after.gate)] if after is not None and neuron.flow is None else None
            found.chain[neuron.traced_as, tag + neuron.layer] = ChainFacts(
                "" if after is None else after.traced_as, within, neuron.service, hop_ps
            )
        if isinstance(neuron, SharedChainUnit | SharedNeuronServer):
            found.units[neuron.traced_as] = neuron.name
        for tile in neuron.tiles:
            counts, beside = machine.counts.get(tile.name), tile.done_gate if tile.unit is None else tile.unit.gate
            what = machine.spec, blocks[tile.name].rows, blocks[tile.name].columns
            lengths = None if counts is None else mvm_lengths(*what, counts)
            found.tiles[tile.name] = TileFacts(
                name_of(neuron), None if beside is None else number[id(beside)], lengths or mvm_phases(*what)
            )


def _note_credits(found: Connections, machine: Machine, tag: str, inputs: int) -> None:
    """Number the releases of every bounded buffer, so that a credit names the one that it waits for."""
    consumers: dict[int, Server] = {}
    servers: list[TileServer | DigitalLayerServer] = [*machine.tiles, *machine.digital]
    for server in servers:
        if server.releases is not None:
            name = server.name if isinstance(server, TileServer) else server.unit.name
            consumers[id(server.releases)] = name, tag + server.layer
            server.releases.extend(range(1, inputs * server.gate.positions + 1))
    units = _units(machine)
    for sources in machine.sources.values():
        for source in sources:
            found.credits[units.get(id(source.outlet), source.component), tag + source.layer] = [
                (credit, consumers[id(credit.releases)]) for credit in source.outlet.credits
            ]


def note_links(
    links: dict[str, Link], flow: Flow, branch: Branch, before: str, number: dict[int, int],
    writers_of: Mapping[int, int], channels: dict[Branch, int],
) -> None:  # fmt: skip
    """Note the tree of a flow from one branch on: its links by their names, the first one first."""
    server = branch.link
    writers = [writers_of[id(sink.writer)] for sink in branch.sinks if isinstance(sink, FarSink)]
    sinks = [
        (number[id(sink.gate)], np.asarray(sink.completes).tolist())
        for sink in branch.sinks
        if isinstance(sink, EdgeSink | InOrderSink) and not isinstance(sink, FarSink)
    ]
    unit = next((sink.traced_as for sink in branch.sinks if isinstance(sink, ChainUnit)), "")
    links[server.name] = Link(
        before, server.edge[0], duration_ps(flow.bytes, server.rate), server.latency, server.delay, sinks, writers,
        unit, channels.get(branch, 0),
    )  # fmt: skip
    for child in branch.children:
        note_links(links, flow, child, server.name, number, writers_of, channels)
