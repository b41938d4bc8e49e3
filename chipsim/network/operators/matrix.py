"""Gemm, MatMul and Conv become `MatrixLayer`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from chipsim.network.layers import Matrix, MatrixLayer, Window
from chipsim.network.operators.geometry import map_of, window_of
from chipsim.network.operators.node import Node

Weights = NDArray[np.float32]


def read_gemm(node: Node) -> MatrixLayer:
    """``alpha * x @ B + beta * C`` with constant B and C."""
    if node.attributes.get("transA", 0):
        node.unsupported("with transA=1")
    stored = _weights(node, rank=2)
    weights = stored.T if node.attributes.get("transB", 0) else stored
    offset = node.constant(2)
    bias: Weights = np.zeros(weights.shape[1], np.float32)
    if offset is not None:
        if offset.size > 1 and offset.size != offset.shape[-1]:
            node.unsupported(f"whose operand C has the shape {offset.shape}; it must be one row")
        bias = bias + np.float32(node.attributes.get("beta", 1.0)) * offset.reshape(-1).astype(np.float32)
    alpha = np.float32(node.attributes.get("alpha", 1.0))
    return _dense(node, weights if alpha == 1 else weights * alpha, bias)


def read_matmul(node: Node) -> MatrixLayer:
    """``x @ B`` with a vector per input and constant B; a constant added later becomes the bias."""
    weights = _weights(node, rank=2)
    return _dense(node, weights, np.zeros(weights.shape[1], np.float32))


def read_conv(node: Node) -> MatrixLayer:
    """Convolution over a map or a sequence; one matrix per group."""
    channels, height, width = map_of(node, node.input_shape)
    stored = _weights(node, rank=len(node.input_shape) + 1)
    kernel = tuple(node.attributes.get("kernel_shape", stored.shape[2:]))
    groups = int(node.attributes.get("group", 1))
    if kernel != stored.shape[2:] or stored.shape[1] * groups != channels or stored.shape[0] % groups:
        node.wrong(f"weights of shape {stored.shape} in {groups} groups do not fit the input {node.input_shape}")
    window = window_of(node, kernel)
    bias = node.constant(2)
    offsets = np.zeros(stored.shape[0], np.float32) if bias is None else bias
    outputs = stored.shape[0] // groups
    # (output, channel, y, x) -> rows in the order (y, x, channel)
    taps = stored.reshape(stored.shape[0], stored.shape[1], *window.kernel).transpose(2, 3, 1, 0)
    rows = taps.reshape(-1, stored.shape[0])
    matrices = tuple(
        Matrix(
            name=node.name if groups == 1 else f"{node.name}/{group}",
            weights=np.ascontiguousarray(rows[:, group * outputs : (group + 1) * outputs]),
            bias=np.array(offsets[group * outputs : (group + 1) * outputs], np.float32),
            first_input_channel=group * stored.shape[1],
            first_output_channel=group * outputs,
        )
        for group in range(groups)
    )
    return MatrixLayer(node.name, node.inputs, node.output_shape, (channels, height, width), window, matrices)


def _weights(node: Node, rank: int) -> Weights:
    weights = node.constant(1)
    if 0 not in node.positions:
        node.unsupported("of a constant with the network's data; the data must be the left operand")
    if weights is None or weights.ndim != rank:
        found = "missing" if weights is None else f"of shape {weights.shape}"
        node.unsupported(f"whose weights are {found}; they must be a constant with {rank} axes")
    if weights.dtype != np.float32:
        node.unsupported(f"whose weights are {weights.dtype}; convert the model to float32")
    return weights


def _dense(node: Node, weights: Weights, bias: Weights) -> MatrixLayer:
    if len(node.input_shape) != 1:
        node.unsupported(f"on an input of shape {node.input_shape}; only one vector per input is supported so far")
    rows, columns = weights.shape
    if node.input_shape != (rows,):
        node.wrong(f"weights with {rows} rows do not fit the input {node.input_shape}")
    bias = np.broadcast_to(bias, columns).astype(np.float32)
    matrix = Matrix(node.name, np.ascontiguousarray(weights), bias)
    return MatrixLayer(node.name, node.inputs, (columns,), (rows, 1, 1), Window(), (matrix,))
