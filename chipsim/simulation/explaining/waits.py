"""`waits`: how long work and servers waited, by layer, kind of component, activity and cause."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass

from chipsim.architecture.chip import Chip, component_of
from chipsim.architecture.memory_spec import GLOBAL_MEMORY
from chipsim.simulation.core.timeline import Span
from chipsim.simulation.explaining.causes import latest_of, terms
from chipsim.simulation.explaining.facts import HOST
from chipsim.simulation.explaining.terms import CAUSES, NOTHING_MORE, OWN_SERVER, Term
from chipsim.simulation.explaining.traced_run import TracedRun

_ORDER = (
    "admit", "send", "write", "read", "load", "integrate", "mvm", "convert", "drain", "add", "neuron", "gate",
    "digital", "transfer",
)  # fmt: skip


@dataclass(slots=True)
class Wait:
    """Waiting for one cause.

    Attributes
    ----------
    layer : str
        On whose behalf.
    kind : str
        Of component: tile, neuron_unit, digital_unit, memory, link, port or host.
    activity, cause : str
    count : int
        Activities of which this was the cause, those that did not have to wait included.
    busy_ps : int
        What these took.
    work_ps : int
        For how long their operands were there.
    server_ps : int
        For how long their server had nothing to do.
    """

    layer: str
    kind: str
    activity: str
    cause: str
    count: int = 0
    busy_ps: int = 0
    work_ps: int = 0
    server_ps: int = 0


def waits(run: TracedRun, last_input: int) -> list[Wait]:
    """Sums over the inputs up to one of the network that is asked about, in the order of its layers.

    Parameters
    ----------
    run : TracedRun
    last_input : int

    Returns
    -------
    list of Wait

    Notes
    -----
    An activity starts at the latest of its terms, which is the cause. Its operands waited from their arrival to the
    start, its server from the end of what it did before to the start. Where the cause is that operands were not there,
    work waited for nothing; where it is that the server was busy, the server did not wait; where it is a third thing,
    such as space in a buffer, both did.
    """
    found: dict[tuple[str, str, str, str], Wait] = {}
    operands = _Operands(run)
    for span in _activities(run):
        if span.input > last_input or run.networks[span.layer].tag:
            continue
        found_terms = terms(run, span)
        cause = latest_of(found_terms, span).cause
        kind = kind_of(run, span.component)
        key = span.layer, kind, span.activity, cause
        wait = found.setdefault(key, Wait(*key))
        wait.count += 1
        wait.busy_ps += span.end_ps - span.start_ps
        admitted = span.activity == "admit"
        there = run.outcome.released_ps[span.input] if admitted else operands.there_ps(span, found_terms[0])
        wait.work_ps += span.start_ps - there
        if kind != HOST:
            free = (term.time_ps for term in found_terms if term.cause in OWN_SERVER)
            wait.server_ps += span.start_ps - next(free, 0)
    rank = {name: place for place, name in enumerate(run.networks[""].plan.network.layers)}
    order = {name: place for place, name in enumerate(_ORDER)}
    return sorted(
        found.values(),
        key=lambda wait: (rank.get(wait.layer, -1), order[wait.activity], wait.kind, CAUSES.index(wait.cause)),
    )


class _Operands:
    """When the operands of activities were there."""

    def __init__(self, run: TracedRun) -> None:
        self._run = run
        self._arrivals: dict[tuple[int, int], list[tuple[int, int]]] = {}  # of a gate and input: positions and times
        for (gate, input, position), arrival in sorted(run.arrivals.items(), key=lambda item: item[0]):
            known = self._arrivals.setdefault((gate, input), [])
            known.append((position, max(arrival.time_ps, known[-1][1] if known else 0)))

    def there_ps(self, span: Span, first: Term) -> int:
        """Of an activity, given its first term: with those of positions before it, where it needs nothing more."""
        if first != NOTHING_MORE:
            return first.time_ps
        run, server = self._run, (span.component, span.layer)
        if server not in run.feeds.own:  # it reads what a consumer has spilled, or carries its request
            far = run.feeds.far
            server = far.readings[span.flow if span.component == GLOBAL_MEMORY else far.asking[span.flow]].server
        position = run.turn(server, span.input, span.position) % run.feeds.own[server][0]
        known = self._arrivals.get((run.feeds.gates[server], span.input), [])
        before = bisect_left(known, (position, 0))
        return known[before - 1][1] if before else run.networks[span.layer].outcome.admitted_ps[span.input]


def _activities(run: TracedRun) -> Iterator[Span]:
    for input, time in enumerate(run.outcome.admitted_ps):
        yield Span(HOST, "admit", "", input, 0, time, time)
    yield from (span for span in run.work.values() if span.component == HOST)
    yield from run.spans


def kind_of(run: TracedRun, component: str) -> str:
    """Kind of a component, or of a link by its name."""
    return kind_on(run.plan.chip, component)


def kind_on(chip: Chip, component: str) -> str:
    """The same on a chip."""
    graph, component = chip.graph, component_of(component)
    if component == GLOBAL_MEMORY:
        return "memory"
    if component in graph:
        return str(graph.nodes[component]["kind"])
    source, target = component.split("->")
    kind = str(graph.edges[source, target]["kind"])
    return "host port" if kind == HOST else kind
