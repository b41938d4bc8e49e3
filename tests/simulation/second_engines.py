"""Several second engines on one chip: one calendar, the same links, adders and units, networks in order (T90, T91)."""

from __future__ import annotations

import heapq

from second_engine import SecondEngine


class SecondEngines:
    """Runs engines, one for each network, side by side."""

    def __init__(self, engines: list[SecondEngine]) -> None:
        self.engines, first = engines, engines[0]
        for number, engine in enumerate(engines):
            engine._heap, engine._number = first._heap, first._number
            engine.links, engine.units, engine.used = first.links, first.units, first.used
            engine.shared.memory, engine.reductions.free = first.shared.memory, first.reductions.free
            engine.rank = {name: (number, rank) for name, rank in engine.rank.items()}  # type: ignore[misc]

    def run(self) -> SecondEngines:
        if self.engines[0].chooses and self.engines[0].known_ports is None:
            self._scout()
        heap = self.engines[0]._heap
        for engine in self.engines:
            engine._admit()
            engine._start_all()
        while heap:
            now = heap[0][0]
            for engine in self.engines:
                engine.now = now
            while heap and heap[0][:2] == (now, 0):
                heapq.heappop(heap)[4]()
            for engine in self.engines:
                engine._start_all()
            while heap and heap[0][0] == now and heap[0][1] > 0:
                heapq.heappop(heap)[4]()
            if not heap or heap[0][0] > now:
                for reader in (reader for engine in self.engines for reader in engine.readers):
                    reader.measure()
        return self

    def _scout(self) -> None:
        """T9c: a first run shows which links have one port only, all networks together."""
        scouts = [SecondEngine(*engine.given) for engine in self.engines]
        for scout in scouts:
            scout.known_ports = {}
        SecondEngines(scouts).run()
        ports: dict[tuple[str, str], set[str]] = {}
        for scout in scouts:
            for edge, names in scout.ports.items():
                ports.setdefault(edge, set()).update(names)
        for engine in self.engines:
            engine.known_ports = ports
