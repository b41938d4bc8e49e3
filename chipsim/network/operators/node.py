"""`Node`: one ONNX node with everything a reader of its operator asks for."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

import onnx

from chipsim.errors import ModelError, UnsupportedOperatorError
from chipsim.network.constants import Constant
from chipsim.network.layers import DigitalLayer, Shape


@dataclass(frozen=True, slots=True)
class Node:
    """One node of the graph that touches data.

    Attributes
    ----------
    proto : onnx.NodeProto
    model : str
        What messages call the model.
    name : str
        Of the layer to be made.
    attributes : mapping of str to object
    inputs : tuple of str
        Layers that feed the node, in operand order.
    positions : tuple of int
        Operand positions of ``inputs``.
    input_shapes : tuple of tuple of int
        Of the layers in ``inputs``, without the batch.
    constants : mapping of int to ndarray
        Operand position -> value.
    output_shape : tuple of int
        Without the batch.
    opset : int
        Of the operator's domain.
    operand_shapes : tuple of tuple of int
        Of the layers in ``inputs`` as the file has them, with a batch of one.
    full_shape : tuple of int
        Of the output, likewise.
    output : int
        Which of the node's outputs is meant.
    """

    proto: onnx.NodeProto
    model: str
    name: str
    attributes: Mapping[str, Any]
    inputs: tuple[str, ...]
    positions: tuple[int, ...]
    input_shapes: tuple[Shape, ...]
    constants: Mapping[int, Constant]
    output_shape: Shape
    opset: int
    operand_shapes: tuple[Shape, ...]
    full_shape: Shape
    output: int = 0

    @property
    def operator(self) -> str:
        """ONNX operator type."""
        return self.proto.op_type

    @property
    def input_shape(self) -> Shape:
        """Shape of the only data operand."""
        if len(self.inputs) != 1:
            self.unsupported(f"with {len(self.inputs)} data operands; it must have one")
        return self.input_shapes[0]

    @property
    def elements(self) -> int:
        """Values in one output."""
        return math.prod(self.output_shape)

    def constant(self, position: int) -> Constant | None:
        """The constant at an operand position, or None if the operand is omitted."""
        if position in self.positions:
            self.unsupported(f"whose operand {position} is computed from the input; it must be a constant")
        return self.constants.get(position)

    def shape(self, position: int) -> Shape:
        """Shape of the operand at a position as the file has it, with a batch of one."""
        if position in self.positions:
            return self.operand_shapes[self.positions.index(position)]
        if position not in self.constants:
            self.wrong(f"operand {position} is missing; export the model again")
        return tuple(self.constants[position].shape)

    def axis(self, default: int) -> int:
        """The attribute ``axis``, counted from the front, the batch being 0."""
        axis = int(self.attributes.get("axis", default))
        return axis + len(self.input_shapes[0]) + 1 if axis < 0 else axis

    def digital(self, pattern: Any, element_operations: int, **changes: Any) -> DigitalLayer:
        """The node as it stands, on a digital unit."""
        fields: dict[str, Any] = {"attributes": self.attributes, "constants": self.constants} | changes
        omitted = tuple(position for position, name in enumerate(self.proto.input) if not name)
        return DigitalLayer(
            self.name, self.inputs, self.output_shape, self.operator,
            pattern=pattern, element_operations=element_operations, opset=self.opset, omitted=omitted, **fields,
        )  # fmt: skip

    def unsupported(self, what: str) -> NoReturn:
        """Refuse a form of a supported operator."""
        raise UnsupportedOperatorError(f"{self.model}: node {self.name!r} is a {self.operator} {what}")

    def wrong(self, what: str) -> NoReturn:
        """Refuse a file that makes no sense."""
        raise ModelError(f"{self.model}: node {self.name!r} ({self.operator}): {what}")
