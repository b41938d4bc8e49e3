"""`plain_products`: products with constants in forms that tiles do not do become several that they do.

A stack of constant matrices becomes one product per matrix, operands of one axis get a second one, and what a `Gemm`
turns round or adds beside its matrix is done apart, as is the bias of a convolution that is data. The values stay the
same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from onnx import helper

from chipsim.network.constants import Constant, attributes_of
from chipsim.network.dataflow import Dataflow
from chipsim.network.layers import Shape
from chipsim.network.shapes import infer_shapes
from chipsim.network.stored_tensors import label_of

OPTIONAL_SUM = 11
"""The version of ONNX's operators since which a `Gemm` need not add anything."""
MOST_MATRICES = 4096
"""Of one stack; larger ones stay on the digital unit."""


def plain_products(flow: Dataflow) -> Dataflow:
    """The same graph with products in forms that go to tiles, where that is possible.

    Parameters
    ----------
    flow : Dataflow

    Returns
    -------
    Dataflow
        The one given, where there is nothing to do.
    """
    if not any(
        is_one(node, flow.constants) for is_one in (_is_stack, _is_mixed_gemm, _adds_data) for node in flow.nodes
    ):
        return flow
    shapes = infer_shapes(flow)
    writing = _Writing(dict(flow.constants), flow.opset)
    for node in flow.nodes:
        if _is_stack(node, flow.constants):
            writing.stack(node, shapes[node.input[0]], flow.constants[node.input[1]])
        elif _is_mixed_gemm(node, flow.constants):
            writing.gemm(node, shapes)
        elif _adds_data(node, flow.constants):
            writing.convolution(node, len(shapes[node.output[0]]))
        else:
            writing.nodes.append(node)
    return flow.with_nodes(writing.nodes, writing.constants, flow.outputs)


def _is_stack(node: onnx.NodeProto, constants: Mapping[str, Constant]) -> bool:
    """Whether a MatMul has a constant right operand that is no single matrix."""
    if node.op_type != "MatMul" or node.domain not in ("", "ai.onnx") or node.input[0] in constants:
        return False
    weights = constants.get(node.input[1])
    if weights is None or weights.dtype.kind != "f":
        return False
    return weights.ndim != 2 and int(np.prod(weights.shape[:-2])) <= MOST_MATRICES


def _is_mixed_gemm(node: onnx.NodeProto, constants: Mapping[str, Constant]) -> bool:
    """Whether a Gemm with a constant matrix turns its input round, or adds what is no constant row."""
    if node.op_type != "Gemm" or node.domain not in ("", "ai.onnx") or node.input[0] in constants:
        return False
    weights = constants.get(node.input[1])
    if weights is None or weights.dtype.kind != "f":
        return False
    return bool(attributes_of(node).get("transA", 0)) or _adds_apart(node, constants)


def _adds_apart(node: onnx.NodeProto, constants: Mapping[str, Constant]) -> bool:
    if len(node.input) < 3 or not node.input[2]:
        return False
    offset = constants.get(node.input[2])
    return offset is None or (offset.size > 1 and offset.size != offset.shape[-1])


def _adds_data(node: onnx.NodeProto, constants: Mapping[str, Constant]) -> bool:
    """Whether a convolution with constant weights has a bias that is computed."""
    if node.op_type not in ("Conv", "ConvTranspose") or node.domain not in ("", "ai.onnx") or len(node.input) < 3:
        return False
    return bool(node.input[2]) and node.input[2] not in constants and node.input[1] in constants


@dataclass(slots=True)
class _Writing:
    """Nodes and constants so far."""

    constants: dict[str, Constant]
    opset: int
    nodes: list[onnx.NodeProto] = field(default_factory=list)

    def gemm(self, node: onnx.NodeProto, shapes: Mapping[str, Shape]) -> None:
        """A Gemm as a turned input, a product and a sum."""
        attributes, label = attributes_of(node), label_of(node)
        source, output = node.input[0], node.output[0]
        if attributes.get("transA", 0):
            source = self._add("Transpose", [source], f"{label}/turned", perm=[1, 0])
        weights = self.constants[node.input[1]]
        plain = {key: attributes[key] for key in ("alpha", "transB") if key in attributes}
        added = node.input[2] if len(node.input) > 2 else ""
        operands = [source, node.input[1]]
        if self.opset < OPTIONAL_SUM:
            self.constants[f"{label}/nothing"] = np.zeros(1, weights.dtype)
            operands.append(f"{label}/nothing")
        made = self._add("Gemm", operands, label, None if added else output, **plain)
        if not added:
            return
        beta = np.float32(attributes.get("beta", 1.0))
        if added in self.constants:
            self.constants[f"{label}/added"] = (beta * self.constants[added]).astype(weights.dtype)
            added = f"{label}/added"
        elif beta != 1:
            self.constants[f"{label}/beta"] = beta.reshape((1,) * len(shapes[added])).astype(weights.dtype)
            added = self._add("Mul", [added, f"{label}/beta"], f"{label}/scaled")
        self._add("Add", [made, added], f"{label}/sum", output)

    def convolution(self, node: onnx.NodeProto, rank: int) -> None:
        """A convolution without its bias, and a sum with it, channel by channel."""
        label, plain = label_of(node), onnx.NodeProto()
        plain.CopyFrom(node)
        plain.input[2], plain.output[0] = "", f"{label}/value"
        self.nodes.append(plain)
        added = self._reshape(node.input[2], (1, -1, *(1,) * (rank - 2)), f"{label}/bias")
        self._add("Add", [plain.output[0], added], f"{label}/sum", node.output[0])

    def stack(self, node: onnx.NodeProto, shape: Shape, weights: Constant) -> None:
        """A product with a stack of matrices, or with a vector, as one per matrix and what joins them."""
        label, output = label_of(node), node.output[0]
        matrices = weights[:, None] if weights.ndim == 1 else weights
        wide = shape if len(shape) > 1 else (1, *shape)
        rank = max(len(wide), matrices.ndim)
        whole = (1,) * (rank - len(wide)) + wide
        source = node.input[0] if whole == shape else self._reshape(node.input[0], whole, f"{label}/rows")
        made = self._product(source, whole, matrices, label, ())
        final = self._result_shape(shape, weights)
        joined = (*np.broadcast_shapes(whole[:-2], matrices.shape[:-2]), whole[-2], matrices.shape[-1])
        if joined == final:
            self.nodes[-1].output[0] = output
        else:
            self._reshape(made, final, f"{label}/result", output)

    def _product(self, source: str, shape: Shape, weights: Constant, label: str, index: tuple[int, ...]) -> str:
        """One product of a part of the input with a stack, whose result keeps all axes of the input."""
        own = "/".join((label, *map(str, index)))
        if weights.ndim == 2:
            self.constants[f"{own}/weights"] = np.ascontiguousarray(weights)
            return self._add("MatMul", [source, f"{own}/weights"], own)
        axis = len(shape) - weights.ndim
        if len(weights) == 1:
            return self._product(source, shape, weights[0], label, index)
        parts = []
        for number, matrix in enumerate(weights):
            part, size = source, shape
            if shape[axis] > 1:
                part = self._slice(source, axis, number, f"{own}/{number}/part")
                size = (*shape[:axis], 1, *shape[axis + 1 :])
            parts.append(self._product(part, size, matrix, label, (*index, number)))
        return self._add("Concat", parts, f"{own}/joined", axis=axis)

    def _slice(self, source: str, axis: int, number: int, name: str) -> str:
        if self.opset < 10:
            return self._add("Slice", [source], name, starts=[number], ends=[number + 1], axes=[axis])
        names = [f"{name}/{what}" for what in ("start", "end", "axis")]
        for key, value in zip(names, (number, number + 1, axis), strict=True):
            self.constants[key] = np.array([value], np.int64)
        return self._add("Slice", [source, *names], name)

    def _reshape(self, source: str, shape: Shape, name: str, output: str | None = None) -> str:
        self.constants[f"{name}/shape"] = np.array(shape, np.int64)
        return self._add("Reshape", [source, f"{name}/shape"], name, output)

    def _add(self, operator: str, inputs: list[str], name: str, output: str | None = None, **attributes: Any) -> str:
        made = output or f"{name}/value"
        self.nodes.append(helper.make_node(operator, inputs, [made], name, **attributes))
        return made

    @staticmethod
    def _result_shape(shape: Shape, weights: Constant) -> Shape:
        """As MatMul defines it: an operand's axis that was added is taken away again."""
        first = shape if len(shape) > 1 else (1, *shape)
        second = weights.shape if weights.ndim > 1 else (*weights.shape, 1)
        batch = np.broadcast_shapes(first[:-2], second[:-2])
        return (*batch, *(shape[-2:-1] if len(shape) > 1 else ()), *(weights.shape[-1:] if weights.ndim > 1 else ()))
