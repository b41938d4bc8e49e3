"""`GraphBuilder`: nodes and seeded random weights, one after another, to an ONNX model."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from chipsim.streams import stream

OPSET, IR_VERSION = 17, 8


class GraphBuilder:
    """An ONNX graph in the making.

    Parameters
    ----------
    name : str
        Of the graph; weights depend on it.
    seed : int
        Of the weights.

    Examples
    --------
    >>> build = GraphBuilder("one", seed=0)
    >>> model = build.model({"x": ["N", 3]}, build.dense("x", 3, 2))
    >>> [node.op_type for node in model.graph.node]
    ['Gemm']
    """

    def __init__(self, name: str, seed: int) -> None:
        self.name = name
        self.nodes: list[onnx.NodeProto] = []
        self.tensors: list[onnx.TensorProto] = []
        self._rng = stream(seed, "standard network", name)

    def constant(self, values: NDArray[Any]) -> str:
        """Store values; what they are called."""
        name = f"w{len(self.tensors)}"
        self.tensors.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def weight(self, *shape: int, fan_in: int, gain: float = 2.0) -> str:
        """Gaussian weights of variance gain / fan_in (He et al. 2015)."""
        values = self._rng.standard_normal(shape, np.float32)
        values *= np.float32(math.sqrt(gain / fan_in))
        return self.constant(values)

    def vector(self, size: int, centre: float = 0.0, spread: float = 0.1) -> str:
        """Gaussian values around a centre, away from zero where that is not zero."""
        values = self._rng.standard_normal(size, np.float32).clip(-2, 2) * np.float32(spread) + np.float32(centre)
        return self.constant(values)

    def node(self, operator: str, *inputs: str, outputs: int = 1, **attributes: Any) -> str:
        """Add a node; its last output, the others being left out."""
        made = f"{operator.lower()}{len(self.nodes)}"
        names = [""] * (outputs - 1) + [made]
        self.nodes.append(helper.make_node(operator, list(inputs), names, made, **attributes))
        return made

    def conv(self, before: str, channels: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> str:
        """A square convolution that keeps the size, or divides it by the stride."""
        fan_in = channels // groups * kernel**2
        weight = self.weight(outputs, channels // groups, kernel, kernel, fan_in=fan_in)
        return self.node(
            "Conv",
            before,
            weight,
            strides=[stride] * 2,
            pads=[kernel // 2] * 4,
            kernel_shape=[kernel] * 2,
            group=groups,
        )

    def norm(self, before: str, channels: int, scale: float = 1.0) -> str:
        """Batch normalisation in inference."""
        tensors = (self.vector(channels, scale), self.vector(channels), self.vector(channels))
        return self.node("BatchNormalization", before, *tensors, self.vector(channels, 1.0))

    def dense(self, before: str, inputs: int, outputs: int) -> str:
        """A dense layer with bias."""
        weight = self.weight(outputs, inputs, fan_in=inputs, gain=1.0)
        return self.node("Gemm", before, weight, self.vector(outputs), transB=1)

    def model(self, inputs: dict[str, Sequence[int | str]], output: str) -> onnx.ModelProto:
        """The model, given the inputs' shapes."""
        graph = helper.make_graph(
            self.nodes,
            self.name,
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape)) for name, shape in inputs.items()],
            [onnx.ValueInfoProto(name=output)],
            self.tensors,
        )
        opset = helper.make_opsetid("", OPSET)
        return helper.make_model(graph, opset_imports=[opset], ir_version=IR_VERSION, producer_name="chipsim")
