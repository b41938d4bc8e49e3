"""`read_node`: the layer of one node with one output, by its operator's reader or as it stands."""

from __future__ import annotations

from chipsim.errors import UnsupportedOperatorError
from chipsim.network.layers import AnyLayer, Shape
from chipsim.network.operators import READERS
from chipsim.network.operators.generic import read_generic
from chipsim.network.operators.node import Node
from chipsim.network.operators.recurrent_operands import RECURRENT


def read_node(node: Node, reason: str = "has no form of its own") -> AnyLayer:
    """A layer; on a digital unit where no reader knows the operator or this form of it.

    Parameters
    ----------
    node : Node
    reason : str
        Why it has no reader, for the result.
    """
    reader = READERS.get(node.operator) if node.proto.domain in ("", "ai.onnx") else None
    if reader is None or node.output or node.operator in RECURRENT:
        return read_generic(node, reason)
    loose = any(not has_batch(shape) for shape in (*node.operand_shapes, node.full_shape))
    if loose and node.operator not in ("Gemm", "MatMul"):
        return read_generic(node, "of values without a batch on axis 0")
    try:
        return reader(node)
    except UnsupportedOperatorError as error:
        return read_generic(node, what_is_wrong(error, node.operator))


def what_is_wrong(error: UnsupportedOperatorError, operator: str) -> str:
    """What a reader said of a node, without its name."""
    return str(error).partition(f" is a {operator} ")[2] or str(error)


def has_batch(shape: Shape) -> bool:
    """Whether axis 0 of a value can be the batch of one."""
    return len(shape) > 1 and shape[0] == 1


def own_shape(full: Shape) -> Shape:
    """The shape of one example's value: without the batch, if it has one."""
    return full[1:] if has_batch(full) else full or (1,)
