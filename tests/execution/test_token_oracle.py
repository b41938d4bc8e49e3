"""Matrices on tokens equal onnxruntime, and what stands between them goes token by token where it can."""

from __future__ import annotations

import numpy as np
import pytest
from sequence_models import assert_equals_onnxruntime, model, network_of, node

from chipsim.network.edges import edges
from chipsim.network.layers import DigitalLayer, MatrixLayer, ViewLayer

TOKENS, WIDTH, HEADS = 6, 8, 2


def weights(rng: np.random.Generator) -> dict[str, np.ndarray]:
    square = {name: 0.4 * rng.standard_normal((WIDTH, WIDTH), np.float32) for name in ("wq", "wk", "wv", "wo")}
    vectors = {
        name: rng.standard_normal(WIDTH, np.float32) for name in ("bq", "bk", "bo", "g1", "c1", "g2", "c2", "b2")
    }
    return {
        **square, **vectors,
        "w1": 0.4 * rng.standard_normal((WIDTH, 3 * WIDTH), np.float32), "b1": np.ones(3 * WIDTH, np.float32),
        "w2": 0.4 * rng.standard_normal((3 * WIDTH, WIDTH), np.float32),
        "place": rng.standard_normal((TOKENS, WIDTH), np.float32), "root": np.float32(np.sqrt(WIDTH / HEADS)),
        "split": np.array([0, TOKENS, HEADS, WIDTH // HEADS]), "join": np.array([0, TOKENS, WIDTH]),
        "wc": 0.4 * rng.standard_normal((WIDTH, 5), np.float32), "bc": np.ones(5, np.float32), "half": np.float32(0.5),
        "two": np.float32(np.sqrt(2)), "one": np.float32(1), "axes": np.array([1]),
    }  # fmt: skip


def encoder(head: str) -> bytes:
    """A transformer's encoder layer with learnt places, then a class from the mean or the first token."""
    nodes = [node("Add", "x place", "e")]
    for name, order in (("q", [0, 2, 1, 3]), ("k", [0, 2, 3, 1]), ("v", [0, 2, 1, 3])):
        nodes.append(node("MatMul", f"e w{name}", f"{name}0"))
        if name != "v":
            nodes.append(node("Add", f"{name}0 b{name}", f"{name}1"))
        nodes.append(node("Reshape", f"{name}{int(name != 'v')} split", f"{name}2"))
        nodes.append(node("Transpose", f"{name}2", name, perm=order))
    nodes += [
        node("MatMul", "q k", "s"),
        node("Div", "s root", "scaled"),
        node("Softmax", "scaled", "p", axis=-1),
        node("MatMul", "p v", "mixed"),
        node("Transpose", "mixed", "back", perm=[0, 2, 1, 3]),
        node("Reshape", "back join", "joined"),
        node("MatMul", "joined wo", "o0"),
        node("Add", "o0 bo", "o"),
        node("Add", "o e", "r1"),
        node("LayerNormalization", "r1 g1 c1", "n1", axis=-1),
        node("MatMul", "n1 w1", "f0"),
        node("Add", "b1 f0", "f1"),
        node("Div", "f1 two", "f2"),  # GELU as PyTorch writes it
        node("Erf", "f2", "f3"),
        node("Add", "f3 one", "f4"),
        node("Mul", "f1 f4", "f5"),
        node("Mul", "f5 half", "f6"),
        node("MatMul", "f6 w2", "g0"),
        node("Add", "g0 b2", "g"),
        node("Add", "g n1", "r2"),
        node("LayerNormalization", "r2 g2 c2", "n2", axis=-1),
    ]
    if head == "mean":
        nodes.append(node("ReduceMean", "n2", "m", axes=[1], keepdims=0))
    else:
        nodes.append(node("Gather", "n2 first", "m", axis=1))
    nodes.append(node("Gemm", "m wc bc", "y"))
    used = {name for each in nodes for name in each.input}
    found = weights(np.random.default_rng(3)) | {"first": np.array(0)}
    kept = {name: value for name, value in found.items() if name in used}
    return model(nodes, ("N", TOKENS, WIDTH), kept, ["y"])


@pytest.mark.parametrize("head", ["mean", "first"])
def test_an_encoder_of_a_transformer(head: str) -> None:
    network = assert_equals_onnxruntime(encoder(head))
    on_tiles = {layer.name: layer for layer in network.matrix_layers}
    assert set(on_tiles) == {"q0", "k0", "v0", "o0", "f0", "g0", "y"}
    assert all(layer.positions == TOKENS for name, layer in on_tiles.items() if name != "y")
    for name in ("bq", "bk", "bo", "b1", "b2"):  # biases are merged into the matrices before them
        assert not any(isinstance(layer, DigitalLayer) and name in layer.constants for layer in network.layers.values())
    attention = 2 * TOKENS * TOKENS * WIDTH
    assert network.macs - network.macs_on_tiles == attention
    by_token = {"e", "o", "r1", "n1", "f2", "f3", "f4", "f5", "f6", "r2", "n2", "p", "scaled"}
    for name in by_token & set(network.layers):
        layer = network.layers[name]
        assert isinstance(layer, DigitalLayer | MatrixLayer)
        assert getattr(layer, "pattern", "elementwise") == "elementwise", name
    steps = list(range(1, TOKENS + 1))
    need = {(edge.producer, edge.consumer): edge.need.tolist() for edge in edges(network)}
    for pair in (("x", "e"), ("e", "q0"), ("o0", "r1"), ("e", "r1"), ("r1", "n1"), ("n1", "f0"), ("f6", "g0")):
        assert need[pair] == steps, pair
    if head == "first":
        assert isinstance(network.layers["m"], ViewLayer)
        assert need["n2", "y"] == [1]


@pytest.mark.parametrize(
    ("nodes", "shape", "stored"),
    [
        ([node("MatMul", "x w", "y")], ("N", 5, 4), {"w": (4, 9)}),
        ([node("MatMul", "x w", "y")], ("N", 3, 5, 4), {"w": (4, 9)}),
        ([node("MatMul", "x w", "y")], ("N", 3, 5, 4), {"w": (1, 1, 4, 9)}),
        ([node("MatMul", "w x", "y")], ("N", 5, 4), {"w": (9, 5)}),
        ([node("MatMul", "w x", "y")], ("N", 5, 1), {"w": (9, 5)}),
        ([node("MatMul", "w x", "y")], ("N", 2, 5, 4), {"w": (9, 5)}),  # on the digital unit
        ([node("MatMul", "x w", "y")], ("N", 3, 5, 4), {"w": (3, 4, 9)}),  # a matrix per head
        ([node("MatMul", "x w", "m"), node("Add", "m b", "y")], ("N", 5, 4), {"w": (4, 9), "b": (9,)}),
        ([node("MatMul", "x w", "m"), node("Add", "m b", "y")], ("N", 5, 4), {"w": (4, 9), "b": (5, 1)}),
        ([node("MatMul", "x w", "m"), node("Relu", "m", "y")], ("N", 5, 4), {"w": (4, 9)}),
        ([node("Squeeze", "x a", "q"), node("Gemm", "q w b", "y", transB=1)], (1, 5, 4), {"w": (9, 4), "b": (9,)}),
        ([node("Transpose", "x", "t", perm=[0, 2, 1]), node("MatMul", "t w", "y")], ("N", 5, 4), {"w": (5, 7)}),
        ([node("Conv", "x k", "c"), node("Reshape", "c flat", "f"), node("Transpose", "f", "t", perm=[0, 2, 1]),
          node("MatMul", "t w", "y")], ("N", 3, 4, 6), {"k": (5, 3, 2, 2), "w": (5, 7)}),
        ([node("MatMul", "x w", "m"), node("Flatten", "m", "f"), node("Gemm", "f v", "y")], ("N", 5, 4),
         {"w": (4, 3), "v": (15, 6)}),
        ([node("MatMul", "x w", "m"), node("Concat", "m x", "c", axis=-1), node("MatMul", "c v", "y")], ("N", 5, 4),
         {"w": (4, 3), "v": (7, 6)}),
        ([node("MatMul", "x w", "m"), node("MaxPool", "m", "y", kernel_shape=[2], strides=[2])], ("N", 4, 6),
         {"w": (6, 8)}),
        ([node("MatMul", "x w", "m"), node("Conv", "m k", "y")], ("N", 4, 6), {"w": (6, 8), "k": (3, 4, 2)}),
        ([node("MatMul", "x w", "m"), node("Transpose", "m", "t", perm=[0, 2, 1]), node("Conv", "t k", "y")],
         ("N", 4, 6), {"w": (6, 8), "k": (3, 8, 2)}),
        ([node("MatMul", "x w", "m"), node("Slice", "m s e a", "c"), node("MatMul", "c v", "y")], ("N", 6, 4),
         {"w": (4, 3), "v": (3, 2)}),
    ],
)  # fmt: skip
def test_products_with_a_constant(nodes: list, shape: tuple, stored: dict[str, tuple[int, ...]]) -> None:
    rng = np.random.default_rng(5)
    values: dict[str, np.ndarray] = {name: rng.standard_normal(size, np.float32) for name, size in stored.items()}
    used = {name for each in nodes for name in each.input}
    whole = {"flat": np.array([0, 5, -1]), "a": np.array([0 if shape[0] == 1 else 1]), "s": np.array([1]),
             "e": np.array([5])}  # fmt: skip
    content = model(nodes, shape, values | {name: value for name, value in whole.items() if name in used}, ["y"])
    assert_equals_onnxruntime(content, 3)


def test_what_is_not_on_tiles_says_why() -> None:
    left = np.ones(5, np.float32)
    network = network_of(model([node("MatMul", "w x", "y")], ("N", 2, 5, 4), {"w": left}, ["y"]))
    layer = network.layers["y"]
    assert isinstance(layer, DigitalLayer)
    assert "constant of shape (5,)" in layer.reason
    assert layer.macs == network.macs == 2 * 5 * 4


def test_two_shifts_of_tokens_stay_two() -> None:
    """As one batch normalisation they would have their channels on axis 1."""
    rng = np.random.default_rng(2)
    nodes = [node("Add", "x b", "p"), node("Mul", "p c", "q"), node("MatMul", "q w", "y")]
    stored = {"b": (5,), "c": (5,), "w": (5, 3)}
    values = {name: rng.standard_normal(shape, np.float32) for name, shape in stored.items()}
    network = assert_equals_onnxruntime(model(nodes, ("N", 4, 5), values, ["y"]))
    assert list(network.layers) == ["x", "p", "q", "y"]
