"""`refuse_circles`: could packets in bounded buffers wait for each other for ever (rule T63)?"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import networkx as nx

from chipsim.architecture.chip import Chip, Edge
from chipsim.errors import SpecError

Channel = tuple[Edge, int]
"""A link, and a virtual channel on it."""


def refuse_circles(follows: Iterable[tuple[Channel, Channel]]) -> None:
    """Check the channel dependency graph.

    Parameters
    ----------
    follows : iterable of (Channel, Channel)
        The second follows the first on the way of some packet, or on a branch of it.

    Raises
    ------
    SpecError
        Naming the links of a circle.

    Examples
    --------
    >>> there, back = (("router(0)", "router(1)"), 0), (("router(1)", "router(0)"), 0)
    >>> refuse_circles([(there, back)])
    >>> refuse_circles([(there, back), (back, there)])
    Traceback (most recent call last):
    chipsim.errors.SpecError: router.buffer: packets in full buffers could wait for each other for ever, over \
router(0)->router(1) on channel 0, router(1)->router(0) on channel 0; set router.virtual_channels to auto, give the \
topology a method `channels` that tells such ways apart, or set router.buffer to unbounded

    Notes
    -----
    A packet keeps its place behind one link until it has got one behind the next, on every branch. Where these
    dependencies make no circle, the links can be numbered so that packets wait for higher numbers only, and what waits
    for the highest waits for components, which take everything (rule T19) [1]_.

    References
    ----------
    .. [1] Dally, Seitz, IEEE Transactions on Computers C-36, 547 (1987).
    """
    circle = find_circle(follows)
    if circle:
        raise SpecError(
            f"router.buffer: packets in full buffers could wait for each other for ever, over {circle_words(circle)}; "
            f"set router.virtual_channels to auto, give the topology a method `channels` that tells such ways apart, "
            f"or set router.buffer to unbounded"
        )


def find_circle(follows: Iterable[tuple[Channel, Channel]]) -> list[Channel]:
    """The channels of a circle, each of which is followed by the next; none where there is no circle."""
    graph: nx.DiGraph[Channel] = nx.DiGraph()
    graph.add_edges_from(sorted(set(follows)))
    try:
        return [channel for channel, *_ in nx.find_cycle(graph)]
    except nx.NetworkXNoCycle:
        return []


def circle_words(circle: Iterable[Channel]) -> str:
    """The links of a circle, in words."""
    return ", ".join(f"{a}->{b} on channel {channel}" for (a, b), channel in circle)


def all_routes(chip: Chip) -> set[tuple[Channel, Channel]]:
    """What follows what on the routes between all tiles and the host.

    Examples
    --------
    >>> from chipsim.architecture.chip import build_chip
    >>> from chipsim.architecture.loader import load_spec
    >>> find_circle(all_routes(build_chip(load_spec("hermes64", ["grid.topology=torus", "grid.shape=[3,5]"]))))
    []
    """
    found: set[tuple[Channel, Channel]] = set()
    ends = [*chip.tiles, "host"]
    for source in ends:
        for target in ends:
            way = zip(chip.path(source, target)[:-1], chip.channels(source, target)[:-1], strict=True)
            found.update(pairwise(way))
    return found
