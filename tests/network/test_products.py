"""Stacks of constant matrices, vectors and mixed Gemms as products that go to tiles: values as NumPy has them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from network_models import model_bytes, node, normal, read_and_check

from chipsim.network.layers import DigitalLayer, MatrixLayer
from chipsim.network.onnx_reader import read_onnx
from chipsim.onnx_backend import Backend


@st.composite
def operands(draw: st.DrawFn) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Shapes that MatMul takes, with axes of size one that are broadcast, and operands of one axis."""
    sizes = st.integers(1, 3)
    batch = draw(st.lists(sizes, max_size=3))
    rows, inner, columns = draw(sizes), draw(sizes), draw(sizes)
    own = [tuple(1 if draw(st.booleans()) else size for size in batch) for _ in range(2)]
    first = (*own[0][draw(st.integers(0, len(batch))) :], rows, inner)
    second = (*own[1][draw(st.integers(0, len(batch))) :], inner, columns)
    if draw(st.booleans()) and draw(st.booleans()):
        first = (inner,)
    if draw(st.booleans()) and draw(st.booleans()):
        second = (inner,)
    return first, second


@given(operands(), st.sampled_from([7, 9, 13, 21]))
def test_every_constant_right_operand_goes_to_tiles(shapes: Any, opset: int) -> None:
    x, w = (normal(*shape, seed=i) for i, shape in enumerate(shapes))
    prepared = Backend.prepare(_model(x, w, opset))
    (found,) = prepared.run([x, w])
    expected = np.matmul(x, w)
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    assert prepared.programmed is not None
    assert prepared.programmed.share_on_tiles == 1


def _model(x: np.ndarray, w: np.ndarray, opset: int) -> Any:
    from onnx import TensorProto, helper

    inputs = [helper.make_tensor_value_info(n, TensorProto.FLOAT, v.shape) for n, v in (("x", x), ("w", w))]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)]
    graph = helper.make_graph([node("MatMul", "x w", "y")], "test", inputs, outputs)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


@pytest.mark.parametrize("opset", [7, 11, 17])
@pytest.mark.parametrize("beta", [1.0, 0.5])
def test_a_gemm_that_adds_data(opset: int, beta: float) -> None:
    nodes = [node("Relu", "x", "r"), node("Gemm", "x w r", "y", alpha=2.0, beta=beta, transB=1)]
    network = read_and_check(model_bytes(nodes, ("N", 4), {"w": normal(4, 4)}, opset=opset))
    assert network.macs_on_tiles == network.macs == 16


def test_a_stack_in_a_network_keeps_its_batch() -> None:
    nodes = [node("MatMul", "x w", "m"), node("Relu", "m", "y")]
    network = read_and_check(model_bytes(nodes, ("N", 3, 5, 4), {"w": normal(3, 4, 2)}))
    kinds = [type(layer) for layer in network.layers.values()]
    assert kinds.count(MatrixLayer) == 3
    assert network.macs_on_tiles == 3 * 5 * 4 * 2


def test_a_stack_of_whole_numbers_stays_where_it_was() -> None:
    nodes = [node("Cast", "x", "d", to=6), node("MatMul", "d w", "m"), node("Cast", "m", "y", to=1)]
    network = read_onnx(model_bytes(nodes, ("N", 3, 4), {"w": (9 * normal(3, 4, 2)).astype(np.int32)}), "net")
    (product,) = [layer for layer in network.layers.values() if getattr(layer, "operator", "") == "MatMul"]
    assert isinstance(product, DigitalLayer)


def test_weights_of_one_value_throughout_take_no_memory():
    """As in models that are published without theirs; the dense layer reads a map, whose order is another."""
    nodes = [
        node("ConstantOfShape", "k", "w0"), node("ConstantOfShape", "m", "w1"), node("Conv", "x w0", "a"),
        node("Flatten", "a", "f"), node("Gemm", "f w1", "y", transB=1),
    ]  # fmt: skip
    sizes = {"k": np.array([4, 2, 3, 3]), "m": np.array([5, 64])}
    net = read_onnx(model_bytes(nodes, ("N", 2, 6, 6), sizes), "constant")
    first, second = net.matrix_layers
    assert (first.matrices[0].weights.shape, second.matrices[0].weights.shape) == ((18, 4), (64, 5))
    assert not any(stride for layer in (first, second) for stride in layer.matrices[0].weights.strides)
