"""`map_balanced`: the strategy ``balanced``: copies of the slowest layers, for the most inputs per second."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import inf

from chipsim.architecture.chip import Chip
from chipsim.errors import CapacityError
from chipsim.mapping.placement import place
from chipsim.mapping.plan import Plan
from chipsim.mapping.replication import BALANCED, copies_in_turn, given_replicas
from chipsim.mapping.strategy import Options
from chipsim.network.graph import Network
from chipsim.planning.estimate import Estimate, estimate
from chipsim.simulation.tiles.pace import position_interval_ps


def map_balanced(network: Network, chip: Chip, options: Options, seed: int) -> Plan:  # noqa: ARG001
    """In order, with `balanced_replicas` on the tiles allowed."""
    tiles = options.section.tiles
    budget = len(chip.tiles) if tiles == "all" else tiles
    plan = place(network, chip, balanced_replicas(network, chip, options.replicas, budget))
    if plan.tiles_used > budget:
        raise CapacityError(
            f"mapping.tiles is {budget}, and {network.name} needs {plan.tiles_used} without copies; allow more"
        )
    return plan


def chosen_replicas(words: Sequence[str], network: Network, chip: Chip) -> dict[str, int]:
    """Copies of each layer as a user asks for them.

    Parameters
    ----------
    words : sequence of str
        ``"layer=number"``, or ``"balanced"`` for `balanced_replicas`; numbers that are given too stay as they are.
    network : Network
    chip : Chip

    Raises
    ------
    InputError
        If a word is neither, or names a layer twice.
    """
    given = given_replicas(words)
    return balanced_replicas(network, chip, given) if BALANCED in words else given


def balanced_replicas(
    network: Network, chip: Chip, fixed: Mapping[str, int] | None = None, budget: int | None = None
) -> dict[str, int]:
    """One copy more of whatever layer is the slowest, until that no longer raises the estimated throughput.

    Parameters
    ----------
    network : Network
    chip : Chip
    fixed : mapping of str to int, optional
        Layers whose copies are given.
    budget : int, optional
        Tiles that may be used; all of the chip's if not given.

    Returns
    -------
    dict of str to int

    Raises
    ------
    CapacityError
        If the chip has too few tiles even without more copies.

    Notes
    -----
    A layer's tiles are faster with copies; links, digital units, the host and loops are not, and the estimate knows
    them. Of all copies that the tiles allow, in turn, the fewest are taken with which the network is estimated as fast
    as with all of them, as with none, and as where anything but tiles begins to limit it.
    """
    most = len(chip.tiles) if budget is None else budget
    start, order = copies_in_turn(
        network, chip, lambda layer: position_interval_ps(chip.spec, layer), fixed or {}, most
    )
    turns = _Turns(network, chip, start, order)
    return turns.copies(turns.fewest()) if order else start


@dataclass(frozen=True, slots=True)
class _Turns:
    """Copies that layers get in turn, and what is estimated after each."""

    network: Network
    chip: Chip
    start: Mapping[str, int]
    order: Sequence[str]
    known: dict[int, Estimate | None] = field(default_factory=dict)

    def copies(self, turns: int) -> dict[str, int]:
        """Copies of each layer after so many turns."""
        more = Counter(self.order[:turns])
        return {name: number + more[name] for name, number in self.start.items()}

    def fewest(self) -> int:
        """The fewest turns that are estimated as fast as any that were looked at to compare with."""
        last = len(self.order)
        turns = range(last + 1)
        limited = bisect_left(turns, True, hi=last, key=self._layers_do_not_limit)
        best = min(self._interval(number) for number in (0, limited, last))
        return bisect_left(turns, True, hi=last, key=lambda number: self._interval(number) <= best)

    def _layers_do_not_limit(self, turns: int) -> bool:
        found = self._estimate(turns)
        return found is not None and found.interval_ps > max(found.layers_ps.values())

    def _interval(self, turns: int) -> float:
        found = self._estimate(turns)
        return inf if found is None else found.interval_ps

    def _estimate(self, turns: int) -> Estimate | None:
        """None where a bounded buffer is too small for so few or so many copies."""
        if turns not in self.known:
            try:
                self.known[turns] = estimate(place(self.network, self.chip, self.copies(turns)))
            except CapacityError:
                self.known[turns] = None
        return self.known[turns]
