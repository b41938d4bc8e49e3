"""What waits for the memory that buffers spill to, and what its accesses wait for (rules T75, T78)."""

from __future__ import annotations

from collections.abc import Callable

from chipsim.architecture.memory_spec import GLOBAL_MEMORY
from chipsim.simulation.core.timeline import Span
from chipsim.simulation.explaining.far_facts import Server
from chipsim.simulation.explaining.terms import FAR, INPUT, MEMORY, PLACE, REGISTER, Term, arrived, until
from chipsim.simulation.explaining.traced_run import Arrival, TracedRun, legs_of_memory

Terms = Callable[[TracedRun, Span], list[Term]]
"""What an activity of a consumer waits for but for the memory: its operands first."""


def brought(run: TracedRun, server: Server, input: int, position: int) -> Term | None:
    """When what a position reads of the memory is there; None where it reads nothing of it."""
    number = run.feeds.far.reading_of.get(server)
    if number is None:
        return None
    reading = run.feeds.far.readings[number]
    size = reading.sizes[position]
    if not size:
        return None
    if reading.ask < 0:
        read = run.accesses["read", number, input, position]
        arrival = Arrival(read, read.end_ps, legs_of_memory(run))
    else:
        arrival = run.delivered(reading.answers[size], input, position)
    return Term(FAR, arrival.time_ps, *arrival)


def write_terms(run: TracedRun, span: Span) -> list[Term]:
    """The values, and the memory's port."""
    writing = run.feeds.far.writings[span.flow]
    if writing.flow < 0:
        there = run.brought[span.flow, span.input, span.position]
    else:
        there = run.delivered(writing.flow, span.input, span.position)
    return [arrived(there), *until(MEMORY, run.before.get((GLOBAL_MEMORY, span.start_ps)))]


def read_terms(run: TracedRun, span: Span, of_operands: Terms) -> list[Term]:
    """Who asks, and the memory's port."""
    reading = run.feeds.far.readings[span.flow]
    if reading.ask < 0:
        asked = ask_terms(run, span, of_operands)
    else:
        asked = [arrived(run.delivered(reading.ask, span.input, span.position))]
    return [*asked, *until(MEMORY, run.before.get((GLOBAL_MEMORY, span.start_ps)))]


def ask_terms(run: TracedRun, span: Span, of_operands: Terms) -> list[Term]:
    """What must be there before a consumer asks for what it has spilled, given a read, or the packet that asks."""
    number = span.flow if span.component == GLOBAL_MEMORY else run.feeds.far.asking[span.flow]
    name, layer = server = run.feeds.far.readings[number].server
    m = run.turn(server, span.input, span.position)
    own = of_operands(run, span._replace(component=name, layer=layer))
    if name not in run.feeds.tiles:
        return [*own, *_asked_before(run, server, m, span, of_operands)]
    slots = run.plan.chip.spec.neuron_unit.partial_sum_slots
    return [
        *own,
        *until(REGISTER, run.work.get((name, "load", layer, m - 1))),
        *until(PLACE, run.work.get((run.feeds.tiles[name].neuron, "neuron", layer, m - slots))),
    ]


def _asked_before(run: TracedRun, server: Server, m: int, span: Span, of_operands: Terms) -> list[Term]:
    """The moment in which a digital layer asked for its unit for the position before."""
    if not m:
        return []
    positions = run.feeds.own[server][0]
    known = run.requests.setdefault(server, [])
    for turn in range(len(known), m):
        input, position = divmod(turn, positions)
        back = brought(run, server, input, position)
        if back is None:
            here = span._replace(component=server[0], layer=server[1], input=input, position=position)
            back = max([*of_operands(run, here), *known[-1:]], key=lambda term: term.time_ps)
        known.append(back)
    return [known[m - 1]]


def source_term(run: TracedRun, span: Span, of_operands: Terms) -> Term:
    """When the packet of a transfer to the memory, or from it, is there at its source."""
    far = run.feeds.far
    if span.flow in far.writing:
        return arrived(run.brought[far.writing[span.flow], span.input, span.position])
    if span.flow in far.answering:
        read = run.accesses["read", far.answering[span.flow], span.input, span.position]
        return arrived(Arrival(read, read.end_ps, legs_of_memory(run)))
    asked = max(ask_terms(run, span, of_operands), key=lambda term: term.time_ps)
    return asked._replace(cause=INPUT)
