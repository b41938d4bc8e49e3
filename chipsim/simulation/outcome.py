"""`Outcome`: what simulating a machine gives, and the headline numbers that follow from it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from chipsim.simulation.compensating import compensation_joules
from chipsim.simulation.core.ledger import Ledger
from chipsim.simulation.core.timeline import Timeline
from chipsim.simulation.steady import steady_interval_ps
from chipsim.units import PS_PER_S


@dataclass(frozen=True, slots=True)
class SimulatorCost:
    """What the simulation itself took."""

    events: int
    cpu_s: float
    wall_s: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """Times, counts and spans of one machine over all inputs.

    Attributes
    ----------
    name : str
        Of the machine.
    released_ps, done_ps : list of int
        Per input: release of its batch, last output byte at the host.
    ledger : Ledger
        Static power included, as action ``"static"``.
    timeline : Timeline
    peak_tops : float
        What the compute parts could do if never idle.
    utilisation_mean : float
        Mean busy share of the compute parts that hold work.
    cost : SimulatorCost
    admitted_ps : list of int
        Per input: when the host begins with it, at the earliest.
    batch : int
        Inputs that the host hands over together.
    latency_alone_ps : int or None
        Of one input on an otherwise empty machine; None where the first input of the run had it to itself.
    loading_s, loading_j : float or None
        Loading of weights before the run, in no other number; None where it was not worked out.
    """

    name: str
    released_ps: list[int]
    done_ps: list[int]
    ledger: Ledger
    timeline: Timeline
    peak_tops: float
    utilisation_mean: float
    cost: SimulatorCost
    admitted_ps: list[int]
    batch: int = 1
    latency_alone_ps: int | None = None
    loading_s: float | None = None
    loading_j: float | None = None

    @property
    def inputs(self) -> int:
        """Number of inputs."""
        return len(self.done_ps)

    @property
    def makespan_ps(self) -> int:
        """From zero to the last output byte."""
        return max(self.done_ps)

    @property
    def interval_ps(self) -> float | None:
        """Between outputs in the steady stream; None below four inputs."""
        return steady_interval_ps(self.done_ps, self.batch, self.admitted_ps)


def headline(outcome: Outcome, macs: int, interval_ps: float | None = None) -> dict[str, object]:
    """The numbers that a run is quoted by, SI units in the names.

    Parameters
    ----------
    outcome : Outcome
    macs : int
        Useful multiply-accumulates of the network per input.
    interval_ps : float, optional
        Between outputs in the steady stream, where it is known better than from the outputs.
    """
    inputs, seconds = outcome.inputs, outcome.makespan_ps / PS_PER_S
    latencies = np.array(outcome.done_ps, dtype=np.int64) - np.array(outcome.released_ps, dtype=np.int64)
    if interval_ps is None:
        interval_ps = outcome.interval_ps
    throughput = None if interval_ps is None or interval_ps == 0 else PS_PER_S / interval_ps
    joules = outcome.ledger.total_joules()
    rate = throughput if throughput is not None else inputs / seconds
    alone = outcome.latency_alone_ps
    first = int(latencies[np.argmin(outcome.done_ps)]) if alone is None else alone
    return {
        "name": outcome.name,
        "latency_first_input_s": first / PS_PER_S,
        "latency_p50_s": percentile_s(latencies, 50),
        "latency_p99_s": percentile_s(latencies, 99),
        "makespan_s": seconds,
        "throughput_inputs_per_s": throughput,
        "energy_per_input_j": joules / inputs,
        "energy_per_input_steady_j": None if throughput is None else _steady_joules(outcome, throughput),
        "tops": 2 * macs * rate / 1e12,
        "peak_tops": outcome.peak_tops,
        "tops_per_w": 2 * macs / (joules / inputs) / 1e12 if joules else None,
        "utilisation_mean": outcome.utilisation_mean,
        "busiest": _busiest(outcome),
        "bytes_moved_per_input": {level: amount / inputs for level, amount in outcome.ledger.bytes_by_level().items()},
    }


def _steady_joules(outcome: Outcome, throughput_per_s: float) -> float:
    """Of one input more: neither what is spent once before the first input, nor while the machine fills and drains."""
    ledger = outcome.ledger
    static = ledger.joules_of(["static"])
    dynamic = ledger.total_joules() - static - compensation_joules(ledger)
    return dynamic / outcome.inputs + static / (outcome.makespan_ps / PS_PER_S) / throughput_per_s


def _busiest(outcome: Outcome) -> dict[str, object] | None:
    """The part that is busy for the greatest share of the makespan: near 1, it sets the pace."""
    busy = outcome.timeline.busy_ps
    if not busy:
        return None
    name = max(busy, key=lambda part: (busy[part], part))
    return {"component": name, "utilisation": busy[name] / outcome.makespan_ps}


def percentile_s(times_ps: np.ndarray, percent: float) -> float:
    """The least of some times in ps, in seconds, that so many percent of them do not exceed."""
    return int(np.percentile(times_ps, percent, method="higher")) / PS_PER_S
