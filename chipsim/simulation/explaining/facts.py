"""`Connections`: who feeds whom on a chip, and `Link`, `TileFacts`, `ChainFacts`, of which it is made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from chipsim.mapping.plan import Plan
from chipsim.simulation.core.durations import MvmPhases
from chipsim.simulation.core.gate import Credit
from chipsim.simulation.explaining.far_facts import FarFacts
from chipsim.simulation.links.packets import Flow
from chipsim.simulation.tiles.varying import MvmLengths

HOST = "host"
Server = tuple[str, str]
"""A component, and the layer that it works for."""


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


@dataclass(slots=True)
class Connections:
    """Who feeds whom.

    Attributes
    ----------
    plan : Plan
    links : list of dict of str to Link
        Of each flow, in the order of their numbers: its tree, by name of the link.
    flows : list of Flow
    senders : list of str
        The server that each flow's packets come from.
    units : dict of str to str
        Shared neuron unit of each slice, or block of a chain, on one, by its name.
    gates : dict of Server to int
        What a server waits for is counted at this gate.
    admitted : set of int
        Gates whose first position waits for the admission of the input.
    outputs : dict of str to dict of int to int
        For each network, by what stands before its layers' names: gates of its outputs at the host, and their
        positions; those of `unread` too.
    gated : set of str
        Layers of gates.
    unread : dict of int to Server
        Gates that the host watches because nobody reads what a server makes (T93).
    own : dict of Server to (int, int)
        How many positions of an input a server computes, and every which one.
    credits : dict of Server to list of (Credit, Server)
        Buffers that it sends to: each says by its number which position the consumer must have done (none: 0).
    tiles : dict of str to TileFacts
    chain : dict of Server to ChainFacts
        Neuron units that hand partial sums on.
    far : FarFacts
        Who uses the memory that buffers spill to.
    """

    plan: Plan
    far: FarFacts
    links: list[dict[str, Link]] = field(default_factory=list)
    flows: list[Flow] = field(default_factory=list)
    senders: list[str] = field(default_factory=list)
    units: dict[str, str] = field(default_factory=dict)
    gates: dict[Server, int] = field(default_factory=dict)
    admitted: set[int] = field(default_factory=set)
    outputs: dict[str, dict[int, int]] = field(default_factory=dict)
    gated: set[str] = field(default_factory=set)
    unread: dict[int, Server] = field(default_factory=dict)
    own: dict[Server, tuple[int, int]] = field(default_factory=dict)
    credits: dict[Server, list[tuple[Credit, Server]]] = field(default_factory=dict)
    tiles: dict[str, TileFacts] = field(default_factory=dict)
    chain: dict[Server, ChainFacts] = field(default_factory=dict)
