"""`computable`: a graph in types that ONNX Runtime has no operators for becomes one in float32.

Its values in bfloat16 are rounded to it after every operator; those in float64 are float32 throughout.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import AttributeProto, TensorProto, helper, numpy_helper

from chipsim.errors import ModelError, UnsupportedOperatorError
from chipsim.network.dataflow import Dataflow
from chipsim.network.digital import open_session
from chipsim.network.number_types import BFLOAT16
from chipsim.network.operators.recurrent import RECURRENT
from chipsim.network.regions import is_region
from chipsim.network.stored_tensors import label_of
from chipsim.network.weight_sharing import Origin, origin_of

KINDS: Mapping[str, int] = {BFLOAT16: TensorProto.BFLOAT16, "float64": TensorProto.DOUBLE}
TYPED = frozenset({"dtype", "stash_type", "to"})
"""Attributes that name a type."""


def computable(flow: Dataflow) -> tuple[Dataflow, tuple[str, ...]]:
    """The same graph in types that ONNX Runtime computes in.

    Parameters
    ----------
    flow : Dataflow

    Returns
    -------
    flow : Dataflow
        The one given, where there is nothing to do.
    notes : tuple of str
        What is computed otherwise than the file says.

    Raises
    ------
    ModelError
        If a float64 constant is too large for float32.
    UnsupportedOperatorError
        If a part of the graph runs whole.
    """
    notes: list[str] = []
    if _holds(flow, BFLOAT16):
        kinds = value_types(flow)
        values = [*(given.name for given in flow.inputs), *(value for node in flow.nodes for value in node.output)]
        rounded = {value: BFLOAT16 for value in values if kinds.get(value) == KINDS[BFLOAT16]}
        flow = replace(_as_float32(flow, BFLOAT16), rounded=rounded)
        notes.append(
            "the model computes in bfloat16, for which ONNX Runtime has no operators here: all are computed in float32 "
            "and what they give is rounded to bfloat16, in the reference too"
        )
    if _holds(flow, "float64") and (missing := _not_in_float64(flow)):
        flow = _as_float32(flow, "float64")
        notes.append(
            f"ONNX Runtime has no {missing} of float64 here: the model is computed in float32 throughout, in the "
            "reference too"
        )
    return flow, tuple(notes)


def holds_other_floats(flow: Dataflow) -> bool:
    """Whether values may be float16 or float64."""
    return any(_holds(flow, kind) for kind in ("float16", "float64"))


def _holds(flow: Dataflow, kind: str) -> bool:
    """Whether a constant or an input is of a type, or a node makes values of it."""
    number = int(helper.np_dtype_to_tensor_dtype(np.dtype(kind)))
    typed = (a for node in flow.nodes for a in node.attribute if a.name in TYPED)
    return (
        any(str(value.dtype) == kind for value in flow.constants.values())
        or any(given.dtype == kind for given in flow.inputs)
        or any(attribute.i == number for attribute in typed)
    )


def value_types(flow: Dataflow) -> dict[str, int]:
    """ONNX's numbers of the types of values, as far as they can be inferred."""
    found = {given.name: int(helper.np_dtype_to_tensor_dtype(np.dtype(given.dtype))) for given in flow.inputs}
    found |= {name: int(helper.np_dtype_to_tensor_dtype(value.dtype)) for name, value in flow.constants.items()}
    try:
        inferred = onnx.shape_inference.infer_shapes(flow.model(batch=1, weights=False))
    except (onnx.shape_inference.InferenceError, RuntimeError):
        return found
    for value in (*inferred.graph.value_info, *inferred.graph.output):
        found[value.name] = value.type.tensor_type.elem_type
    return found


def _not_in_float64(flow: Dataflow) -> str:
    """The first operator on float64 values that ONNX Runtime does not have; empty where there is none."""
    kinds = value_types(flow)
    doubled = [node for node in flow.nodes if any(kinds.get(value) == KINDS["float64"] for value in node.input)]
    recurrent = next((node.op_type for node in doubled if node.op_type in RECURRENT), "")
    if recurrent:  # ONNX Runtime takes them, and refuses their values
        return recurrent
    try:
        open_session(flow.model(batch=1, weights=False).SerializeToString())
    except Exception as error:  # onnxruntime's exceptions share no base class
        found = re.search(r"NOT_IMPLEMENTED.* for (\w+)\(", str(error))
        if found and any(node.op_type == found[1] for node in doubled):
            return found[1]
    return ""


def _as_float32(flow: Dataflow, kind: str) -> Dataflow:
    """Constants, inputs and what nodes make in float32 instead of one type."""
    if flow.functions:
        node = next(each for each in flow.nodes if is_region(each))
        raise UnsupportedOperatorError(
            f"{flow.name}: node {label_of(node)!r} ({node.op_type}) runs whole, in a model of {kind} that ONNX Runtime "
            "has not all operators for; convert the model to float32"
        )
    made: dict[Origin, NDArray[Any]] = {}
    constants = dict(flow.constants)
    for name, value in flow.constants.items():
        if str(value.dtype) == kind:
            origin = origin_of(value)
            if origin not in made:
                made[origin] = _narrowed(value, name, flow)
            constants[name] = made[origin]
    inputs = tuple(replace(given, dtype="float32") if given.dtype == kind else given for given in flow.inputs)
    nodes = tuple(_without_type(node, kind) for node in flow.nodes)
    return replace(flow, constants=constants, inputs=inputs, nodes=nodes)


def _narrowed(value: NDArray[Any], name: str, flow: Dataflow) -> NDArray[Any]:
    with np.errstate(over="ignore"):
        found = value.astype(np.float32)
    if np.isinf(found).any() and np.isfinite(value).all():
        raise ModelError(
            f"{flow.name}: constant {name!r} holds {np.abs(value).max():g}, which float32 cannot; scale the model down"
        )
    return found


def _without_type(node: onnx.NodeProto, kind: str) -> onnx.NodeProto:
    """The node with float32 wherever an attribute says the type."""
    number = KINDS[kind]
    tensors = [a for a in node.attribute if a.type == AttributeProto.TENSOR and a.t.data_type == number]
    if not tensors and not any(a.name in TYPED and a.i == number for a in node.attribute):
        return node
    copy = onnx.NodeProto()
    copy.CopyFrom(node)
    for attribute in copy.attribute:
        if attribute.name in TYPED and attribute.i == number:
            attribute.i = TensorProto.FLOAT
        elif attribute.type == AttributeProto.TENSOR and attribute.t.data_type == number:
            attribute.t.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(attribute.t).astype(np.float32)))
    return copy
