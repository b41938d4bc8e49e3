"""Small ONNX models for the tests, and an executor without hardware to compare with onnxruntime."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from chipsim.execution.calibration import finish_layer
from chipsim.execution.forward import MatrixFunctions, forward
from chipsim.network.graph import Network
from chipsim.network.im2col import im2col
from chipsim.network.layers import MatrixLayer
from chipsim.network.onnx_reader import read_onnx
from chipsim.network.reference import compared_layers, run_reference

Array = NDArray[Any]


def node(operator: str, inputs: str, output: str, **attributes: Any) -> onnx.NodeProto:
    """A node whose name is that of its output; operands are separated by spaces, ``-`` is an omitted one."""
    operands = ["" if name == "-" else name for name in inputs.split()]
    return helper.make_node(operator, operands, [output], output, **attributes)


def model_bytes(
    nodes: Sequence[onnx.NodeProto],
    shape: Sequence[int | str],
    weights: Mapping[str, Array] | None = None,
    outputs: Sequence[str] = ("y",),
    opset: int = 17,
    weights_as_inputs: bool = False,
) -> bytes:
    """A serialised model whose data input is ``x``; ``shape`` includes the batch."""
    tensors = [numpy_helper.from_array(np.asarray(value), name) for name, value in (weights or {}).items()]
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, list(shape))]
    if weights_as_inputs:
        inputs += [helper.make_tensor_value_info(t.name, t.data_type, list(t.dims)) for t in tensors]
    graph = helper.make_graph(
        list(nodes),
        "test",
        inputs,
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
        tensors,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    return model.SerializeToString()


def normal(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng((seed, *shape)).standard_normal(shape, np.float32)


def ideal(network: Network, x: Array) -> dict[str, Array]:
    """Values of every layer: matrix layers in float64, the others as the digital unit and gates compute them."""

    def multiply(layer: MatrixLayer, maps: Array) -> Array:
        return finish_layer(layer, _products(layer, maps).astype(np.float32))

    def step(layer: MatrixLayer, values: Array, _: int) -> Array:
        (matrix,) = layer.matrices
        return (values.astype(np.float64) @ matrix.weights + matrix.bias).astype(np.float32)

    functions = MatrixFunctions(multiply, lambda loop, sums, given: loop.run(sums, given, step, network.layers).outputs)
    values = forward(network, x, list(network.layers), functions)
    for name, found in values.items():
        assert found.shape == (len(x), *network.layers[name].output_shape), name
    return values


def _products(layer: MatrixLayer, maps: Array) -> Array:
    out = np.empty((len(maps) * layer.positions, layer.channels))
    for matrix in layer.matrices:
        rows = im2col(maps, layer.window, matrix.first_input_channel, matrix.rows // layer.window.taps)
        columns = slice(matrix.first_output_channel, matrix.first_output_channel + matrix.columns)
        out[:, columns] = rows.astype(np.float64) @ matrix.weights + matrix.bias
    return out


def assert_like_reference(network: Network, x: Array, *, before_softmax: bool = False) -> None:
    """All outputs equal onnxruntime's to 1e-5 of the largest value."""
    values = ideal(network, x)
    names = compared_layers(network, before_softmax=before_softmax)
    expected = run_reference(network, x, before_softmax=before_softmax)
    for name, reference in zip(names, expected, strict=True):
        assert values[name].shape == reference.shape
        assert np.abs(values[name] - reference).max() <= 1e-5 * max(np.abs(reference).max(), 1e-30)


def read_and_check(content: bytes, batch: int = 3) -> Network:
    """Read a model, compare it with onnxruntime on random inputs, and return the network."""
    network = read_onnx(content, "test")
    assert_like_reference(network, normal(batch, *network.input_shape, seed=9))
    _assert_same_function(content, network)
    return network


def _assert_same_function(content: bytes, network: Network) -> None:
    """``onnx_bytes`` computes what the user's file computes (on a batch that the file takes)."""
    import onnxruntime

    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    first = session.get_inputs()[0].shape[0]
    x = normal(first if isinstance(first, int) else 1, *network.input_shape, seed=7)
    for given, kept in zip(session.run(None, {"x": x}), run_reference(network, x), strict=True):
        np.testing.assert_allclose(
            kept.reshape(given.shape), given, rtol=1e-5, atol=1e-5 * max(np.abs(given).max(), 1e-30)
        )
