"""`Ledger`: exact counts of actions; joules are multiplied out at the end."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

LEVELS = ("cell_array", "tile_buffer", "link_hop", "global_memory", "host")


class Action(NamedTuple):
    """A kind of countable action and what one costs.

    Attributes
    ----------
    name : str
        For instance ``"mvm"`` or ``"read"``.
    unit : str
        What is counted: ``"MVM"``, ``"byte"``, ``"operation"``, ``"conversion"``, ``"S*s"``, ``"ps"``.
    joules_per_unit : float
    source : str
        Where the cost comes from.
    level : str
        For bytes: one of `LEVELS`; empty for everything else.
    """

    name: str
    unit: str
    joules_per_unit: float
    source: str
    level: str = ""


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """One line of the ledger: amount x unit cost = joules."""

    component: str
    kind: str
    action: str
    layer: str
    amount: float
    unit: str
    joules_per_unit: float
    joules: float
    level: str
    source: str


@dataclass(slots=True)
class Ledger:
    """Amounts by (component, kind of component, action, layer).

    Examples
    --------
    >>> ledger = Ledger()
    >>> ledger.add("tile(0,0)", "tile", Action("mvm", "MVM", 0.5, "[a paper]"), "conv1", 3)
    >>> ledger.total_joules()
    1.5
    """

    _amounts: dict[tuple[str, str, Action, str], float] = field(default_factory=dict)

    def add(self, component: str, kind: str, action: Action, layer: str, amount: float) -> None:
        """Count ``amount`` more of an action; integers stay integers."""
        if amount:
            key = component, kind, action, layer
            self._amounts[key] = self._amounts.get(key, 0) + amount

    def rows(self) -> list[LedgerRow]:
        """All lines, in the order in which they were first counted."""
        return [
            LedgerRow(
                component, kind, action.name, layer, amount, action.unit, action.joules_per_unit,
                amount * action.joules_per_unit, action.level, action.source,
            )
            for (component, kind, action, layer), amount in self._amounts.items()
        ]  # fmt: skip

    def total_joules(self) -> float:
        """Sum of all lines."""
        return sum(row.joules for row in self.rows())

    def joules_of(self, actions: Iterable[str]) -> float:
        """Sum over the lines of some actions."""
        wanted = set(actions)
        return sum(row.joules for row in self.rows() if row.action in wanted)

    def bytes_by_level(self) -> dict[str, int]:
        """Bytes moved per memory level, all inputs together."""
        totals = dict.fromkeys(LEVELS, 0)
        for (_, _, action, _), amount in self._amounts.items():
            if action.level:
                totals[action.level] += int(amount)
        return totals
