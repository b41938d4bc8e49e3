"""The least capacity of every edge's buffer (rule T21), and the greatest number of positions that one held."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from chipsim.network.edges import HOST, Edge
from chipsim.simulation.core.gate import NEVER, Arrivals


def least_capacities(edges: Sequence[Edge], positions: dict[str, int]) -> list[int]:
    """Peak occupancy of each edge when every layer computes a position only when a consumer asks for it.

    Parameters
    ----------
    edges : sequence of Edge
        All edges of a network, `HOST` as the consumer of its outputs.
    positions : dict of str to int
        Output positions of every layer.

    Returns
    -------
    list of int, length len(edges)
        Positions of the edge's producer.

    Examples
    --------
    A fork whose longer branch needs three positions before it gives its first.

    >>> import numpy as np
    >>> steps = np.arange(8)
    >>> three = np.minimum(steps + 3, 8)
    >>> fork = [Edge("in", "slow", 0, three, steps), Edge("in", "join", 0, steps + 1, steps),
    ...         Edge("slow", "join", 1, steps + 1, steps), Edge("join", HOST, 0, steps + 1, steps)]
    >>> least_capacities(fork, {"in": 8, "slow": 8, "join": 8})
    [3, 3, 1, 1]
    """
    return _Demand(edges, positions).run()


class _Demand:
    """Executes a network on demand, without time."""

    def __init__(self, edges: Sequence[Edge], positions: dict[str, int]) -> None:
        self._need = [edge.need.tolist() for edge in edges]
        self._oldest = [[*edge.oldest.tolist(), positions[edge.producer]] for edge in edges]
        self._producer = [edge.producer for edge in edges]
        self._into: dict[str, list[int]] = {}
        self._out_of: dict[str, list[tuple[int, str]]] = {}
        self._sinks: list[tuple[int, int]] = []
        for index, edge in enumerate(edges):
            self._out_of.setdefault(edge.producer, []).append((index, edge.consumer))
            if edge.consumer == HOST:
                self._sinks.append((index, len(edge.need)))
            else:
                self._into.setdefault(edge.consumer, []).append(index)
        self._positions, self._made = positions, dict.fromkeys(positions, 0)
        self._held_from = [0] * len(edges)  # oldest position that the edge's consumer still needs
        self._peak = [0] * len(edges)

    def run(self) -> list[int]:
        longest = max((count for _, count in self._sinks), default=0)
        for step in range(longest):
            for index, count in self._sinks:
                if step < count:
                    self._ask(self._producer[index], self._need[index][step])
                    self._held_from[index] = self._oldest[index][step + 1]
        for layer in reversed(self._positions):  # positions that nobody reads are computed too
            self._ask(layer, self._positions[layer])
        return self._peak

    def _ask(self, producer: str, count: int) -> None:
        stack = [(producer, count)]
        while stack:
            layer, wanted = stack[-1]
            made = self._made[layer]
            if made >= wanted:
                stack.pop()
                continue
            missing = self._missing(layer, made)
            if missing is None:
                self._make(layer, made)
            else:
                stack.append(missing)

    def _missing(self, layer: str, position: int) -> tuple[str, int] | None:
        for edge in self._into.get(layer, ()):
            wanted = self._need[edge][position]
            if self._made[self._producer[edge]] < wanted:
                return self._producer[edge], wanted
        return None

    def _make(self, layer: str, position: int) -> None:
        self._made[layer] = position + 1
        for edge in self._into.get(layer, ()):
            self._held_from[edge] = self._oldest[edge][position + 1]
        for edge, _ in self._out_of.get(layer, ()):
            held = position + 1 - self._held_from[edge]
            if held > self._peak[edge]:
                self._peak[edge] = held


def peak_occupancy(arrivals: Arrivals, releases: Sequence[int], oldest: ArrayLike, producer_positions: int) -> int:
    """Greatest number of producer positions that a buffer held at once.

    Parameters
    ----------
    arrivals : Arrivals
        Of packets; a position counts from its first one on.
    releases : sequence of int
        When the consumer freed what none of its later positions needs, per consumer position, ps.
    oldest : array_like of int
        Of the edge, for one input.
    producer_positions : int
        Per input.
    """
    first_needed = np.asarray(oldest)
    positions, arrived = arrivals.first(producer_positions)
    if not len(positions) or not releases:
        return len(positions)
    before, last = np.divmod(positions, producer_positions)
    done = before * len(first_needed) + np.searchsorted(first_needed, last + 1, side="left")
    freed_at = np.array(releases, np.int64)
    freed = np.where(done <= len(freed_at), freed_at[np.minimum(done, len(freed_at)) - 1], NEVER)
    arrived.sort(kind="stable")  # nearly sorted: this kind is quick then
    freed.sort(kind="stable")
    held = np.arange(1, len(arrived) + 1) - np.searchsorted(freed, arrived, side="right")  # what is freed goes first
    return int(held.max())
