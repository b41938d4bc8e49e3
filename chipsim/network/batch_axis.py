"""`batch_first`: inputs whose batch is not on axis 0, as recurrent operators take it, get it there.

RNN, LSTM and GRU have the batch of their sequences on axis 1 (with ``layout=1`` on axis 0). Where that axis is one of
an input of the model, it is the network's batch. Lengths of sequences have no other axis, nor have inputs of one value
each; as an input they get one. Where no input has a batch, all get one.
A Scan goes along an axis that is no batch; where that is the first, the second is, if its size is open or 1, and else
the model has none: every input gets one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from chipsim.network.constants import attributes_of
from chipsim.network.inner_values import renamed
from chipsim.network.model_file import opset_of
from chipsim.network.operators.generic import ELEMENTWISE
from chipsim.network.operators.recurrent import RECURRENT

SEQUENCES = (0, 5, 6)
"""Operands of a recurrent operator with a batch: the sequences and the first states."""
LENGTHS = 4
AXES_ARE_OPERANDS = 13
"""Opset from which on a Squeeze has them so."""
Sizes = Any
"""Of an input, in protobuf's own list."""
KEEP_AXES = ELEMENTWISE | {"Dropout", "Identity", "LayerNormalization"}


def batch_first(model: onnx.ModelProto, constants: Collection[str]) -> tuple[onnx.ModelProto, tuple[str, ...]]:
    """The same model with the batch on axis 0 of every input that a recurrent operator takes.

    Parameters
    ----------
    model : onnx.ModelProto
    constants : collection of str
        Values that are stored.

    Returns
    -------
    model : onnx.ModelProto
        The one given, where nothing had to be moved. Otherwise an input keeps its name, and a Transpose or a Reshape
        follows it.
    notes : tuple of str
        What a reader of the results should know.
    """
    if _has_no_batch(model.graph, constants):
        return with_batches(model, constants)
    lengths, single = _lengths(model.graph, constants), _single(model.graph, constants)
    axes = {name: axis for name, axis in _batch_axes(model.graph, constants).items() if axis > 0}
    if not axes and not lengths and not single:
        return model, ()
    moved = onnx.ModelProto()
    moved.CopyFrom(model)
    graph = moved.graph
    inner = {name: _free(f"{name}/as_exported", graph) for name in (*axes, *lengths, *single)}
    turning: list[onnx.NodeProto] = []
    for value in graph.input:
        sizes = value.type.tensor_type.shape.dim
        if value.name in axes:
            turning.append(_turned(value.name, inner[value.name], sizes, axes[value.name]))
        elif value.name in (*lengths, *single):
            sizes.add().dim_value = 1
            turning += _flattened(value.name, inner[value.name])
    _put_before(graph, turning, inner)
    return moved, (
        *(
            f"input {name!r} has its batch on axis {axis} in the file; here, in data and in --shape it is axis 0"
            for name, axis in axes.items()
        ),
        *(f"input {name!r} is one length per sequence; here and in --shape it has the shape Nx1" for name in lengths),
        *(
            f"input {name!r} has one value in each example; here and in --shape it has the shape Nx1"
            for name in single
            if name not in lengths
        ),
    )


def _put_before(graph: onnx.GraphProto, nodes: list[onnx.NodeProto], names: Mapping[str, str]) -> None:
    """Add nodes that make inputs anew, which all others read under other names."""
    others = [renamed(node, names) for node in graph.node]
    del graph.node[:]
    graph.node.extend([*nodes, *others])


def with_batches(model: onnx.ModelProto, constants: Collection[str]) -> tuple[onnx.ModelProto, tuple[str, ...]]:
    """Give every input an axis for the batch, which the graph takes off again; what `batch_first` returns."""
    moved = onnx.ModelProto()
    moved.CopyFrom(model)
    graph, opset = moved.graph, opset_of(model)
    names: dict[str, str] = {}
    taking: list[onnx.NodeProto] = []
    for value in graph.input:
        if value.name in constants:
            continue
        sizes = value.type.tensor_type.shape.dim
        before = [onnx.TensorShapeProto.Dimension.FromString(size.SerializeToString()) for size in sizes]
        axes = [0] if before else [0, 1]
        del sizes[:]
        sizes.add()
        sizes.extend(before or [onnx.TensorShapeProto.Dimension(dim_value=1)])
        inside = names[value.name] = _free(f"{value.name}/as_exported", graph)
        taking += _squeezed(value.name, inside, axes, opset)
    _put_before(graph, taking, names)
    listed = ", ".join(map(repr, names))
    return moved, (f"without a batch in the file; here, in data and in --shape axis 0 is one: input {listed}",)


def _squeezed(name: str, inside: str, axes: list[int], opset: int) -> list[onnx.NodeProto]:
    """What takes axes of size one away."""
    if opset < AXES_ARE_OPERANDS:
        return [helper.make_node("Squeeze", [name], [inside], inside, axes=axes)]
    given = numpy_helper.from_array(np.array(axes, np.int64))
    return [
        helper.make_node("Constant", [], [f"{inside}/axes"], f"{inside}/axes", value=given),
        helper.make_node("Squeeze", [name, f"{inside}/axes"], [inside], inside),
    ]


def _scans(graph: onnx.GraphProto, constants: Collection[str]) -> Iterator[tuple[str, int, int]]:
    """Inputs that a Scan goes along, the axis, and the rank."""
    made_by = {value: node for node in graph.node for value in node.output if value}
    ranks = {value.name: len(value.type.tensor_type.shape.dim) for value in graph.input}
    for node in graph.node:
        if node.op_type != "Scan" or node.domain not in ("", "ai.onnx"):
            continue
        attributes = attributes_of(node)
        count = int(attributes["num_scan_inputs"])
        axes = attributes.get("scan_input_axes", (0,) * count)
        if "directions" in attributes:  # of opset 8, which has a batch before
            axes = (1,) * count
        for value, axis in zip(node.input[-count:], axes, strict=False):
            if value not in constants:
                for name, place in _sources(value, int(axis), made_by, constants):
                    if ranks.get(name):
                        yield name, place % ranks[name], ranks[name]


def _has_no_batch(graph: onnx.GraphProto, constants: Collection[str]) -> bool:
    """Whether a Scan goes along axis 0 of an input whose axis 1 is fixed to several, or is not there.

    Or all inputs are fixed vectors.
    """
    vectors = [value for value in graph.input if value.name not in constants]
    if vectors and all(_rank(value) == 1 and _size(value) > 1 for value in vectors):
        return True
    sizes = {value.name: value.type.tensor_type.shape.dim for value in graph.input}
    along = [(name, rank) for name, axis, rank in _scans(graph, constants) if axis == 0]
    return any(rank < 3 or sizes[name][1].dim_value > 1 for name, rank in along)


def _turned(name: str, inside: str, sizes: Sizes, axis: int) -> onnx.NodeProto:
    """Put the batch of an input first; the Transpose that puts it back."""
    before = [*sizes]
    order = [*range(1, axis + 1), 0, *range(axis + 1, len(before))]
    del sizes[:]
    sizes.extend([before[axis], *before[:axis], *before[axis + 1 :]])
    return helper.make_node("Transpose", [name], [inside], inside, perm=order)


def _flattened(name: str, inside: str) -> list[onnx.NodeProto]:
    """The Reshape that takes an input's last axis away."""
    flat = numpy_helper.from_array(np.array([-1], np.int64))
    return [
        helper.make_node("Constant", [], [f"{inside}/shape"], f"{inside}/shape", value=flat),
        helper.make_node("Reshape", [name, f"{inside}/shape"], [inside], inside),
    ]


def _lengths(graph: onnx.GraphProto, constants: Collection[str]) -> tuple[str, ...]:
    """Inputs without other axes than the batch that recurrent operators take as lengths."""
    made_by = {value: node for node in graph.node for value in node.output if value}
    vectors = [value.name for value in graph.input if len(value.type.tensor_type.shape.dim) == 1]
    found: set[str] = set()
    for node in graph.node:
        if node.op_type in RECURRENT and node.domain in ("", "ai.onnx") and len(node.input) > LENGTHS:
            given = node.input[LENGTHS]
            if given and given not in constants:
                found |= {name for name, _ in _sources(given, 0, made_by, constants)}
    return tuple(name for name in vectors if name in found)


def _single(graph: onnx.GraphProto, constants: Collection[str]) -> tuple[str, ...]:
    """Inputs whose one axis is the batch: it is open, or of size 1."""
    data = [value for value in graph.input if value.name not in constants]
    return tuple(value.name for value in data if _rank(value) == 1 and _size(value) < 2)


def _rank(value: onnx.ValueInfoProto) -> int:
    return len(value.type.tensor_type.shape.dim)


def _size(value: onnx.ValueInfoProto) -> int:
    """Of axis 0; 0 where it is open."""
    return int(value.type.tensor_type.shape.dim[0].dim_value)


def _batch_axes(graph: onnx.GraphProto, constants: Collection[str]) -> dict[str, int]:
    """Where the batch of inputs is that recurrent operators take, as far as axes can be followed; first come first."""
    made_by = {value: node for node in graph.node for value in node.output if value}
    ranks = {value.name: len(value.type.tensor_type.shape.dim) for value in graph.input}
    found: dict[str, int] = {}
    for name, along, _ in _scans(graph, constants):
        found.setdefault(name, 1 if along == 0 else 0)
    for node in graph.node:
        if node.op_type not in RECURRENT or node.domain not in ("", "ai.onnx"):
            continue
        axis = 0 if attributes_of(node).get("layout", 0) else 1
        for position in SEQUENCES:
            if position < len(node.input) and node.input[position] not in constants:
                for name, place in _sources(node.input[position], axis, made_by, constants):
                    if 0 <= place < ranks.get(name, 0):
                        found.setdefault(name, place)
    return found


def _sources(
    value: str, axis: int, made_by: dict[str, onnx.NodeProto], constants: Collection[str]
) -> Iterator[tuple[str, int]]:
    """Values that a value is made of without mixing axes, down to inputs, and where an axis of it is in them."""
    waiting, seen = [(value, axis)], {value}
    while waiting:
        name, place = waiting.pop()
        node = made_by.get(name)
        if node is None:
            yield name, place
            continue
        for before, where in _before(node, place, made_by, constants):
            if before not in seen and before not in constants:
                seen.add(before)
                waiting.append((before, where))


def _before(
    node: onnx.NodeProto, axis: int, made_by: dict[str, onnx.NodeProto], constants: Collection[str]
) -> Iterator[tuple[str, int]]:
    """What a node reads, and where an axis of its output is in it; nothing where axes cannot be followed."""
    match node.op_type:
        case "Transpose":
            order = attributes_of(node).get("perm")
            if order is not None and axis < len(order):
                yield node.input[0], int(order[axis])
        case "Gather" if node.input[0] in constants:  # an embedding
            yield node.input[1], axis
        case "MatMul" if node.input[1] in constants:
            yield node.input[0], axis
        case operator if operator in KEEP_AXES:
            for value in node.input:
                if value:
                    yield value, axis
        case operator if operator in RECURRENT and not attributes_of(node).get("layout", 0):
            if axis == 2:  # steps, directions, batch, values
                yield node.input[0], 1
        case "Squeeze":
            source = made_by.get(node.input[0])
            if axis == 1 and source is not None and source.op_type in RECURRENT:  # without the axis of directions
                yield node.input[0], 2


def _free(name: str, graph: onnx.GraphProto) -> str:
    taken = {value for node in graph.node for value in (*node.input, *node.output)}
    while name in taken:
        name += "'"
    return name
