"""`cut`: which layers stay on a chip that is too small for all, and in which round the others are (rule T86)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

MOST_WORK = 4_000_000
"""Steps of the search for what stays; beyond, only some amounts of tiles are tried for it."""
_Chain = tuple["_Chain", bool] | None


def cut(weights: Sequence[int], room: int) -> tuple[tuple[int, ...], list[int]]:
    """Cut layers into the fewest rounds, and of these into those that write the fewest tiles.

    Parameters
    ----------
    weights : sequence of int
        Tiles of each layer, in order; none more than there is room for, and all together more than that.
    room : int
        Tiles of the chip.

    Returns
    -------
    stay : tuple of int
        Numbers of the layers that stay throughout: the first ones if no others are better.
    groups : list of int
        Round of each layer.

    Examples
    --------
    >>> cut([8, 2, 3, 3], 10)
    ((1,), [0, 0, 1, 1])
    """
    step = 1 + len(weights) * room * room // (2 * MOST_WORK)
    found = [*_first_ones(weights, room)]
    found += [stay for kept in range(1, room + 1, step) for stay in _any(weights, room, kept)]
    return min(
        ((stay, _rounds(weights, room, stay)) for stay in found),
        key=lambda each: (each[1][-1], -sum(weights[number] for number in each[0])),
    )


def _first_ones(weights: Sequence[int], room: int) -> Iterator[tuple[int, ...]]:
    """The first layers, as many as leave room for each of the others."""
    for stays in range(len(weights)):
        if sum(weights[:stays]) + max(weights[stays:]) <= room:
            yield tuple(range(stays))


def _any(weights: Sequence[int], room: int, most: int) -> Iterator[tuple[int, ...]]:
    """The best layers to stay on so many tiles at most; the others have the rest."""
    free = room - most
    states: dict[int, tuple[int, int, _Chain]] = {0: (0, 0, None)}  # of tiles kept: round, used, which
    for weight in weights:
        following: dict[int, tuple[int, int, _Chain]] = {}
        for kept, (group, used, chain) in states.items():
            if kept + weight <= most:
                _better(following, kept + weight, (group, used, (chain, True)))
            if weight <= free:
                fits = used + weight <= free
                _better(following, kept, (group + (not fits), used * fits + weight, (chain, False)))
        states = following
    if states:
        kept = min(states, key=lambda kept: (states[kept][0], -kept))
        yield _numbers(states[kept][2])


def _better(states: dict[int, tuple[int, int, _Chain]], kept: int, new: tuple[int, int, _Chain]) -> None:
    """Fewer rounds are never worse, and nor is more room in the last one."""
    if kept not in states or new[:2] < states[kept][:2]:
        states[kept] = new


def _numbers(chain: _Chain) -> tuple[int, ...]:
    stays: list[bool] = []
    while chain is not None:
        chain, stay = chain
        stays.append(stay)
    return tuple(number for number, stay in enumerate(reversed(stays)) if stay)


def _rounds(weights: Sequence[int], room: int, stay: Sequence[int]) -> list[int]:
    """The round of each layer: a new one begins with the first that has no room."""
    free = room - sum(weights[number] for number in stay)
    groups: list[int] = []
    group = used = 0
    for number, weight in enumerate(weights):
        if number not in stay:
            if used + weight > free:
                group, used = group + 1, 0
            used += weight
        groups.append(group)
    return groups
