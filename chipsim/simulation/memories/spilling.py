"""`find_spills`: which positions do not fit into bounded buffers and go to a farther memory (rule T75)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chipsim.architecture.tile_spec import SpillingBuffer
from chipsim.mapping.plan import LayerPlan, PlacedBlock, Plan
from chipsim.network.edges import Edge
from chipsim.network.reads import count_read
from chipsim.simulation.core.durations import bytes_of
from chipsim.simulation.memories.buffers import least_capacities

Spills = dict[tuple[str, int], "Spill"]
"""Buffers that spill, by the names of their blocks, digital layers or gates, and the number of the operand."""


@dataclass(frozen=True, slots=True)
class Spill:
    """A buffer that is smaller than its working set.

    Attributes
    ----------
    positions : int
        That it holds together with the memory: the least that T21 allows.
    far : tuple of bool, length producer positions
        Which positions go to the memory.
    read_bytes : tuple of int, length positions of the consuming layer
        That are read back before each of them.
    """

    positions: int
    far: tuple[bool, ...]
    read_bytes: tuple[int, ...]


def find_spills(plan: Plan, network_edges: Sequence[Edge]) -> Spills:
    """The buffers of a plan that spill; none where the chip does not let them.

    Parameters
    ----------
    plan : Plan
    network_edges : sequence of Edge
        All of its network's.
    """
    spec = plan.chip.spec
    if all(section.buffer.spill == "none" for section in (spec.tile, spec.digital_unit, spec.neuron_unit)):
        return {}
    positions = {name: layer.positions for name, layer in plan.network.layers.items()}
    found: Spills = {}
    for edge, needed in zip(network_edges, least_capacities(network_edges, positions), strict=True):
        for name, buffer, each in _buffers(plan, edge):
            if buffer.spill == "none" or buffer.capacity == "unbounded":
                continue
            near = int(buffer.capacity // each)
            if near < needed:
                found[name, edge.operand] = _spill(edge, positions[edge.producer], needed, near, each)
    return found


def _buffers(plan: Plan, edge: Edge) -> Iterator[tuple[str, SpillingBuffer, int]]:
    """Buffers of an edge that may spill: whose, as the chip describes them, and the bytes of a position."""
    spec = plan.chip.spec
    if edge.consumer in plan.layers and not edge.operand:  # a first state never spills (T96)
        layer = plan.layers[edge.consumer]
        yield from ((placed.name, spec.tile.buffer, _block_bytes(plan, edge, layer, placed)) for placed in layer.blocks)
    elif edge.consumer in plan.digital_units or edge.consumer in plan.gate_units:
        buffer = (spec.neuron_unit if edge.consumer in plan.gate_units else spec.digital_unit).buffer
        first, end = _handed_on(plan, edge)
        yield edge.consumer, buffer, bytes_of(end - first, spec.widths.activation_bits)


def far_positions(total: int, needed: int, near: int) -> NDArray[np.bool_]:
    """Which of an input's positions go to the memory.

    Examples
    --------
    >>> far_positions(8, needed=3, near=1).tolist()
    [False, True, True, False, True, True, True, True]
    """
    positions = np.arange(total)
    return (positions % needed >= near) | (positions >= total - total % needed)


def _spill(edge: Edge, total: int, needed: int, near: int, each: int) -> Spill:
    far = far_positions(total, needed, near)
    if edge.reads is None:
        before = np.concatenate([[0], np.cumsum(far)])
        reads = before[edge.need] - before[edge.oldest]
    else:
        reads = count_read(edge.reads, far)
    return Spill(needed, tuple(far.tolist()), tuple((reads * each).tolist()))


def _block_bytes(plan: Plan, edge: Edge, layer: LayerPlan, placed: PlacedBlock) -> int:
    """Bytes of the channels that a block reads of a position."""
    first, end = _handed_on(plan, edge)
    channels = end - first
    if not edge.mixed:
        read = layer.matrices[placed.matrix].channels_read(placed.block, layer.layer.window.grid, None)
        channels = sum(high - low for low, high in read)
    return bytes_of(channels, plan.chip.spec.widths.activation_bits)


def _handed_on(plan: Plan, edge: Edge) -> tuple[int, int]:
    """Channels of the producer that the consumer is given: all, but for views that hand on some."""
    return edge.channels or (0, plan.network.layers[edge.producer].channels)
