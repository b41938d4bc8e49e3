"""Edges of a network (T5, T6) against explicit windows, and through views."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_machines import add, conv, dense, global_pool, network, relu, source, view

from chipsim.network.edges import HOST, Edge, edges
from chipsim.network.layers import AnyLayer, DigitalLayer, InputLayer, MatrixLayer, Window
from chipsim.network.matrix import Matrix


def only_edge(layers: list[AnyLayer], consumer: str) -> Edge:
    (found,) = [edge for edge in edges(network(layers)) if edge.consumer == consumer]
    return found


def explicit_taps(size: tuple[int, int], out: tuple[int, int], window: Window, g: int) -> set[tuple[int, int]]:
    """Kernel (row, column) pairs at which any output position reads producer position g."""
    found = set()
    for oy, ox, ky, kx in product(range(out[0]), range(out[1]), range(window.kernel[0]), range(window.kernel[1])):
        y = oy * window.strides[0] - window.pads[0] + ky * window.dilations[0]
        x = ox * window.strides[1] - window.pads[1] + kx * window.dilations[1]
        if (y, x) == divmod(g, size[1]):
            found.add((ky, kx))
    return found


@settings(max_examples=80)
@given(
    size=st.tuples(st.integers(1, 6), st.integers(1, 6)), kernel=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    strides=st.tuples(st.integers(1, 3), st.integers(1, 3)), pads=st.tuples(*[st.integers(0, 2)] * 4),
    dilation=st.integers(1, 2), digital=st.booleans(),
)  # fmt: skip
def test_taps_equal_explicit_windows(
    size: tuple[int, int], kernel: tuple[int, int], strides: tuple[int, int], pads: tuple[int, int, int, int],
    dilation: int, digital: bool,
) -> None:  # fmt: skip
    window = Window(kernel, strides, pads, (dilation, dilation))
    out = tuple((size[a] + pads[a] + pads[a + 2] - (kernel[a] - 1) * dilation - 1) // strides[a] + 1 for a in (0, 1))
    if min(out) < 1:
        return
    consumer: AnyLayer = (
        DigitalLayer("c", ("x",), (2, *out), "MaxPool", pattern="window", window=window)
        if digital
        else MatrixLayer("c", ("x",), (2, *out), (2, *size), window, ())
    )
    edge = only_edge([source(2, *size), consumer], "c")
    for g in range(size[0] * size[1]):
        rows, columns = edge.taps(g)  # type: ignore[misc]
        assert set(product(rows, columns)) == explicit_taps(size, out, window, g)  # type: ignore[arg-type]


@pytest.mark.parametrize("digital", [False, True])
def test_taps_of_a_sequence_cover_every_step(digital: bool) -> None:
    """A (channels, length) sequence is one row; its consumer has as many positions as steps, not one."""
    x, window = InputLayer("x", (), (2, 7)), Window((1, 2), (1, 3))
    consumer: AnyLayer = (
        DigitalLayer("c", ("x",), (2, 2), "MaxPool", pattern="window", window=window)
        if digital
        else MatrixLayer(
            "c", ("x",), (2, 2), (2, 1, 7), window, (Matrix("w", np.zeros((4, 2), np.float32), np.zeros(2)),)
        )
    )
    edge = only_edge([x, consumer], "c")
    assert [edge.taps(g) for g in range(7)] == [((0,), taps) for taps in ((0,), (1,), (), (0,), (1,), (), ())]
    assert edge.need.tolist() == [2, 5]


def test_elementwise_edges_go_position_by_position_and_barriers_need_all() -> None:
    x = source(2, 2, 3)
    layers: list[AnyLayer] = [x, relu("r", x), global_pool("g", x)]
    found = {edge.consumer: edge for edge in edges(network(layers, ("r", "g")))}
    assert found["r"].need.tolist() == [1, 2, 3, 4, 5, 6]
    assert found["r"].oldest.tolist() == [0, 1, 2, 3, 4, 5]
    assert (found["g"].need.tolist(), found["g"].oldest.tolist()) == ([6], [0])
    assert found["r"].taps(0) is found["g"].taps(0) is None


def test_views_that_keep_positions_are_looked_through() -> None:
    x = source(2, 2, 3)
    same = view("v", x, 2, 3, 2)
    edge = only_edge([x, same, relu("r", same)], "r")
    assert (edge.producer, edge.mixed) == ("x", False)
    assert edge.need.tolist() == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("shape", [(12,), (1, 3, 4), (6, 2)])
def test_views_that_mix_positions_need_everything(shape: tuple[int, ...]) -> None:
    x = source(2, 2, 3)
    middle, last = view("v", x, 12), view("w", view("v", x, 12), *shape)
    edge = only_edge([x, middle, last, relu("r", last)], "r")
    assert (edge.producer, edge.mixed, edge.taps(0)) == ("x", True, None)
    assert set(edge.need.tolist()) == {6}
    assert set(edge.oldest.tolist()) == {0}


def test_a_view_there_and_back_still_needs_everything() -> None:
    """Positions are mixed on the way; what comes back is treated as mixed (an assumption on the safe side)."""
    x = source(2, 2, 3)
    flat = view("v", x, 12)
    edge = only_edge([x, flat, view("w", flat, 2, 2, 3), conv("c", view("w", flat, 2, 2, 3), 1)], "c")
    assert set(edge.need.tolist()) == {6}


def test_edges_come_in_order_and_outputs_to_the_host_last_and_once() -> None:
    x = source(2, 2, 2)
    a = conv("a", x, 2)
    s = add("s", a, x)
    net = network([x, a, s, view("v", s, 8), dense("d", "v", 8, 3)], ("d", "a", "d"))
    names = [(edge.producer, edge.consumer, edge.operand) for edge in edges(net)]
    assert names == [("x", "a", 0), ("a", "s", 0), ("x", "s", 1), ("s", "d", 0), ("d", HOST, 0), ("a", HOST, 1)]
