"""`bind`: a model whose weights are inputs becomes one that holds them, and whose inputs chipsim can read.

Where the graph does not give the same for each input of a batch alone, the whole of what it is given is one example.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
import onnx.version_converter
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from chipsim.errors import ModelError
from chipsim.network.layers import Shape
from chipsim.network.model_file import OLDEST_OPSET, opset_of

Array = NDArray[Any]
SIZES = {
    "ConstantOfShape": (0,),
    "Expand": (1,),
    "Pad": (1,),
    "Reshape": (1,),
    "SequenceAt": (1,),
    "SequenceErase": (1,),
    "SequenceInsert": (2,),
    "Slice": (1, 2, 3, 4),
    "SplitToSequence": (1,),
    "Squeeze": (1,),
    "Tile": (1,),
    "Unsqueeze": (1,),
}
"""Operands that decide on sizes and places, which do not depend on data."""
HELD = {
    "Conv": (1,),
    "ConvTranspose": (1,),
    "Gemm": (1,),
    "MatMul": (1,),
    "RNN": (1, 2),
    "GRU": (1, 2),
    "LSTM": (1, 2),
}
"""Operands that stand in the cells of tiles: weights. Biases, peepholes, first states and lengths are data."""


def modern(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same model with the oldest operators that chipsim reads, where it has older ones.

    Raises
    ------
    ModelError
        If ONNX's converter cannot do it.
    """
    if opset_of(model) >= OLDEST_OPSET:
        return model
    try:
        newer = onnx.version_converter.convert_version(model, OLDEST_OPSET)
        slopes_of_channels(newer.graph, onnx.shape_inference.infer_shapes(newer).graph)
    except (RuntimeError, ValueError, onnx.shape_inference.InferenceError) as error:
        opset = opset_of(model)
        raise ModelError(f"uses opset {opset}, which cannot be converted to {OLDEST_OPSET}: {error}") from None
    return newer


def slopes_of_channels(graph: onnx.GraphProto, inferred: onnx.GraphProto) -> None:
    """Give the slopes of every PRelu the axes that they have had since opset 7, which ONNX's converter leaves out.

    Parameters
    ----------
    graph : onnx.GraphProto
        Is changed.
    inferred : onnx.GraphProto
        The same with the shapes of its values.
    """
    known = [*inferred.value_info, *inferred.input]
    axes = {value.name: len(value.type.tensor_type.shape.dim) for value in known}
    stored = {tensor.name: tensor for tensor in graph.initializer}
    for node in graph.node:
        slopes = stored.get(node.input[1]) if node.op_type == "PRelu" else None
        if slopes is not None and len(slopes.dims) == 1 and slopes.dims[0] > 1:
            slopes.dims.extend([1] * (axes[node.input[0]] - 2))


def held_inputs(model: onnx.ModelProto) -> tuple[str, ...]:
    """Inputs of a graph that stand where an operator has its weights or its sizes, and nowhere else.

    Parameters
    ----------
    model : onnx.ModelProto

    Returns
    -------
    tuple of str
        In the order of the graph's inputs. The first operand of an operator always is data.
    """
    held: set[str] = set()
    data = {value.name for value in model.graph.output}
    for node in model.graph.node:
        own = (HELD | SIZES).get(node.op_type, ()) if node.domain in ("", "ai.onnx") else ()
        for position, value in enumerate(node.input):
            (held if position in own else data).add(value)
        for attribute in node.attribute:
            if attribute.HasField("g"):
                data |= {value for inner in attribute.g.node for value in inner.input}
    return tuple(value.name for value in model.graph.input if value.name in held - data)


def bind(model: onnx.ModelProto, values: Mapping[str, Array], shapes: Mapping[str, Shape], *, whole: bool) -> bytes:
    """The model with some inputs as weights and fixed sizes of the others.

    Parameters
    ----------
    model : onnx.ModelProto
    values : mapping of str to ndarray
        What is held.
    shapes : mapping of str to tuple of int
        Of the inputs that carry data.
    whole : bool
        If True, all that an input is given is one example: it gets a batch of one, which the graph takes off again.
        Else axis 0 is a batch of any size.
    """
    bound = onnx.ModelProto()
    bound.CopyFrom(model)
    bound.ir_version = max(bound.ir_version, 8)  # before 4 what is stored must be an input too
    graph = bound.graph
    given = {value.name: value for value in model.graph.input}
    del graph.input[:]
    taken: list[onnx.NodeProto] = []
    for name, shape in shapes.items():
        kind = given[name].type.tensor_type.elem_type
        outside = f"{name}/all" if whole else name
        sizes: list[int | str | None] = [1, *(shape or (1,))] if whole else ["N", *shape[1:]]
        graph.input.append(helper.make_tensor_value_info(outside, kind, sizes))
        if whole:
            graph.initializer.append(numpy_helper.from_array(np.array(shape, np.int64), f"{name}/shape"))
            taken.append(helper.make_node("Reshape", [outside, f"{name}/shape"], [name], f"{name}/one"))
    graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in values.items())
    nodes = [*taken, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    return bytes(bound.SerializeToString())


def keeps_batch(model: onnx.ModelProto, held: Mapping[str, Array], shapes: Mapping[str, Shape]) -> bool:
    """Whether axis 0 of all that is made of data is as long as that of the data, as far as shapes tell.

    A batch of one cannot tell: other axes may be as long.
    """
    batches = {shape[:1] for shape in shapes.values()}
    if len(batches) != 1 or any(len(shape) < 2 for shape in shapes.values()):
        return False
    ((batch,),) = batches
    sized = onnx.load_model_from_string(bind(model, held, shapes, whole=False))
    for value in sized.graph.input:
        value.type.tensor_type.shape.dim[0].dim_value = batch
    for value in sized.graph.output:
        value.type.tensor_type.ClearField("shape")
    try:
        inferred = onnx.shape_inference.infer_shapes(sized, data_prop=True).graph
    except (RuntimeError, onnx.shape_inference.InferenceError):
        return False
    known = {value.name: value.type.tensor_type.shape.dim for value in (*inferred.value_info, *inferred.output)}
    data = set(shapes)
    for node in sized.graph.node:
        if data.intersection(node.input) and node.op_type not in ("Shape", "Size"):
            data.update(value for value in node.output if value)
    made = [known[value] for value in data - set(shapes) if value in known]
    return all(len(dims) > 0 and dims[0].dim_value == batch for dims in made)


def as_batch(values: Array, *, whole: bool) -> Array:
    """An input's values as a batch of examples."""
    return values.reshape(1, *(values.shape or (1,))) if whole else values
