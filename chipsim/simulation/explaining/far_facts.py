"""`FarFacts`: who writes to the memory that buffers spill to and who reads back, read off a machine (T75, T78)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from chipsim.simulation.building.machine import Machine
from chipsim.simulation.tiles.shared_block import SharedBlock
from chipsim.simulation.units.spilling_digital import SpillingDigitalServer

Server = tuple[str, str]
"""A component, and the layer that it works for."""


class Reading(NamedTuple):
    """One consumer's reading: who, bytes for each position, and the flows that ask and answer (none: over a bus)."""

    server: Server
    sizes: Sequence[int]
    ask: int
    answers: Mapping[int, int]


class Writing(NamedTuple):
    """One flow's values on their way to the memory: where they then count, and over which flow (-1: over a bus)."""

    gate: int
    completes: Sequence[int]
    far: Sequence[bool]
    flow: int


@dataclass(slots=True)
class FarFacts:
    """Who writes to the memory and who reads back.

    Attributes
    ----------
    readings : list of Reading
    writings : list of Writing
        Both by the numbers in their spans.
    reading_of : dict of Server to int
    asking, answering, writing : dict of int to int
        Readings and writings by their flows.
    writers : dict of int to int
        Numbers of writings by the ``id`` of who writes.
    first : dict of str to (int, int)
        For each network, by what stands before its layers' names: the numbers of its first writing and reading.
    tiles : set of str
        With a buffer that spills.
    """

    readings: list[Reading] = field(default_factory=list)
    writings: list[Writing] = field(default_factory=list)
    reading_of: dict[Server, int] = field(default_factory=dict)
    asking: dict[int, int] = field(default_factory=dict)
    answering: dict[int, int] = field(default_factory=dict)
    writing: dict[int, int] = field(default_factory=dict)
    writers: dict[int, int] = field(default_factory=dict)
    first: dict[str, tuple[int, int]] = field(default_factory=dict)
    tiles: set[str] = field(default_factory=set)

    def over_links(self, flow: int) -> bool:
        """Whether packets of a flow go to the memory or come from it."""
        return flow in self.asking or flow in self.answering or flow in self.writing


def far_facts(machines: Sequence[Machine], tags: Sequence[str], gates: Mapping[int, int]) -> FarFacts:
    """Read off machines that are built.

    Parameters
    ----------
    machines : sequence of Machine
        Of all networks on the chip.
    tags : sequence of str
        What stands before the names of each one's layers.
    gates : mapping of int to int
        Numbers of gates by their ``id``.
    """
    flows = {id(flow): number for number, flow in enumerate(machines[0].interconnect.flows)}
    found = FarFacts()
    for machine, tag in zip(machines, tags, strict=True):
        found.first[tag] = len(found.writings), len(found.readings)
        _note_readings(found, machine, tag, flows)
        _note_writings(found, machine, flows, gates)
    return found


def _note_readings(found: FarFacts, machine: Machine, tag: str, flows: Mapping[int, int]) -> None:
    servers: dict[int, Server] = {}
    for tile in machine.tiles:
        if isinstance(tile, SharedBlock) and tile.far is not None:
            servers[id(tile.far)] = tile.name, tag + tile.layer
    for digital in machine.digital:
        if isinstance(digital, SpillingDigitalServer):
            servers[id(digital.far)] = digital.unit.name, tag + digital.layer
    for reader in machine.far_readers:
        number, ask = len(found.readings), -1 if reader.flow is None else flows[id(reader.flow)]
        answers = {size: flows[id(flow)] for size, flow in reader.data.items()}
        found.reading_of[servers[id(reader)]] = number
        found.readings.append(Reading(servers[id(reader)], reader.sizes, ask, answers))
        found.asking |= {ask: number} if reader.flow is not None else {}
        found.answering |= dict.fromkeys(answers.values(), number)
        found.tiles.add(reader.component)


def _note_writings(
    found: FarFacts, machine: Machine, flows: Mapping[int, int], gates: Mapping[int, int]
) -> None:  # fmt: skip
    for writer in machine.far_writers:
        number, flow = len(found.writings), -1 if writer.flow is None else flows[id(writer.flow)]
        found.writers[id(writer)] = number
        found.writings.append(Writing(gates[id(writer.sink.gate)], writer.sink.completes, writer.far, flow))
        found.writing |= {flow: number} if writer.flow is not None else {}
