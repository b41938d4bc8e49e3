"""`TracedRun`: the spans of a run, found by what they are and by what came before them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from chipsim.architecture.chip import component_of
from chipsim.architecture.memory_spec import GLOBAL_MEMORY
from chipsim.mapping.plan import Plan
from chipsim.simulation.chip_outcome import ChipOutcome
from chipsim.simulation.core.timeline import Span
from chipsim.simulation.explaining.facts import Connections, Server
from chipsim.simulation.explaining.shared_turns import SharedTurns
from chipsim.simulation.units.host import Stream
from chipsim.units import to_ps

_ACTIVITY = {"tile": "drain", "neuron_unit": "neuron", "digital_unit": "digital", "host": "send", "router": "add"}
"""What a component does before it sends."""


class Leg(NamedTuple):
    """Time that passes on the way from one activity to the next, with no server held."""

    activity: str
    component: str
    ps: int


class Arrival(NamedTuple):
    """What a position waits for and comes last: a moment of a span, and the way from there."""

    span: Span
    at_ps: int
    legs: tuple[Leg, ...] = ()

    @property
    def time_ps(self) -> int:
        """When it is there."""
        return self.at_ps + sum(leg.ps for leg in self.legs)


@dataclass(frozen=True, slots=True)
class Traced:
    """One network of a run.

    Attributes
    ----------
    tag : str
        What stands before the names of its layers: nothing, but for those beside the one that is asked about.
    plan : Plan
    outcome : ChipOutcome
    stream : Stream
        What the host sent.
    """

    tag: str
    plan: Plan
    outcome: ChipOutcome
    stream: Stream

    @property
    def layers(self) -> list[str]:
        """Names of its layers as they stand in spans, and what stands there for its admissions."""
        return [self.tag, *(self.tag + name for name in self.plan.network.layers)]


@dataclass(slots=True)
class TracedRun:
    """Spans of a run with full trace.

    Attributes
    ----------
    outcome : ChipOutcome
        Of the network that is asked about.
    networks : dict of str to Traced
        By the names of their layers in spans.
    spans : list of Span
        Of all networks.
    feeds : Connections
    work : dict of (component, activity, layer, int) to Span
        The activities of tiles and units, by how many their server did before. The host's sending counts as one.
    transfers : dict of (link, flow, input, position) to Span
    before : dict of (component, int) to Span
        What a link, digital unit or neuron unit with gates did before what it starts at a time.
    arrivals : dict of (gate, input, position) to Arrival
    tails : dict of (Server, input, position) to Arrival
        The last value that a neuron unit takes from the unit before it (T48).
    shared : SharedTurns
        Who used what before on shared tiles.
    freed : dict of (link, int) to Span
        The transfer by whose end there was space behind a link for what it takes at a time (T60).
    accesses : dict of (activity, number, input, position) to Span
        What the memory did to which buffers spill (T75).
    brought : dict of (writer, input, position) to Arrival
        What is to be written there.
    requests : dict of Server to list of Term
        When a digital layer with buffers that spill asked for its unit, as far as anybody wanted to know.
    """

    outcome: ChipOutcome
    networks: dict[str, Traced]
    spans: list[Span]
    feeds: Connections
    shared: SharedTurns
    work: dict[tuple[str, str, str, int], Span] = field(default_factory=dict)
    transfers: dict[tuple[str, int, int, int], Span] = field(default_factory=dict)
    before: dict[tuple[str, int], Span] = field(default_factory=dict)
    arrivals: dict[tuple[int, int, int], Arrival] = field(default_factory=dict)
    tails: dict[tuple[Server, int, int], Arrival] = field(default_factory=dict)
    freed: dict[tuple[str, int], Span] = field(default_factory=dict)
    accesses: dict[tuple[str, int, int, int], Span] = field(default_factory=dict)
    brought: dict[tuple[int, int, int], Arrival] = field(default_factory=dict)
    requests: dict[Server, list[Any]] = field(default_factory=dict)

    @property
    def plan(self) -> Plan:
        """What ran."""
        return self.feeds.plan

    def turn(self, server: Server, input: int, position: int) -> int:
        """How many activities of its kind a server did before that of a position."""
        own, every = self.feeds.own[server]
        return input * own + position // every

    def sender(self, span: Span) -> Span:
        """What a transfer's packet comes from: the work of a tile or unit, or the host's sending."""
        server = self.feeds.senders[span.flow], span.layer
        turn = self.turn(server, span.input, span.position)
        return self.work[server[0], self.activity(server), span.layer, turn]

    def activity(self, server: Server) -> str:
        """What a server does before it sends."""
        name, layer = server
        kind = self.plan.chip.graph.nodes[component_of(name)]["kind"]
        return "gate" if layer in self.feeds.gated else _ACTIVITY[kind]

    def last_output(self, input: int, tag: str = "") -> Arrival:
        """The last byte of an input of a network at the host."""
        found = [
            arrival
            for gate, positions in self.feeds.outputs[tag].items()
            for position in range(positions)
            if (arrival := self.arrivals.get((gate, input, position))) is not None
        ]
        return max(found, key=lambda arrival: arrival.time_ps)

    def delivered(self, flow: int, input: int, position: int) -> Arrival:
        """The end of a packet to the memory or from it, which has one destination."""
        links = self.feeds.links[flow]
        last = next(reversed(links))  # noted link by link from the source on
        span, latency = self.transfers[last, flow, input, position], links[last].latency_ps
        return Arrival(span, span.end_ps, (Leg("latency", last, latency),) if latency else ())


def releases(run: TracedRun, server: Server, input: int, position: int) -> list[Span]:
    """The loads and services that must be over, so that there is space for a position (rules T19, T20)."""
    found = []
    for credit, (consumer, layer) in run.feeds.credits.get(server, ()):
        number = credit.time(input, position)
        assert number is not None, "more inputs than releases were numbered for"
        if number:
            activity = "load" if consumer in run.feeds.tiles else run.activity((consumer, layer))
            found.append(run.work[consumer, activity, layer, number - 1])
    return found


def legs_of_memory(run: TracedRun) -> tuple[Leg, ...]:
    """From the end of an access until its data is there."""
    memory = run.plan.chip.spec.global_memory
    latency = 0 if memory is None else to_ps(memory.latency)
    return (Leg("latency", GLOBAL_MEMORY, latency),) if latency else ()
