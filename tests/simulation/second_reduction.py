"""The second engine's routers that add partial sums where they meet (T64, T65), packet by packet."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from typing import Any

from chipsim.units import exact, to_ps


class Reductions:
    """What all slices add in routers; ``busy`` by router."""

    def __init__(self, engine: Any) -> None:
        self.engine, self.chip, self.spec = engine, engine.plan.chip, engine.spec
        self.free: dict[str, int] = defaultdict(int)
        self.busy: dict[str, int] = defaultdict(int)
        self.got: dict[tuple[Any, int, int], int] = defaultdict(int)
        self.operands: dict[int, dict[int, int]] = {}
        self.after: dict[int, dict[tuple[int, int], int]] = {}
        self.first: dict[int, dict[int, int]] = {}

    def lay(self, neuron: Any) -> int:
        """Count packets that end at each router; return how many the unit is left with."""
        root, ending, first = self.chip.site(neuron.name), defaultdict(set), {}
        beside, after = 0, {}
        for tile in neuron.tiles:
            site, item = self.chip.site(tile.where), ("tile", tile.block)
            if site == root:
                beside += 1
                continue
            for before, following in pairwise(self.chip.topology.route(site, root)):
                if (root, before) in after:
                    break
                after[root, before] = following
            self.after[id(neuron)] = after
            while True:
                ending[site].add(item)
                first[site] = min(first.get(site, tile.block), tile.block)
                if site == root:
                    break
                site, item = after[root, site], ("link", site)
        self.operands[id(neuron)] = {site: len(found) for site, found in ending.items() if len(found) > 1}
        self.first[id(neuron)] = first
        return beside + bool(ending)

    def send(self, neuron: Any, m: int, start: str, block: int, arrive: Callable[[], None]) -> None:
        """From a tile, or from a router that has added, to the next router that adds, or to the unit."""
        engine, chip = self.engine, self.chip
        root, meets = chip.site(neuron.name), self.operands[id(neuron)]
        nodes, site = [start], chip.site(start)
        if start.startswith("tile"):
            nodes.append(self._router(site))
        elif site != root:
            site = self.after[id(neuron)][root, site]
            nodes.append(self._router(site))
        while site != root and site not in meets:
            site = self.after[id(neuron)][root, site]
            nodes.append(self._router(site))
        to_unit = site not in meets or nodes == [self._router(root)]
        if to_unit:
            nodes.append(neuron.name)
        widths, values = self.spec.widths, len(neuron.emitter.channels)
        size = math.ceil(values * widths.partial_sum_bits / 8) + widths.packet_header_bytes
        input, turn = divmod(m, len(neuron.emitter.own))
        position = neuron.emitter.own[turn]
        key = (input, engine.rank[neuron.layer.name], position, block, start)

        def ends() -> None:
            if to_unit:
                return arrive()
            return self._come(neuron, m, site, arrive)

        engine._send(key, size, start, [(nodes[-1], ends)], way=list(pairwise(nodes)))

    def _come(self, neuron: Any, m: int, site: int, arrive: Callable[[], None]) -> None:
        """A packet is whole at a router; the last one asks for the adder, the router's delay later."""
        engine, operands = self.engine, self.operands[id(neuron)][site]
        self.got[id(neuron), site, m] += 1
        if self.got[id(neuron), site, m] < operands:
            return
        router, block = self._router(site), self.first[id(neuron)][site]
        input, turn = divmod(m, len(neuron.emitter.own))
        key = (input, engine.rank[neuron.layer.name], neuron.emitter.own[turn], block, router)
        work = Fraction((operands - 1) * len(neuron.emitter.channels) * 10**12) / exact(self.spec.router.adder.rate)
        service = math.ceil(work)

        def serve() -> None:
            end = self.free[router] = max(engine.now, self.free[router]) + service
            self.busy[router] += service
            engine._ends(end, lambda: self.send(neuron, m, router, block, arrive))

        engine._at(engine.now + to_ps(self.spec.router.delay), 1, key, serve)

    def _router(self, site: int) -> str:
        return f"router({self.chip.topology.label(site)})"
