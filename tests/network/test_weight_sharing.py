"""Layers that read the same stored weights name the first of them; equal values of other constants do not count."""

from __future__ import annotations

import numpy as np
import onnx
from network_models import model_bytes, node, normal, read_and_check
from onnx import TensorProto, helper, numpy_helper

from chipsim.network.graph import Network

W, B = normal(6, 6), normal(6, seed=1)


def shares(network: Network) -> list[str]:
    return [layer.shares for layer in network.matrix_layers]


def test_two_products_with_one_initializer() -> None:
    nodes = [node("Gemm", "x w b", "a"), node("Relu", "a", "r"), node("Gemm", "r w", "y")]
    network = read_and_check(model_bytes(nodes, ("N", 6), {"w": W, "b": B}))
    assert shares(network) == ["", "a"]
    first, second = network.matrix_layers
    assert second.matrices[0].weights is first.matrices[0].weights
    assert not np.array_equal(first.matrices[0].bias, second.matrices[0].bias)
    assert network.notes == ("layers a, y share their weights, which stand on tiles once",)


def test_equal_values_of_two_initializers_are_not_the_same_weights() -> None:
    nodes = [node("Gemm", "x w", "a"), node("Relu", "a", "r"), node("Gemm", "r v", "y")]
    network = read_and_check(model_bytes(nodes, ("N", 6), {"w": W, "v": W.copy()}))
    assert shares(network) == ["", ""]
    assert network.notes == ()


def test_another_reading_of_the_same_initializer_has_weights_of_its_own() -> None:
    nodes = [node("Gemm", "x w", "a"), node("Gemm", "a w", "b", transB=1), node("Gemm", "b w", "y", alpha=0.5)]
    network = read_and_check(model_bytes(nodes, ("N", 6), {"w": W}))
    assert shares(network) == ["", "", ""]


def test_the_same_initializer_behind_what_is_computed_while_reading() -> None:
    nodes = [
        node("Identity", "w", "v"), node("Transpose", "w", "t"), node("Transpose", "v", "u"),
        node("MatMul", "x t", "a"), node("Relu", "a", "r"), node("MatMul", "r u", "y"),
    ]  # fmt: skip
    assert shares(read_and_check(model_bytes(nodes, ("N", 6), {"w": W}))) == ["", "a"]


def test_scales_that_are_merged_decide() -> None:
    """Branches with the same normalisation keep one set of weights; one with another has its own."""
    weights = {"k": normal(4, 2, 3, 3), "m": np.zeros(4, np.float32), "v": np.ones(4, np.float32)}
    weights |= {"s": normal(4, seed=2), "t": normal(4, seed=3), "z": normal(4, seed=4)}
    nodes = []
    for name, scale in (("a", "s"), ("b", "s"), ("c", "t")):
        nodes.append(node("Conv", "x k", name, pads=[1, 1, 1, 1]))
        nodes.append(node("BatchNormalization", f"{name} {scale} z m v", f"{name}n"))
    nodes.append(node("Sum", "an bn cn", "y"))
    assert shares(read_and_check(model_bytes(nodes, ("N", 2, 5, 5), weights))) == ["", "a", ""]


def test_grouped_convolutions_on_maps_of_other_sizes() -> None:
    nodes = [node("Conv", "x k", "a", group=2, pads=[1, 1, 1, 1]), node("Conv", "a k", "y", group=2, strides=[2, 2])]
    assert shares(read_and_check(model_bytes(nodes, ("N", 4, 6, 6), {"k": normal(4, 2, 3, 3)}))) == ["", "a"]


def test_weights_in_the_body_of_a_loop() -> None:
    """Initializers and constants of a body are the same in every turn."""
    constant = helper.make_node("Constant", [], ["c"], value=numpy_helper.from_array(W))
    given = [("i", TensorProto.INT64, []), ("go", TensorProto.BOOL, []), ("h", TensorProto.FLOAT, None)]
    body = helper.make_graph(
        [
            node("Identity", "go", "on"), constant, node("Gemm", "h w", "p"), node("Tanh", "p", "q"),
            node("MatMul", "q c", "s"),
        ],
        "body",
        [helper.make_tensor_value_info(*each) for each in given],
        [onnx.ValueInfoProto(name=name) for name in ("on", "s")],
        [numpy_helper.from_array(W, "w")],
    )  # fmt: skip
    loop = helper.make_node("Loop", ["three", "", "x"], ["y"], "loop", body=body)
    network = read_and_check(model_bytes([loop], ("N", 6), {"three": np.array(3)}, opset=18))
    first, second, *others = [layer.name for layer in network.matrix_layers]
    assert shares(network) == ["", "", first, second, first, second]
    assert len(others) == 4


def test_recurrent_operators_that_share_weights_share_each_of_their_matrices() -> None:
    rng = np.random.default_rng(0)
    weights = {name: 0.3 * rng.standard_normal((2, 12, 4), np.float32) for name in "WR"}
    weights["one"] = np.array([1])
    nodes = [
        node("Transpose", "x", "t", perm=[1, 0, 2]),
        node("GRU", "t W R", "g", hidden_size=4, direction="bidirectional"),
        node("ReduceSum", "g one", "h", keepdims=0),
        node("GRU", "h W R", "y", hidden_size=4, direction="bidirectional"),
    ]
    network = read_and_check(model_bytes(nodes, ("N", 3, 4), weights))
    found = {layer.name: layer.shares for layer in network.matrix_layers}
    pairs = [(name, other) for name, other in found.items() if other]
    assert len(pairs) == len(found) / 2 == 6
    assert all(name == "y" + other.removeprefix("g") for name, other in pairs)
