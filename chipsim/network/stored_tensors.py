"""Tensors that an ONNX file stores, nodes that read them, and what messages call both."""

from __future__ import annotations

from collections.abc import Iterator

import onnx
from onnx import TensorProto, helper


def label_of(node: onnx.NodeProto) -> str:
    """What messages call a node: its name, or what it makes."""
    return node.name or next(iter(node.output), "(unnamed)")


def all_nodes(graph: onnx.GraphProto | onnx.FunctionProto) -> Iterator[onnx.NodeProto]:
    """All nodes, those in branches and loops included."""
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            for inner in (*((attribute.g,) if attribute.HasField("g") else ()), *attribute.graphs):
                yield from all_nodes(inner)


def stored_tensors(graph: onnx.GraphProto | onnx.FunctionProto) -> Iterator[TensorProto]:
    """All stored tensors, those in branches and loops included."""
    if isinstance(graph, onnx.GraphProto):
        yield from graph.initializer
        for sparse in graph.sparse_initializer:
            yield from (sparse.values, sparse.indices)
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t
            yield from attribute.tensors
            if attribute.HasField("g"):
                yield from stored_tensors(attribute.g)
            for inner in attribute.graphs:
                yield from stored_tensors(inner)


def in_words(model: onnx.ModelProto, tensor: str) -> str:
    """A tensor by name, with the first node that reads or makes it."""
    nodes = (node for part in (model.graph, *model.functions) for node in all_nodes(part))
    reader = next((node for node in nodes if tensor in (*node.input, *node.output)), None)
    return f"tensor {tensor!r}" + ("" if reader is None else f" of node {label_of(reader)!r} ({reader.op_type})")


def elements(tensor: TensorProto) -> int:
    """How many values a tensor has by its shape."""
    product = 1
    for size in tensor.dims:
        product *= size
    return product


def bytes_of(tensor: TensorProto) -> int:
    """Bytes that its values take in memory."""
    try:
        size = helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize
    except (KeyError, TypeError, ValueError):  # a type that nobody knows: said where it is read
        size = 1
    return elements(tensor) * size


def first_line(error: BaseException) -> str:
    """Of an error's message."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]
