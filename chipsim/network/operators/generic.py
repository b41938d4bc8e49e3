"""`read_generic`: any operator as it stands, on a digital unit."""

from __future__ import annotations

import math
from dataclasses import replace

from chipsim.network.layers import DigitalLayer, ViewLayer
from chipsim.network.operators.node import Node
from chipsim.network.operators.operations import operations_of

ELEMENTWISE = frozenset(
    {"Abs", "Acos", "Acosh", "Add", "And", "Asin", "Asinh", "Atan", "Atanh", "BitShift", "BitwiseAnd", "BitwiseNot"}
    | {"BitwiseOr", "BitwiseXor", "Cast", "CastLike", "Ceil", "Celu", "Clip", "Cos", "Cosh", "Div", "Elu", "Equal"}
    | {"Erf", "Exp", "Floor", "Gelu", "Greater", "GreaterOrEqual", "HardSigmoid", "HardSwish", "IsInf", "IsNaN"}
    | {"LeakyRelu", "Less", "LessOrEqual", "Log", "Max", "Mean", "Min", "Mish", "Mod", "Mul", "Neg", "Not", "Or"}
    | {"PRelu", "Pow", "Reciprocal", "Relu", "Round", "Selu", "Shrink", "Sigmoid", "Sign", "Sin", "Sinh", "Softplus"}
    | {"Softsign", "Sqrt", "Sub", "Sum", "Swish", "Tan", "Tanh", "ThresholdedRelu", "Where", "Xor"}
)
"""Output position p depends on position p of operands with as many positions."""
A_STEP = "a step of a Scan"
"""What says so of a node, in its ``doc_string``."""
VIEWS = frozenset({"Flatten", "Identity", "Reshape", "Squeeze", "Unsqueeze"})


def read_generic(node: Node, reason: str) -> DigitalLayer | ViewLayer:
    """An operator that chipsim has no reader for, or a form of one that its reader refuses.

    Parameters
    ----------
    node : Node
    reason : str
        Why it is read this way, for the result.

    Returns
    -------
    DigitalLayer or ViewLayer
        A view where values only get another shape. Elsewhere the operator runs as it stands, one example at a time
        unless it works value by value.
    """
    if len(node.inputs) == 1 and node.elements == math.prod(node.input_shapes[0]) and _keeps_order(node):
        return ViewLayer(node.name, node.inputs, node.output_shape)
    macs, operations = operations_of(node)
    elementwise = node.operator in ELEMENTWISE
    layer = node.digital("elementwise" if elementwise else "barrier", operations)
    return replace(
        layer,
        domain="" if node.proto.domain == "ai.onnx" else node.proto.domain,
        operands=None if elementwise and _takes_a_batch(node) else node.operand_shapes,
        output=node.output,
        outputs=len(node.proto.output),
        macs=macs,
        reason=reason,
        step=node.proto.doc_string == A_STEP,
    )


def _keeps_order(node: Node) -> bool:
    """Whether the values stay in their order, such as where a batch of one is moved to another axis."""
    if node.operator != "Transpose":
        return node.operator in VIEWS
    shape = node.operand_shapes[0]
    longer = [axis for axis in node.attributes.get("perm", range(len(shape))[::-1]) if shape[axis] > 1]
    return longer == sorted(longer)


def _takes_a_batch(node: Node) -> bool:
    """Whether an elementwise operator gives the same with several examples along axis 0, or along a new first one."""
    rank = 1 + len(node.output_shape)
    shapes = [node.full_shape, *node.operand_shapes]
    if len(node.full_shape) > 1 and all(len(shape) == rank - 1 and shape[0] > 1 for shape in shapes):
        return all(value.ndim < rank for value in node.constants.values())
    if any(len(shape) != rank or shape[0] != 1 for shape in shapes) or rank < 2:
        return False
    return all(value.ndim < rank or value.shape[0] == 1 for value in node.constants.values())
