"""`operations_of`: what an operator costs on a digital unit, counted from shapes."""

from __future__ import annotations

import math

from chipsim.network.layers import Shape
from chipsim.network.operators.attention_macs import attention_macs
from chipsim.network.operators.node import Node

OPERATIONS_PER_MAC = 2  # multiply, add
LEARNT = ("coefficients", "support_vectors")
"""Attributes of linear models and support vector machines whose every number meets one of the input."""
# operator -> operations per value that comes out
PER_OUTPUT = {
    "GroupNormalization": 7,  # as LayerNormalization
    "InstanceNormalization": 7,
    "LayerNormalization": 7,  # sum, difference, square, sum, division by the root, scale, shift
    "LogSoftmax": 4,  # exponential, sum, logarithm, difference
    "LpNormalization": 3,  # power, sum, division
    "MeanVarianceNormalization": 5,
    "RMSNormalization": 4,  # square, sum, division by the root, scale
    "Softmax": 3,  # exponential, sum, division
}


def operations_of(node: Node) -> tuple[int, int]:
    """Multiply-accumulates, and all operations, of one input of the network.

    Parameters
    ----------
    node : Node

    Returns
    -------
    macs : int
        0 for operators that are no product.
    operations : int
        Two per multiply-accumulate; of other operators the number in `PER_OUTPUT` per value that comes out, else one
        per value that comes out or goes in from other layers, whichever is more.
    """
    macs = _macs(node)
    if macs:
        return macs, OPERATIONS_PER_MAC * macs
    read = sum(math.prod(shape) for shape in node.operand_shapes)
    return 0, PER_OUTPUT[node.operator] * node.elements if node.operator in PER_OUTPUT else max(node.elements, read)


def _macs(node: Node) -> int:
    match node.operator:
        case "MatMul" | "MatMulInteger" | "QLinearMatMul" | "MatMulIntegerToFloat" | "DynamicQuantizeMatMul":
            return node.elements * node.shape(0)[-1]
        case "FusedMatMul" | "TransposeMatMul":
            return node.elements * node.shape(0)[_summed_axis(node)]
        case "MatMulNBits":
            return node.elements * int(node.attributes["K"])
        case "Gemm" | "FusedGemm" | "QGemm":
            return node.elements * node.shape(0)[0 if node.attributes.get("transA", 0) else -1]
        case "Conv" | "ConvInteger" | "DeformConv" | "FusedConv":
            return node.elements * math.prod(node.shape(1)[1:])
        case "QLinearConv":
            return node.elements * math.prod(node.shape(3)[1:])
        case "ConvTranspose":
            return math.prod(node.shape(0)) * math.prod(node.shape(1)[1:])
        case "RNN" | "GRU" | "LSTM":
            steps = math.prod(node.shape(0)[:2])  # times, batch
            return steps * (math.prod(node.shape(1)) + math.prod(node.shape(2)))
        case "Attention" | "MultiHeadAttention" | "QAttention":
            return attention_macs(node)
        case "LinearClassifier" | "LinearRegressor" | "SVMClassifier" | "SVMRegressor":
            return math.prod(node.shape(0)[:-1]) * sum(len(node.attributes.get(each, ())) for each in LEARNT)
        case "Einsum":
            return _einsum_macs(node)
    return 0


def _summed_axis(node: Node) -> int:
    """Of the left operand of a FusedMatMul, whose first axis may stand before its batch."""
    if not node.attributes.get("transA", 0):
        return -1
    return 0 if node.attributes.get("transBatchA", 0) else -2


def _einsum_macs(node: Node) -> int:
    """Products of all index values; an upper bound where "..." leaves axes unnamed, 0 of one operand."""
    terms = str(node.attributes["equation"]).replace(" ", "").split("->")[0].split(",")
    if len(terms) < 2:
        return 0
    sizes: dict[str, int] = {}
    for position, term in enumerate(terms):
        shape: Shape = node.shape(position)
        if len(term) != len(shape):
            return node.elements * max(math.prod(node.shape(i)) for i in range(len(terms)))
        sizes |= {label: max(size, sizes.get(label, 1)) for label, size in zip(term, shape, strict=True)}
    return math.prod(sizes.values()) * (len(terms) - 1)
