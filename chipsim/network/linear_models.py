"""`write_linear`: a linear model of ``ai.onnx.ml`` becomes a Gemm, and what it does with the sums on a digital unit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto

from chipsim.network.constants import attributes_of
from chipsim.network.layers import Shape
from chipsim.network.node_writer import Facts, NodeWriter
from chipsim.network.stored_tensors import label_of

FUNCTIONS = {"NONE": "", "SOFTMAX": "Softmax", "LOGISTIC": "Sigmoid"}
"""What a classifier does with its scores, as operators of their own."""


def write_linear(node: onnx.NodeProto, facts: Facts, writer: NodeWriter) -> bool:
    """Write a linear model, where it is a matrix of its features; whether it was.

    Parameters
    ----------
    node : onnx.NodeProto
        LinearRegressor, LinearClassifier or SVMRegressor.
    facts : Facts
    writer : NodeWriter
    """
    attributes = attributes_of(node)
    shape = facts.shapes[node.input[0]]
    if len(shape) != 2:
        return False
    features = shape[1]
    if node.op_type == "LinearClassifier":
        return _write_classifier(node, attributes, shape, facts, writer)
    found = _support_vectors(attributes, features) if node.op_type == "SVMRegressor" else _targets(attributes, features)
    if found is None or str(attributes.get("post_transform", "NONE")) != "NONE":
        return False
    _write_sums(node, *found, facts, writer, node.output[0])
    return True


def _targets(attributes: Mapping[str, Any], features: int) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]] | None:
    """Matrix (features, targets) and offsets of a LinearRegressor or LinearClassifier."""
    numbers = np.array(attributes.get("coefficients", ()), np.float32)
    if not numbers.size or numbers.size % features:
        return None
    matrix = numbers.reshape(-1, features).T
    offsets = np.array(attributes.get("intercepts", ()), np.float32)
    if offsets.size not in (0, matrix.shape[1]) or attributes.get("targets", matrix.shape[1]) != matrix.shape[1]:
        return None
    return matrix, offsets if offsets.size else np.zeros(matrix.shape[1], np.float32)


def _support_vectors(
    attributes: Mapping[str, Any], features: int
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]] | None:
    """A linear SVMRegressor's vectors as one column: sums of products are products with the sum."""
    vectors = np.array(attributes.get("support_vectors", ()), np.float64)
    numbers, rho = np.array(attributes.get("coefficients", ()), np.float64), attributes.get("rho", ())
    linear = str(attributes.get("kernel_type", "LINEAR")) == "LINEAR" and not attributes.get("one_class", 0)
    if not linear or not vectors.size or vectors.size != numbers.size * features or len(rho) != 1:
        return None
    column = numbers @ vectors.reshape(-1, features)
    return column.astype(np.float32)[:, None], np.array(rho, np.float32)


def _write_sums(
    node: onnx.NodeProto, matrix: np.ndarray[Any, Any], offsets: np.ndarray[Any, Any], facts: Facts, writer: NodeWriter,
    output: str,
) -> str:  # fmt: skip
    """The Gemm, of numbers that are float32 as the operator takes them."""
    label, source = label_of(node), node.input[0]
    if facts.types.get(source) != TensorProto.FLOAT:
        source = writer.add("Cast", [source], f"{label}/numbers", to=TensorProto.FLOAT)
    operands = [source, writer.constant(f"{label}/weights", matrix), writer.constant(f"{label}/offsets", offsets)]
    return writer.add("Gemm", operands, label, output)


def _write_classifier(
    node: onnx.NodeProto, attributes: Mapping[str, Any], shape: Shape, facts: Facts, writer: NodeWriter
) -> bool:
    """Scores of two classes or more with a score each; the label is that of the largest."""
    found, function = _targets(attributes, shape[1]), str(attributes.get("post_transform", "NONE"))
    classes, texts = (attributes.get(f"classlabels_{kind}", ()) for kind in ("ints", "strings"))
    label, outputs, count = label_of(node), [*node.output, ""][:2], len(classes or texts)
    if found is None or function not in FUNCTIONS or count != found[0].shape[1] or count < 2:
        return False
    if texts and outputs[0] in facts.read:  # a label is text
        return False
    operator = FUNCTIONS[function]
    scores = _write_sums(node, *found, facts, writer, "" if operator else outputs[1])
    if operator and outputs[1] in facts.read:
        axis: dict[str, Any] = {"axis": 1} if operator == "Softmax" else {}
        made = writer.add(operator, [scores], f"{label}/scores", **axis)
        # a view, which costs nothing: the file has no Softmax whose operand could be looked at
        writer.reshape(made, (shape[0], count), f"{label}/probabilities", outputs[1])
    if outputs[0] in facts.read:
        largest = writer.add("ArgMax", [scores], f"{label}/largest", axis=1, keepdims=0)
        writer.add(
            "Gather",
            [writer.constant(f"{label}/classes", np.array(classes, np.int64)), largest],
            f"{label}/label",
            outputs[0],
        )
    return True
