"""`steady_interval_ps`: how far apart the outputs of a run are, as its throughput has it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from math import lcm

import numpy as np


def steady_interval_ps(done_ps: Sequence[int], batch: int = 1, admitted_ps: Sequence[int] = ()) -> float | None:
    """Mean time between outputs over their last half, rounded up to whole batches; None below four inputs.

    Outputs of one batch may leave in a burst, so a batch counts from the end of the one before; the first one from time
    zero. Where the outputs repeat, it is the mean over a whole period.

    Parameters
    ----------
    done_ps : sequence of int, length inputs
        When each output is out.
    batch : int
        Inputs that are handed over together.
    admitted_ps : sequence of int, length inputs, optional
        When the host begins with each input. A period is looked for only where this is given.

    Examples
    --------
    >>> steady_interval_ps([10, 15, 20, 25])
    5.0
    >>> steady_interval_ps([10, 11, 30, 31], batch=2)
    10.0
    """
    if len(done_ps) < 4:
        return None
    ordered = sorted(done_ps)
    repeating = _repeating_interval_ps(ordered, batch, max(admitted_ps)) if len(admitted_ps) else None
    if repeating is not None:
        return repeating
    before = _not_counted(len(ordered), batch)
    return (ordered[-1] - _start_ps(ordered, batch)) / (len(ordered) - before)


def share_until(done_ps: Sequence[int], batch: int, end_ps: int) -> float | None:
    """Share of the time of the last half of the outputs that is before ``end_ps``; None below four inputs.

    Examples
    --------
    >>> share_until([10, 20, 30, 40], 1, 35)
    0.75
    """
    if len(done_ps) < 4:
        return None
    ordered = sorted(done_ps)
    start, end = _start_ps(ordered, batch), ordered[-1]
    if end_ps >= end:
        return 1.0
    return max(0, end_ps - start) / (end - start) if end > start else 0.0


def _not_counted(count: int, batch: int) -> int:
    """Outputs of whole batches before the last half."""
    return (count - count // 2) // batch * batch


def _start_ps(ordered: Sequence[int], batch: int) -> int:
    before = _not_counted(len(ordered), batch)
    return ordered[before - 1] if before else 0


def _repeating_interval_ps(ordered: Sequence[int], batch: int, last_admitted_ps: int) -> float | None:
    """Mean over one period of the outputs; None where they do not repeat.

    Notes
    -----
    Outputs after the first one that follows the last admission come faster, as nothing enters behind them, and do not
    count. What is left of the last half must hold two periods of whole batches, and as many outputs as there were
    inputs in flight at the last admission: with k in flight, intervals may differ in rounds of k.
    """
    count = len(ordered)
    first, last = count - count // 2 - 1, min(bisect_right(ordered, last_admitted_ps), count - 1)
    intervals = np.diff(np.array(ordered[first : last + 1], dtype=np.int64)).tolist()
    if len(intervals) < max(2, count - last):
        return None
    period = lcm(_period(intervals), batch)
    if 2 * period > len(intervals):
        return None
    return (ordered[last] - ordered[last - period]) / period


def _period(values: Sequence[int]) -> int:
    """The least number of values after which all come again; how many there are, where none do.

    Examples
    --------
    >>> _period([3, 1, 3, 1, 3]), _period([1, 1, 1, 2])
    (2, 4)
    """
    border = [0]  # of each beginning: the longest shorter beginning that is also its end (Knuth, Morris and Pratt)
    for value in values[1:]:
        length = border[-1]
        while length and values[length] != value:
            length = border[length - 1]
        border.append(length + 1 if values[length] == value else 0)
    return len(values) - border[-1]
