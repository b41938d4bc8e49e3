"""`check_links`: may a list of links be the network of a chip?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

Link = tuple[int, int]


def check_links(sites: int, links: Sequence[Link], directed: bool) -> None:
    """Check the links of a custom topology.

    Parameters
    ----------
    sites : int
        Sites are numbered from 0.
    links : sequence of (int, int)
    directed : bool
        Whether packets go from the first to the second site only.

    Raises
    ------
    ValueError
        At a link to a site that does not exist, from a site to itself or given twice, and if some site cannot reach
        another; the message names the link or the sites.

    Examples
    --------
    >>> check_links(3, [(0, 1), (1, 2)], directed=False)
    >>> check_links(3, [(0, 1)], directed=False)
    Traceback (most recent call last):
    ValueError: links: no way from site 0 to site 2; join all 3 sites (grid.shape gives their number)
    """
    if not links and sites > 1:
        raise ValueError(
            f"links: missing; the topology custom needs links that join all {sites} sites, as [[0, 1], ...]"
        )
    seen: dict[Link, int] = {}
    for index, (a, b) in enumerate(links):
        where = f"links.{index}: [{a}, {b}]"
        outside = [site for site in (a, b) if not 0 <= site < sites]
        if outside:
            raise ValueError(f"{where}: there is no site {outside[0]}; grid.shape gives sites 0 to {sites - 1}")
        if a == b:
            raise ValueError(f"{where}: joins a site to itself; remove it")
        key = (a, b) if directed else (min(a, b), max(a, b))
        if key in seen:
            hint = "" if directed else " (a link counts in both directions unless grid.directed is true)"
            raise ValueError(f"{where}: is the same link as links.{seen[key]}{hint}; remove one")
        seen[key] = index
    _check_joined(sites, [*links] if directed else [*links, *((b, a) for a, b in links)])


def successors(sites: int, links: Iterable[Link]) -> list[list[int]]:
    """For each site, where its links lead, sorted.

    Examples
    --------
    >>> successors(3, [(0, 2), (0, 1), (2, 0)])
    [[1, 2], [], [0]]
    """
    after: list[list[int]] = [[] for _ in range(sites)]
    for a, b in sorted(links):
        after[a].append(b)
    return after


def feeders_from(source: int, after: Sequence[Sequence[int]]) -> list[int]:
    """For each site, the one before it on the way from the source: breadth first, lower numbers first.

    The source comes before itself; -1 stands for a site that cannot be reached.

    Examples
    --------
    >>> feeders_from(0, [[1, 2], [3], [3], []])
    [0, 0, 0, 1]
    """
    before = [-1] * len(after)
    before[source] = source
    reached = [source]
    for site in reached:
        for following in after[site]:
            if before[following] < 0:
                before[following] = site
                reached.append(following)
    return before


def _check_joined(sites: int, links: list[Link]) -> None:
    """Every site reaches every other one if all can be reached from the first and reach it."""
    ask = f"; join all {sites} sites (grid.shape gives their number)"
    there = feeders_from(0, successors(sites, links))
    if -1 in there:
        raise ValueError(f"links: no way from site 0 to site {there.index(-1)}{ask}")
    back = feeders_from(0, successors(sites, ((b, a) for a, b in links)))
    if -1 in back:
        raise ValueError(f"links: no way from site {back.index(-1)} to site 0{ask}")
