"""`trace_run`, `trace_together`: simulate with full trace, and sort the spans into a `TracedRun`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

from chipsim.architecture.chip import component_of
from chipsim.architecture.memory_spec import GLOBAL_MEMORY
from chipsim.mapping.plan import Plan
from chipsim.simulation.core.durations import neuron_latency_ps
from chipsim.simulation.core.timeline import Span
from chipsim.simulation.engine import simulate_chip
from chipsim.simulation.explaining.connections import connections, connections_of
from chipsim.simulation.explaining.facts import HOST, Connections, Server
from chipsim.simulation.explaining.freed import freed
from chipsim.simulation.explaining.shared_turns import shared_turns
from chipsim.simulation.explaining.traced_run import Arrival, Leg, Traced, TracedRun, legs_of_memory, releases
from chipsim.simulation.tiles.varying import ConversionCounts
from chipsim.simulation.together import Workload, simulate_together
from chipsim.simulation.units.host import Stream
from chipsim.units import to_ps


def trace_run(
    plan: Plan, inputs: int, batch: int = 1, *, drain: bool = False, arrivals_ps: list[int] | None = None,
    counts: Mapping[str, ConversionCounts] | None = None,
) -> TracedRun:  # fmt: skip
    """Simulate with full trace; see `chipsim.simulation.engine.simulate_chip` for the parameters."""
    outcome = simulate_chip(
        plan, inputs, batch, drain=drain, arrivals_ps=arrivals_ps, counts=counts, trace_inputs=inputs
    )
    stream = Stream(inputs, outcome.max_inputs_in_flight, batch, drain, arrivals_ps)
    return _sorted([Traced("", plan, outcome, stream)], connections(plan, inputs, counts))


def trace_together(works: Sequence[Workload], labels: Sequence[str], asked: int) -> TracedRun:
    """The same of several networks on one chip.

    Parameters
    ----------
    works : sequence of Workload
    labels : sequence of str
        Names of the networks.
    asked : int
        The network that is asked about: names of the others' layers have their label before them.
    """
    outcomes = simulate_together(works, trace_inputs=max(work.inputs for work in works)).networks
    tags = ["" if number == asked else f"{label}: " for number, label in enumerate(labels)]
    networks = []
    for work, tag, outcome in zip(works, tags, outcomes, strict=True):
        stream = Stream(work.inputs, outcome.max_inputs_in_flight, work.batch, work.drain, work.arrivals_ps)
        networks.append(Traced(tag, work.plan, outcome, stream))
    return _sorted(networks, connections_of(works, tags))


def _sorted(networks: Sequence[Traced], feeds: Connections) -> TracedRun:
    """Sort the spans of all networks by what they are and what came before them."""
    asked = next(network for network in networks if not network.tag)
    spans = [span for network in networks for span in _spans(network, feeds)]
    turns = shared_turns([network.plan for network in networks], spans, feeds.far.tiles)
    by_layer = {layer: network for network in networks for layer in network.layers}
    run = TracedRun(asked.outcome, by_layer, spans, feeds, turns)
    _sort(run)
    run.freed = freed(run.feeds, run.transfers)
    for network in networks:
        for layer in network.plan.network.input_layers:
            _note_sending(run, network, network.tag + layer.name)
    _note_arrivals(run)
    return run


def _spans(network: Traced, feeds: Connections) -> Iterable[Span]:
    """A network's spans, its layers and its accesses to the memory by their names and numbers in all of the run."""
    spans = network.outcome.timeline.spans
    if not network.tag and len(feeds.outputs) == 1:
        return spans
    first = dict(zip(("write", "read"), feeds.far.first[network.tag], strict=True))
    return (
        span._replace(
            layer=network.tag + span.layer,
            flow=span.flow + first[span.activity] if span.component == GLOBAL_MEMORY else span.flow,
        )
        for span in spans
    )


def _sort(run: TracedRun) -> None:
    feeds = run.feeds
    servers: defaultdict[str, list[Span]] = defaultdict(list)
    shared = set(feeds.units.values())
    for span in run.spans:
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


def _note_sending(run: TracedRun, network: Traced, layer: str) -> None:
    """When the host sends each position of an input layer (rule T18): it takes no time, the port does."""
    own, time = run.feeds.own[HOST, layer][0], 0
    for input, admitted in enumerate(network.outcome.admitted_ps):
        for position in range(own):
            space = (release.end_ps for release in releases(run, (HOST, layer), input, position))
            time = max(time, admitted, *space)
            span = Span(HOST, "send", layer, input, position, time, time)
            run.work[HOST, "send", layer, input * own + position] = span


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
