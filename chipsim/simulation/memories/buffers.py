"""The least capacity of every edge's buffer (rule T21), and the greatest number of positions that one held."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from chipsim.network.edges import HOST, Edge
from chipsim.simulation.core.gate import Arrivals


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


def kept_from(oldest: NDArray[np.int64], producer_positions: int, done: int) -> NDArray[np.int64]:
    """The first producer position that a buffer keeps once 0, 1, ... ``done`` consumer positions are done.

    Parameters
    ----------
    oldest : ndarray of int64
        Of the edge, for one input.
    producer_positions : int
        Per input.
    done : int
        Consumer positions, over all inputs.

    Examples
    --------
    >>> kept_from(np.array([0, 0, 2]), producer_positions=4, done=4).tolist()
    [0, 0, 2, 4, 4]
    """
    inputs = np.arange(done // len(oldest) + 1)[:, None]
    return (inputs * producer_positions + oldest).reshape(-1)[: done + 1]


def peak_occupancy(
    arrivals: Arrivals, releases: Sequence[int], kept: NDArray[np.int64], producer_positions: int
) -> int:  # fmt: skip
    """Greatest number of producer positions that a buffer held at once.

    Parameters
    ----------
    arrivals : Arrivals
        Of packets; a position counts from its first one on.
    releases : sequence of int
        When the consumer freed what none of its later positions needs, per consumer position, ps; never falling.
    kept : ndarray of int64, shape (len(releases) + 1,)
        See `kept_from`.
    producer_positions : int
        Per input.
    """
    positions, arrived = arrivals.first(producer_positions)
    freed = _count_below(kept, positions)
    both = np.concatenate([np.asarray(releases, np.int64), arrived])  # at equal times, what is freed goes first
    order = both.argsort(kind="stable")  # of two sorted runs: this kind is quick then
    before = np.arange(len(arrived))
    done = np.flatnonzero(order >= len(releases)) - before
    return int((before - freed[done]).max(initial=-1)) + 1


def _count_below(bounds: NDArray[np.int64], positions: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many of some positions, which rise, are below each bound."""
    if len(positions) and positions[-1] == len(positions) - 1:  # none is left out
        return np.minimum(bounds, len(positions))
    return positions.searchsorted(bounds)
