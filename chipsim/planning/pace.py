"""`steady_pace`: how far apart the outputs of a long stream are, from a short one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from chipsim.planning.estimate import Estimate
from chipsim.simulation.chip_outcome import ChipOutcome

Basis = Literal["period", "mean", "limit"]


@dataclass(frozen=True, slots=True)
class Pace:
    """What a long stream settles to.

    Attributes
    ----------
    interval_ps : float
        Between two outputs.
    basis : str
        ``"period"``: the state of the chip came back after so many inputs, so it is exact; ``"mean"``: over whole
        rounds of the inputs in flight; ``"limit"``: the mean was shorter than the busiest part can keep up, whose time
        it is.
    inputs, outputs : int
        Simulated, and intervals that the mean is over.
    """

    interval_ps: float
    basis: Basis
    inputs: int
    outputs: int


def steady_pace(outcome: ChipOutcome, estimated: Estimate) -> Pace:
    """The pace of a stream that has all its inputs from the beginning, batches of one.

    Parameters
    ----------
    outcome : ChipOutcome
    estimated : Estimate
        Of the same plan.

    Notes
    -----
    With k inputs in flight, input n + k enters when output n leaves, so intervals may come in rounds of k that differ
    among themselves: the mean is over whole rounds, of the last half. The k - 1 outputs after the last admission come
    faster, as nothing enters behind them, and do not count.
    """
    done, flight = sorted(outcome.done_ps), outcome.max_inputs_in_flight
    period, simulated = outcome.simulated.period_inputs, outcome.simulated.inputs
    first, last = _window(len(done), flight, period)
    interval = (done[last] - done[first]) / (last - first)
    if period is not None:
        return Pace(interval, "period", simulated, period)
    if interval < estimated.interval_ps:
        return Pace(estimated.interval_ps, "limit", simulated, last - first)
    return Pace(interval, "mean", simulated, last - first)


def _window(count: int, flight: int, period: int | None) -> tuple[int, int]:
    """Numbers of the outputs at the beginning and the end of what is measured."""
    last = count - flight
    if period is not None:
        return last - period, last
    if last < 2 * flight:  # not even two whole rounds
        return count // 2 - 1, count - 1
    return last - last // 2 // flight * flight, last
