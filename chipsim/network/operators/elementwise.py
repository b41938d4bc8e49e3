"""Operators that work value by value, or channel by channel at one position."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from chipsim.network.layers import Activation, DigitalLayer
from chipsim.network.operators.node import Node
from chipsim.network.operators.operations import PER_OUTPUT

SOFTMAX_OPERATIONS = 3  # per element: exponential, sum, division
LRN_EXTRA_OPERATIONS = 3  # per element, beside the squares: scale and shift, power, division
NORMALISATION_OPERATIONS = 2  # per element: multiply, add


def read_function(node: Node) -> DigitalLayer:
    """A function of one value: one operation per element (a table look-up, where it is not arithmetic)."""
    for position in (1, 2):
        node.constant(position)
    return node.digital("elementwise", math.prod(node.input_shape))


def read_arithmetic(node: Node) -> DigitalLayer:
    """Add, Sum, Sub, Mul, Div, Max, Min of several operands, with broadcasting inside one example."""
    rank = len(node.output_shape)
    if any(len(shape) != rank for shape in node.input_shapes):
        node.unsupported(f"of operands with the shapes {node.input_shapes}; their ranks must be equal")
    for value in node.constants.values():
        if value.ndim > rank + 1 or (value.ndim == rank + 1 and value.shape[0] != 1):
            node.unsupported(f"with a constant of shape {value.shape} that differs between inputs of a batch")
    operands = len(node.inputs) + len(node.constants)
    return node.digital("elementwise", node.elements * max(operands - 1, 1))


def read_batch_normalization(node: Node) -> DigitalLayer:
    """Inference mode: a scale and a shift per channel."""
    outputs = [value for value in node.proto.output if value]
    if node.attributes.get("training_mode", 0) or len(outputs) > 1:
        node.wrong("is in training mode; export the model in inference mode (model.eval())")
    if not node.attributes.get("spatial", 1):
        node.unsupported("with spatial=0")
    if any(node.constant(position) is None for position in range(1, 5)):
        node.wrong("lacks its scale, shift, mean or variance")
    attributes = {"epsilon": float(node.attributes.get("epsilon", 1e-5))}
    if np.any(node.constants[4] + attributes["epsilon"] <= 0):
        node.wrong("has a negative variance; export the model again")
    return node.digital("elementwise", NORMALISATION_OPERATIONS * node.elements, attributes=attributes)


def read_softmax(node: Node) -> DigitalLayer:
    """Softmax: exponential, sum and division are counted as three operations per element."""
    axis = node.axis(default=1 if node.opset < 13 else -1)
    if axis == 0:
        node.unsupported("over the batch")
    per_position = axis == 1 and (node.opset >= 13 or len(node.output_shape) == 1)
    return node.digital("elementwise" if per_position else "barrier", SOFTMAX_OPERATIONS * node.elements)


def read_layer_normalization(node: Node) -> DigitalLayer:
    """Over the last axis, token by token: difference, square, sums, division by the root, scale and shift."""
    if node.axis(default=-1) != len(node.output_shape) or sum(map(bool, node.proto.output)) > 1:
        node.unsupported("over several axes, or with its mean and deviation as outputs")
    node.constant(1), node.constant(2)
    return node.digital("barrier", PER_OUTPUT["LayerNormalization"] * node.elements)


def read_lrn(node: Node) -> DigitalLayer:
    """Local response normalisation over neighbouring channels of one position."""
    per_element = int(node.attributes["size"]) + LRN_EXTRA_OPERATIONS
    return node.digital("elementwise", per_element * node.elements)


def activation_of(layer: DigitalLayer) -> Activation | None:
    """The layer as an activation that the layer before it can apply, or None if it is something else."""
    if layer.activations or layer.reason or len(layer.inputs) != 1:
        return None
    match layer.operator:
        case "Relu":
            return Activation("relu")
        case "LeakyRelu":
            return Activation("leaky_relu", (float(layer.attributes.get("alpha", 0.01)),))
        case "Sigmoid":
            return Activation("sigmoid")
        case "Tanh":
            return Activation("tanh")
        case "Clip":
            return Activation("clip", _limits(layer.attributes, layer.constants))
    return None


def _limits(attributes: Mapping[str, Any], constants: Mapping[int, np.ndarray[Any, Any]]) -> tuple[float, float]:
    """Bounds of a Clip: attributes up to opset 10, operands since."""
    low = constants[1].item() if 1 in constants else attributes.get("min", -math.inf)
    high = constants[2].item() if 2 in constants else attributes.get("max", math.inf)
    return float(low), float(high)
