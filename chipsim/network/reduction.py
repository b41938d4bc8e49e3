"""`reduce_model`: a checked ONNX model becomes a `Dataflow`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import onnx

from chipsim.network.branches import Unfolding, array_of
from chipsim.network.constants import ConstantOutputError, Constants
from chipsim.network.dataflow import Dataflow, DataInput
from chipsim.network.free_batch import free_batch
from chipsim.network.inner_values import values_read
from chipsim.network.input_shape import DeclaredInput
from chipsim.network.layers import Shape
from chipsim.network.model_file import opset_of
from chipsim.network.refused import check_operator
from chipsim.network.regions import run_whole
from chipsim.network.shapes import constants_from_shapes
from chipsim.network.whole import kept_values


def stored_constants(graph: onnx.GraphProto, name: str) -> Constants:
    """The initializers of a graph.

    Raises
    ------
    ModelError
        If one is damaged.
    """
    return {tensor.name: array_of(tensor, name) for tensor in graph.initializer}


def reduce_model(
    model: onnx.ModelProto, name: str, constants: Constants, declared: Sequence[DeclaredInput], shapes: Sequence[Shape]
) -> Dataflow:
    """Compute a checked model's constants, decide its conditions and keep the nodes that touch data.

    Parameters
    ----------
    model : onnx.ModelProto
    name : str
        What messages call the model.
    constants : dict of str to ndarray
        From `stored_constants`.
    declared : sequence of DeclaredInput
    shapes : sequence of tuple of int
        Of one example of each.

    Raises
    ------
    ModelError
        If a constant cannot be computed, or an output does not depend on the input.
    UnsupportedOperatorError
        If chipsim does not run a node.
    """
    inputs = tuple(DataInput(given.name, shape, given.dtype) for given, shape in zip(declared, shapes, strict=True))
    batch = next((given.batch for given in declared if given.batch is not None), None)
    start = Dataflow(
        name, (), {}, inputs, (), opset_of(model), 10, batch,
        tuple((item.domain, item.version) for item in model.opset_import if item.domain not in ("", "ai.onnx")),
    )  # fmt: skip
    unfolding = Unfolding(
        name,
        start.opset,
        lambda nodes, known, kept: constants_from_shapes(replace(start, kept=kept), nodes, known),
        lambda nodes, known, kept: kept_values(replace(start, kept=kept), nodes, known),
        dict(constants),
    )
    unfolding.walk(model.graph.node, {})
    for node in unfolding.nodes:
        check_operator(node, name)
    outputs = tuple(value.name for value in model.graph.output)
    known = {output: unfolding.constants[output] for output in outputs if output in unfolding.constants}
    if known:
        raise ConstantOutputError(name, known)
    whole = replace(start, kept=unfolding.kept)
    flow = whole.with_nodes(_wanted(unfolding.nodes, outputs), unfolding.constants, outputs)
    return run_whole(flow if batch in (None, 1) else free_batch(flow))


def _wanted(nodes: Sequence[onnx.NodeProto], outputs: Sequence[str]) -> list[onnx.NodeProto]:
    """Without nodes that no output depends on."""
    read, kept = set(outputs), []
    for node in reversed(nodes):
        if read.intersection(node.output):
            read.update(values_read(node))
            kept.append(node)
    return kept[::-1]
