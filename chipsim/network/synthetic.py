"""`synthetic_weights`: seeded random weights for models that are published without theirs."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import onnx

from chipsim.network.constants import Constant, attributes_of
from chipsim.network.dataflow import Dataflow
from chipsim.streams import stream

THREADS = 2
"""Weights drawn side by side; each has a stream of its own, so they are the same however many."""

# operator -> operand positions that become 1, and those that become 0
_IDENTITY: dict[str, tuple[tuple[int, ...], tuple[int, ...]]] = {
    "BatchNormalization": ((1, 4), (2, 3)),
    "Conv": ((), (2,)),
    "Gemm": ((), (2,)),
    "Mul": ((0, 1), ()),
    "Div": ((1,), ()),
    "Add": ((), (0, 1)),
    "Sub": ((), (1,)),
}


def synthetic_weights(flow: Dataflow, seed: int) -> Dataflow:
    """Replace the weights of a graph by random ones.

    Parameters
    ----------
    flow : Dataflow
    seed : int

    Returns
    -------
    Dataflow
        Matrices and kernels are normal with mean 0 and standard deviation sqrt(2 / fan-in), each from a stream of
        its own; biases are 0; batch normalisation and constant scales do nothing (its epsilon stays).

    References
    ----------
    K. He, X. Zhang, S. Ren, J. Sun, "Delving deep into rectifiers", ICCV 2015, equation 10: the standard deviation.
    """
    replaced: dict[str, Constant] = {}
    drawn: dict[str, onnx.NodeProto] = {}
    for node in flow.nodes:
        ones, zeros = _IDENTITY.get(node.op_type, ((), ()))
        for position, value in enumerate(node.input):
            old = flow.constants.get(value)
            if old is None or value in replaced or value in drawn:
                continue
            if node.op_type in ("Conv", "Gemm", "MatMul") and position == 1:
                drawn[value] = node
            elif position in ones or position in zeros:
                replaced[value] = np.broadcast_to(old.dtype.type(position in ones), old.shape)
    with ThreadPoolExecutor(THREADS) as pool:
        weights = pool.map(lambda name: _normal(drawn[name], name, flow.constants[name].shape, seed), drawn)
        made = zip(drawn, weights, strict=True)
        typed = {name: values.astype(flow.constants[name].dtype, copy=False) for name, values in made}
        return flow.with_constants({**replaced, **typed})


def _normal(node: onnx.NodeProto, name: str, shape: tuple[int, ...], seed: int) -> Constant:
    transposed = node.op_type == "Gemm" and attributes_of(node).get("transB", 0)
    fan_in = math.prod(shape[1:]) if node.op_type == "Conv" or transposed else shape[0]
    values = stream(seed, "synthetic", name).standard_normal(shape, np.float32)
    values *= np.float32(math.sqrt(2 / fan_in))
    return values
