"""What activities on shared tiles wait for (rules T71, T72); the terms of `causes` for them."""

from __future__ import annotations

from chipsim.simulation.core.timeline import Span
from chipsim.simulation.explaining.terms import ADC, ARRAY, INPUT, PLACE, PORT, REGISTER, Term, until
from chipsim.simulation.explaining.traced_run import TracedRun


def load_terms(run: TracedRun, span: Span) -> list[Term]:
    """A place, an input register and the load port, which the block's load before has left; operands apart."""
    name, layer, work = span.component, span.layer, run.work
    m, slots = run.turn((name, layer), span.input, span.position), run.plan.chip.spec.neuron_unit.partial_sum_slots
    return [
        *until(PLACE, work.get((run.feeds.tiles[name].neuron, "neuron", layer, m - slots))),
        *until(REGISTER, _earlier(run, span, "integrate", run.plan.chip.spec.tile.register_banks)),
        *until(PORT, run.shared.before.get(span)),
    ]


def integrate_terms(run: TracedRun, span: Span) -> list[Term]:
    """The array, an output register, and the converters where they are held together."""
    tile = run.plan.chip.spec.tile
    load = _of(run, span, "load")
    before, held = _earlier(run, span, "convert", 1), None
    if before is not None and tile.sample_and_hold and before.activity == "convert":
        m = run.turn((before.component, before.layer), before.input, before.position)
        held = before.end_ps - run.feeds.tiles[before.component].last_convert_ps(m)
    found = [
        *until(INPUT, load),
        *until(ARRAY, before, held),
        *until(REGISTER, _earlier(run, span, "drain", tile.register_banks)),
    ]
    return found if span.activity == "integrate" else [*found, *until(ADC, run.shared.before.get(span))]


def convert_terms(run: TracedRun, span: Span) -> list[Term]:
    """The converters, of the first plane."""
    integrate = _of(run, span, "integrate")
    m = run.turn((span.component, span.layer), span.input, span.position)
    first = integrate.start_ps + run.feeds.tiles[span.component].first_integrate_ps(m)
    return [*until(INPUT, integrate, first), *until(ADC, run.shared.before.get(span))]


def drain_terms(run: TracedRun, span: Span) -> list[Term]:
    """The output port; a place for the sums was there before the load."""
    return [*until(INPUT, _of(run, span, "convert")), *until(PORT, run.shared.before.get(span))]


def _of(run: TracedRun, span: Span, activity: str) -> Span:
    """Another activity of the same MVM."""
    m = run.turn((span.component, span.layer), span.input, span.position)
    key = (span.component, activity, span.layer, m)
    return run.work[key] if key in run.work else run.work[span.component, "mvm", span.layer, m]


def _earlier(run: TracedRun, span: Span, activity: str, turns: int) -> Span | None:
    """An activity of the MVM so many turns before on the same array."""
    array, turn = run.shared.turns[_of(run, span, "load")]
    load = run.shared.loads.get((array, turn - turns))
    return None if load is None else _of(run, load, activity)
