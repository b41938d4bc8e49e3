"""`copies_in_turn`: which layer a further copy would help, copy after copy until the chip is full."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from chipsim.architecture.chip import Chip
from chipsim.errors import InputError
from chipsim.mapping.placement import in_groups, place
from chipsim.mapping.plan import LayerPlan
from chipsim.network.graph import Network
from chipsim.network.loops import loops

BALANCED = "balanced"


def given_replicas(words: Sequence[str]) -> dict[str, int]:
    """Copies of layers as a user asks for them.

    Parameters
    ----------
    words : sequence of str
        ``"layer=number"``, or ``"balanced"``, which says nothing of any one layer.

    Raises
    ------
    InputError
        If a word is neither, or names a layer twice.

    Examples
    --------
    >>> given_replicas(["balanced", "wide=2"])
    {'wide': 2}
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
    return given


def copies_in_turn(
    network: Network, chip: Chip, interval_ps: Callable[[LayerPlan], int], fixed: Mapping[str, int], budget: int
) -> tuple[dict[str, int], list[str]]:
    """Give one copy more to whatever layer is the slowest, until it has no room for another.

    Parameters
    ----------
    network : Network
    chip : Chip
    interval_ps : callable
        Estimates the time between two positions of a layer without copies.
    fixed : mapping of str to int
        Layers whose copies are given.
    budget : int
        Tiles that may be used.

    Returns
    -------
    start : dict of str to int
        Copies of all layers before any is added.
    order : list of str
        Layers that get one copy more, one after the other.

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
    start = {name: layer.replicas for name, layer in plan.layers.items()}
    arrays = {name: len(layer.blocks) // layer.replicas for name, layer in plan.layers.items()}
    work = {name: layer.layer.positions * interval_ps(layer) for name, layer in plan.layers.items()}
    free = min(budget, len(chip.tiles)) * chip.spec.tile.crossbars - plan.arrays_used
    looped = {name for loop in loops(network).values() for name in loop.members}
    alone = looped | set(in_groups(network)) | set(fixed)
    copies, order = dict(start), list[str]()
    while copies:
        slowest = max(copies, key=lambda name: work[name] / copies[name])
        full = slowest in alone or copies[slowest] == plan.layers[slowest].layer.positions
        if full or arrays[slowest] > free:
            break
        order.append(slowest)
        copies[slowest] += 1
        free -= arrays[slowest]
    return start, order
