"""`von_neumann`: the machine that a run is compared with; `run_baseline`: the same inputs of a network on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from chipsim.architecture.loader import load_spec
from chipsim.architecture.spec import VonNeumannSpec
from chipsim.baseline.machine import simulate_baseline
from chipsim.errors import InputError, SpecError
from chipsim.network.graph import Network
from chipsim.prepare import Progress
from chipsim.settings import Settings
from chipsim.simulation.outcome import Outcome
from chipsim.stopping import Stop
from chipsim.summary import at_best_batch


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
        outcome = simulate_baseline(
            spec, network, inputs, batch, drain=drain, arrivals_ps=arrivals_ps,
            progress=lambda done: progress("baseline", done, inputs),
        )  # fmt: skip
        return Against(outcome, at_best_batch(spec, network, inputs))
    except KeyboardInterrupt:
        if not stop.once:
            raise
        return None
