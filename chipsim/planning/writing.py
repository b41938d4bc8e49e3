"""`Reloading`: what writing tiles takes, before a run of rounds and between them (rules T87, T88)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import ceil

from chipsim.architecture.spec import InMemorySpec
from chipsim.mapping.plan import PlacedBlock, Plan
from chipsim.planning.rounds import Round, Rounds
from chipsim.planning.rounds_chip import in_round
from chipsim.simulation.loading import Loading, Writes, simulate_loading


@dataclass(frozen=True, slots=True)
class MostWrites:
    """What writing a block takes at most, where values are not computed: every cell takes all its pulses (T87)."""

    cells: int
    groups: int
    most: int

    @classmethod
    def of(cls, spec: InMemorySpec, placed: PlacedBlock) -> MostWrites:
        """Of one block."""
        programming, encoding = spec.tile.programming, spec.tile.crossbar.encoding
        assert programming is not None  # checked where rounds are made
        lines = placed.block.columns * encoding.lines + encoding.unit_columns
        groups = lines * ceil(placed.block.rows / programming.write_heads)
        return cls(lines * placed.block.rows, groups, programming.max_iterations)

    @property
    def pulses(self) -> int:
        """Over all cells."""
        return self.cells * self.most

    @property
    def verifies(self) -> int:
        """Cells read: once erased, and once after each pulse."""
        return self.cells + self.pulses

    @property
    def unconverged(self) -> int:
        """Not known."""
        return 0

    @property
    def rounds(self) -> int:
        """Iterations of all groups."""
        return self.groups * self.most


@dataclass(frozen=True, slots=True)
class Reloading:
    """What writing tiles between rounds took in a run, the first writing before it left aside.

    Attributes
    ----------
    before : Loading
        The first one: the resident layers and those of round 1, before the run.
    loads : tuple of Loading or None
        Of each round; None where nothing is to be written.
    times : tuple of int
        How often each was made in the run.
    """

    before: Loading
    loads: tuple[Loading | None, ...]
    times: tuple[int, ...]

    @property
    def time_ps(self) -> int:
        """Of all of them."""
        return sum(end_of(load) * times for load, times in zip(self.loads, self.times, strict=True))

    @property
    def joules(self) -> float:
        """Of all of them, static power left aside."""
        return sum((load.joules if load else 0.0) * times for load, times in zip(self.loads, self.times, strict=True))


def end_of(load: Loading | None) -> int:
    """When a writing is finished; at once where there is none."""
    return 0 if load is None else load.end_ps


def writes_of(plan: Plan, number: int, writes: Mapping[str, Writes] | None) -> dict[str, Writes]:
    """What writing each block of a round takes; the most that a cell can take if nothing is known."""
    if writes is None:
        return {placed.name: MostWrites.of(plan.chip.spec, placed) for placed in plan.blocks}
    named = {placed.name: replace(placed, tile=in_round(placed.tile, number)).name for placed in plan.blocks}
    return {name: writes[other] for name, other in named.items()}


def load_of(each: Round, number: int, writes: Mapping[str, Writes] | None) -> Loading | None:
    """Writing what a round needs and is not there."""
    return simulate_loading(each.loaded, writes_of(each.loaded, number, writes)) if each.loaded.layers else None


def load_before(rounds: Rounds, writes: Mapping[str, Writes] | None) -> Loading:
    """Round 1 with all that stays."""
    layers = dict(rounds.rounds[0].plan.layers)
    given: dict[str, Writes] = {}
    for number, each in enumerate(rounds.rounds):
        there = {name: layer for name, layer in each.plan.layers.items() if number == 0 or name in rounds.resident}
        layers |= there
        given |= writes_of(replace(each.plan, layers=there), number, writes)
    return simulate_loading(replace(rounds.rounds[0].plan, layers=layers), given)
