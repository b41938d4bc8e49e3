"""`Link`, `TileFacts` and `ChainFacts`: what the rules ask of single links, tiles and neuron units."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from chipsim.simulation.core.durations import MvmPhases
from chipsim.simulation.tiles.varying import MvmLengths


@dataclass(frozen=True, slots=True)
class Link:
    """One link on the way of a flow's packets.

    Attributes
    ----------
    before : str
        Name of the link before it; empty at the source's port.
    router : str
        That the packets leave over this link.
    serialisation_ps, latency_ps, delay_ps : int
        Of a packet of the flow, of the wire, of the router before it.
    sinks : list of (int, sequence of int)
        Gates at its end, and the consumer position that each of the flow's positions completes there.
    writers : list of int
        What at its end writes far positions to the memory (T75).
    unit : str
        The neuron unit at its end that takes the packets value by value (T48); empty where there is none.
    channel : int
        Virtual channel (T62).
    """

    before: str
    router: str
    serialisation_ps: int
    latency_ps: int
    delay_ps: int
    sinks: list[tuple[int, Sequence[int]]]
    writers: list[int]
    unit: str
    channel: int


@dataclass(frozen=True, slots=True)
class TileFacts:
    """What rules T12 to T14 ask of one tile.

    Attributes
    ----------
    neuron : str
        The unit that adds its partial sums.
    beside : int or None
        Gate of that unit, where the tile hands its own over without a link.
    lengths : MvmPhases or MvmLengths
        Of its MVMs: equal, or one by one.
    """

    neuron: str
    beside: int | None
    lengths: MvmPhases | MvmLengths

    def first_integrate_ps(self, mvm: int) -> int:
        """How long the first plane integrates (all of them, where planes do not overlap)."""
        lengths = self.lengths
        return lengths.integrate_ps if isinstance(lengths, MvmPhases) else lengths.integrate_ps[mvm]

    def last_convert_ps(self, mvm: int) -> int:
        """How long the last plane (all of them, where planes do not overlap) is converted."""
        lengths = self.lengths
        return lengths.convert_ps if isinstance(lengths, MvmPhases) else lengths.convert_ps[mvm]


@dataclass(frozen=True, slots=True)
class ChainFacts:
    """What rule T48 asks of a neuron unit that is one of a chain.

    Attributes
    ----------
    after : str
        The unit that it hands sums on to; empty for the last one.
    beside : int or None
        Gate of that unit, where it is the same one and nothing is sent (T79).
    service_ps, hop_ps : int
        Of a position, and from a value's arrival to its use.
    """

    after: str
    beside: int | None
    service_ps: int
    hop_ps: int
