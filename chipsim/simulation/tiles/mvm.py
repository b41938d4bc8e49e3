"""`Mvm`: one on its way through a tile that holds several blocks (rules T71, T72)."""

from __future__ import annotations

from itertools import pairwise
from typing import Protocol

from chipsim.simulation.core.clock import Call
from chipsim.simulation.core.durations import MvmPhases
from chipsim.simulation.core.origin import Origin, State

Planes = tuple[tuple[int, int], ...]
"""How long each plane of an MVM integrates and is converted, ps; all planes in one where they do not overlap."""


def fold(planes: Planes, load_ps: int, drain_ps: int) -> MvmPhases:
    """Phases of an MVM whose converters no other array uses (rule T42).

    Examples
    --------
    >>> found = fold(((5, 4), (2, 1), (3, 9)), 1, 1)
    >>> found.integrate_ps, found.handover_ps, found.idle_ps, found.convert_ps
    (5, 7, 0, 9)
    """
    steps = [max(later[0], earlier[1]) for earlier, later in pairwise(planes)]
    idle = steps[-1] - planes[-1][0] if steps else 0
    return MvmPhases(load_ps, planes[0][0], planes[-1][1], drain_ps, sum(steps), idle)


class Owner(Protocol):
    """What an array asks of the block whose MVM it is, and tells it.

    Attributes
    ----------
    load_ps, drain_ps : int
        How long an MVM is at each port.
    worked : int
        For how long array or converters worked on its MVMs, ps.
    """

    load_ps: int
    drain_ps: int
    worked: int

    def serve_load(self, call: Call) -> None:
        """An MVM has asked for the load port."""

    def serve_convert(self, call: Call) -> None:
        """An MVM, or a plane of it, has asked for the converters."""

    def serve_drain(self, call: Call) -> None:
        """An MVM has asked for the output port."""

    def loaded(self, mvm: Mvm, start: int) -> None:
        """An MVM is loaded from a time on."""

    def computed(self, mvm: Mvm) -> None:
        """It is known when an MVM is converted."""

    def drained(self, mvm: Mvm, start: int, end: int) -> None:
        """An MVM's sums leave the tile between two times."""


class Mvm:
    """An MVM on its way through a shared tile.

    Attributes
    ----------
    block : Owner
    input, position : int
        Of the layer, whose positions copies share.
    number : int
        Of the block's MVMs, over all inputs.
    key : int
        Tie order (rule T3), as the priority of events.
    planes : Planes
    folded : MvmPhases
        The same planes one after another, never kept waiting.
    plane : int
        That integrates or is converted.
    load_end, start, sampled, converted_from, end : int
        Of its phases, ps, as far as known.
    """

    __slots__ = (
        "block", "converted_from", "end", "folded", "input", "key", "load_end", "number", "plane", "planes", "position",
        "sampled", "start",
    )  # fmt: skip

    def __init__(
        self, block: Owner, input: int, position: int, number: int, key: int, planes: Planes, folded: MvmPhases
    ) -> None:
        self.block, self.input, self.position, self.number, self.key = block, input, position, number, key
        self.planes, self.folded, self.plane = planes, folded, 0
        self.load_end = self.start = self.sampled = self.converted_from = self.end = 0

    def state(self, origin: Origin) -> State:
        """Which it is, and how far (rule T50)."""
        times = self.load_end, self.start, self.sampled, self.converted_from, self.end
        return id(self.block), self.input - origin.input, self.position, self.plane, origin.after(times)
