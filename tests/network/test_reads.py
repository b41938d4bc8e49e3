"""`Reads` says what a table of who reads whom says, in much less memory."""

from __future__ import annotations

import tracemalloc

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from network_models import model_bytes, node, normal

from chipsim.network.edges import edges
from chipsim.network.onnx_reader import read_onnx
from chipsim.network.reads import Reads, count_read, read_by


@st.composite
def axes(draw: st.DrawFn) -> Reads:
    size, outputs, reads = draw(st.integers(1, 6)), draw(st.integers(1, 5)), draw(st.integers(1, 7))
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    padded = np.concatenate([np.arange(size), np.full(reads, -1)])
    rows = np.array([rng.permutation(padded)[:reads] for _ in range(outputs)])
    return Reads(np.broadcast_to(rows[0], rows.shape) if draw(st.booleans()) else rows, size)


def table(axis: Reads) -> np.ndarray:
    return np.array([[index in row for index in range(axis.size)] for row in axis.touched.tolist()])


@given(st.lists(axes(), min_size=1, max_size=3), st.integers(0, 99))
def test_what_a_table_says(several: list[Reads], seed: int) -> None:
    whole = np.ones((1, 1), bool)
    for axis in several:
        whole = np.kron(whole, table(axis))
        own = table(axis)
        assert axis.any.tolist() == own.any(axis=0).tolist()
        assert axis.last.tolist() == [max(np.flatnonzero(row) + 1, default=0) for row in own]
        assert axis.first.tolist() == [min(np.flatnonzero(row), default=axis.size) for row in own]
    rng = np.random.default_rng(seed)
    asked, chosen = (rng.integers(0, 2, count).astype(bool) for count in whole.shape)
    assert read_by(several, asked).tolist() == whole[asked].any(axis=0).tolist()
    assert count_read(several, chosen).tolist() == whole[:, chosen].sum(axis=1).tolist()


def test_a_layer_of_many_positions_needs_no_table() -> None:
    """A table for 20,000 positions would take 400 MB."""
    nodes = [node("Conv", "x w", "a", pads=[1, 1]), node("GlobalAveragePool", "a", "y")]
    network = read_onnx(model_bytes(nodes, ("N", 1, 20_000), {"w": normal(2, 1, 3)}), "long")
    tracemalloc.start()
    try:
        found = edges(network)
        assert tracemalloc.get_traced_memory()[1] < 40e6
    finally:
        tracemalloc.stop()
    read = found[0].read_by(range(4, 20_000, 5_000), 20_000)
    assert np.flatnonzero(read).tolist() == [at + tap for at in range(4, 20_000, 5_000) for tap in (-1, 0, 1)]
