"""`what_if_rounds`: throughput and latency of a network in rounds with one component faster, by simulation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from chipsim.architecture.chip import Chip
from chipsim.planning.reloading import simulate_rounds
from chipsim.planning.rounds import Round, Rounds
from chipsim.planning.rounds_chip import RoundsChip, rounds_chip
from chipsim.simulation.explaining.faster import faster_chips, in_words
from chipsim.simulation.explaining.what_if import Variant, variant_of, worth
from chipsim.simulation.loading import Writes

WRITING = "writing of tiles"
"""What is busiest where tiles are written for longer than any component works."""


def what_if_rounds(
    rounds: Rounds, inputs: int, batch: int, writes: Mapping[str, Writes] | None, faster: float,
    progress: Callable[[int, int], None],
) -> list[Variant]:  # fmt: skip
    """Simulate each variant; the chip as it is comes first, the others by their gain.

    Parameters
    ----------
    rounds : Rounds
    inputs, batch : int
    writes : mapping of str to Writes, optional
        As for `chipsim.planning.reloading.simulate_rounds`.
    faster : float
        How many times as fast each component is to be, greater than zero; pulses and verifies are one of them.
    progress : callable
        Told how many simulations are done, and of how many.
    """
    chip = rounds.rounds[0].plan.chip
    changed = list(faster_chips(chip.spec, faster, writing=True))
    progress(0, 1 + len(changed))
    today = _simulated("", "", (), rounds, inputs, batch, writes)
    found = []
    for done, (what, fields, other) in enumerate(changed, start=1):
        progress(done, 1 + len(changed))
        change = in_words(fields, faster)
        found.append(_simulated(what, change, fields, on_chip(rounds, other), inputs, batch, writes))
    return [today, *sorted(found, key=worth)]


def on_chip(rounds: Rounds, chip: Chip) -> Rounds:
    """The same rounds on a chip with as many tiles."""
    parts = tuple(
        Round(replace(each.plan, chip=chip), replace(each.loaded, chip=chip)) for each in rounds.rounds
    )  # fmt: skip
    copies: RoundsChip = rounds_chip(chip, len(parts))
    return replace(rounds, rounds=parts, plan=replace(rounds.plan, chip=copies))


def _simulated(
    what: str, change: str, fields: tuple[str, ...], rounds: Rounds, inputs: int, batch: int,
    writes: Mapping[str, Writes] | None,
) -> Variant:  # fmt: skip
    outcome, reloading = simulate_rounds(rounds, inputs, batch, writes=writes)
    variant = variant_of(what, change, fields, outcome, batch)
    if reloading.time_ps > outcome.timeline.busy_ps[variant.busiest]:
        return replace(variant, busiest=WRITING)
    return variant
