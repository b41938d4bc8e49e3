"""`bound_buffers`: watch every buffer, and give the bounded ones their credits (rules T19 to T21)."""

from __future__ import annotations

from chipsim.architecture.spec import InputBuffer
from chipsim.errors import CapacityError
from chipsim.network.edges import Edge
from chipsim.simulation.building.machine import BufferUse, Machine, Target
from chipsim.simulation.core.durations import bytes_of
from chipsim.simulation.core.gate import Arrivals, Credit
from chipsim.simulation.core.timeline import new_times
from chipsim.simulation.memories.buffers import least_capacities
from chipsim.simulation.tiles.tile import TileServer
from chipsim.simulation.units.digital import DigitalLayerServer
from chipsim.simulation.units.gate_layer import GateLayerServer


def bound_buffers(machine: Machine, network_edges: list[Edge]) -> None:
    """Give every bounded buffer its credits, refusing those below their working set."""
    bounded = any(
        target.buffer is not None and target.buffer.capacity != "unbounded"
        for targets in machine.targets.values()
        for target in targets
    )
    layers = machine.plan.network.layers
    positions = {name: layer.positions for name, layer in layers.items()}
    least = least_capacities(network_edges, positions) if bounded else [0] * len(network_edges)
    for edge, needed in zip(network_edges, least, strict=True):
        for target in machine.targets[edge.consumer, edge.operand]:
            if target.server is not None and target.buffer is not None:
                _watch_buffer(machine, edge, target, target.buffer, needed, positions[edge.producer])


def _watch_buffer(
    machine: Machine, edge: Edge, target: Target, buffer: InputBuffer, needed: int, producer_positions: int
) -> None:
    server = target.server
    assert server is not None
    if server.releases is None:
        server.note_releases(new_times())
    assert server.releases is not None
    target.arrivals = Arrivals()
    machine.buffers.append(BufferUse(edge, target.component, target.arrivals, server.releases, target.replica))
    if buffer.capacity == "unbounded":
        return
    channels = sum(high - low for low, high in machine.channels_read(edge, target, None))
    each = bytes_of(channels, machine.spec.widths.activation_bits)
    capacity = int(buffer.capacity // each)
    spill = machine.spills.get((server.name if isinstance(server, TileServer) else server.layer, edge.operand))
    if capacity < needed and spill is not None:
        capacity = spill.positions
    if capacity < needed:
        raise CapacityError(
            f"buffer of {target.component} for the edge {edge.producer} -> {edge.consumer} has "
            f"{buffer.capacity:g} bytes ({capacity} positions of {each} bytes), needs {needed * each} bytes "
            f"({needed} positions); raise {_section(server)}.buffer.capacity or make it unbounded"
            + _spilling(edge, server)
        )
    own = target.replica.positions(len(edge.oldest))
    credit = Credit(capacity, edge.oldest[own.start :: own.step].tolist(), producer_positions, server.releases)
    for source in machine.sources[edge.producer]:
        source.outlet.credits.append(credit)
        server.on_release.append(source.wake)


def _spilling(edge: Edge, server: TileServer | DigitalLayerServer) -> str:
    """What else could be done; first states never spill (rules T75, T96)."""
    stays = isinstance(server, TileServer) and edge.operand > 0
    return "" if stays else f", or let it spill ({_section(server)}.buffer.spill)"


def _section(server: TileServer | DigitalLayerServer) -> str:
    """Of the architecture, that says how large a server's buffer is."""
    if isinstance(server, TileServer):
        return "tile"
    return "neuron_unit" if isinstance(server, GateLayerServer) else "digital_unit"
