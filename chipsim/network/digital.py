"""`evaluate`: exact values of the operators that a digital unit runs, and the activations of neuron units."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from chipsim.errors import ModelError
from chipsim.network.layers import Activation, DigitalLayer
from chipsim.network.turn_limit import WHY, is_too_long, limited, run_stoppable

Values = NDArray[np.float32]
IR_VERSION = 10
ANY_BATCH = frozenset({
    "Abs", "Add", "Cast", "Ceil", "Clip", "Concat", "DepthToSpace", "Div", "Equal", "Expand", "Flatten", "Floor",
    "Gather", "Greater", "GreaterOrEqual", "Identity", "LeakyRelu", "Less", "LessOrEqual", "Max", "MaxPool", "Min",
    "Mul", "Neg", "Not", "Pad", "Relu", "Reshape", "Round", "Sign", "Slice", "SpaceToDepth", "Split", "Squeeze",
    "Sub", "Transpose", "Unsqueeze", "Where"
})  # fmt: skip
"""Operators of one rounding per value, or of none: however many inputs share a call, the bytes are the same. Others in
onnxruntime round by a value's place among those of the call (Elu, Log, Sin, ...) or by the batch (ReduceMean, ...)."""


def evaluate(layer: DigitalLayer, inputs: Sequence[Values]) -> Values:
    """Run a digital layer in onnxruntime and apply its activations.

    Parameters
    ----------
    layer : DigitalLayer
    inputs : sequence of ndarray, shape (n, *shape of one example)
        One per name in ``layer.inputs``, of the types that the operator takes.

    Returns
    -------
    ndarray, shape (n, *layer.output_shape)
        float32, unless the operator gives another type.

    Raises
    ------
    ModelError
        If onnxruntime cannot run the operator, or its sizes depend on data.

    Examples
    --------
    >>> add = DigitalLayer("add", ("a", "b"), (2,), "Add", pattern="elementwise")
    >>> evaluate(add, [np.ones((1, 2), np.float32), np.ones((1, 2), np.float32)]).tolist()
    [[2.0, 2.0]]
    """
    if layer.operands is None and layer.operator in ANY_BATCH and not layer.domain:
        return apply_activations(_run(layer, [inputs])[0], layer.activations)
    shapes = layer.operands or [(1, *values.shape[1:]) for values in inputs]
    each = [
        [values[i].reshape(shape) for values, shape in zip(inputs, shapes, strict=True)] for i in range(len(inputs[0]))
    ]
    examples = _run(layer, each)
    for output in examples:
        if output.size != math.prod(layer.output_shape):
            raise ModelError(
                f"layer {layer.name!r} ({layer.operator}): gives values of shape {output.shape} for one input and "
                f"{layer.output_shape} for another; chipsim needs sizes that do not depend on data"
            )
    joined = np.stack([output.reshape(layer.output_shape) for output in examples])
    return apply_activations(joined, layer.activations)


def apply_activations(values: Values, activations: Sequence[Activation]) -> Values:
    """Apply activations one after another, in float32.

    Parameters
    ----------
    values : ndarray of float32, any shape
        Or of another floating-point type, which is rounded to after each of them.
    activations : sequence of Activation

    Returns
    -------
    ndarray, same shape and type

    Examples
    --------
    >>> apply_activations(np.float32([-1, 2]), [Activation("relu")]).tolist()
    [0.0, 2.0]
    """
    for activation in activations:
        values = _activate(values, activation).astype(values.dtype, copy=False)
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


def _run(layer: DigitalLayer, calls: Sequence[Sequence[NDArray[Any]]]) -> list[NDArray[Any]]:
    """The operator's output in each call; all have operands of the same types and numbers of axes."""
    try:
        session = _session(_one_node_model(layer, calls[0]))
        if layer.function is not None:
            return [run_stoppable(session, None, _feeds(inputs))[0] for inputs in calls]
        return [session.run(None, _feeds(inputs))[0] for inputs in calls]
    except Exception as error:  # onnxruntime's exceptions share no base class
        if is_too_long(error):
            raise ModelError(f"layer {layer.name!r} ({layer.operator}): {WHY}") from error
        reason = str(error).strip().splitlines()[0]
        raise ModelError(f"layer {layer.name!r} ({layer.operator}): onnxruntime cannot compute it: {reason}") from error


def _feeds(inputs: Sequence[NDArray[Any]]) -> dict[str, NDArray[Any]]:
    return {f"input{i}": np.ascontiguousarray(values).reshape(values.shape) for i, values in enumerate(inputs)}


def _one_node_model(layer: DigitalLayer, inputs: Sequence[NDArray[Any]]) -> bytes:
    """A model of this operator alone; dimensions are left open so that one session serves every batch."""
    names = [f"input{i}" for i in range(len(inputs))]
    constants = [_tensor(value, f"constant{i}") for i, value in layer.constants.items()]
    outputs = [f"output{i}" for i in range(layer.outputs)]
    node = helper.make_node(
        layer.operator, list(_operands(layer, names)), outputs, domain=layer.domain, **_plain(layer.attributes)
    )
    graph = helper.make_graph(
        [node],
        "digital",
        [
            helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(values.dtype), [None] * values.ndim)
            for name, values in zip(names, inputs, strict=True)
        ],
        [onnx.ValueInfoProto(name=outputs[layer.output])],
        constants,
    )
    opsets, functions = [helper.make_opsetid(layer.domain, layer.opset)], []
    if layer.function is not None:
        opsets, functions = [*opsets, *layer.function.opset_import], [limited(layer.function)]
    model = helper.make_model(graph, opset_imports=opsets, functions=functions, ir_version=IR_VERSION)
    return bytes(model.SerializeToString(deterministic=True))


def _tensor(value: NDArray[Any], name: str) -> TensorProto:
    return numpy_helper.from_array(np.ascontiguousarray(value).reshape(value.shape), name)


def _operands(layer: DigitalLayer, names: Sequence[str]) -> Iterator[str]:
    """Names at the operator's operand positions; an omitted optional operand is the empty string."""
    remaining = iter(names)
    count = len(names) + len(layer.constants) + len(layer.omitted)
    for position in range(max([count - 1, *layer.constants]) + 1):
        if position in layer.constants:
            yield f"constant{position}"
        else:
            yield "" if position in layer.omitted else next(remaining, "")


def _plain(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Attributes as `onnx.helper.make_node` takes them; an empty list says nothing."""
    found: dict[str, Any] = {}
    for key, value in attributes.items():
        if isinstance(value, np.ndarray):
            found[key] = numpy_helper.from_array(value)
        elif value != ():
            found[key] = list(value) if isinstance(value, tuple) else value
    return found


@lru_cache(maxsize=256)
def _session(model: bytes) -> onnxruntime.InferenceSession:
    return open_session(model)
