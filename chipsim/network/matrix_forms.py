"""`plain_forms`: operators that are products of data with a constant under another name become MatMul or Gemm.

`Einsum`, `FusedMatMul` and `FusedGemm` of ``com.microsoft``, and products with the constant on the left that no layer
takes as they are. The values stay the same.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import onnx

from chipsim.network.constants import Constant, attributes_of
from chipsim.network.dataflow import ONNX_DOMAINS, Dataflow
from chipsim.network.einsum import ConstantEinsum, constant_einsum
from chipsim.network.layers import Shape
from chipsim.network.linear_models import write_linear
from chipsim.network.node_writer import Facts, NodeWriter
from chipsim.network.retyping import value_types
from chipsim.network.shapes import infer_shapes
from chipsim.network.stored_tensors import label_of

FUSED = "com.microsoft"
LEARNT = "ai.onnx.ml"
ACTIVATIONS: Mapping[str, Mapping[str, str]] = {
    "LeakyRelu": {"alpha": "activation_alpha"}, "Relu": {}, "Sigmoid": {}, "Tanh": {},
}  # fmt: skip
"""Functions of a FusedGemm, and which of its attributes are theirs."""


def plain_forms(flow: Dataflow) -> Dataflow:
    """The same graph with such operators as MatMul or Gemm, where that is possible.

    Parameters
    ----------
    flow : Dataflow

    Returns
    -------
    Dataflow
        The one given, where there is nothing to do.
    """
    if not any(_writer_of(node, flow.constants) for node in flow.nodes):
        return flow
    read = frozenset([*(value for node in flow.nodes for value in node.input), *flow.outputs])
    facts, writer = Facts(infer_shapes(flow), value_types(flow), read), NodeWriter(dict(flow.constants))
    for node in flow.nodes:
        write = _writer_of(node, flow.constants)
        if write is None or not write(node, facts, writer):
            writer.nodes.append(node)
    return flow.with_nodes(writer.nodes, writer.constants, flow.outputs)


def _writer_of(
    node: onnx.NodeProto, constants: Mapping[str, Constant]
) -> Callable[[onnx.NodeProto, Facts, NodeWriter], bool] | None:
    """What may write a node in another form; it returns whether it did."""
    if node.domain == LEARNT:
        return write_linear if node.op_type in ("LinearClassifier", "LinearRegressor", "SVMRegressor") else None
    held = [value in constants and constants[value].dtype.kind == "f" for value in node.input]
    if len(held) < 2 or held[0] == held[1] or not any(held[:2]):
        return None
    if node.domain in ONNX_DOMAINS:
        if node.op_type == "Einsum" and len(held) == 2:
            return _write_einsum
        return _write_left if node.op_type == "MatMul" and held[0] else None
    if node.domain != FUSED:
        return None
    return {"FusedMatMul": _write_fused_matmul, "FusedGemm": _write_fused_gemm}.get(node.op_type)


def _write_einsum(node: onnx.NodeProto, facts: Facts, writer: NodeWriter) -> bool:
    """Axes in the order (batch and positions, summed), one product, axes in the order of the output."""
    data_first = node.input[1] in writer.constants
    source, held = node.input if data_first else node.input[::-1]
    weights, shape, label = writer.constants[held], facts.shapes[node.input[not data_first]], label_of(node)
    found = constant_einsum(str(attributes_of(node)["equation"]), data_first, (len(shape), weights.ndim))
    if found is None:
        return False
    sizes = dict(zip(found.data, shape, strict=True)) | dict(zip(found.weights, weights.shape, strict=True))
    order = found.kept[:1] + found.stacked + found.kept[1:] + found.summed
    turned = writer.transpose(source, [found.data.index(each) for each in order], f"{label}/turned")
    rows, columns = (math.prod(sizes[each] for each in part) for part in (found.summed, found.made))
    stack = tuple(sizes[each] for each in found.stacked)
    matrices = weights.transpose([found.weights.index(each) for each in found.stacked + found.summed + found.made])
    product = writer.constant(f"{label}/weights", matrices.reshape(*stack, rows, columns))
    places = _places(found, sizes)
    if (*places, rows) != tuple(sizes[each] for each in order):
        turned = writer.reshape(turned, (*places, rows), f"{label}/rows")
    made = writer.add("MatMul", [turned, product], label)
    _write_axes(found, made, sizes, (*places, columns), node, writer)
    return True


def _places(found: ConstantEinsum, sizes: Mapping[str, int]) -> Shape:
    """Axes before the summed one: batch, stacks, positions; several positions are one axis beside stacks."""
    first = tuple(sizes[each] for each in found.kept[:1] + found.stacked)
    rest = tuple(sizes[each] for each in found.kept[1:])
    return (*first, math.prod(rest)) if found.stacked else (*first, *rest)


def _write_axes(
    found: ConstantEinsum, made: str, sizes: Mapping[str, int], shape: Shape, node: onnx.NodeProto, writer: NodeWriter
) -> None:
    """The axes of the output, from those of the product."""
    label = label_of(node)
    axes = found.kept[:1] + found.stacked + found.kept[1:] + found.made
    order = [axes.index(each) for each in found.output]
    wanted = tuple(sizes[each] for each in axes)
    if order == sorted(order):
        writer.reshape(made, wanted, f"{label}/axes", node.output[0])
        return
    if wanted != shape:
        made = writer.reshape(made, wanted, f"{label}/axes")
    writer.transpose(made, order, f"{label}/ordered", node.output[0])


def _write_left(node: onnx.NodeProto, facts: Facts, writer: NodeWriter) -> bool:
    """``A @ x`` as (x' A')', with ' for the last two axes changed; that of a map's columns stays as it is."""
    weights, shape = writer.constants[node.input[0]], facts.shapes[node.input[1]]
    plain = len(shape) == 3 and math.prod(weights.shape[:-2]) == 1  # a map's columns
    if plain or not 2 <= weights.ndim < len(shape):
        return False
    _left_product(node.input[1], weights, len(shape), node, writer)
    return True


def _left_product(source: str, weights: Constant, rank: int, node: onnx.NodeProto, writer: NodeWriter) -> None:
    label = label_of(node)
    product = writer.constant(f"{label}/weights", weights.swapaxes(-1, -2))
    turned = writer.transpose(source, _last_two(rank), f"{label}/turned")
    made = writer.add("MatMul", [turned, product], label)
    writer.transpose(made, _last_two(max(rank, weights.ndim)), f"{label}/back", node.output[0])


def _last_two(rank: int) -> list[int]:
    return [*range(rank - 2), rank - 1, rank - 2]


def _write_fused_matmul(node: onnx.NodeProto, facts: Facts, writer: NodeWriter) -> bool:
    """``alpha * A' @ B'``, each with its last two axes changed where it says so."""
    attributes = attributes_of(node)
    data = 0 if node.input[1] in writer.constants else 1
    weights, rank = writer.constants[node.input[1 - data]], len(facts.shapes[node.input[data]])
    scaled = _scaled(weights, attributes.get("alpha", 1.0))
    turn_data, turn_weights = (bool(attributes.get(f"trans{which}", 0)) for which in ("AB" if data == 0 else "BA"))
    moved = any(attributes.get(f"transBatch{which}", 0) for which in "AB")
    if moved or scaled is None or min(rank, weights.ndim) < 2 or (rank == 2 and turn_data):
        return False
    if data == 1 and weights.ndim >= rank:  # it would reach the batch
        return False
    source, label = node.input[data], label_of(node)
    if turn_data:
        source = writer.transpose(source, _last_two(rank), f"{label}/operand")
    matrix = scaled.swapaxes(-1, -2) if turn_weights else scaled
    if data == 1:
        _left_product(source, matrix, rank, node, writer)
    else:
        writer.add("MatMul", [source, writer.constant(f"{label}/weights", matrix)], label, node.output[0])
    return True


def _scaled(weights: Constant, alpha: float) -> Constant | None:
    """Weights times a number; None where one is too large for their type."""
    if alpha == 1:
        return weights
    with np.errstate(over="ignore"):
        found: Constant = (weights * np.float32(alpha)).astype(weights.dtype)
    return found if np.isfinite(found).all() else None


def _write_fused_gemm(node: onnx.NodeProto, _: Facts, writer: NodeWriter) -> bool:
    """A Gemm, and a function of what it gives."""
    attributes: dict[str, Any] = attributes_of(node)
    kind = str(attributes.get("activation", ""))
    if kind not in ACTIVATIONS or node.input[1] not in writer.constants:
        return False
    given = {own: attributes[name] for own, name in ACTIVATIONS[kind].items() if name in attributes}
    plain = {name: attributes[name] for name in ("alpha", "beta", "transA", "transB") if name in attributes}
    label = label_of(node)
    made = writer.add("Gemm", node.input, label, **plain)
    writer.add(kind, [made], f"{label}/function", node.output[0], **given)
    return True
