"""`check_operand_types`: operands of a node that ONNX wants to be of one type, and that are not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache

import onnx
from onnx import TensorProto, helper
from onnx.defs import OpSchema

from chipsim.errors import ModelError
from chipsim.network.inner_values import inner_graphs
from chipsim.network.stored_tensors import all_nodes, label_of

ONNX = ("", "ai.onnx")
UNKNOWN = TensorProto.UNDEFINED
NO_NUMBERS = (UNKNOWN, TensorProto.STRING)
"""Text is refused for what it is, elsewhere."""
Types = dict[str, int]


def check_operand_types(model: onnx.ModelProto, inputs: Mapping[str, int], name: str) -> None:
    """Refuse a node whose operands share a type by ONNX's rules and have two.

    Parameters
    ----------
    model : onnx.ModelProto
        With the types of its inputs and weights, which may lack their values.
    inputs : mapping of str to int
        Types of those inputs that stand for what nodes make; 0 if not known.
    name : str
        What messages call the model.

    Raises
    ------
    ModelError
    """
    versions = {"" if item.domain in ONNX else item.domain: item.version for item in model.opset_import}
    try:
        inferred = onnx.shape_inference.infer_shapes(_without_claims(model, inputs)).graph
    except (onnx.shape_inference.InferenceError, RuntimeError, ValueError):  # damaged: said where it is read
        return
    _check_graph(inferred, {}, versions, name)


def _without_claims(model: onnx.ModelProto, inputs: Mapping[str, int]) -> onnx.ModelProto:
    """The model without the types that it says its nodes make and take, which may be those before it was changed."""
    bare = onnx.ModelProto()
    bare.CopyFrom(model)
    within = [inner for node in all_nodes(bare.graph) for inner in inner_graphs(node)]
    for graph in (bare.graph, *within):
        del graph.value_info[:]
    for value in (*bare.graph.output, *(value for graph in within for value in (*graph.input, *graph.output))):
        value.ClearField("type")
    for given in bare.graph.input:
        if given.name in inputs:
            given.type.CopyFrom(onnx.TypeProto())
            given.type.tensor_type.elem_type = inputs[given.name]
    return bare


def _check_graph(graph: onnx.GraphProto, around: Types, versions: Mapping[str, int], name: str) -> None:
    types = around | {tensor.name: tensor.data_type for tensor in graph.initializer}
    types |= {
        value.name: value.type.tensor_type.elem_type
        for value in (*graph.input, *graph.value_info, *graph.output)
        if value.type.HasField("tensor_type")
    }
    for node in graph.node:
        _check_node(node, types, versions, name)
        for inner in inner_graphs(node):
            _check_graph(inner, types, versions, name)


def _check_node(node: onnx.NodeProto, types: Types, versions: Mapping[str, int], name: str) -> None:
    domain = "" if node.domain in ONNX else node.domain
    schema = _schema(node.op_type, domain, versions.get(domain, 0))
    first: dict[str, str] = {}
    for value, kind in _typed(node, schema):
        if types.get(value, UNKNOWN) in NO_NUMBERS:
            continue
        other = first.setdefault(kind, value)
        if types[other] != types[value]:
            raise ModelError(
                f"{name}: node {label_of(node)!r} ({node.op_type}) takes {other!r} in {_in_words(types[other])} and "
                f"{value!r} in {_in_words(types[value])}, which must be of one type; put a Cast before it, or export "
                "the model again"
            )


@cache
def _schema(operator: str, domain: str, version: int) -> OpSchema | None:
    """What ONNX says of an operator; None of those that are not its own."""
    try:
        return onnx.defs.get_schema(operator, version, domain)
    except onnx.defs.SchemaError:
        return None


def _typed(node: onnx.NodeProto, schema: OpSchema | None) -> Iterator[tuple[str, str]]:
    """Operands, and the name that the schema gives their type."""
    if schema is None or not schema.inputs:
        return
    last = len(schema.inputs) - 1
    for place, value in enumerate(node.input):
        formal = schema.inputs[min(place, last)]
        if value and (formal.is_homogeneous or formal.option != OpSchema.FormalParameterOption.Variadic):
            yield value, formal.type_str


def _in_words(kind: int) -> str:
    """A type as NumPy calls it."""
    known = kind in TensorProto.DataType.values()
    return str(helper.tensor_dtype_to_np_dtype(kind)) if known else f"the type {kind}"
