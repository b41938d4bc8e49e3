"""`write_resnet18`: ResNet-18 at 224 x 224 with seeded random weights, for the table of `benchmarks/engine.py`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

STAGES = ((64, 1), (128, 2), (256, 2), (512, 2))
"""Channels and first stride of each pair of blocks: He et al. 2016, table 1."""


class _Builder:
    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []
        self._rng = np.random.default_rng(0)

    def weight(self, *shape: int) -> str:
        name = f"w{len(self.weights)}"
        values = (self._rng.standard_normal(shape) / np.sqrt(np.prod(shape[1:]))).astype(np.float32)
        self.weights.append(numpy_helper.from_array(values, name))
        return name

    def node(self, kind: str, *inputs: str, **attributes: object) -> str:
        name = f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def conv(self, before: str, channels: tuple[int, int], kernel: int, stride: int) -> str:
        weight = self.weight(channels[1], channels[0], kernel, kernel)
        return self.node(
            "Conv", before, weight, strides=[stride] * 2, pads=[kernel // 2] * 4, kernel_shape=[kernel] * 2
        )

    def block(self, before: str, channels: tuple[int, int], stride: int) -> str:
        inner = self.node("Relu", self.conv(before, channels, 3, stride))
        outer = self.conv(inner, (channels[1], channels[1]), 3, 1)
        skip = before if channels[0] == channels[1] else self.conv(before, channels, 1, stride)
        return self.node("Relu", self.node("Add", outer, skip))


def write_resnet18(path: Path) -> None:
    """Write the network, batch normalisation folded away, to an ONNX file."""
    build, width = _Builder(), 64
    last = build.node("Relu", build.conv("x", (3, 64), 7, 2))
    last = build.node("MaxPool", last, kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4)
    for channels, stride in STAGES:
        last = build.block(last, (width, channels), stride)
        last, width = build.block(last, (channels, channels), 1), channels
    last = build.node("Flatten", build.node("GlobalAveragePool", last))
    last = build.node("Gemm", last, build.weight(1000, 512), transB=1)
    shapes = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 224, 224])]
    outputs = [helper.make_tensor_value_info(last, TensorProto.FLOAT, [1, 1000])]
    graph = helper.make_graph(build.nodes, "resnet18", shapes, outputs, build.weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, str(path))
