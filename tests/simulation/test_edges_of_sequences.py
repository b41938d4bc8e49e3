"""Edges between tokens, layers that lag behind, walk backwards or hand on some positions (T5)."""

from __future__ import annotations

import numpy as np
from small_machines import network

from chipsim.network.cell import CellRules, GateFunction
from chipsim.network.edges import HOST, Edge, edges
from chipsim.network.layers import AnyLayer, DigitalLayer, GateLayer, InputLayer, MatrixLayer, ViewLayer, Window
from chipsim.network.matrix import Matrix

STEPS, WIDTH, HIDDEN = 5, 3, 2


def tokens(name: str, source: str, rows: int, columns: int, **more: bool | int) -> MatrixLayer:
    weights = np.ones((rows, columns), np.float32)
    matrix = Matrix(name, weights, np.zeros(columns, np.float32))
    return MatrixLayer(
        name, (source,), (STEPS, columns), (rows, 1, STEPS), Window(), (matrix,), channels_last=True, **more
    )  # type: ignore[arg-type]


def rnn(reverse: bool) -> list[AnyLayer]:
    rules = CellRules("RNN", (GateFunction("tanh"),), HIDDEN, 1, np.zeros((1, HIDDEN), np.float32))
    gates = GateLayer("h", ("h/i", "h/r"), (STEPS, HIDDEN), rules, channels_last=True, reverse=reverse)
    return [
        InputLayer("x", (), (STEPS, WIDTH), channels_last=True),
        tokens("h/i", "x", WIDTH, HIDDEN, reverse=reverse),
        tokens("h/r", "h", HIDDEN, HIDDEN, reverse=reverse, delay=1),
        gates,
    ]


def found(layers: list[AnyLayer], outputs: tuple[str, ...]) -> dict[tuple[str, int], Edge]:
    return {(edge.consumer, edge.operand): edge for edge in edges(network(layers, outputs))}


def test_a_token_reads_its_own_token_and_the_recurrent_matrix_the_one_before() -> None:
    all_edges = found(rnn(reverse=False), ("h",))
    for key in (("h/i", 0), ("h", 0), ("h", 1), (HOST, 0)):
        assert all_edges[key].need.tolist() == [1, 2, 3, 4, 5], key
        assert all_edges[key].oldest.tolist() == [0, 1, 2, 3, 4], key
        assert not all_edges[key].mixed
    back = all_edges["h/r", 0]
    assert (back.producer, back.need.tolist(), back.oldest.tolist()) == ("h", [0, 1, 2, 3, 4], [0, 0, 1, 2, 3])
    assert [back.taps(g) for g in (0, 3, 4)] == [((0,), (0,)), ((0,), (0,)), ((0,), ())]  # nobody reads the last


def test_a_layer_that_walks_backwards_waits_for_everything_and_its_own_kind_for_nothing() -> None:
    all_edges = found(rnn(reverse=True), ("h",))
    assert all_edges["h/i", 0].need.tolist() == [5] * 5
    assert all_edges["h/i", 0].oldest.tolist() == [0] * 5
    assert all_edges["h", 0].need.tolist() == [1, 2, 3, 4, 5]
    assert all_edges["h/r", 0].need.tolist() == [0, 1, 2, 3, 4]


def test_picked_positions_are_waited_for_and_the_others_are_not_sent() -> None:
    last = ViewLayer("last", ("h",), (1, HIDDEN), channels_last=True, picks=(STEPS - 1,))
    reader = DigitalLayer("relu", ("last",), (1, HIDDEN), "Relu", pattern="elementwise", channels_last=True)
    for reverse, need, read in ((False, 5, [4]), (True, 1, [0])):  # the last in raster order is made first
        all_edges = found([*rnn(reverse), last, reader], ("relu", "last"))
        for key in (("relu", 0), (HOST, 1)):
            edge = all_edges[key]
            assert (edge.producer, edge.need.tolist(), edge.oldest.tolist()) == ("h", [need], read)
            assert [g for g in range(STEPS) if edge.taps(g) == ((0,), (0,))] == read
            assert np.flatnonzero(edge.read_by(range(1), STEPS)).tolist() == read


def test_channels_where_the_reader_has_positions_are_mixed() -> None:
    """A pooling over the (T, D) that tokens leave takes T for channels."""
    pool = DigitalLayer("p", ("t",), (STEPS, 1), "MaxPool", pattern="window", window=Window((1, 4)))
    layers = [InputLayer("x", (), (STEPS, WIDTH), channels_last=True), tokens("t", "x", WIDTH, 4), pool]
    edge = found(layers, ("p",))["p", 0]
    assert edge.mixed
    assert edge.need.tolist() == [STEPS]


def test_a_transposition_turns_maps_into_tokens_position_by_position() -> None:
    turned = DigitalLayer(
        "t", ("x",), (STEPS, WIDTH), "Transpose", {"perm": (0, 2, 1)}, pattern="elementwise", channels_last=True
    )
    layers = [InputLayer("x", (), (WIDTH, STEPS)), turned]
    edge = found(layers, ("t",))["t", 0]
    assert (edge.mixed, edge.need.tolist()) == (False, [1, 2, 3, 4, 5])


def test_what_is_picked_in_front_of_views_that_mix_says_nothing_about_positions_behind_them() -> None:
    """Queries, keys and values side by side in one product's channels, as in one export of a transformer."""
    layers: list[AnyLayer] = [
        InputLayer("x", (), (STEPS, WIDTH), channels_last=True),
        tokens("qkv", "x", WIDTH, 6),
        ViewLayer("split", ("qkv",), (STEPS, 3, 2), channels_last=True),
        ViewLayer("keys", ("split",), (STEPS, 2), channels_last=True, picks=tuple(range(1, 3 * STEPS, 3))),
        DigitalLayer("r", ("keys",), (STEPS, 2), "Relu", pattern="elementwise", channels_last=True),
    ]
    both = found(layers, ("r", "keys"))
    assert both["r", 0].mixed
    for edge in (both["r", 0], both[HOST, 1]):
        assert (edge.producer, edge.need.max(), edge.oldest.min()) == ("qkv", STEPS, 0)
