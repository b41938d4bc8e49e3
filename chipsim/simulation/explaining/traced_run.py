"""`TracedRun`: the spans of a run, found by what they are and by what came before them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, NamedTuple

from chipsim.architecture.chip import component_of
from chipsim.architecture.memory_spec import GLOBAL_MEMORY
from chipsim.mapping.plan import Plan
from chipsim.simulation.core.durations import neuron_latency_ps
from chipsim.simulation.core.timeline import Span
from chipsim.simulation.engine import ChipOutcome, simulate_chip
from chipsim.simulation.explaining.connections import HOST, Connections, Server, connections
from chipsim.simulation.explaining.freed import freed
from chipsim.simulation.explaining.shared_turns import SharedTurns, shared_turns
from chipsim.simulation.tiles.varying import ConversionCounts
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


@dataclass(slots=True)
class TracedRun:
    """Spans of a run with full trace.

    Attributes
    ----------
    outcome : ChipOutcome
    stream : Stream
        What the host sent.
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
    stream: Stream
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
        flow, sender = self.feeds.flows[span.flow], self.feeds.senders[span.flow]
        turn = self.turn((sender, flow.layer), span.input, span.position)
        return self.work[sender, self.activity((sender, flow.layer)), flow.layer, turn]

    def activity(self, server: Server) -> str:
        """What a server does before it sends."""
        name, layer = server
        kind = self.plan.chip.graph.nodes[component_of(name)]["kind"]
        return "gate" if layer in self.plan.gate_units else _ACTIVITY[kind]

    def last_output(self, input: int) -> Arrival:
        """The last byte of an input at the host."""
        found = [
            arrival
            for gate, positions in self.feeds.outputs.items()
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


def trace_run(
    plan: Plan, inputs: int, batch: int = 1, *, drain: bool = False, arrivals_ps: list[int] | None = None,
    counts: Mapping[str, ConversionCounts] | None = None,
) -> TracedRun:  # fmt: skip
    """Simulate with full trace; see `chipsim.simulation.engine.simulate_chip` for the parameters."""
    outcome = simulate_chip(
        plan, inputs, batch, drain=drain, arrivals_ps=arrivals_ps, counts=counts, trace_inputs=inputs
    )
    stream = Stream(inputs, outcome.max_inputs_in_flight, batch, drain, arrivals_ps)
    feeds = connections(plan, inputs, counts)
    run = TracedRun(outcome, stream, feeds, shared_turns(plan, outcome.timeline.spans, feeds.far.tiles))
    servers: defaultdict[str, list[Span]] = defaultdict(list)
    shared = set(feeds.units.values())
    for span in outcome.timeline.spans:
        if span.activity == "transfer":
            run.transfers[span.component, span.flow, span.input, span.position] = span
            servers[span.component].append(span)
        elif span.component == GLOBAL_MEMORY:
            run.accesses[span.activity, span.flow, span.input, span.position] = span
            servers[GLOBAL_MEMORY].append(span)
        else:
            turn = run.turn((span.component, span.layer), span.input, span.position)
            run.work[span.component, span.activity, span.layer, turn] = span
            if span.activity in ("digital", "add") or component_of(span.component) in shared:
                servers[component_of(span.component)].append(span)
    for component, spans in servers.items():
        spans.sort(key=lambda span: span.start_ps)
        for earlier, later in pairwise(spans):
            run.before[component, later.start_ps] = earlier
    run.freed = freed(run.feeds, run.transfers)
    _note_sending(run)
    _note_arrivals(run)
    return run


def _note_sending(run: TracedRun) -> None:
    """When the host sends each position (rule T18): it takes no time, the port does."""
    for layer in run.plan.network.input_layers:
        _note_sending_of(run, layer.name)


def _note_sending_of(run: TracedRun, layer: str) -> None:
    own, time = run.feeds.own[HOST, layer][0], 0
    for input, admitted in enumerate(run.outcome.admitted_ps):
        for position in range(own):
            space = (release.end_ps for release in releases(run, (HOST, layer), input, position))
            time = max(time, admitted, *space)
            span = Span(HOST, "send", layer, input, position, time, time)
            run.work[HOST, "send", layer, input * own + position] = span


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


def _note_arrivals(run: TracedRun) -> None:
    """When the last byte that each position of a consumer waits for is there; of several at once the first flow's."""
    for tile, facts in run.feeds.tiles.items():
        if facts.beside is None:
            continue
        layer = next(layer for name, layer in run.feeds.gates if name == tile)
        own, turn = run.feeds.own[tile, layer][0], 0
        while (drain := run.work.get((tile, "drain", layer, turn))) is not None:
            _note_arrival(run, facts.beside, turn % own, Arrival(drain, drain.end_ps))
            turn += 1
    for server, of_chain in run.feeds.chain.items():
        if of_chain.beside is not None:
            _note_within(run, of_chain.beside, server)
    for gate, server in run.feeds.unread.items():
        _note_unread(run, gate, server)
    for (link, flow, _, position), span in run.transfers.items():
        found = run.feeds.links[flow][link]
        way = (Leg("latency", link, found.latency_ps),) if found.latency_ps else ()
        for gate, completes in found.sinks:
            _note_arrival(run, gate, completes[position], Arrival(span, span.end_ps, way))
        for writer in found.writers:
            _note_far(run, writer, Arrival(span, span.end_ps, way))
        if found.unit:
            _note_values(run, found.unit, span, way)


def _note_far(run: TracedRun, writer: int, arrival: Arrival) -> None:
    """What comes to a buffer that spills: it is there, or goes on to the memory and is there once it is written."""
    writing, span = run.feeds.far.writings[writer], arrival.span
    if writing.far[span.position]:
        run.brought[writer, span.input, span.position] = arrival
        written = run.accesses["write", writer, span.input, span.position]
        arrival = Arrival(written, written.end_ps, legs_of_memory(run))
    _note_arrival(run, writing.gate, writing.completes[span.position], arrival)


def legs_of_memory(run: TracedRun) -> tuple[Leg, ...]:
    """From the end of an access until its data is there."""
    memory = run.plan.chip.spec.global_memory
    latency = 0 if memory is None else to_ps(memory.latency)
    return (Leg("latency", GLOBAL_MEMORY, latency),) if latency else ()


def _note_unread(run: TracedRun, gate: int, server: Server) -> None:
    """When each result that nobody reads would leave its unit (T93)."""
    (name, layer), own, turn = server, run.feeds.own[server][0], 0
    kind, spec = run.plan.chip.graph.nodes[component_of(name)]["kind"], run.plan.chip.spec
    latency = neuron_latency_ps(spec) if kind == "neuron_unit" else to_ps(spec.digital_unit.latency)
    legs = (Leg("latency", name, latency),) if latency else ()
    while (span := run.work.get((name, run.activity(server), layer, turn))) is not None:
        run.arrivals[gate, *divmod(turn, own)] = Arrival(span, span.end_ps, legs)
        turn += 1


def _note_within(run: TracedRun, gate: int, server: Server) -> None:
    """When sums of a chain are there that stay in their unit (T79)."""
    (name, layer), own, turn = server, run.feeds.own[server][0], 0
    while (span := run.work.get((name, "neuron", layer, turn))) is not None:
        _note_arrival(run, gate, turn % own, Arrival(span, span.end_ps))
        turn += 1


def _note_arrival(run: TracedRun, gate: int, position: int, arrival: Arrival) -> None:
    key = gate, arrival.span.input, position
    known = run.arrivals.get(key)
    if known is None or (arrival.time_ps, -arrival.span.flow) > (known.time_ps, -known.span.flow):
        run.arrivals[key] = arrival


def _note_values(run: TracedRun, unit: str, span: Span, way: tuple[Leg, ...]) -> None:
    """The first value that a unit takes from the unit before lets it start, the last one lets it end (T48)."""
    server = unit, span.layer
    hop = run.feeds.chain[server].hop_ps
    legs = (*way, Leg("hand on", unit, hop)) if hop else way
    position = span.position // run.feeds.own[server][1]
    _note_arrival(run, run.feeds.gates[server], position, Arrival(span, span.start_ps, legs))
    run.tails[server, span.input, span.position] = Arrival(span, span.end_ps, legs)
