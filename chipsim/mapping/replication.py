"""`balanced_replicas`: copies of the slowest layers until the chip is full."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from chipsim.architecture.chip import Chip
from chipsim.errors import InputError
from chipsim.mapping.placement import in_groups, place
from chipsim.mapping.plan import LayerPlan
from chipsim.network.graph import Network
from chipsim.network.loops import loops

BALANCED = "balanced"


def chosen_replicas(
    words: Sequence[str], network: Network, chip: Chip, interval_ps: Callable[[LayerPlan], int]
) -> dict[str, int]:
    """Copies of each layer as a user asks for them.

    Parameters
    ----------
    words : sequence of str
        ``"layer=number"``, or ``"balanced"`` for `balanced_replicas`; numbers that are given too stay as they are.
    network : Network
    chip : Chip
    interval_ps : callable
        Estimates the time between two positions of a layer without copies.

    Raises
    ------
    InputError
        If a word is neither, or names a layer twice.
    """
    given: dict[str, int] = {}
    for word in words:
        if word == BALANCED:
            continue
        name, equals, number = word.rpartition("=")
        if not equals or not (number.isascii() and number.isdigit()):
            raise InputError(f"replicas {word!r} must be LAYER=NUMBER or {BALANCED}")
        if name in given:
            raise InputError(f"replicas: layer {name} is given twice")
        given[name] = int(number)
    return balanced_replicas(network, chip, interval_ps, given) if BALANCED in words else given


def balanced_replicas(
    network: Network, chip: Chip, interval_ps: Callable[[LayerPlan], int], fixed: dict[str, int] | None = None,
    budget: int | None = None,
) -> dict[str, int]:  # fmt: skip
    """Give one copy more to whatever layer is the slowest, until it has no room for another.

    Parameters
    ----------
    network : Network
    chip : Chip
    interval_ps : callable
        Estimates the time between two positions of a layer without copies.
    fixed : dict of str to int, optional
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
    A layer of P positions with k copies takes P / k intervals per input; the slowest layer sets the pace of the
    pipeline, so copies of any other would not help. In a loop each position waits for the one before, so copies do not
    help there either. Layers that share their weights have no copies.
    """
    plan = place(network, chip, fixed)
    copies = {name: layer.replicas for name, layer in plan.layers.items()}
    arrays = {name: len(layer.blocks) // layer.replicas for name, layer in plan.layers.items()}
    work = {name: layer.layer.positions * interval_ps(layer) for name, layer in plan.layers.items()}
    most = len(chip.tiles) if budget is None else min(budget, len(chip.tiles))
    free = most * chip.spec.tile.crossbars - plan.arrays_used
    looped = {name for loop in loops(network).values() for name in loop.members}
    shared = set(in_groups(network))
    while copies:
        slowest = max(copies, key=lambda name: work[name] / copies[name])
        full = slowest in looped | shared or copies[slowest] == plan.layers[slowest].layer.positions
        if full or arrays[slowest] > free or slowest in (fixed or {}):
            break
        copies[slowest] += 1
        free -= arrays[slowest]
    return copies
