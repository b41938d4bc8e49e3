"""`Jump`: periods that are left out of a simulation, and `Simulated`, what was not (rule T51)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Simulated:
    """How much of a stream was simulated.

    Attributes
    ----------
    inputs : int
    period_inputs : int or None
        Inputs after which the state came back; None where that was not used.
    why_all : str or None
        Why all inputs were simulated; None where not all were.
    """

    inputs: int
    period_inputs: int | None
    why_all: str | None


@dataclass(frozen=True, slots=True)
class Jump:
    """Periods that are left out.

    Attributes
    ----------
    done, admitted : int
        Inputs at the jump.
    period, period_ps : int
        Inputs and picoseconds of one period.
    times : int
        Periods that are left out.
    """

    done: int
    admitted: int
    period: int
    period_ps: int
    times: int

    @property
    def inputs(self) -> int:
        """Left out."""
        return self.times * self.period

    @property
    def time_ps(self) -> int:
        """Left out."""
        return self.times * self.period_ps

    def complete(self, times_ps: list[int], first: int) -> list[int]:
        """Put in what was left out, before the input ``first``: the last period again and again.

        Examples
        --------
        >>> Jump(done=3, admitted=3, period=2, period_ps=10, times=2).complete([1, 5, 9, 17], 3)
        [1, 5, 9, 15, 19, 25, 29, 37]
        """
        found = times_ps[:first]
        for input in range(first, first + self.inputs):
            found.append(found[input - self.period] + self.period_ps)
        return found + [time + self.time_ps for time in times_ps[first:]]
