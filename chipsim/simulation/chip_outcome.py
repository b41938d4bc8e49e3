"""`ChipOutcome`: what simulating a network on a chip gives."""

from __future__ import annotations

from dataclasses import dataclass

from chipsim.simulation.core.jump import Simulated
from chipsim.simulation.outcome import Outcome


@dataclass(frozen=True, slots=True)
class BufferPeak:
    """Greatest number of positions that a buffer held."""

    producer: str
    consumer: str
    component: str
    positions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ChipOutcome(Outcome):
    """What simulating a chip gives, beside what every machine gives.

    Attributes
    ----------
    tile_mvms : dict of str to int
        MVMs per block, over all inputs, by `PlacedBlock.name`; a block alone on a tile has the tile's.
    block_busy_ps : dict of str to int
        For how long array or converters worked on each block's.
    links : list of (name, source, target, packets, bytes, busy_ps)
    buffer_peaks : list of BufferPeak
    max_inputs_in_flight : int
    simulated : Simulated
        How much of the stream was simulated; the rest follows from it exactly.
    """

    tile_mvms: dict[str, int]
    block_busy_ps: dict[str, int]
    links: list[tuple[str, str, str, int, int, int]]
    buffer_peaks: list[BufferPeak]
    max_inputs_in_flight: int
    simulated: Simulated
