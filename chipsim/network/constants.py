"""`fold`: values that do not depend on the network's input are computed once, while reading."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from chipsim.errors import ModelError
from chipsim.network.digital import IR_VERSION, open_session
from chipsim.network.stored_tensors import label_of

Constant = NDArray[Any]
Constants = dict[str, Constant]
MOST_BYTES = 2**31 - 1  # of one constant: what a message of protobuf holds
FOLDABLE = frozenset(
    {"Abs", "Add", "And", "ArgMax", "ArgMin", "Cast", "Ceil", "Clip", "Concat", "Constant", "ConstantOfShape", "Cos"}
    | {"CumSum", "DequantizeLinear", "Div", "Equal", "Erf", "Exp", "Expand", "EyeLike", "Flatten", "Floor", "Gather"}
    | {"GatherElements", "GatherND", "Gemm", "Greater", "GreaterOrEqual", "Identity", "Less", "LessOrEqual", "Log"}
    | {"MatMul", "Max", "Min", "Mod", "Mul", "Neg", "NonZero", "Not", "OneHot", "Or", "Pad", "Pow", "QuantizeLinear"}
    | {"Range", "Reciprocal", "ReduceMax", "ReduceMean", "ReduceMin", "ReduceProd", "ReduceSum", "Reshape", "Round"}
    | {"ScatterElements", "ScatterND", "Shape", "Sigmoid", "Sign", "Sin", "Size", "Slice", "Softmax", "Split", "Sqrt"}
    | {"Squeeze", "Sub", "Sum", "Tanh", "Tile", "Transpose", "Trilu", "Unsqueeze", "Where", "Xor"}
)


class ConstantOutputError(ModelError):
    """Outputs of a model do not depend on its input.

    Parameters
    ----------
    name : str
        Of the model.
    values : dict of str to ndarray
        Output -> what it always is, for inputs of these shapes.
    """

    def __init__(self, name: str, values: Constants) -> None:
        super().__init__(
            f"{name}: output {next(iter(values))!r} does not depend on the input; remove it from the model's outputs"
        )
        self.values = values


def fold(node: onnx.NodeProto, constants: Mapping[str, Constant], opset: int, model_name: str) -> Constants | None:
    """Values of a node that reads constants only, or None if it is not such a node.

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
    dict of str to ndarray, or None
        By the name of the output. A constant made by ConstantOfShape takes no memory of its own (all its strides are
        zero).

    Raises
    ------
    ModelError
        If the node cannot be evaluated.
    """
    if node.op_type not in FOLDABLE or node.domain not in ("", "ai.onnx"):
        return None
    if not all(value in constants for value in node.input if value):
        return None
    try:
        found = _evaluate(node, [constants[value] if value else None for value in node.input], opset)
    except MemoryError:
        raise
    except Exception as error:  # the reference implementation raises anything
        raise ModelError(
            f"{model_name}: node {label_of(node)!r} ({node.op_type}) makes a constant that cannot be computed: {error}"
        ) from error
    return dict(zip(node.output, found, strict=False))


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


def _evaluate(node: onnx.NodeProto, operands: list[Constant | None], opset: int) -> list[Constant]:
    attributes = attributes_of(node)
    if node.op_type == "Constant":
        return [_constant(attributes)]
    first = operands[0]
    if first is None:
        raise ValueError("its first operand is missing")
    if node.op_type == "ConstantOfShape":
        return [_constant_of_shape(first, attributes.get("value", np.zeros(1, np.float32)))]
    if node.op_type == "Identity":
        return [first]
    if node.op_type == "Unsqueeze":
        axes = attributes["axes"] if "axes" in attributes else tuple(int(a) for a in _given(operands, 1))
        return [np.expand_dims(first, axes)]
    _check_growth(node.op_type, operands)
    return _run_reference(node, operands, opset)


def _given(operands: list[Constant | None], position: int) -> Constant:
    found = operands[position] if position < len(operands) else None
    if found is None:
        raise ValueError(f"its operand {position} is missing")
    return found


def _check_growth(operator: str, operands: list[Constant | None]) -> None:
    """Refuse what would make a huge value of a small one."""
    first = _given(operands, 0)
    elements: Any = 0
    if operator == "Expand":
        elements = math.prod(int(size) for size in _given(operands, 1)) * first.size
    elif operator == "Tile":
        elements = math.prod(int(count) for count in _given(operands, 1)) * first.size
    elif operator == "Range":
        elements = (float(_given(operands, 1)) - float(first)) / float(_given(operands, 2))
    elif operator == "OneHot":
        elements = first.size * int(_given(operands, 1).reshape(-1)[0])
    elif operator == "Pad" and len(operands) > 1:
        pads = [int(pad) for pad in _given(operands, 1)]
        elements = math.prod(
            size + before + after
            for size, before, after in zip(first.shape, pads[: first.ndim], pads[first.ndim :], strict=False)
        )
    elif operator in ("Gemm", "MatMul"):
        elements = first.size * _given(operands, 1).size // max(1, first.shape[-1] if first.ndim else 1)
    if elements * first.itemsize > MOST_BYTES:
        raise ValueError("it would be larger than 2 GiB")


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
        raise ValueError(f"shape {sizes} is larger than 2 GiB")
    return np.broadcast_to(value.reshape(()), sizes)


def _run_reference(node: onnx.NodeProto, operands: list[Constant | None], opset: int) -> list[Constant]:
    feeds = {name: value for name, value in zip(node.input, operands, strict=True) if value is not None}
    inputs = []
    for name, value in feeds.items():
        kind = helper.np_dtype_to_tensor_dtype(value.dtype)
        inputs.append(helper.make_tensor_value_info(name, kind, list(value.shape)))
    names = [name for name in node.output if name]
    outputs = [helper.make_tensor_value_info(name, onnx.TensorProto.UNDEFINED, None) for name in names]
    graph = helper.make_graph([node], "constant", inputs, outputs)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
    try:
        found = ReferenceEvaluator(model).run(names, feeds)
    except RuntimeError:  # it does not know this version of the operator
        model.ir_version = IR_VERSION
        for value in outputs:
            value.ClearField("type")
        model.graph.ClearField("output")
        model.graph.output.extend(outputs)
        found = open_session(model.SerializeToString()).run(names, feeds)
    return [np.asarray(value) for value in found]
