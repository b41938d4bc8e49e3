"""`map_annealed`: the strategy ``annealed``: blocks moved about until their traffic has short ways."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chipsim.architecture.chip import Chip
from chipsim.architecture.topology import Mesh
from chipsim.mapping.placement import Place, place
from chipsim.mapping.plan import Plan
from chipsim.mapping.strategy import Options
from chipsim.network.graph import Network
from chipsim.planning.annealing import Annealer, Floats, Ints
from chipsim.planning.traffic import Traffic, hop_bytes, traffic_of, tree_links
from chipsim.streams import stream

SPARE = 1.25
"""Tiles that are tried, as a multiple of those needed, nearest in the placement order first."""
FEWEST_ROUNDS, MOST_ROUNDS, ROUND_ITEMS = 2, 8, 256
"""Times that all is annealed, more for few items; multicasts weigh what their trees share from the second time on."""


def map_annealed(network: Network, chip: Chip, options: Options, seed: int) -> Plan:
    """Start in order and anneal the tiles' places; keep what passes the fewest bytes over links.

    Blocks that share a tile stay together. Digital units stay where they are, or are chosen anew for the new places,
    whichever is better.
    """
    start = place(network, chip, options.replicas)
    if len(start.blocks) < 2:
        return start
    flows = traffic_of(start)
    problem = _Problem.of(start, flows)
    best, fewest = start, hop_bytes(chip, flows)
    rng = stream(seed, "mapping", "annealed", network.name)
    sites, ratios = np.arange(len(problem.items)), np.ones(len(flows))
    for number in range(max(FEWEST_ROUNDS, min(MOST_ROUNDS, ROUND_ITEMS // len(problem.items)))):
        annealer = problem.annealer(sites, ratios)
        hottest = annealer.temperature() / (1 + 9 * (number % 2))  # hot, then from there on, and afresh
        annealer.anneal(rng, options.section.effort, hottest)
        sites = annealer.place_of
        for units in (start.digital_units, None):
            plan = _moved(start, options, problem, sites, units)
            amount = hop_bytes(chip, traffic_of(plan))
            if amount < fewest:
                best, fewest = plan, amount
        ratios = problem.shared_ways(sites)
    return best


def _moved(start: Plan, options: Options, problem: _Problem, sites: Ints, units: dict[str, str] | None) -> Plan:
    """The plan with every tile's blocks at the tile's new place."""
    to = {tile: problem.places[site] for tile, site in zip(problem.items, sites.tolist(), strict=True)}
    places = [Place(to[each.tile], each.crossbar, each.first_row, each.first_column) for each in start.stored_blocks]
    return place(start.network, start.chip, options.replicas, places=places, digital_units=units)


@dataclass(frozen=True, slots=True)
class _Problem:
    """What is to be placed where.

    Attributes
    ----------
    chip : Chip
    items : tuple of str
        Tiles in use, as the start has them.
    places : tuple of int
        Numbers of the tiles that may be used; the items' own come first.
    flows : sequence of Traffic
        Of the start.
    ends : tuple of (int, tuple of int)
        Of each flow, source and targets: the number of an item, or -1 - site of what stays where it is.
    distance : ndarray of float64, shape (places, places)
    """

    chip: Chip
    items: tuple[str, ...]
    places: tuple[int, ...]
    flows: Sequence[Traffic]
    ends: tuple[tuple[int, tuple[int, ...]], ...]
    distance: Floats

    @classmethod
    def of(cls, start: Plan, flows: Sequence[Traffic]) -> _Problem:
        """The problem of moving a plan's tiles."""
        chip = start.chip
        items = tuple(dict.fromkeys(placed.tile for placed in start.blocks))
        number = {tile: index for index, tile in enumerate(chip.tiles)}
        first = [number[tile] for tile in items]
        others = [index for index in range(len(chip.tiles)) if index not in set(first)]
        places = (*first, *others[: max(4, int(SPARE * len(items)) - len(items))])
        at = {chip.site(tile): index for index, tile in enumerate(items)}

        def end(component: str) -> int:
            site = chip.site(component)
            stays = chip.graph.nodes[component]["kind"] not in ("tile", "neuron_unit")
            return -1 - site if stays or site not in at else at[site]

        ends = tuple((end(flow.source), tuple(dict.fromkeys(map(end, flow.targets)))) for flow in flows)
        return cls(chip, items, places, flows, ends, _hops(chip, [chip.site(chip.tiles[index]) for index in places]))

    def annealer(self, sites: Ints, ratios: NDArray[np.float64]) -> Annealer:
        """Items at some places, with each flow's weight multiplied by a ratio."""
        pull = np.zeros((len(self.items), len(self.items)))
        fixed = np.zeros((len(self.items), len(self.places)))
        where = [self.chip.site(self.chip.tiles[index]) for index in self.places]
        ways: dict[tuple[int, bool], Floats] = {}
        for flow, (source, targets), ratio in zip(self.flows, self.ends, ratios.tolist(), strict=True):
            weight = flow.bytes_per_input * ratio
            for target in targets:
                if source >= 0 and target >= 0:
                    pull[source, target] += weight * (source != target)
                elif source >= 0 or target >= 0:
                    item, away, towards = (source, target, True) if source >= 0 else (target, source, False)
                    if (away, towards) not in ways:
                        ways[away, towards] = _ways(self.chip, where, -1 - away, towards)
                    fixed[item] += weight * ways[away, towards]
        return Annealer.start(self.distance, pull, fixed, sites)

    def shared_ways(self, sites: Ints) -> NDArray[np.float64]:
        """Of each flow, links of its tree / sum of the hops to its targets, with items at some places."""
        where = [self.chip.tiles[self.places[site]] for site in sites.tolist()]
        names = {-1 - self.chip.site(name): name for flow in self.flows for name in (flow.source, *flow.targets)}
        ratios = np.ones(len(self.flows))
        for index, (source, targets) in enumerate(self.ends):
            if len(targets) > 1:
                named = [where[end] if end >= 0 else names[end] for end in (source, *targets)]
                hops = sum(self.chip.hops(named[0], target) for target in named[1:])
                ratios[index] = len(tree_links(self.chip, named[0], named[1:])) / hops if hops else 1.0
        return ratios


def _hops(chip: Chip, sites: Sequence[int]) -> Floats:
    """Hops between all pairs of sites."""
    topology = chip.topology
    if isinstance(topology, Mesh):
        points = np.array([topology.coordinates(site) for site in sites], np.float64)
        return np.asarray(np.abs(points[:, None, :] - points[None, :, :]).sum(axis=2))
    return np.array([[len(topology.route(a, b)) - 1 for b in sites] for a in sites], np.float64)


def _ways(chip: Chip, sites: Sequence[int], fixed: int, towards: bool) -> Floats:
    """Hops from each of some sites to a fixed one, or the other way."""
    pairs = [(site, fixed) if towards else (fixed, site) for site in sites]
    return np.array([len(chip.topology.route(a, b)) - 1 for a, b in pairs], np.float64)
