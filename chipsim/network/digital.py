"""`evaluate`: exact values of the operators that a digital unit runs, and the activations of neuron units."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from chipsim.network.layers import Activation, DigitalLayer

Values = NDArray[np.float32]
IR_VERSION = 8


def evaluate(layer: DigitalLayer, inputs: Sequence[Values]) -> Values:
    """Run a digital layer in onnxruntime and apply its activations.

    Parameters
    ----------
    layer : DigitalLayer
    inputs : sequence of ndarray of float32, shape (n, *shape of one example)
        One per name in ``layer.inputs``.

    Returns
    -------
    ndarray of float32, shape (n, *layer.output_shape)

    Examples
    --------
    >>> add = DigitalLayer("add", ("a", "b"), (2,), "Add", pattern="elementwise")
    >>> evaluate(add, [np.ones((1, 2), np.float32), np.ones((1, 2), np.float32)]).tolist()
    [[2.0, 2.0]]
    """
    session = _session(_one_node_model(layer, [values.ndim for values in inputs]))
    feeds = {f"input{i}": np.ascontiguousarray(values, np.float32) for i, values in enumerate(inputs)}
    output: Values = session.run(None, feeds)[0]
    return apply_activations(output, layer.activations)


def apply_activations(values: Values, activations: Sequence[Activation]) -> Values:
    """Apply activations one after another, in float32.

    Parameters
    ----------
    values : ndarray of float32, any shape
    activations : sequence of Activation

    Returns
    -------
    ndarray of float32, same shape

    Examples
    --------
    >>> apply_activations(np.float32([-1, 2]), [Activation("relu")]).tolist()
    [0.0, 2.0]
    """
    for activation in activations:
        values = _activate(values, activation)
    return values


def open_session(model: bytes) -> onnxruntime.InferenceSession:
    """An onnxruntime session on one thread, so that sums are always in one order, that writes nothing anywhere."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"], enable_fallback=0)


def _activate(values: Values, activation: Activation) -> Values:
    match activation.kind:
        case "relu":
            return np.maximum(values, np.float32(0))
        case "leaky_relu":
            return np.where(values < 0, values * np.float32(activation.parameters[0]), values)
        case "sigmoid":
            tail = np.exp(-np.abs(values))  # never overflows
            return np.where(values >= 0, 1 / (1 + tail), tail / (1 + tail)).astype(np.float32, copy=False)
        case "tanh":
            return np.tanh(values)
        case "clip":
            low, high = activation.parameters
            return np.clip(values, np.float32(low), np.float32(high))


def _one_node_model(layer: DigitalLayer, ranks: Sequence[int]) -> bytes:
    """A model of this operator alone; dimensions are left open so that one session serves every batch."""
    names = [f"input{i}" for i in range(len(ranks))]
    constants = [numpy_helper.from_array(np.ascontiguousarray(v), f"constant{i}") for i, v in layer.constants.items()]
    operands = list(_operands(layer, names))
    node = helper.make_node(layer.operator, operands, ["output"], **_plain(layer.attributes))
    graph = helper.make_graph(
        [node],
        "digital",
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, [None] * rank)
            for name, rank in zip(names, ranks, strict=True)
        ],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, None)],
        constants,
    )
    opset = helper.make_opsetid("", layer.opset)
    model = helper.make_model(graph, opset_imports=[opset], ir_version=IR_VERSION)
    return bytes(model.SerializeToString(deterministic=True))


def _operands(layer: DigitalLayer, names: Sequence[str]) -> Iterator[str]:
    """Names at the operator's operand positions; an omitted optional operand is the empty string."""
    remaining = iter(names)
    for position in range(max([len(names) + len(layer.constants) - 1, *layer.constants]) + 1):
        yield f"constant{position}" if position in layer.constants else next(remaining, "")


def _plain(attributes: Any) -> dict[str, Any]:
    return {key: list(value) if isinstance(value, tuple) else value for key, value in attributes.items()}


@lru_cache(maxsize=256)
def _session(model: bytes) -> onnxruntime.InferenceSession:
    return open_session(model)
