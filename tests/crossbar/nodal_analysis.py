"""An oracle: the whole network of an array as one dense Laplacian, written without the sweep of chipsim."""

from __future__ import annotations

import numpy as np

from chipsim.crossbar.wires import WireResistance


def branches(conductance: np.ndarray, wires: WireResistance) -> list[tuple[object, object, float]]:
    """All resistors of the array as (node, node, ohm)."""
    rows, columns = conductance.shape
    found: list[tuple[object, object, float]] = []
    for i in range(rows):
        word = [("word", i, j) for j in range(columns)]
        found += [(a, b, wires.word_line_ohm) for a, b in zip(word[:-1], word[1:], strict=True)]
        ends = word[:1] + (word[-1:] if wires.drive == "two-sided" else [])
        found += [(("driver", i), node, wires.word_line_ohm + wires.driver_ohm) for node in ends]
    for j in range(columns):
        bit = [("bit", i, j) for i in range(rows)]
        found += [(a, b, wires.bit_line_ohm) for a, b in zip(bit[:-1], bit[1:], strict=True)]
        ends = bit[-1:] + (bit[:1] if wires.sense == "two-sided" else [])
        found += [(node, ("sense", j), wires.bit_line_ohm + wires.sense_ohm) for node in ends]
    cells = np.argwhere(conductance > 0)
    return found + [(("word", i, j), ("bit", i, j), 1 / conductance[i, j]) for i, j in cells]


def dense_effective_matrix(conductance: np.ndarray, wires: WireResistance) -> np.ndarray:
    """Join nodes without resistance between them, fill the Laplacian, eliminate what is not a terminal."""
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
    laplacian = np.zeros((len(nodes), len(nodes)))
    for a, b, ohm in network:
        if ohm > 0:
            p, q = place[root(a)], place[root(b)]
            laplacian[p, p] += 1 / ohm
            laplacian[q, q] += 1 / ohm
            laplacian[p, q] -= 1 / ohm
            laplacian[q, p] -= 1 / ohm
    k = len(terminals)
    seen = laplacian[:k, :k]
    if len(nodes) > k:
        seen = seen - laplacian[:k, k:] @ np.linalg.solve(laplacian[k:, k:], laplacian[k:, :k])
    return -seen[:rows, rows:]
