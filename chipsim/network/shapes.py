"""`infer_shapes`: the shape of every value in a graph, for a batch of one."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import onnx

from chipsim.errors import ModelError
from chipsim.network.constants import Constant, Constants, attributes_of, fold
from chipsim.network.dataflow import Dataflow
from chipsim.network.free_batch import free_batch
from chipsim.network.layers import Shape
from chipsim.network.loose import loose_values
from chipsim.network.stored_tensors import label_of
from chipsim.network.tried import tried

MOST_VALUES = 2**30
"""Of one value of the network, for one input: 4 GiB of float32."""


def infer_shapes(flow: Dataflow) -> dict[str, Shape]:
    """Shapes with a leading batch of one, from ONNX's inference or, where that is not enough, from one run.

    Values that nothing reads may be missing, and those are whose size depends on data.

    Raises
    ------
    ModelError
        If the graph's sizes do not fit together.
    """
    shapes: dict[str, Shape] = {given.name: (1, *given.shape) for given in flow.inputs}
    shapes |= {name: value.shape for name, value in flow.constants.items()}
    try:
        inferred = onnx.shape_inference.infer_shapes(
            flow.model(batch=1, weights=False, functions=False), check_type=True, data_prop=True
        )
    except (onnx.shape_inference.InferenceError, RuntimeError):
        inferred = onnx.ModelProto()
    for value in [*inferred.graph.value_info, *inferred.graph.output]:
        sizes = [size.dim_value if size.HasField("dim_value") else -1 for size in value.type.tensor_type.shape.dim]
        if value.type.tensor_type.HasField("shape") and min(sizes, default=1) >= 1:
            shapes[value.name] = tuple(sizes)
    shapes |= {name: kept.fixed for name, kept in flow.kept.items() if kept is not None and kept.fixed is not None}
    _check_sizes(shapes, flow)
    loose = loose_values(flow, shapes)
    read = {value for node in flow.nodes for value in node.input} | set(flow.outputs)
    values = [value for node in flow.nodes for value in node.output if value and value in read and value not in loose]
    other_batch = flow.batch not in (None, 1)  # only a run tells whether one input alone fits
    if other_batch or any(value not in shapes for value in values) or _rounds_up(flow):
        shapes |= {value: found.shape for value, found in tried(flow, values).items()}
    _check_reshapes(shapes, flow)
    return shapes if not loose else {name: shape for name, shape in shapes.items() if name not in loose}


def shape_constants(
    node: onnx.NodeProto, shapes: Mapping[str, Shape], constants: Mapping[str, Constant], flow: Dataflow
) -> Constants | None:
    """Values of a node that depends on the shapes of data only (for a batch of one), else None."""
    if node.op_type in ("Shape", "Size") and node.input[0] in shapes:
        sizes = np.array(shapes[node.input[0]], np.int64)
        if node.op_type == "Size":
            return {node.output[0]: np.array(sizes.prod(), np.int64)}
        attributes = attributes_of(node)
        return {node.output[0]: sizes[attributes.get("start", 0) : attributes.get("end")]}
    return fold(node, constants, flow.opset, flow.name)


def constants_from_shapes(
    start: Dataflow, nodes: Sequence[onnx.NodeProto], constants: Mapping[str, Constant]
) -> Constants:
    """What follows from the shapes of data after some nodes.

    Parameters
    ----------
    start : Dataflow
        What is known of the input.
    nodes : sequence of onnx.NodeProto
    constants : mapping of str to ndarray
        Values known so far.
    """
    flow = start.with_nodes(nodes, constants, [value for node in nodes[-1:] for value in node.output if value])
    flow = flow if start.batch in (None, 1) else free_batch(flow)
    shapes, known = infer_shapes(flow), dict(constants)
    for node in nodes:
        known |= shape_constants(node, shapes, known, flow) or {}
    return known


def _check_sizes(shapes: Mapping[str, Shape], flow: Dataflow) -> None:
    """Refuse what no memory holds before anything of that size is made."""
    largest = max(shapes, key=lambda name: math.prod(shapes[name]), default="")
    if math.prod(shapes.get(largest, ())) > MOST_VALUES:
        raise ModelError(
            f"{flow.name}: {largest!r} has the shape {shapes[largest]} for one input, which is more than 4 GiB; give "
            "smaller inputs (--shape), or export it with smaller sizes"
        )


def _check_reshapes(shapes: Mapping[str, Shape], flow: Dataflow) -> None:
    """Refuse a target that holds another number of values: ONNX's inference takes it as it is."""
    for node in flow.nodes:
        if node.op_type != "Reshape" or node.input[0] not in shapes or node.output[0] not in shapes:
            continue
        before, after = shapes[node.input[0]], shapes[node.output[0]]
        if math.prod(before) != math.prod(after):
            raise ModelError(
                f"{flow.name}: node {label_of(node)!r} (Reshape) turns the shape {before} into {after}, which has "
                f"{math.prod(after):,} values instead of {math.prod(before):,} (for one input); export the model again"
            )


def _rounds_up(flow: Dataflow) -> bool:
    """Whether a pooling rounds its size up: ONNX and onnxruntime differ on a last window that starts outside."""
    return any(a.name == "ceil_mode" and a.i for node in flow.nodes for a in node.attribute)
