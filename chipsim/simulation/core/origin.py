"""`Origin`: the moment and the input that the state of a machine is told relative to (rule T50)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

State = tuple[object, ...]
"""Equal for two moments after which the same happens."""


@dataclass(frozen=True, slots=True)
class Origin:
    """A moment, and the first input that is not done.

    Attributes
    ----------
    now_ps : int
    input : int
    """

    now_ps: int
    input: int

    @property
    def each(self) -> tuple[Origin, ...]:
        """Of every network."""
        return (self,)

    def of(self, owner: object) -> int:  # noqa: ARG002
        """The first input that is not done, of the network that something belongs to."""
        return self.input

    def after(self, times: Iterable[int]) -> State:
        """From now on, in ps; what is past makes nothing wait any more and counts as now.

        Examples
        --------
        >>> Origin(100, 0).after([130, 100, 7])
        (30, 0, 0)
        """
        now = self.now_ps
        return tuple([time - now if time > now else 0 for time in times])

    def ring(self, times: Sequence[int], first: int) -> State:
        """As `after`, of a ring that is read from an index on.

        Examples
        --------
        >>> Origin(100, 0).ring([130, 150, 170], 4)
        (50, 70, 30)
        """
        first %= len(times)
        return self.after((*times[first:], *times[:first]))

    def still_to_come(self, times: Sequence[int]) -> State:
        """As `after`, of those at the end of a rising sequence that are not past.

        Examples
        --------
        >>> Origin(100, 0).still_to_come([90, 100, 110, 130])
        (30, 10)
        """
        found, last = [], len(times) - 1
        while last >= 0 and times[last] > self.now_ps:
            found.append(times[last] - self.now_ps)
            last -= 1
        return tuple(found)


@dataclass(frozen=True, slots=True)
class Origins(Origin):
    """A moment of several networks, each with a first input that is not done.

    Attributes
    ----------
    networks : tuple of Origin
        Of each.
    owners : mapping of int to int
        Which network something belongs to, by its ``id``.
    """

    networks: tuple[Origin, ...]
    owners: Mapping[int, int]

    @property
    def each(self) -> tuple[Origin, ...]:
        """Of every network."""
        return self.networks

    def of(self, owner: object) -> int:
        """The first input that is not done, of the network that something belongs to."""
        return self.networks[self.owners[id(owner)]].input
