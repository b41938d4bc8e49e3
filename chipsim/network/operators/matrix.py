"""Gemm, MatMul, Conv and ConvTranspose become `MatrixLayer`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chipsim.network.layers import MatrixLayer, Shape, Window
from chipsim.network.matrix import Matrix, packed
from chipsim.network.operators.geometry import map_of, transposed_window_of, window_of
from chipsim.network.operators.node import Node
from chipsim.network.operators.stored_numbers import numbers_of, type_of

Weights = NDArray[np.float32]
Stored = NDArray[Any]  # of any floating-point type


def read_gemm(node: Node) -> MatrixLayer:
    """``alpha * x @ B + beta * C`` with constant B and C."""
    if node.attributes.get("transA", 0):
        node.unsupported("with transA=1")
    stored = _weights(node, rank=2)
    kind, stored = type_of(stored), numbers_of(node, stored)
    weights = stored.T if node.attributes.get("transB", 0) else stored
    offset = node.constant(2)
    bias: Weights = np.zeros(weights.shape[1], np.float32)
    if offset is not None:
        if offset.size > 1 and offset.size != offset.shape[-1]:
            node.unsupported(f"whose operand C has the shape {offset.shape}; it must be one row")
        bias = bias + np.float32(node.attributes.get("beta", 1.0)) * numbers_of(node, offset.reshape(-1), "biases")
    alpha = np.float32(node.attributes.get("alpha", 1.0))
    return _dense(node, weights if alpha == 1 else weights * alpha, bias, kind)


def read_matmul(node: Node) -> MatrixLayer:
    """``x @ B`` with constant B, token by token, or ``A @ x`` with constant A; a constant added later is the bias."""
    if node.positions == (1,):
        return _from_the_left(node)
    stored = _weights(node, rank=2)
    return _dense(node, numbers_of(node, stored), np.zeros(stored.shape[1], np.float32), type_of(stored))


def _from_the_left(node: Node) -> MatrixLayer:
    """``A @ x`` with constant A: each column of x is a position, as in a convolution with a kernel of one."""
    weights = _flat(node.constants[0], rank=2)
    if weights.ndim != 2 or len(node.input_shape) != 2:
        node.unsupported(f"of a constant of shape {weights.shape} with an input of shape {node.input_shape}")
    kind, weights = type_of(weights), numbers_of(node, weights)
    columns, rows = weights.shape
    matrix = Matrix(node.name, packed(weights.T), np.zeros(columns, np.float32))
    size = node.input_shape[1]
    return MatrixLayer(node.name, node.inputs, (columns, size), (rows, 1, size), Window(), (matrix,), number_type=kind)


def read_conv(node: Node) -> MatrixLayer:
    """Convolution over a sequence, map or volume; one matrix per group."""
    shape = map_of(node, node.input_shape)
    stored = _weights(node, rank=len(node.input_shape) + 1)
    kernel = tuple(node.attributes.get("kernel_shape", stored.shape[2:]))
    groups = int(node.attributes.get("group", 1))
    if kernel != stored.shape[2:] or stored.shape[1] * groups != shape[0] or stored.shape[0] % groups:
        node.wrong(f"weights of shape {stored.shape} in {groups} groups do not fit the input {node.input_shape}")
    outputs = stored.shape[0] // groups
    blocks = [stored[group * outputs : (group + 1) * outputs].swapaxes(0, 1) for group in range(groups)]
    return _convolution(node, shape, window_of(node, kernel), blocks)


def read_conv_transpose(node: Node) -> MatrixLayer:
    """Transposed convolution as a convolution over the input with zeros between neighbours; one matrix per group."""
    shape = map_of(node, node.input_shape)
    stored = _weights(node, rank=len(node.input_shape) + 1)
    kernel = tuple(node.attributes.get("kernel_shape", stored.shape[2:]))
    groups = int(node.attributes.get("group", 1))
    if kernel != stored.shape[2:] or stored.shape[0] != shape[0] or shape[0] % groups:
        node.wrong(f"weights of shape {stored.shape} in {groups} groups do not fit the input {node.input_shape}")
    turned = np.flip(stored, axis=tuple(range(2, stored.ndim)))
    return _convolution(node, shape, transposed_window_of(node, kernel), np.split(turned, groups))


def _convolution(node: Node, shape: Shape, window: Window, blocks: Sequence[Stored]) -> MatrixLayer:
    """A layer with one matrix per group.

    Parameters
    ----------
    node : Node
    shape : tuple of int
        That the window slides over, channels first.
    window : Window
    blocks : sequence of ndarray of float, shape (channels, outputs, *kernel)
    """
    channels, outputs = blocks[0].shape[:2]
    bias, kind = node.constant(2), type_of(blocks[0])
    offsets = np.zeros(len(blocks) * outputs, np.float32) if bias is None else numbers_of(node, bias, "biases")
    matrices = tuple(
        Matrix(
            name=node.name if len(blocks) == 1 else f"{node.name}/{group}",
            # rows in the order (kernel, channel)
            weights=packed(np.moveaxis(numbers_of(node, block), (0, 1), (-2, -1)).reshape(-1, outputs)),
            bias=np.array(offsets[group * outputs : (group + 1) * outputs], np.float32),
            first_input_channel=group * channels,
            first_output_channel=group * outputs,
        )
        for group, block in enumerate(blocks)
    )
    axes = len(window.kernel)
    return MatrixLayer(
        node.name, node.inputs, node.output_shape, shape, window, matrices, position_axes=axes, number_type=kind
    )


def _weights(node: Node, rank: int) -> Stored:
    weights = node.constant(1)
    if 0 not in node.positions:
        node.unsupported("of a constant with the network's data; the data must be the left operand")
    weights = None if weights is None else _flat(weights, rank)
    if weights is None or weights.ndim != rank:
        found = "missing" if weights is None else f"of shape {weights.shape}"
        node.unsupported(f"whose weights are {found}; they must be a constant with {rank} axes")
    return weights


def _flat(weights: Stored, rank: int) -> Stored:
    """Without axes of one in front."""
    while weights.ndim > rank and weights.shape[0] == 1:
        weights = weights[0]
    return weights


def _dense(node: Node, weights: Weights, bias: Weights, kind: str) -> MatrixLayer:
    """A matrix for one vector, or for the last axis of several: tokens."""
    rows, columns = weights.shape
    if node.input_shape[-1] != rows:
        node.wrong(f"weights with {rows} rows do not fit the input {node.input_shape}")
    bias = np.broadcast_to(bias, columns).astype(np.float32)
    matrix = Matrix(node.name, packed(weights), bias)
    tokens = math.prod(node.input_shape[:-1])
    return MatrixLayer(
        node.name, node.inputs, node.output_shape, (rows, 1, tokens), Window(), (matrix,),
        channels_last=len(node.output_shape) > 1, number_type=kind,
    )  # fmt: skip
