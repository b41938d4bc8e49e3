"""Pooling on a digital unit."""

from __future__ import annotations

import math

from chipsim.network.layers import DigitalLayer
from chipsim.network.operators.geometry import map_of, window_of
from chipsim.network.operators.node import Node


def read_pool(node: Node) -> DigitalLayer:
    """MaxPool and AveragePool: one comparison or addition per output and kernel element."""
    map_of(node, node.input_shape)
    if node.operator == "MaxPool" and len(node.proto.output) > 1 and node.proto.output[1]:
        node.unsupported("that also returns indices")
    kernel = tuple(node.attributes["kernel_shape"])
    operations = node.elements * math.prod(kernel)
    window = window_of(node, kernel)
    return node.digital("window", operations, window=window, position_axes=len(window.kernel))


def read_global_pool(node: Node) -> DigitalLayer:
    """GlobalAveragePool and GlobalMaxPool: one operation per input element."""
    return node.digital("barrier", math.prod(node.input_shape))


def read_reduce_mean(node: Node) -> DigitalLayer:
    """ReduceMean over named axes of one example: one operation per input element."""
    axes = node.attributes.get("axes", node.constant(1))
    rank = len(node.input_shape) + 1
    if axes is None or any(int(axis) % rank == 0 for axis in axes):
        node.unsupported("over the batch; name the axes to reduce, without the first")
    return node.digital("barrier", math.prod(node.input_shape))
