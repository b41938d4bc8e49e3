"""`reduction_tree`: where packets of partial sums meet on their way to a neuron unit (rule T64)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from chipsim.architecture.chip import Chip, Edge, router_name
from chipsim.architecture.topology import Site


@dataclass(frozen=True, slots=True)
class Stretch:
    """The way of packets from a tile, or from the router where they were made, to where they end.

    Attributes
    ----------
    source, target : str
        A tile or a router; a router or the neuron unit.
    way : tuple of Edge
    block : int
        The first one, as counted in the list of tiles, whose sums are in the packets.
    """

    source: str
    target: str
    way: tuple[Edge, ...]
    block: int


@dataclass(frozen=True, slots=True)
class ReductionTree:
    """All ways from the tiles of a slice to its neuron unit.

    Attributes
    ----------
    stretches : tuple of Stretch
        Those of tiles in their order, then those of routers that add, in the order of names.
    operands : dict of str to int
        Packets of a position that end at each router that adds.
    beside : frozenset of int
        Tiles, by their place in the list, that sit where the unit does and hand over without a link.
    """

    stretches: tuple[Stretch, ...]
    operands: dict[str, int]
    beside: frozenset[int]

    @property
    def at_unit(self) -> int:
        """What the neuron unit is left to add for a position: the tiles' beside it, and one packet."""
        return len(self.beside) + bool(self.stretches)


def reduction_tree(chip: Chip, unit: str, tiles: Sequence[str]) -> ReductionTree:
    """Lay the ways from some tiles to a neuron unit.

    Parameters
    ----------
    chip : Chip
    unit : str
    tiles : sequence of str

    Examples
    --------
    >>> from chipsim.architecture.chip import build_chip
    >>> from chipsim.architecture.loader import load_spec
    >>> chip = build_chip(load_spec("hermes64", ["grid.shape=[1,4]"]))
    >>> tree = reduction_tree(chip, "neuron(0,0)", [f"tile(0,{column})" for column in range(4)])
    >>> tree.operands, [(stretch.source, stretch.target) for stretch in tree.stretches][2:]
    ({'router(0,1)': 2, 'router(0,2)': 2}, [('tile(0,3)', 'router(0,2)'), ('router(0,1)', 'neuron(0,0)'), \
('router(0,2)', 'router(0,1)')])
    """
    root = chip.site(unit)
    beside = frozenset(index for index, tile in enumerate(tiles) if chip.site(tile) == root)
    away = {index: chip.site(tile) for index, tile in enumerate(tiles) if index not in beside}
    after = _followers(chip, root, away.values())
    meet = Counter(away.values()) + Counter(after.values())
    adders = {site for site, count in meet.items() if count > 1}
    first: dict[Site, int] = {}
    for index in sorted(away, reverse=True):
        for site in _until(away[index], after, {root}):
            first[site] = index
    stretches = [_stretch(chip, unit, tiles[index], away[index], after, adders, index) for index in away]
    by_name = {router_name(chip.topology, site): site for site in adders}
    for name in sorted(by_name):
        stretches.append(_stretch(chip, unit, "", by_name[name], after, adders, first[by_name[name]]))
    return ReductionTree(tuple(stretches), {name: meet[by_name[name]] for name in sorted(by_name)}, beside)


def _followers(chip: Chip, root: Site, starts: Iterable[Site]) -> dict[Site, Site]:
    """For each router on the ways to the root, the next one: that of the first way that comes there."""
    after: dict[Site, Site] = {}
    for start in starts:
        for site, following in pairwise(chip.topology.route(start, root)):
            if site in after:
                break
            after[site] = following
    return after


def _until(site: Site, after: dict[Site, Site], ends: set[Site]) -> list[Site]:
    """Routers from one on, up to the first that is one of the ends."""
    way = [site]
    while way[-1] not in ends:
        way.append(after[way[-1]])
    return way


def _stretch(
    chip: Chip, unit: str, tile: str, site: Site, after: dict[Site, Site], adders: set[Site], block: int
) -> Stretch:
    """From a tile, or from the router of a site where it is empty, to the next router that adds or the unit."""
    root, sites = chip.site(unit), [site]
    if tile or site != root:
        sites = _until(site, after, adders | {root}) if tile else [site, *_until(after[site], after, adders | {root})]
    routers = [router_name(chip.topology, router) for router in sites]
    ends = [tile, *routers] if tile else routers
    if sites[-1] == root and (root not in adders or (not tile and site == root)):
        ends.append(unit)
    return Stretch(ends[0], ends[-1], tuple(pairwise(ends)), block)
