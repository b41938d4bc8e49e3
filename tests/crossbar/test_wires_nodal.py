"""Wire resistance against dense nodal analysis of the same network, written without the sweep of chipsim."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from crossbar_blocks import normal

from chipsim.crossbar.wires import Ends, PairLayout, WireResistance, effective_matrix, effective_pair
from chipsim.streams import stream

SIDES = ("one-sided", "two-sided")
ENDS = list(itertools.product(SIDES, SIDES))


def conductances(*shape: int, key: str = "cells") -> np.ndarray:
    return 1e-6 + 24e-6 * stream(1, key).random(shape)


def difference(found: np.ndarray, wanted: np.ndarray) -> float:
    """Largest difference, relative to the largest element."""
    return float(np.abs(found - wanted).max() / max(np.abs(wanted).max(), 1e-30))


def branches(conductance: np.ndarray, wires: WireResistance) -> list[tuple[object, object, float]]:
    """All resistors of the array as (node, node, ohm)."""
    rows, columns = conductance.shape
    found: list[tuple[object, object, float]] = []
    for i in range(rows):
        word = [("word", i, j) for j in range(columns)]
        found += [(a, b, wires.word_line_ohm) for a, b in itertools.pairwise(word)]
        ends = word[:1] + (word[-1:] if wires.drive == "two-sided" else [])
        found += [(("driver", i), node, wires.word_line_ohm + wires.driver_ohm) for node in ends]
    for j in range(columns):
        bit = [("bit", i, j) for i in range(rows)]
        found += [(a, b, wires.bit_line_ohm) for a, b in itertools.pairwise(bit)]
        ends = bit[-1:] + (bit[:1] if wires.sense == "two-sided" else [])
        found += [(node, ("sense", j), wires.bit_line_ohm + wires.sense_ohm) for node in ends]
    cells = np.argwhere(conductance > 0)
    return found + [(("word", i, j), ("bit", i, j), 1 / conductance[i, j]) for i, j in cells]


def dense_effective_matrix(conductance: np.ndarray, wires: WireResistance) -> np.ndarray:
    """Join nodes without resistance between them, then turn every star into its mesh until terminals are left.

    All numbers are positive and none is subtracted, so every element is right to nearly all digits of float64.
    """
    rows, columns = conductance.shape
    joined: dict[object, object] = {}

    def root(node: object) -> object:
        while node in joined:
            node = joined[node]
        return node

    terminals: list[object] = [("driver", i) for i in range(rows)] + [("sense", j) for j in range(columns)]
    network = branches(conductance, wires)
    for a, b, ohm in network:
        a, b = root(a), root(b)
        if ohm == 0 and a != b:
            if a in terminals:
                a, b = b, a
            assert a not in terminals
            joined[a] = b
    nodes = terminals + sorted({root(n) for a, b, _ in network for n in (a, b)} - set(terminals), key=repr)
    place = {node: k for k, node in enumerate(nodes)}
    mesh = np.zeros((len(nodes), len(nodes)))
    for a, b, ohm in network:
        p, q = place[root(a)], place[root(b)]
        if p != q:
            mesh[p, q] += 1 / ohm
            mesh[q, p] += 1 / ohm
    for last in range(len(nodes) - 1, rows + columns - 1, -1):
        star = mesh[last, :last]
        mesh[:last, :last] += np.outer(star, star / star.sum())
        np.fill_diagonal(mesh[:last, :last], 0)
    return mesh[:rows, rows : rows + columns]


@pytest.mark.parametrize("ends", ENDS)
@pytest.mark.parametrize(
    "ohms", [*itertools.product((0.0, 40.0), repeat=4), (1.0, 2.0, 3e5, 7e5), (3e5, 7e5, 1.0, 2.0)]
)
def test_agrees_with_dense_nodal_analysis(ohms: tuple[float, ...], ends: tuple[Ends, Ends]) -> None:
    wires = WireResistance(*ohms, *ends)
    for shape in [(1, 1), (1, 6), (6, 1), (5, 8), (8, 5), (2, 20), (20, 2)]:
        cells = conductances(*shape) * (stream(2, "holes").random(shape) > 0.2)
        wanted = dense_effective_matrix(cells, wires)
        assert difference(effective_matrix(cells, wires), wanted) < 1e-11


@pytest.mark.parametrize("ends", ENDS)
def test_large_blocks_agree_with_dense_nodal_analysis(ends: tuple[Ends, Ends]) -> None:
    """26 rows are more than the size at which blocks are halved before LAPACK inverts them."""
    cells = conductances(26, 27)
    wires = WireResistance(1.0, 2.0, 30.0, 40.0, *ends)
    assert difference(effective_matrix(cells, wires), dense_effective_matrix(cells, wires)) < 1e-11


@pytest.mark.parametrize("ends", ENDS)
@pytest.mark.parametrize(
    "ohms", [(1e-6, 1e-6, 5e3, 5e3), (1e-6, 1.0, 0.0, 999.0), (1.0, 1e-6, 0.0, 1e-3), (1e5, 1e-6, 1e5, 1)]
)
def test_segments_of_next_to_nothing_lose_no_digits(ohms: tuple[float, ...], ends: tuple[Ends, Ends]) -> None:
    wires = WireResistance(*ohms, *ends)
    for shape in [(7, 12), (12, 7)]:
        cells = conductances(*shape)
        assert difference(effective_matrix(cells, wires), dense_effective_matrix(cells, wires)) < 1e-11


@pytest.mark.parametrize("layout", ["interleaved", "side-by-side"])
def test_pairs_share_their_word_lines(layout: PairLayout) -> None:
    plus, minus = conductances(5, 4), conductances(5, 4, key="minus")
    wires = WireResistance(60.0, 80.0, 100.0, 20.0, pair_layout=layout)
    lines = {"interleaved": [0, 2, 4, 6], "side-by-side": [0, 1, 2, 3]}[layout]
    others = {"interleaved": [1, 3, 5, 7], "side-by-side": [4, 5, 6, 7]}[layout]
    array = np.empty((5, 8))
    array[:, lines], array[:, others] = plus, minus
    wanted = dense_effective_matrix(array, wires)
    found = effective_pair(plus, minus, wires)
    assert difference(found[0], wanted[:, lines]) < 1e-12
    assert difference(found[1], wanted[:, others]) < 1e-12


def test_all_inputs_share_one_matrix() -> None:
    """Superposition: what the dense network gives for a vector is the product with the matrix."""
    cells, wires = conductances(10, 6), WireResistance(90.0, 90.0, 500.0, 500.0)
    voltages = normal(3, 10).astype(np.float64)
    np.testing.assert_allclose(
        voltages @ effective_matrix(cells, wires), voltages @ dense_effective_matrix(cells, wires), rtol=1e-10
    )
