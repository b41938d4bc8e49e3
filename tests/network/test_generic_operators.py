"""Any operator runs on a digital unit with onnxruntime's values; what it costs is counted from shapes."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from network_models import ideal, model_bytes, node, normal, read_and_check
from onnx import helper

from chipsim.network.layers import DigitalLayer, MatrixLayer, ViewLayer

WIDE = ("N", 3, 4, 5)
ONE_NODE: list[tuple[onnx.NodeProto, dict[str, Any], str, int]] = [
    (node("Erf", "x", "y"), {}, "elementwise", 60),
    (node("Gelu", "x", "y"), {}, "elementwise", 60),
    (node("Pow", "x k", "y"), {"k": np.float32(2)}, "elementwise", 60),
    (node("Max", "x k", "y"), {"k": normal(5)}, "elementwise", 60),
    (node("PRelu", "x k", "y"), {"k": normal(3, 1, 1)}, "elementwise", 60),
    (node("Gather", "x i", "y", axis=1), {"i": np.array([2, 0])}, "barrier", 60),
    (node("Slice", "x a b c", "y"), {"a": np.array([1]), "b": np.array([3]), "c": np.array([3])}, "barrier", 60),
    (node("Pad", "x p", "y"), {"p": np.array([0, 0, 1, 1, 0, 0, 1, 1])}, "barrier", 126),
    (node("LayerNormalization", "x s", "y", axis=2), {"s": normal(4, 5)}, "barrier", 7 * 60),
    (node("LogSoftmax", "x", "y", axis=1), {}, "barrier", 4 * 60),
    (node("ReduceSum", "x a", "y", keepdims=0), {"a": np.array([1, 2, 3])}, "barrier", 60),
    (node("ReduceMax", "x a", "y"), {"a": np.array([0])}, "barrier", 60),
    (node("CumSum", "x a", "y"), {"a": np.array(2)}, "barrier", 60),
    (node("Resize", "x - s", "y"), {"s": np.float32([1, 1, 2, 2])}, "barrier", 240),
    (node("DepthToSpace", "x", "y", blocksize=1), {}, "barrier", 60),
    (node("Transpose", "x", "y", perm=[2, 0, 1, 3]), {}, "barrier", 60),
    (node("Softmax", "x", "y", axis=0), {}, "barrier", 180),
    (node("Concat", "x k", "y", axis=1), {"k": normal(1, 2, 4, 5)}, "barrier", 100),
    (node("GlobalLpPool", "x", "y"), {}, "barrier", 60),
]  # fmt: skip


@pytest.mark.parametrize(("last", "weights", "pattern", "operations"), ONE_NODE)
def test_an_operator_without_a_reader(
    last: onnx.NodeProto, weights: dict[str, Any], pattern: str, operations: int
) -> None:
    layer = read_and_check(model_bytes([last], WIDE, weights, opset=20)).layers["y"]
    assert isinstance(layer, DigitalLayer)
    assert (layer.pattern, layer.element_operations, layer.macs) == (pattern, operations, 0)
    assert layer.reason


def test_what_works_value_by_value_takes_a_batch_at_once() -> None:
    layer = read_and_check(model_bytes([node("Erf", "x", "y")], WIDE)).layers["y"]
    assert isinstance(layer, DigitalLayer)
    assert layer.operands is None
    other = read_and_check(model_bytes([node("Max", "x k", "y")], (1, 4), {"k": normal(3, 1)})).layers["y"]
    assert isinstance(other, DigitalLayer)
    assert (other.operands, other.output_shape) == (((1, 4),), (3, 4))


def test_a_product_of_two_activations_is_counted_in_macs() -> None:
    nodes = [
        node("Transpose", "x", "t", perm=[0, 2, 1]),
        node("MatMul", "x t", "s"),
        node("Softmax", "s", "p", axis=-1),
        node("MatMul", "p x", "y"),
    ]
    network = read_and_check(model_bytes(nodes, ("N", 6, 4)))
    scores, mixed = network.layers["s"], network.layers["y"]
    assert isinstance(scores, DigitalLayer)
    assert isinstance(mixed, DigitalLayer)
    assert (scores.macs, mixed.macs) == (6 * 4 * 6, 6 * 6 * 4)
    assert scores.element_operations == 2 * scores.macs
    assert (network.macs, network.macs_on_tiles) == (288, 0)


MACS = [
    (node("Einsum", "x k", "y", equation="bij,jk->bik"), {"k": normal(4, 7)}, 6 * 4 * 7),
    (node("MatMul", "w x", "y"), {"w": normal(5, 6)}, 5 * 6 * 4),
    (node("MatMul", "x w", "y"), {"w": normal(4, 5).astype(np.float32)}, 6 * 4 * 5),
]  # fmt: skip


@pytest.mark.parametrize(("last", "weights", "macs"), MACS)
def test_products_count_their_macs_wherever_they_run(last: onnx.NodeProto, weights: dict[str, Any], macs: int) -> None:
    assert read_and_check(model_bytes([last], (1, 6, 4), weights)).macs == macs


def test_each_output_of_a_node_is_a_layer() -> None:
    split = helper.make_node("Split", ["x", "sizes"], ["a", "b", "c"], "split", axis=1)
    nodes = [split, node("Relu", "c", "r"), node("Concat", "r a", "y", axis=1)]
    network = read_and_check(model_bytes(nodes, ("N", 6, 2), {"sizes": np.array([1, 2, 3])}))
    assert list(network.layers) == ["x", "split", "split/2", "r", "y"]
    last = network.layers["split/2"]
    assert isinstance(last, DigitalLayer)
    assert (last.output, last.outputs, last.output_shape) == (2, 3, (3, 2))


def test_values_and_indices_of_a_top_k() -> None:
    top = helper.make_node("TopK", ["x", "k"], ["v", "i"], "top", axis=1)
    nodes = [top, helper.make_node("Cast", ["i"], ["f"], "f", to=1), node("Mul", "v f", "y")]
    read_and_check(model_bytes(nodes, ("N", 9), {"k": np.array([3])}))


def test_values_may_lose_the_batch_and_regain_it() -> None:
    nodes = [
        node("Reshape", "x flat", "f"),
        node("Mul", "f k", "m"),
        node("Transpose", "m", "t", perm=[1, 0]),
        node("Reshape", "t back", "b"),
        node("Gemm", "b w", "y"),
    ]
    weights = {"flat": np.array([3, 4]), "k": normal(3, 4), "back": np.array([1, 12]), "w": normal(12, 5)}
    network = read_and_check(model_bytes(nodes, (1, 12), weights))
    assert isinstance(network.layers["f"], ViewLayer)
    assert isinstance(network.layers["y"], MatrixLayer)


def test_an_activation_after_an_operator_that_runs_as_it_stands_stays_apart() -> None:
    network = read_and_check(model_bytes([node("Erf", "x", "e"), node("Relu", "e", "y")], WIDE))
    assert list(network.layers) == ["x", "e", "y"]


def test_whole_numbers_between_layers() -> None:
    nodes = [
        node("ArgMax", "x", "a", axis=1, keepdims=0),
        node("Gather", "table a", "e"),
        node("Flatten", "e", "f"),
        node("Gemm", "f w", "y"),
    ]
    weights = {"table": normal(3, 6), "w": normal(6 * 20, 4)}
    network = read_and_check(model_bytes(nodes, WIDE, weights))
    assert isinstance(network.layers["y"], MatrixLayer)


def test_an_input_of_whole_numbers() -> None:
    content = model_bytes([node("Gather", "table x", "e"), node("Flatten", "e", "f"), node("Gemm", "f w", "y")],
                          ("N", 5), {"table": normal(7, 3), "w": normal(15, 4)})  # fmt: skip
    model = onnx.load_model_from_string(content)
    model.graph.input[0].type.tensor_type.elem_type = onnx.TensorProto.INT64
    from chipsim.network.onnx_reader import read_onnx
    from chipsim.network.reference import run_reference

    network = read_onnx(model.SerializeToString(), "test")
    assert network.input_layer.dtype == "int64"
    x = np.float32([[0, 1, 2, 3, 4], [6, 5, 4, 3, 2]])
    found = ideal(network, x)["y"]
    (reference,) = run_reference(network, x)
    np.testing.assert_allclose(found, reference, rtol=1e-5, atol=1e-5)


def test_an_operator_of_onnxruntimes_own() -> None:
    gelu = helper.make_node("FastGelu", ["x"], ["y"], "y", domain="com.microsoft")
    model = onnx.load_model_from_string(model_bytes([gelu], ("N", 6)))
    model.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    layer = read_and_check(model.SerializeToString()).layers["y"]
    assert isinstance(layer, DigitalLayer)
    assert layer.domain == "com.microsoft"


FORMS = [
    ([node("Gemm", "x w", "y", transA=1)], (1, 1), {"w": normal(1, 5)}),
    ([node("MatMul", "x x", "y")], (1, 1), {}),
    ([node("MatMul", "x w", "y")], (1, 4, 12), {"w": normal(12, 5)}),
    ([node("Flatten", "x", "y", axis=0)], (1, 4), {}),
    ([node("Unsqueeze", "x a", "y")], (1, 4), {"a": np.array([0])}),
    ([node("Squeeze", "x", "y")], (1, 4, 1), {}),
    ([node("ReduceMean", "x", "y")], (1, 4), {}),
    ([node("Concat", "x x", "y", axis=0)], (1, 4), {}),
    ([node("Transpose", "x", "y", perm=[1, 0])], (1, 1), {}),
    ([node("MaxPool", "x", "y", kernel_shape=[2, 2, 2])], (1, 2, 4, 4, 4), {}),
]


@pytest.mark.parametrize(("nodes", "shape", "weights"), FORMS)
def test_a_form_that_a_reader_refuses_runs_as_it_stands(
    nodes: list[onnx.NodeProto], shape: tuple[int, ...], weights: dict[str, np.ndarray]
) -> None:
    read_and_check(model_bytes(nodes, shape, weights))
