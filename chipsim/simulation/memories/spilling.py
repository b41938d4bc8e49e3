"""`find_spills`: which positions do not fit into bounded buffers; `FarMemory`, where they go instead (rule T75)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chipsim.architecture.memory_spec import GlobalMemory
from chipsim.mapping.plan import LayerPlan, PlacedBlock, Plan
from chipsim.network.edges import Edge
from chipsim.simulation.core.clock import Clock
from chipsim.simulation.core.durations import bytes_of
from chipsim.simulation.memories.buffers import least_capacities
from chipsim.units import duration_ps, to_ps

GLOBAL_MEMORY = "global memory"
"""Name of the component."""


class FarMemory:
    """The memory farther away: one port, and a latency.

    Attributes
    ----------
    free : int
        From when on its port is, ps.
    busy : int
        For how long it was held, ps.
    """

    __slots__ = ("_latency_ps", "_rate", "busy", "clock", "free")

    def __init__(self, spec: GlobalMemory, clock: Clock) -> None:
        self.clock = clock
        self._rate, self._latency_ps = spec.bandwidth, to_ps(spec.latency)
        self.free = self.busy = 0

    def access(self, size: int) -> int:
        """Serve an access of so many bytes that is asked for now; returns when its data is there."""
        duration = duration_ps(size, self._rate)
        self.free = max(self.clock._now, self.free) + duration
        self.busy += duration
        return self.free + self._latency_ps


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
        That an MVM reads back before it enters.
    """

    positions: int
    far: tuple[bool, ...]
    read_bytes: tuple[int, ...]


def find_spills(plan: Plan, network_edges: Sequence[Edge]) -> dict[str, Spill]:
    """The buffers of a plan that spill, by the names of their blocks; none where the chip does not let them.

    Parameters
    ----------
    plan : Plan
    network_edges : sequence of Edge
        All of its network's.
    """
    buffer, layers = plan.chip.spec.tile.buffer, plan.network.layers
    if buffer.spill == "none" or buffer.capacity == "unbounded":
        return {}
    least = least_capacities(network_edges, {name: layer.positions for name, layer in layers.items()})
    found = {}
    for edge, needed in zip(network_edges, least, strict=True):
        if edge.consumer not in plan.layers:
            continue
        layer, total = plan.layers[edge.consumer], layers[edge.producer].positions
        for placed in layer.blocks:
            each = _position_bytes(plan, edge, layer, placed)
            near = int(buffer.capacity // each)
            if near < needed:
                found[placed.name] = _spill(edge, total, needed, near, each)
    return found


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
    if edge.reads_y is None or edge.reads_x is None:
        reads = np.full(len(edge.need), int(far.sum()))
    else:
        grid = far.astype(np.int64).reshape(edge.reads_y.shape[1], edge.reads_x.shape[1])
        reads = (edge.reads_y.astype(np.int64) @ grid @ edge.reads_x.T).ravel()
    return Spill(needed, tuple(far.tolist()), tuple((reads * each).tolist()))


def _position_bytes(plan: Plan, edge: Edge, layer: LayerPlan, placed: PlacedBlock) -> int:
    """Bytes of the channels that a block reads of a position."""
    first, end = edge.channels or (0, plan.network.layers[edge.producer].channels)
    channels = end - first
    if not edge.mixed:
        read = layer.matrices[placed.matrix].channels_read(placed.block, layer.layer.window.grid, None)
        channels = sum(high - low for low, high in read)
    return bytes_of(channels, plan.chip.spec.widths.activation_bits)


@dataclass(frozen=True, slots=True)
class FarBuffer:
    """A block's part of the memory that its buffer spills to.

    Attributes
    ----------
    memory : FarMemory
    spill : Spill
    writing, reading : tuple of int
        What its accesses, an input and a position weigh in the tie order.
    """

    memory: FarMemory
    spill: Spill
    writing: tuple[int, int, int]
    reading: tuple[int, int, int]
