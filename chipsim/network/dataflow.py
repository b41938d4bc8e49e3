"""`Dataflow`: an ONNX graph reduced to one data input, constants, and the nodes that touch data.

It stands between the file and the layers: constants are computed, the batch (axis 0) is free, names are the file's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from chipsim.errors import ModelError, UnsupportedOperatorError
from chipsim.network.constants import FOLDABLE, Constant, attributes_of, fold
from chipsim.network.layers import Shape
from chipsim.network.model_file import LARGE_TENSOR, label_of, opset_of

ONNX_DOMAINS = ("", "ai.onnx")


@dataclass(frozen=True, slots=True)
class Dataflow:
    """What is left of a graph when everything constant is computed.

    Attributes
    ----------
    name : str
        What messages call the model.
    nodes : tuple of onnx.NodeProto
        In topological order; each reads the data input, directly or not.
    constants : dict of str to ndarray
        Those that a node or another constant reads.
    input_name : str
    input_shape : tuple of int
        Without the batch.
    outputs : tuple of str
    opset, ir_version : int
    """

    name: str
    nodes: tuple[onnx.NodeProto, ...]
    constants: dict[str, Constant] = field(repr=False)
    input_name: str
    input_shape: Shape
    outputs: tuple[str, ...]
    opset: int
    ir_version: int

    def with_constants(self, constants: Mapping[str, Constant]) -> Dataflow:
        """The same graph with some constants replaced."""
        return replace(self, constants={**self.constants, **constants})

    def model(
        self, batch: int | str = "N", output_shapes: Mapping[str, Shape] | None = None, weights: bool = True
    ) -> onnx.ModelProto:
        """An ONNX model of this graph.

        Parameters
        ----------
        batch : int or str
            Size of the first axis, or a name for one that is free.
        output_shapes : mapping of str to tuple of int, optional
            Shapes of outputs without the batch, where known.
        weights : bool
            If False, large weights become inputs: enough to infer shapes, and small.
        """
        inputs = [helper.make_tensor_value_info(self.input_name, TensorProto.FLOAT, [batch, *self.input_shape])]
        stored = []
        for name, value in self.constants.items():
            if not weights and value.size > LARGE_TENSOR:
                kind = helper.np_dtype_to_tensor_dtype(value.dtype)
                inputs.append(helper.make_tensor_value_info(name, kind, list(value.shape)))
            else:
                stored.append(numpy_helper.from_array(np.ascontiguousarray(value).reshape(value.shape), name))
        known = output_shapes or {}
        values = [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, [batch, *known[name]] if name in known else None)
            for name in self.outputs
        ]
        graph = helper.make_graph(self.nodes, "network", inputs, values, stored)
        opset = helper.make_opsetid("", self.opset)
        return helper.make_model(graph, opset_imports=[opset], ir_version=self.ir_version, producer_name="chipsim")


def reduce_model(model: onnx.ModelProto, name: str, supported: Sequence[str]) -> Dataflow:
    """Compute a checked model's constants, free its batch and keep the nodes that touch data.

    Parameters
    ----------
    model : onnx.ModelProto
    name : str
        What messages call the model.
    supported : sequence of str
        Operators that may touch data.

    Raises
    ------
    ModelError
        If there is not exactly one data input, or its shape beyond the batch is not fixed.
    UnsupportedOperatorError
        If a node's operator is not supported.
    """
    opset = opset_of(model)
    constants: dict[str, Constant] = {}
    for tensor in model.graph.initializer:
        constants[tensor.name] = _array(tensor, name)
    nodes = []
    for node in model.graph.node:
        value = fold(node, constants, opset, name)
        if value is not None:
            constants[node.output[0]] = value
        else:
            nodes.append(node)
    for node in nodes:
        _check_supported(node, name, supported)
    outputs = tuple(value.name for value in model.graph.output)
    for output in outputs:
        if output in constants:
            raise ModelError(
                f"{name}: output {output!r} does not depend on the input; remove it from the model's outputs"
            )
    batch, shape, input_name = _data_input(model.graph, nodes, constants, name)
    nodes, constants = _free_batch(nodes, constants, batch)
    used = {value for node in nodes for value in node.input}
    kept = {key: value for key, value in constants.items() if key in used}
    return Dataflow(name, tuple(nodes), kept, input_name, shape, outputs, opset, max(8, model.ir_version))


def _array(tensor: TensorProto, name: str) -> Constant:
    try:
        return numpy_helper.to_array(tensor)
    except (ValueError, TypeError, LookupError, OverflowError) as error:
        raise ModelError(f"{name}: weight {tensor.name!r} is damaged: {error}; export the model again") from None


def _check_supported(node: onnx.NodeProto, name: str, supported: Sequence[str]) -> None:
    if node.domain in ONNX_DOMAINS and (node.op_type in supported or node.op_type in FOLDABLE):
        return
    operator = f"{node.domain}.{node.op_type}" if node.domain not in ONNX_DOMAINS else node.op_type
    raise UnsupportedOperatorError(
        f"{name}: node {label_of(node)!r} has the operator {operator}, which chipsim does not run; "
        f"supported: {', '.join(sorted(supported))}"
    )


def _data_input(
    graph: onnx.GraphProto, nodes: Sequence[onnx.NodeProto], constants: Mapping[str, Constant], name: str
) -> tuple[int | None, Shape, str]:
    """Batch in the file (None if free), shape of one example and name of the one input that carries data."""
    read = {value for node in nodes for value in node.input} | {value.name for value in graph.output}
    inputs = [value for value in graph.input if value.name not in constants and value.name in read]
    if len(inputs) != 1:
        listed = ", ".join(repr(value.name) for value in inputs) or "none"
        raise ModelError(f"{name}: chipsim runs networks with one data input; this one has {len(inputs)} ({listed})")
    (value,) = inputs
    kind = value.type.tensor_type
    if kind.elem_type != TensorProto.FLOAT:
        raise ModelError(f"{name}: input {value.name!r} is not float32; convert the model to float32")
    sizes = [size.dim_value if size.HasField("dim_value") and size.dim_value > 0 else None for size in kind.shape.dim]
    if len(sizes) < 2 or None in sizes[1:]:
        written = [size or "?" for size in sizes]
        raise ModelError(
            f"{name}: input {value.name!r} has the shape {written}; every size but the batch (first) must be a number: "
            "export it with a fixed input size"
        )
    return sizes[0], tuple(size for size in sizes[1:] if size is not None), value.name


def _free_batch(
    nodes: Sequence[onnx.NodeProto], constants: Mapping[str, Constant], batch: int | None
) -> tuple[list[onnx.NodeProto], dict[str, Constant]]:
    """Let every Reshape whose target begins with the file's batch keep whatever batch comes."""
    changed = dict(constants)
    result = []
    for node in nodes:
        target = constants.get(node.input[1]) if node.op_type == "Reshape" and len(node.input) > 1 else None
        if target is None or target.size == 0 or int(target[0]) != (batch or 1) or _allows_zero(node):
            result.append(node)
            continue
        name = f"{node.input[1]}_any_batch"
        changed[name] = np.concatenate([np.zeros(1, np.int64), target[1:].astype(np.int64)])
        copy = onnx.NodeProto()
        copy.CopyFrom(node)
        copy.input[1] = name
        result.append(copy)
    return result, changed


def _allows_zero(node: onnx.NodeProto) -> bool:
    return bool(attributes_of(node).get("allowzero", 0))
