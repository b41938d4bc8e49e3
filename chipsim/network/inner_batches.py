"""`without_inner_batches`: convolutions and recurrent operators over a batch that one example holds itself.

Tiles take positions of one example. A convolution of several maps becomes one over a volume of them, whose kernel is
one map deep; a recurrent operator of layout 1 becomes one of layout 0, whose sequences go round side by side. What
turns the values round before and after is done apart, and they stay the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from onnx import helper

from chipsim.network.constants import Constant, attributes_of
from chipsim.network.dataflow import Dataflow
from chipsim.network.layers import Shape
from chipsim.network.operators.recurrent import RECURRENT
from chipsim.network.shapes import infer_shapes
from chipsim.network.stored_tensors import label_of

CONVOLUTIONS = ("Conv", "ConvTranspose")
STATES = (5, 6)
TURNED = {"X": [1, 0, 2], "Y": [2, 0, 1, 3], "states": [1, 0, 2]}
"""How operands of layout 1 stand to those of layout 0, and outputs the other way round."""


def without_inner_batches(flow: Dataflow) -> Dataflow:
    """The same graph with operators that take one example, where that is possible.

    Parameters
    ----------
    flow : Dataflow

    Returns
    -------
    Dataflow
        The one given, where there is nothing to do.
    """
    if not any(node.op_type in CONVOLUTIONS or _has_layout(node) for node in flow.nodes):
        return flow
    shapes = infer_shapes(flow)
    if not any(_is_inner(node, flow.constants, shapes) for node in flow.nodes):
        return flow
    writing = _Writing(dict(flow.constants), shapes)
    for node in flow.nodes:
        if not _is_inner(node, flow.constants, shapes):
            writing.nodes.append(node)
        elif node.op_type in RECURRENT:
            writing.recurrent(node)
        else:
            writing.convolution(node)
    return flow.with_nodes(writing.nodes, writing.constants, flow.outputs)


def _has_layout(node: onnx.NodeProto) -> bool:
    return node.op_type in RECURRENT and bool(attributes_of(node).get("layout", 0))


def _is_inner(node: onnx.NodeProto, constants: Mapping[str, Constant], shapes: Mapping[str, Shape]) -> bool:
    if not node.input or node.domain not in ("", "ai.onnx") or node.input[0] in constants:
        return False
    shape = shapes.get(node.input[0], ())
    if _has_layout(node):
        return shape[:1] > (1,) and all(value in constants for value in node.input[1:3])
    weights = constants.get(node.input[1]) if node.op_type in CONVOLUTIONS else None
    return weights is not None and weights.dtype.kind == "f" and shape[:1] > (1,) and len(shape) in (3, 4)


@dataclass(slots=True)
class _Writing:
    """Nodes and constants so far."""

    constants: dict[str, Constant]
    shapes: Mapping[str, Shape]
    nodes: list[onnx.NodeProto] = field(default_factory=list)

    def convolution(self, node: onnx.NodeProto) -> None:
        """Maps one behind the other are a volume: (N, C, H, W) becomes (1, C, N, H, W) and back."""
        label, attributes = label_of(node), dict(attributes_of(node))
        count, channels, *sizes = self.shapes[node.input[0]]
        made, output = self.shapes[node.output[0]], node.output[0]
        order = [1, 0, *range(2, len(made))]
        turned = self._add("Transpose", [node.input[0]], f"{label}/turned", perm=order)
        volume = self._reshape(turned, (1, channels, count, *sizes), f"{label}/volume")
        self.constants[f"{label}/weights"] = np.expand_dims(self.constants[node.input[1]], 2)
        deeper = self._add(
            node.op_type, [volume, f"{label}/weights", *node.input[2:]], label, **_one_deeper(attributes, count)
        )
        maps = self._reshape(deeper, (made[1], count, *made[2:]), f"{label}/maps")
        self._add("Transpose", [maps], f"{label}/back", output, perm=order)

    def recurrent(self, node: onnx.NodeProto) -> None:
        """Layout 0 with the operands and outputs turned round."""
        label, attributes = label_of(node), dict(attributes_of(node))
        del attributes["layout"]
        inputs = list(node.input)
        inputs[0] = self._add("Transpose", [inputs[0]], f"{label}/turned", perm=TURNED["X"])
        for position in (place for place in STATES if place < len(inputs) and inputs[place]):
            name = f"{label}/state/{position}"
            if inputs[position] in self.constants:
                self.constants[name] = self.constants[inputs[position]].transpose(TURNED["states"])
                inputs[position] = name
            else:
                inputs[position] = self._add("Transpose", [inputs[position]], name, perm=TURNED["states"])
        plain = [f"{label}/output/{number}" if value else "" for number, value in enumerate(node.output)]
        self.nodes.append(helper.make_node(node.op_type, inputs, plain, label, **attributes))
        for number, (value, output) in enumerate(zip(plain, node.output, strict=True)):
            if output:
                order = TURNED["states" if number else "Y"]
                self._add("Transpose", [value], f"{label}/back/{number}", output, perm=order)

    def _reshape(self, source: str, shape: Shape, name: str) -> str:
        self.constants[f"{name}/shape"] = np.array(shape, np.int64)
        return self._add("Reshape", [source, f"{name}/shape"], name)

    def _add(self, operator: str, inputs: list[str], name: str, output: str | None = None, **attributes: Any) -> str:
        made = output or f"{name}/value"
        self.nodes.append(helper.make_node(operator, inputs, [made], name, **attributes))
        return made


def _one_deeper(attributes: Mapping[str, Any], count: int) -> dict[str, Any]:
    """Attributes of a convolution with one more axis in front, along which it does nothing."""
    first = {"kernel_shape": 1, "strides": 1, "dilations": 1, "output_padding": 0, "output_shape": count}
    found = {name: [first[name], *values] if name in first else values for name, values in attributes.items()}
    if "pads" in attributes:
        half = len(attributes["pads"]) // 2
        found["pads"] = [0, *attributes["pads"][:half], 0, *attributes["pads"][half:]]
    return found
