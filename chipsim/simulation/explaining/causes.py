"""`terms`: what an activity waits for, by the rules of ``docs/timing.md``; the latest is the cause of its wait."""

from __future__ import annotations

from chipsim.architecture.chip import component_of
from chipsim.errors import ConsistencyError
from chipsim.simulation.core.timeline import Span
from chipsim.simulation.explaining.facts import HOST
from chipsim.simulation.explaining.far_causes import brought, read_terms, source_term, write_terms
from chipsim.simulation.explaining.packet_terms import busy_terms, transfer
from chipsim.simulation.explaining.shared_causes import convert_terms, drain_terms, integrate_terms, load_terms
from chipsim.simulation.explaining.terms import (
    ADC,
    ADMISSION,
    ARRAY,
    ARRIVAL,
    INPUT,
    NOTHING_MORE,
    PLACE,
    PORT,
    REGISTER,
    SPACE,
    UNIT,
    Term,
    arrived,
    until,
)  # fmt: skip
from chipsim.simulation.explaining.traced_run import Leg, Traced, TracedRun, releases
from chipsim.units import to_ps


def binding(run: TracedRun, span: Span) -> Term:
    """The latest of the terms of an activity, its own operands before anything else among equals.

    Raises
    ------
    ConsistencyError
        If it did not start at the latest of its terms.
    """
    return latest_of(terms(run, span), span)


def latest_of(found: list[Term], span: Span) -> Term:
    """The binding one of an activity's terms; see `binding`."""
    latest = max(found, key=lambda term: term.time_ps)
    if latest.time_ps != span.start_ps:
        raise ConsistencyError(
            f"{span.component}, {span.activity} of {span.layer} position {span.position}, input {span.input}, starts "
            f"at {span.start_ps} ps, by its rules at {latest.time_ps} ps; please report this"
        )
    return latest


def terms(run: TracedRun, span: Span) -> list[Term]:
    """All that an activity starts after; its own operands first, then as the rules list it.

    Parameters
    ----------
    run : TracedRun
    span : Span
        Of its trace, or one of the host's sendings and admissions.
    """
    return _RULES[span.activity](run, span)


def _operands(run: TracedRun, span: Span, turn: int) -> Term:
    """The last byte of what a position needs first (T5, T7, T13, T16); the admission where it needs nothing."""
    server = span.component, span.layer
    gate, own = run.feeds.gates[server], run.feeds.own[server][0]
    arrival = run.arrivals.get((gate, span.input, turn % own))
    if arrival is not None:
        return arrived(arrival)
    if gate in run.feeds.admitted and turn % own == 0:
        admission = _admission(run, span)
        return Term(ADMISSION, admission.start_ps, admission, admission.start_ps)
    return NOTHING_MORE


def _load(run: TracedRun, span: Span) -> list[Term]:
    """T13."""
    name, layer, work = span.component, span.layer, run.work
    if name in run.shared.places:
        back = brought(run, (name, layer), span.input, span.position)
        there = _operands(run, span, run.turn((name, layer), span.input, span.position)) if back is None else back
        return [there, *load_terms(run, span)]
    m, banks = run.turn((name, layer), span.input, span.position), run.plan.chip.spec.tile.register_banks
    return [
        _operands(run, span, m),
        *until(PORT, work.get((name, "load", layer, m - 1))),
        *until(REGISTER, _mvm(run, name, layer, m - banks)),
    ]


def _mvm(run: TracedRun, name: str, layer: str, m: int) -> Span | None:
    """What holds the input register: integrate, or the whole MVM where it is one phase."""
    return run.work.get((name, "integrate", layer, m)) or run.work.get((name, "mvm", layer, m))


def _integrate(run: TracedRun, span: Span) -> list[Term]:
    """T13, T42."""
    if span.component in run.shared.places:
        return integrate_terms(run, span)
    name, layer, work, tile = span.component, span.layer, run.work, run.plan.chip.spec.tile
    m = run.turn((name, layer), span.input, span.position)
    before = work.get((name, "convert", layer, m - 1))
    held = None
    if before is not None and tile.sample_and_hold:
        held = before.end_ps - run.feeds.tiles[name].last_convert_ps(m - 1)
    return [
        *until(INPUT, work[name, "load", layer, m]),
        *until(ARRAY, before or _mvm(run, name, layer, m - 1), held),
        *until(REGISTER, work.get((name, "drain", layer, m - tile.register_banks))),
    ]


def _convert(run: TracedRun, span: Span) -> list[Term]:
    """T13, T42: of the first plane."""
    if span.component in run.shared.places:
        return convert_terms(run, span)
    name, layer = span.component, span.layer
    m = run.turn((name, layer), span.input, span.position)
    integrate = run.work[name, "integrate", layer, m]
    first = integrate.start_ps + run.feeds.tiles[name].first_integrate_ps(m)
    return [*until(INPUT, integrate, first), *until(ADC, run.work.get((name, "convert", layer, m - 1)))]


def _drain(run: TracedRun, span: Span) -> list[Term]:
    """T13, T14."""
    if span.component in run.shared.places:
        return drain_terms(run, span)
    name, layer, work = span.component, span.layer, run.work
    m, slots = run.turn((name, layer), span.input, span.position), run.plan.chip.spec.neuron_unit.partial_sum_slots
    return [
        *until(INPUT, work.get((name, "convert", layer, m)) or _mvm(run, name, layer, m)),
        *until(PORT, work.get((name, "drain", layer, m - 1))),
        *until(PLACE, work.get((run.feeds.tiles[name].neuron, "neuron", layer, m - slots))),
    ]


def _space(run: TracedRun, span: Span) -> list[Term]:
    """T19, T20."""
    found = releases(run, (span.component, span.layer), span.input, span.position)
    return [term for release in found for term in until(SPACE, release)]


def _neuron(run: TracedRun, span: Span) -> list[Term]:
    """T16, T48, T79, T82."""
    name, layer, work = span.component, span.layer, run.work
    m = run.turn((name, layer), span.input, span.position)
    place: list[Term] = []
    if (name, layer) in run.feeds.chain:
        slots = run.plan.chip.spec.neuron_unit.partial_sum_slots
        place = until(PLACE, work.get((run.feeds.chain[name, layer].after, "neuron", layer, m - slots)))
    before = work.get((name, "neuron", layer, m - 1))
    if run.plan.chip.spec.neuron_unit.activation == "analog":
        before = None  # it serves all at once
    elif name in run.feeds.units:
        before = run.before.get((run.feeds.units[name], span.start_ps))
    return [
        _operands(run, span, m),
        *until(UNIT, before),
        *place,
        *_space(run, span),
    ]


def _add(run: TracedRun, span: Span) -> list[Term]:
    """T65."""
    router, delay = component_of(span.component), to_ps(run.plan.chip.spec.router.delay)
    there = _operands(run, span, run.turn((span.component, span.layer), span.input, span.position))
    routed = there._replace(time_ps=there.time_ps + delay, legs=(*there.legs, Leg("route", router, delay)))
    return [routed, *until(UNIT, run.before.get((router, span.start_ps)))]


def _digital(run: TracedRun, span: Span) -> list[Term]:
    """T17, T82."""
    m = run.turn((span.component, span.layer), span.input, span.position)
    before = run.before.get((span.component, span.start_ps))
    back = brought(run, (span.component, span.layer), span.input, span.position)
    if back is not None:
        return [back, *until(UNIT, before)]
    return [_operands(run, span, m), *_space(run, span), *until(UNIT, before)]


def _to_ask(run: TracedRun, span: Span) -> list[Term]:
    """T71, T17: operands, and of a digital layer space for the result, before it asks for what it has spilled."""
    there = _operands(run, span, run.turn((span.component, span.layer), span.input, span.position))
    return [there] if span.component in run.feeds.tiles else [there, *_space(run, span)]


def _transfer(run: TracedRun, span: Span) -> list[Term]:
    """T9, T78."""
    if run.feeds.far.over_links(span.flow) and not run.feeds.links[span.flow][span.component].before:
        return [source_term(run, span, _to_ask), *busy_terms(run, span)]
    return transfer(run, span)


def _send(run: TracedRun, span: Span) -> list[Term]:
    """T18."""
    m, admission = run.turn((HOST, span.layer), span.input, span.position), _admission(run, span)
    before = run.work.get((HOST, "send", span.layer, m - 1))
    return [
        *until(ADMISSION, admission), *_space(run, span), *until(INPUT, before)
    ]  # fmt: skip


def _admission(run: TracedRun, span: Span) -> Span:
    network = run.networks[span.layer]
    time_ps = network.outcome.admitted_ps[span.input]
    return Span(HOST, "admit", network.tag, span.input, 0, time_ps, time_ps)


def _admit(run: TracedRun, span: Span) -> list[Term]:
    """T22, T23, T27."""
    network = run.networks[span.layer]
    stream = network.stream
    arrived = 0 if stream.arrivals_ps is None else stream.arrivals_ps[span.input]
    needed = max(0, stream.waits_for(span.input))
    found = [Term(ARRIVAL, arrived)]
    for earlier in range(max(0, needed - stream.in_flight), needed):
        found += until(ADMISSION, _done(network, earlier))
    return found


def _done(network: Traced, input: int) -> Span:
    time_ps = network.outcome.done_ps[input]
    return Span(HOST, "done", network.tag, input, 0, time_ps, time_ps)


def completion(run: TracedRun, input: int) -> Span:
    """The moment at which an input of the network that is asked about is done."""
    return _done(run.networks[""], input)


def _last_byte(run: TracedRun, span: Span) -> list[Term]:
    """T18."""
    return [arrived(run.last_output(span.input, span.layer))]


_RULES = {
    "load": _load, "mvm": _integrate, "integrate": _integrate, "convert": _convert, "drain": _drain, "neuron": _neuron,
    "digital": _digital, "gate": _digital, "transfer": _transfer,
    "write": write_terms, "read": lambda run, span: read_terms(run, span, _to_ask), "add": _add, "send": _send,
    "admit": _admit, "done": _last_byte,
}  # fmt: skip
