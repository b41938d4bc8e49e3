"""One reader per ONNX operator: a node in, a layer out."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from chipsim.network.layers import AnyLayer
from chipsim.network.operators.elementwise import (
    read_arithmetic,
    read_batch_normalization,
    read_function,
    read_layer_normalization,
    read_lrn,
    read_softmax,
)
from chipsim.network.operators.matrix import read_conv, read_conv_transpose, read_gemm, read_matmul
from chipsim.network.operators.movement import read_concat, read_transpose, read_view
from chipsim.network.operators.node import Node
from chipsim.network.operators.pooling import read_global_pool, read_pool, read_reduce_mean

READERS: Mapping[str, Callable[[Node], AnyLayer]] = {
    "Add": read_arithmetic,
    "AveragePool": read_pool,
    "BatchNormalization": read_batch_normalization,
    "Clip": read_function,
    "Concat": read_concat,
    "Conv": read_conv,
    "ConvTranspose": read_conv_transpose,
    "Div": read_arithmetic,
    "Elu": read_function,
    "Flatten": read_view,
    "Gemm": read_gemm,
    "GlobalAveragePool": read_global_pool,
    "GlobalMaxPool": read_global_pool,
    "HardSigmoid": read_function,
    "HardSwish": read_function,
    "LRN": read_lrn,
    "LayerNormalization": read_layer_normalization,
    "LeakyRelu": read_function,
    "MatMul": read_matmul,
    "MaxPool": read_pool,
    "Mul": read_arithmetic,
    "ReduceMean": read_reduce_mean,
    "Relu": read_function,
    "Reshape": read_view,
    "Sigmoid": read_function,
    "Softmax": read_softmax,
    "Squeeze": read_view,
    "Sub": read_arithmetic,
    "Sum": read_arithmetic,
    "Tanh": read_function,
    "Transpose": read_transpose,
    "Unsqueeze": read_view,
}
DROPPED = frozenset({"Dropout", "Identity"})  # nothing happens to the values in inference
SUPPORTED = tuple(sorted({*READERS, *DROPPED}))
