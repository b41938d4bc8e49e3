"""`transfer`: what a packet waits for at each link, and `tail`: what the end of an activity may wait for (T9, T48)."""

from __future__ import annotations

from chipsim.simulation.core.durations import neuron_latency_ps
from chipsim.simulation.core.timeline import Span
from chipsim.simulation.explaining.facts import Link
from chipsim.simulation.explaining.terms import INPUT, LINK, SPACE, Term, arrived, until
from chipsim.simulation.explaining.traced_run import Leg, TracedRun
from chipsim.units import to_ps


def transfer(run: TracedRun, span: Span) -> list[Term]:
    """What a transfer starts after (T9, T9c, T61)."""
    return [head(run, span), *busy_terms(run, span)]


def busy_terms(run: TracedRun, span: Span) -> list[Term]:
    """The packet before, and space behind the link."""
    here = span.component, span.start_ps
    return [*until(LINK, run.before.get(here)), *until(SPACE, run.freed.get(here))]


def head(run: TracedRun, span: Span) -> Term:
    """When a transfer's head asks for its link (T9, T9b)."""
    link = run.feeds.links[span.flow][span.component]
    if not link.before:
        return _from_source(run, span)
    before = run.transfers[link.before, span.flow, span.input, span.position]
    whole = run.plan.chip.spec.router.switching == "store-and-forward"
    return _onward(run, span.flow, link, before, before.end_ps if whole else before.start_ps)


def tail(run: TracedRun, span: Span) -> Term | None:
    """What an activity's end waits for, where that is not its own work.

    Of a transfer the tail, from a slower link (T9) or a unit that gives value by value (T48); of such a unit the last
    value that it takes.
    """
    server = span.component, span.layer
    if server in run.feeds.chain and span.activity == "neuron":
        if span.end_ps == span.start_ps + run.feeds.chain[server].service_ps:
            return None
        return arrived(run.tails[server, span.input, span.position])
    if span.activity != "transfer":
        return None
    link = run.feeds.links[span.flow][span.component]
    if span.end_ps == span.start_ps + link.serialisation_ps:
        return None
    if not link.before:
        return until(INPUT, run.sender(span))[0]
    before = run.transfers[link.before, span.flow, span.input, span.position]
    return _onward(run, span.flow, link, before, before.end_ps)


def _onward(run: TracedRun, flow: int, link: Link, before: Span, at_ps: int) -> Term:
    """From one link to the next: the first one's latency, the router's delay."""
    latency = run.feeds.links[flow][link.before].latency_ps
    legs = (Leg("latency", link.before, latency), Leg("route", link.router, link.delay_ps))
    time = at_ps + latency + link.delay_ps
    return Term(INPUT, time, before, at_ps, tuple(leg for leg in legs if leg.ps))


def _from_source(run: TracedRun, span: Span) -> Term:
    sender, spec = run.sender(span), run.plan.chip.spec
    if _hands_on(run, span.flow):
        return until(INPUT, sender, sender.start_ps)[0]
    of_neuron, of_digital = neuron_latency_ps(spec), to_ps(spec.digital_unit.latency)
    wait = {"neuron": of_neuron, "gate": of_neuron, "digital": of_digital}.get(sender.activity, 0)
    legs = (Leg("latency", sender.component, wait),) if wait else ()
    return Term(INPUT, sender.end_ps + wait, sender, sender.end_ps, legs)


def _hands_on(run: TracedRun, flow: int) -> bool:
    """Whether a flow's packets are made and used value by value (T48)."""
    return any(link.unit for link in run.feeds.links[flow].values())
