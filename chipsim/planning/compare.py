"""`compare`: the same network on the same chip, mapped in several ways and simulated."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from chipsim.architecture.chip import build_chip
from chipsim.architecture.spec import InMemorySpec
from chipsim.errors import InputError
from chipsim.mapping.plan import Plan
from chipsim.network.graph import Network
from chipsim.planning.choose import make_plan, with_strategy
from chipsim.planning.estimate import Estimate, estimate
from chipsim.planning.pace import Pace, steady_pace
from chipsim.simulation.engine import simulate_alone, simulate_chip
from chipsim.simulation.outcome import headline

MOST_INPUTS, FEWEST_INPUTS, MVMS = 16, 8, 200_000
"""That each mapping is simulated with, and MVMs above which it makes do with the fewest (assumptions)."""

ROUNDS, FEWEST_ROUNDS, ROUNDS_MVMS, ROUNDS_INPUTS = 5, 3, 5_000_000, 256
"""Rounds of the inputs in flight, MVMs above which the fewest must do, and the most inputs for their sake."""


@dataclass(frozen=True, slots=True)
class Compared:
    """One mapping, estimated and simulated; SI units in the names.

    Attributes
    ----------
    plan : Plan
    estimated : Estimate
    pace : Pace
    numbers : dict
        Of the simulation, as `chipsim.simulation.outcome.headline` gives them, at that pace.
    """

    plan: Plan
    estimated: Estimate
    pace: Pace
    numbers: dict[str, Any]

    @property
    def throughput_inputs_per_s(self) -> float:
        """Of a long stream."""
        rate: float = self.numbers["throughput_inputs_per_s"]
        return rate

    @property
    def latency_s(self) -> float:
        """Of one input on an empty chip."""
        time: float = self.numbers["latency_first_input_s"]
        return time

    @property
    def energy_per_input_j(self) -> float:
        """Of the steady stream; the array's own, which depends on values, is not in it unless `mvm_energy` is known."""
        joules: float = self.numbers["energy_per_input_steady_j"]
        return joules


def compared(plan: Plan, inputs: int | None = None) -> Compared:
    """Estimate and simulate a plan.

    Parameters
    ----------
    plan : Plan
    inputs : int, optional
        In the stream, at least 4.
    """
    outcome = simulate_chip(plan, inputs or enough_inputs(plan))
    estimated = estimate(plan)
    pace = steady_pace(outcome, estimated)
    return Compared(plan, estimated, pace, headline(outcome, plan.network.macs, pace.interval_ps))


def enough_inputs(plan: Plan) -> int:
    """How many inputs show the pace of a stream: some rounds of those in flight, and more of small plans."""
    inputs = MOST_INPUTS if plan.tile_mvms * MOST_INPUTS <= MVMS else FEWEST_INPUTS
    flight = plan.chip.spec.host.max_inputs_in_flight
    if flight == "auto":
        flight = simulate_alone(plan, None).in_flight
    rounds = ROUNDS if plan.tile_mvms * ROUNDS * flight <= ROUNDS_MVMS else FEWEST_ROUNDS
    return max(inputs, min(rounds * flight, ROUNDS_INPUTS))


def compare(
    network: Network, spec: InMemorySpec, names: Sequence[str], replicas: Sequence[str] = (), seed: int = 0,
    progress: Callable[[str], None] | None = None,
) -> dict[str, Compared]:  # fmt: skip
    """Map a network in several ways and simulate each.

    Parameters
    ----------
    network : Network
    spec : InMemorySpec
    names : sequence of str
        Strategies or files.
    replicas : sequence of str
        As for `make_plan`.
    seed : int
    progress : callable, optional
        Told which is being simulated.

    Raises
    ------
    InputError
        With rounds, which are no plan of one chip.
    """
    if names and spec.mapping.reload:
        raise InputError("mapping.reload is no mapping to compare: leave it out, or compare runs")
    found = {}
    for name in dict.fromkeys(names):
        if progress is not None:
            progress(name)
        found[name] = compared(make_plan(network, build_chip(with_strategy(spec, name)), replicas, seed))
    return found
