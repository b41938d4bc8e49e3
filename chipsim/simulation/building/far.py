"""`add_far_reader`, `add_far_operands`, `far_sink`: who reads and writes what buffers spill (rules T75, T78)."""

from __future__ import annotations

from collections.abc import Sequence

from chipsim.architecture.memory_spec import GLOBAL_MEMORY
from chipsim.network.layers import DigitalLayer, GateLayer
from chipsim.simulation.building.machine import Machine, Target
from chipsim.simulation.core.durations import bytes_of
from chipsim.simulation.core.gate import EdgeSink
from chipsim.simulation.core.in_order_gate import InOrderSink
from chipsim.simulation.memories.far_reader import FarReader
from chipsim.simulation.memories.far_sink import FarSink, FarWriter
from chipsim.simulation.memories.far_traffic import FarEnd
from chipsim.simulation.tiles.shared_block import SharedBlock
from chipsim.simulation.units.spilling_digital import SpillingDigitalServer

_REQUESTS, _WRITING = 2**18, 2**19
"""Added to the number of a block for packets that come after all others of their position (rule T78)."""


def add_far_reader(
    machine: Machine, layer: str, component: str, sizes: Sequence[int], block: int, blocks: int
) -> FarReader:
    """Let a consumer read back what its buffers spill.

    Parameters
    ----------
    machine : Machine
    layer : str
        The consumer's.
    component : str
        Its tile or unit.
    sizes : sequence of int
        Bytes for each of the layer's positions.
    block, blocks : int
        Which of the layer's blocks it is; 0 of the number of operands for a digital layer or gates.
    """
    assert machine.memory is not None
    number = _REQUESTS + block if over_links(machine) else blocks + block
    keys = machine.order.keys(layer, number, component)
    reader = FarReader(layer, component, machine.memory, keys, machine.interconnect, sizes, block)
    reader.number = len(machine.far_readers)
    machine.far_readers.append(reader)
    if over_links(machine):
        header = machine.spec.widths.packet_header_bytes
        add = machine.interconnect.add_flow
        ask, answer = FarEnd(reader.asked_from_afar), FarEnd(reader.arrived)
        reader.flow = add(component, layer, max(1, header), keys[0], [(GLOBAL_MEMORY, ask)])
        back = machine.order.key(layer, number, GLOBAL_MEMORY)
        reader.data = {
            size: add(GLOBAL_MEMORY, layer, size + header, back, [(component, answer)])
            for size in sorted(set(sizes))
            if size
        }
    return reader


def add_far_operands(machine: Machine, layer: DigitalLayer | GateLayer, unit: str) -> FarReader | None:
    """Let a digital layer, or gates, read back what the buffers of its operands spill; None where none does."""
    operands = range(len(layer.inputs))
    spills = [machine.spills[layer.name, operand] for operand in operands if (layer.name, operand) in machine.spills]
    if not spills:
        return None
    sizes = [sum(each) for each in zip(*(spill.read_bytes for spill in spills), strict=True)]
    return add_far_reader(machine, layer.name, unit, sizes, 0, len(layer.inputs))


def far_sink(
    machine: Machine, target: Target, operand: int, sink: EdgeSink | InOrderSink, channels: int
) -> EdgeSink | InOrderSink:
    """The way on to the memory that a target's buffer spills to; the sink itself where it does not.

    Parameters
    ----------
    machine : Machine
    target : Target
    operand : int
        Of its layer, that arrives at the sink.
    sink : EdgeSink or InOrderSink
    channels : int
        Of a packet.
    """
    server = target.server
    if isinstance(server, SharedBlock) and server.far is not None:
        name, block = server.name, server.far.block
    elif isinstance(server, SpillingDigitalServer):
        name, block = server.layer, operand
    else:
        return sink
    spill = machine.spills.get((name, operand))
    if spill is None:
        return sink
    assert machine.memory is not None
    assert isinstance(sink, EdgeSink)  # what the memory gives back comes in no order
    widths = machine.spec.widths
    size = bytes_of(channels, widths.activation_bits)
    keys = machine.order.keys(server.layer, block + (_WRITING if over_links(machine) else 0), target.component)
    writer = FarWriter(
        server.layer, target.component, machine.memory, keys, machine.interconnect, sink, spill.far, size
    )
    writer.number = len(machine.far_writers)
    machine.far_writers.append(writer)
    if over_links(machine):
        end = FarEnd(writer.asked_from_afar)
        bytes_sent = size + widths.packet_header_bytes
        writer.flow = machine.interconnect.add_flow(
            target.component, server.layer, bytes_sent, keys[0], [(GLOBAL_MEMORY, end)]
        )
    return FarSink(writer)


def over_links(machine: Machine) -> bool:
    """Whether the memory sits beside a router (rule T78)."""
    return GLOBAL_MEMORY in machine.plan.chip.graph
