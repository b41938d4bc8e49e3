"""What drift compensation takes before the first input: reference reads, what neuron units make of them, and refits."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass

from chipsim.mapping.plan import Plan
from chipsim.simulation.core.durations import mvm_phases
from chipsim.simulation.core.ledger import Ledger
from chipsim.units import duration_ps, to_ps

_SUMS = {"global": 0, "per-column": 2}
"""Sums that a neuron unit keeps of each output of a reference read: sum y^2 and sum y y(start) for a factor per column.
Those of the global factor are not charged: its cost has been that of its reads alone from the beginning."""

_PREFIXES = ("reference ", "refit ")
"""With which the names of its actions begin in the ledger, and no others."""


@dataclass(frozen=True, slots=True)
class ReferenceCost:
    """What reference reads take, all tiles side by side, the blocks of a tile one after another.

    Attributes
    ----------
    reads_ps : int
        The reads, one after another.
    sums_ps : int
        Of the neuron unit that has most to add up, after the reads.
    operations : dict of (neuron unit, layer) to int
        Values added up.
    """

    reads_ps: int
    sums_ps: int
    operations: dict[tuple[str, str], int]

    @property
    def time_ps(self) -> int:
        """From the first read to the last factor."""
        return self.reads_ps + self.sums_ps


def reference_cost(plan: Plan) -> ReferenceCost:
    """What the reference reads of an architecture's drift compensation take on the tiles that hold weights.

    Parameters
    ----------
    plan : Plan
    """
    spec = plan.chip.spec
    compensation, crossbar = spec.tile.compensation, spec.tile.crossbar
    reads = compensation.reads_per_tile
    operations: defaultdict[tuple[str, str], int] = defaultdict(int)
    for name, layer in plan.layers.items():
        for part in layer.slices:
            values = reads * sum(placed.block.columns for placed in part.blocks if not placed.reader)
            operations[part.neuron_unit, name] += _SUMS.get(compensation.kind, 0) * values
    busiest: defaultdict[str, int] = defaultdict(int)
    for (unit, _), amount in operations.items():
        busiest[unit] += amount
    most = max(busiest.values(), default=0)
    sums = duration_ps(most, spec.neuron_unit.rate) + to_ps(spec.neuron_unit.latency) if most else 0
    phases = mvm_phases(spec, crossbar.rows, crossbar.columns)
    together = max(Counter(placed.tile for placed in plan.stored_blocks).values(), default=1)
    time = together * reads * phases.latency_ps
    return ReferenceCost(time, sums, {key: amount for key, amount in operations.items() if amount})


def compensation_joules(ledger: Ledger) -> float:
    """What drift compensation took, once before the first input; the static power of a refit included.

    Examples
    --------
    >>> from chipsim.simulation.core.ledger import Action
    >>> ledger = Ledger()
    >>> for name in ("mvm", "reference mvm", "refit static"):
    ...     ledger.add("tile(0,0)", "tile", Action(name, "MVM", 0.5, "[a paper]"), "", 1)
    >>> compensation_joules(ledger)
    1.0
    """
    return sum(row.joules for row in ledger.rows() if row.action.startswith(_PREFIXES))
