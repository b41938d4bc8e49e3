"""`simulate_loading`: what writing a network into a chip takes, before the first input.

The functional plane hands over counts per tile (`Writes`); values never come here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Protocol

import simpy
from simpy.events import Event

from chipsim.architecture.programming_spec import Programming
from chipsim.architecture.spec import InMemorySpec
from chipsim.errors import SpecError
from chipsim.mapping.plan import Plan
from chipsim.simulation.core.clock import Clock
from chipsim.simulation.core.durations import bytes_of
from chipsim.simulation.links.interconnect import Interconnect
from chipsim.simulation.links.packets import Flow
from chipsim.units import PS_PER_S, exact

ANALOG_WEIGHT_BITS = 8
"""Of a weight on its way to a tile that holds it as an analog pair (assumption)."""


class Writes(Protocol):
    """What writing the cells of one tile takes; `chipsim.crossbar.program_verify.WriteCounts` is one."""

    @property
    def cells(self) -> int:
        """Cells written."""

    @property
    def pulses(self) -> int:
        """Over all cells."""

    @property
    def verifies(self) -> int:
        """Cells read to be verified."""

    @property
    def unconverged(self) -> int:
        """Cells that verify never accepted."""

    @property
    def groups(self) -> int:
        """Groups of cells written together."""

    @property
    def rounds(self) -> int:
        """Iterations of all groups."""


@dataclass(frozen=True, slots=True)
class TileLoading:
    """How one block was loaded, in picoseconds: its weights are there, its cells are written from start to end."""

    tile: str
    bytes: int
    arrived_ps: int
    start_ps: int
    end_ps: int


@dataclass(frozen=True, slots=True)
class Loading:
    """What loading a network took.

    Attributes
    ----------
    tiles : tuple of TileLoading
        In plan order.
    weight_bits : int
        Of a weight on its way.
    cells, pulses, verifies, unconverged : int
        Over all tiles.
    transfer_j, pulse_j, verify_j : float
        Energies.
    """

    tiles: tuple[TileLoading, ...]
    weight_bits: int
    cells: int
    pulses: int
    verifies: int
    unconverged: int
    transfer_j: float
    pulse_j: float
    verify_j: float

    @property
    def bytes(self) -> int:
        """Sent by the host."""
        return sum(tile.bytes for tile in self.tiles)

    @property
    def arrived_ps(self) -> int:
        """When all weights are there."""
        return max(tile.arrived_ps for tile in self.tiles)

    @property
    def longest_ps(self) -> int:
        """Time for the cells of the tile that takes longest."""
        return max(tile.end_ps - tile.start_ps for tile in self.tiles)

    @property
    def end_ps(self) -> int:
        """When the last tile is written."""
        return max(tile.end_ps for tile in self.tiles)

    @property
    def joules(self) -> float:
        """All energies."""
        return self.transfer_j + self.pulse_j + self.verify_j


def weight_bits(spec: InMemorySpec) -> int:
    """Bits of one weight on its way to a tile."""
    return spec.tile.crossbar.encoding.weight_bits or ANALOG_WEIGHT_BITS


def writing_ps(programming: Programming, groups: int, rounds: int) -> int:
    """Time in which a tile writes its cells, group after group.

    Parameters
    ----------
    programming : Programming
    groups, rounds : int
        Each group is verified once, and takes a pulse and a verify for each of its iterations.

    Examples
    --------
    >>> times = {"pulse_time": "125 ns", "verify_time": "768 ns"}
    >>> writing_ps(Programming(**times, step=0.2, tolerance=0.01, max_iterations=30), 8, 240)
    220464000
    """
    seconds = (groups + rounds) * exact(programming.verify_time) + rounds * exact(programming.pulse_time)
    return math.ceil(seconds * PS_PER_S)


def simulate_loading(
    plan: Plan, writes: Mapping[str, Writes], *, watch: Callable[[Interconnect], None] | None = None
) -> Loading:
    """Send all weights from the host and write them into the cells.

    Parameters
    ----------
    plan : Plan
        Its chip has ``tile.programming``.
    writes : mapping of str to Writes
        For each block, by the name of its place; a block alone on a tile has the tile's.
    watch : callable, optional
        Given the interconnect over which weights are sent, before they are: one flow for each block, in plan order.

    Raises
    ------
    SpecError
        If the architecture does not say how cells are written.

    Notes
    -----
    The host sends the weights of one block after another, in plan order, over the links between it and the tiles
    (rules T8 to T10). A tile begins when its weights are there and fewer than ``tiles_in_parallel`` others are being
    written; who waits is served in the order of arrival. Blocks on one tile are written one after another. Nothing
    else happens on the chip.
    """
    programming = plan.chip.spec.tile.programming
    if programming is None:
        raise SpecError(f"{plan.chip.spec.name} has no section tile.programming, so loading cannot be simulated")
    arrived, transfer_j = _send(plan, watch)
    clock, most = Clock(), programming.tiles_in_parallel
    turns = simpy.Resource(clock, capacity=max(1, len(arrived)) if most == "all" else most)
    spans: dict[str, tuple[int, int]] = {}
    tiles = {placed.name: placed.tile for placed in plan.blocks}
    alone = {tile: simpy.Resource(clock) for tile in plan.shared_tiles}
    for name, (_, time) in arrived.items():
        writing = writing_ps(programming, writes[name].groups, writes[name].rounds)
        clock.process(_write(clock, [*filter(None, [alone.get(tiles[name])]), turns], name, time, writing, spans))
    clock.run_all()
    counts = [writes[name] for name in arrived]
    pulses, verifies = sum(each.pulses for each in counts), sum(each.verifies for each in counts)
    return Loading(
        tiles=tuple(TileLoading(tiles[name], size, time, *spans[name]) for name, (size, time) in arrived.items()),
        weight_bits=weight_bits(plan.chip.spec),
        cells=sum(each.cells for each in counts),
        pulses=pulses,
        verifies=verifies,
        unconverged=sum(each.unconverged for each in counts),
        transfer_j=transfer_j,
        pulse_j=pulses * programming.pulse_energy,
        verify_j=verifies * programming.verify_energy,
    )


def _write(
    clock: Clock, turns: list[simpy.Resource], name: str, arrived_ps: int, writing: int,
    spans: dict[str, tuple[int, int]],
) -> Generator[Event, Any, None]:  # fmt: skip
    """The process of one block, which needs its tile's turn where others are on it, and then one of the chip's."""
    yield clock.timeout(arrived_ps)
    with ExitStack() as held:
        for resource in turns:
            yield held.enter_context(resource.request())
        start = int(clock.now)
        yield clock.timeout(writing)
        spans[name] = start, int(clock.now)


class _Arrival:
    """Notes when the weights of one tile are there."""

    def __init__(self) -> None:
        self.time = 0

    def arrive(self, input: int, position: int, time: int) -> None:  # noqa: ARG002
        """The tail of the packet is there."""
        self.time = time


def _send(plan: Plan, watch: Callable[[Interconnect], None] | None) -> tuple[dict[str, tuple[int, int]], float]:
    """Bytes and arrival in ps of each block's weights, in plan order, and the joules of all transfers."""
    chip, spec = plan.chip, plan.chip.spec
    clock = Clock()
    interconnect = Interconnect(chip, clock, 0, 0)
    flows: list[tuple[str, Flow, _Arrival]] = []
    joules = 0.0
    for layer in plan.layers.values():
        for placed in layer.stored_blocks:
            weights, arrival = placed.block.rows * placed.block.columns, _Arrival()
            size = bytes_of(weights, weight_bits(spec)) + spec.widths.packet_header_bytes
            flow = interconnect.add_flow("host", layer.layer.name, size, len(flows), [(placed.tile, arrival)])
            flows.append((placed.name, flow, arrival))
            way = chip.path("host", placed.tile)
            joules += flow.bytes * sum(chip.graph.edges[edge]["energy_per_byte_j"] for edge in way)
    interconnect.close()
    if watch is not None:
        watch(interconnect)
    for _, flow, _ in flows:
        interconnect.send(flow, 0, 0, 0)
    clock.run_all()
    return {name: (flow.bytes, arrival.time) for name, flow, arrival in flows}, joules
