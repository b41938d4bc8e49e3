"""`arrival_numbers`: latencies, the host's queue, and whether a machine keeps up with its arrivals (rules T28, T29)."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from chipsim.simulation.outcome import Outcome, percentile_s
from chipsim.units import PS_PER_S

FEWEST_BATCHES = 32
"""Below so many, a trend of the latencies may be chance (assumption)."""


def arrival_numbers(outcome: Outcome, rate_per_s: Fraction) -> dict[str, object]:
    """What ``result.json`` says about arrivals at a rate.

    Parameters
    ----------
    outcome : Outcome
    rate_per_s : Fraction
        Inputs that are offered per second.

    Returns
    -------
    dict of str to float, int, bool or None
        SI units in the names; see ``docs/result.md``.
    """
    interval_ps = outcome.interval_ps
    mean, most = waiting(outcome.released_ps, outcome.admitted_ps, outcome.makespan_ps)
    latencies = [done - start for start, done in zip(outcome.released_ps, outcome.done_ps, strict=True)]
    waits = [start - arrival for arrival, start in zip(outcome.released_ps, outcome.admitted_ps, strict=True)]
    return {
        "offered_inputs_per_s": float(rate_per_s),
        "served_inputs_per_s": PS_PER_S / interval_ps if interval_ps else None,
        "saturated": is_saturated(outcome, rate_per_s),
        **_distribution("latency", latencies),
        **_distribution("queue", waits),
        "queue_mean_inputs": float(mean),
        "queue_max_inputs": most,
    }


def _distribution(name: str, times_ps: Sequence[int]) -> dict[str, float]:
    found = np.array(times_ps, dtype=np.int64)
    percentiles = {f"{name}_p{percent}_s": percentile_s(found, percent) for percent in (50, 95, 99)}
    mean = float(Fraction(sum(times_ps), len(times_ps) * PS_PER_S))
    return {f"{name}_mean_s": mean, **percentiles, f"{name}_max_s": max(times_ps) / PS_PER_S}


def waiting(released_ps: Sequence[int], admitted_ps: Sequence[int], until_ps: int) -> tuple[Fraction, int]:
    """Inputs in the host's queue: mean over the time from zero to ``until_ps``, and the most at once.

    Examples
    --------
    One waits from 10 to 30 and one from 20 to 40.

    >>> waiting([10, 20, 40], [30, 40, 40], 40)
    (Fraction(1, 1), 2)
    """
    changes = [(time, 1) for time, end in zip(released_ps, admitted_ps, strict=True) if time < end]
    changes += [(end, -1) for time, end in zip(released_ps, admitted_ps, strict=True) if time < end]
    area = there = most = before = 0
    for time, change in sorted(changes):  # who leaves in a picosecond does so before others come
        area += there * (time - before)
        there, before = there + change, time
        most = max(most, there)
    return Fraction(area, until_ps), most


def is_saturated(outcome: Outcome, rate_per_s: Fraction) -> bool:
    """Whether more is offered than is served (rule T29)."""
    busiest_ps = max(outcome.timeline.busy_ps.values(), default=0)
    return rate_per_s * busiest_ps > outcome.inputs * PS_PER_S or _keeps_growing(outcome)


def _keeps_growing(outcome: Outcome) -> bool:
    """Whether every batch of the last quarter took longer than every one of the second."""
    ends = [max(outcome.done_ps[first : first + outcome.batch]) for first in range(0, outcome.inputs, outcome.batch)]
    latencies = [end - start for end, start in zip(ends, outcome.released_ps[:: outcome.batch], strict=True)]
    if len(latencies) < FEWEST_BATCHES:
        return False
    quarter = len(latencies) // 4
    return min(latencies[-quarter:]) > max(latencies[quarter : 2 * quarter])
