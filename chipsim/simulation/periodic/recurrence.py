"""`Recurrence`: looks for a state that comes back (rules T50, T51)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from chipsim.simulation.core.origin import Origin, State
from chipsim.simulation.periodic.machine_state import MachineState


@dataclass(frozen=True, slots=True)
class Seen:
    """A whole state, how far everything had been counted then, and how far ahead of it things were known.

    Attributes
    ----------
    origins : tuple of Origin
        Of each network.
    admitted : tuple of int
        Inputs of each.
    state : MachineState
    counts : list of int
    ahead_ps : int
    """

    origins: tuple[Origin, ...]
    admitted: tuple[int, ...]
    state: MachineState
    counts: list[int]
    ahead_ps: int


class Recurrence:
    """Looks whether a state has come back, each time that an input of one network is done.

    Parameters
    ----------
    progress : callable
        The quick part of the state, now.
    see : callable
        All of it, now.

    Attributes
    ----------
    first, again : Seen or None
        Two equal states, once they are found; until then the first one may be one that others are compared with.
    """

    def __init__(self, progress: Callable[[], State], see: Callable[[], Seen]) -> None:
        self._progress, self._see = progress, see
        self._known: dict[int, int] = {}  # hash of the quick part of a state: inputs done
        self._began = self._step = self._patience = 0
        self.first: Seen | None = None
        self.again: Seen | None = None

    def look(self, inputs: int) -> bool:
        """Whether the state of now, with so many inputs done, is one that has come back, or one was before."""
        if self.again is not None:
            return True
        if self.first is None:
            self._search(inputs)
            return False
        return self._compare(self.first, inputs)

    def compare_with(self, seen: Seen, inputs: int) -> None:
        """Go on from a state of now: what was found is of no use."""
        self.first, self.again, self._began = seen, None, inputs

    def _search(self, inputs: int) -> None:
        """Look whether the quick part of the state was there before."""
        found = hash(self._progress())
        before = self._known.get(found)
        self._known[found] = inputs
        if before is not None:
            self._step = inputs - before
            self._patience = 4 * self._step
            self.compare_with(self._see(), inputs)

    def _compare(self, first: Seen, inputs: int) -> bool:
        """Look whether the whole state is again what it was; if not for long, compare with a later one."""
        passed = inputs - self._began
        if passed % self._step:
            return False
        if self._progress() == first.state.progress:
            seen = self._see()
            if seen.state == first.state:
                self.again = seen
                return True
        if passed >= self._patience:
            self._patience *= 2
            self.compare_with(self._see(), inputs)
        return False
