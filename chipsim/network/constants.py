"""`fold`: values that do not depend on the network's input are computed once, while reading."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from chipsim.errors import ModelError
from chipsim.network.model_file import label_of

Constant = NDArray[Any]
MOST_BYTES = 2**32  # of one constant
FOLDABLE = frozenset(
    {"Add", "Cast", "Ceil", "Concat", "Constant", "ConstantOfShape", "Div", "Equal", "Flatten", "Floor", "Gather"}
    | {"Identity", "Max", "Min", "Mul", "Neg", "Pow", "ReduceProd", "Reshape", "Shape", "Size", "Slice", "Sqrt"}
    | {"Squeeze", "Sub", "Transpose", "Unsqueeze", "Where"}
)


def fold(node: onnx.NodeProto, constants: Mapping[str, Constant], opset: int, model_name: str) -> Constant | None:
    """Value of a node that reads constants only, or None if it is not such a node.

    Parameters
    ----------
    node : onnx.NodeProto
    constants : mapping of str to ndarray
        Values known so far.
    opset : int
    model_name : str
        For the message of an error.

    Returns
    -------
    ndarray or None
        A constant made by ConstantOfShape takes no memory of its own (all its strides are zero).

    Raises
    ------
    ModelError
        If the node cannot be evaluated.
    """
    if node.op_type not in FOLDABLE or node.domain not in ("", "ai.onnx"):
        return None
    if not all(value in constants for value in node.input if value):
        return None
    operands = [constants[value] for value in node.input if value]
    try:
        return _evaluate(node, operands, opset)
    except MemoryError:
        raise
    except Exception as error:  # the reference implementation raises anything
        raise ModelError(
            f"{model_name}: node {label_of(node)!r} ({node.op_type}) makes a constant that cannot be computed: {error}"
        ) from error


def attributes_of(node: onnx.NodeProto) -> dict[str, Any]:
    """A node's attributes as plain Python values: text as str, lists as tuples, tensors as arrays."""
    return {attribute.name: _plain(helper.get_attribute_value(attribute)) for attribute in node.attribute}


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, onnx.TensorProto):
        return numpy_helper.to_array(value)
    if isinstance(value, list | tuple):
        return tuple(_plain(item) for item in value)
    return value


def _evaluate(node: onnx.NodeProto, operands: list[Constant], opset: int) -> Constant:
    attributes = attributes_of(node)
    if node.op_type == "Constant":
        return _constant(attributes)
    if node.op_type == "ConstantOfShape":
        return _constant_of_shape(operands[0], attributes.get("value", np.zeros(1, np.float32)))
    if node.op_type == "Identity":
        return operands[0]
    if node.op_type == "Unsqueeze":
        axes = attributes["axes"] if "axes" in attributes else tuple(int(a) for a in operands[1])
        return np.expand_dims(operands[0], axes)
    return _run_reference(node, operands, opset)


def _constant(attributes: Mapping[str, Any]) -> Constant:
    (name, value), *_ = attributes.items()
    types = {"value_float": np.float32, "value_floats": np.float32, "value_int": np.int64, "value_ints": np.int64}
    if name != "value" and name not in types:
        raise ValueError(f"its attribute {name!r} is not a number or tensor")
    return np.asarray(value, types.get(name))


def _constant_of_shape(shape: Constant, value: Constant) -> Constant:
    sizes = tuple(int(size) for size in shape.reshape(-1))
    elements = int(np.prod(sizes, dtype=object)) if sizes else 1
    if elements * value.itemsize > MOST_BYTES:
        raise ValueError(f"shape {sizes} is larger than {MOST_BYTES >> 30} GiB")
    return np.broadcast_to(value.reshape(()), sizes)


def _run_reference(node: onnx.NodeProto, operands: list[Constant], opset: int) -> Constant:
    feeds = dict(zip([value for value in node.input if value], operands, strict=True))
    inputs = []
    for name, value in feeds.items():
        kind = helper.np_dtype_to_tensor_dtype(value.dtype)
        inputs.append(helper.make_tensor_value_info(name, kind, list(value.shape)))
    output = helper.make_tensor_value_info(node.output[0], onnx.TensorProto.UNDEFINED, None)
    graph = helper.make_graph([node], "constant", inputs, [output])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
    (result,) = ReferenceEvaluator(model).run([node.output[0]], dict(feeds))
    return np.asarray(result)
