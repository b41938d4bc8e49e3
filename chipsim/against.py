"""`von_neumann`: the machine that a run is compared with; `run_baseline`, `baseline_numbers`: the same inputs on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from chipsim.architecture.loader import load_spec
from chipsim.architecture.spec import VonNeumannSpec
from chipsim.baseline.machine import best_batch, simulate_baseline
from chipsim.errors import InputError, SpecError
from chipsim.network.graph import Network
from chipsim.prepare import Progress
from chipsim.settings import Settings
from chipsim.simulation.outcome import Outcome, headline
from chipsim.simulation.units.arrivals import parse_arrivals
from chipsim.simulation.waiting import arrival_numbers
from chipsim.stopping import Stop


@dataclass(frozen=True, slots=True)
class Against:
    """What a baseline did with the inputs of a run.

    Attributes
    ----------
    outcome : Outcome
    best_batch : dict
        The baseline with the batch that suits it best.
    """

    outcome: Outcome
    best_batch: dict[str, Any]


def von_neumann(settings: Settings) -> VonNeumannSpec | None:
    """The baseline of a run, checked; None where none is asked for."""
    if settings.baseline is None:
        if settings.baseline_overrides:
            raise InputError("--baseline-set needs --baseline")
        return None
    spec = load_spec(settings.baseline, settings.baseline_overrides)
    if not isinstance(spec, VonNeumannSpec):
        raise SpecError(f"{settings.baseline} is of kind {spec.kind}; a baseline is of kind von-neumann")
    return spec


def run_baseline(
    spec: VonNeumannSpec, network: Network, inputs: int, batch: int, progress: Progress, stop: Stop, *, drain: bool,
    arrivals_ps: Sequence[int] | None,
) -> Against | None:  # fmt: skip
    """The baseline with the same inputs, and at its best batch; None if the first interrupt came meanwhile."""
    try:
        with stop.patiently(False):
            outcome = simulate_baseline(
                spec, network, inputs, batch, drain=drain, arrivals_ps=arrivals_ps,
                progress=lambda done: progress("baseline", done, inputs),
            )  # fmt: skip
            return Against(outcome, at_best_batch(spec, network, inputs))
    except KeyboardInterrupt:
        if not stop.once:
            raise
        stop.used()
        return None


def baseline_numbers(
    spec: VonNeumannSpec, outcome: Outcome, macs: int, arrivals: str | None, best_batch: dict[str, Any] | None
) -> dict[str, Any]:
    """Under ``baseline`` in ``result.json``.

    Parameters
    ----------
    spec : VonNeumannSpec
    outcome : Outcome
    macs : int
        Of the network, per input.
    arrivals : str or None
        Rate at which inputs came.
    best_batch : dict or None
    """
    return headline(outcome, macs) | {
        "technology": spec.technology,
        "precision": baseline_precision(spec),
        "loading_s": outcome.loading_s,
        "loading_j": outcome.loading_j,
        "arrivals": arrivals_data(arrivals, outcome),
        "best_batch": best_batch,
    }


def arrivals_data(arrivals: str | None, outcome: Outcome) -> dict[str, Any] | None:
    """How inputs that come at a rate fare; None where all are there from the beginning."""
    return None if arrivals is None else arrival_numbers(outcome, parse_arrivals(arrivals).rate_per_s)


def baseline_precision(spec: VonNeumannSpec) -> str:
    """Widths of weights and activations, in words."""
    return f"{spec.precision.weight_bits}-bit weights, {spec.precision.activation_bits}-bit activations"


def at_best_batch(spec: VonNeumannSpec, network: Network, inputs: int) -> dict[str, Any]:
    """The baseline with the batch that gives it the highest throughput, four batches of it."""
    batch = best_batch(spec, network, inputs)
    numbers = headline(simulate_baseline(spec, network, 4 * batch, batch), network.macs)
    kept = ("latency_p50_s", "throughput_inputs_per_s", "energy_per_input_j")
    return {"batch": batch, **{key: numbers[key] for key in kept}}
