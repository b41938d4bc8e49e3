"""Operators that move values or only rename their axes."""

from __future__ import annotations

import math

from chipsim.network.layers import DigitalLayer, ViewLayer
from chipsim.network.operators.node import Node


def read_view(node: Node) -> ViewLayer:
    """Reshape, Flatten, Squeeze, Unsqueeze that leave the batch alone: the same values in the same order."""
    if node.operator in ("Squeeze", "Unsqueeze"):
        _check_axes(node)
    elif node.operator == "Reshape":
        node.constant(1)
    elif node.axis(default=1) == 0:
        node.unsupported("with axis=0, which mixes the inputs of a batch")
    if math.prod(node.output_shape) != math.prod(node.input_shape):
        node.unsupported("that mixes the inputs of a batch")
    return ViewLayer(node.name, node.inputs, node.output_shape)


def _check_axes(node: Node) -> None:
    axes = node.attributes.get("axes", node.constant(1))
    if axes is None:
        node.unsupported("without axes, which would remove a batch of one; name the axes")
    rank = 1 + len(node.output_shape if node.operator == "Unsqueeze" else node.input_shape)
    if any(int(axis) % rank == 0 for axis in axes):
        node.unsupported("of the batch")


def read_transpose(node: Node) -> DigitalLayer | ViewLayer:
    """A permutation of axes inside one example; one operation per value that moves."""
    shape = node.input_shape
    order = tuple(node.attributes.get("perm", range(len(shape), -1, -1)))
    if order[0] != 0:
        node.unsupported(f"with perm={order}, which moves the batch")
    moved = [axis - 1 for axis in order[1:]]
    longer = [axis for axis in moved if shape[axis] > 1]
    if longer == sorted(longer):
        return ViewLayer(node.name, node.inputs, node.output_shape)
    last = len(shape) - 2
    in_place = len(shape) >= 3 and moved[last:] == [last, last + 1]
    return node.digital("elementwise" if in_place else "barrier", node.elements)


def read_concat(node: Node) -> DigitalLayer:
    """Concatenation; along the channels each position still depends on the same position alone."""
    axis = node.axis(default=1)
    if axis == 0:
        node.unsupported("along the batch")
    if node.constants:
        node.unsupported("with a constant operand")
    per_position = axis - 1 < max(1, len(node.output_shape) - 2)
    return node.digital("elementwise" if per_position else "barrier", node.elements)
