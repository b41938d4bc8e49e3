"""`Unfolded`: what those who write out branches, loops and sequences ask of the graph that they write into."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import onnx

from chipsim.errors import ModelError, UnsupportedOperatorError
from chipsim.network.constants import Constant
from chipsim.network.dataflow import Kept
from chipsim.network.stored_tensors import label_of

MOST_TURNS = 10_000
"""Of one loop."""


class UndecidedError(UnsupportedOperatorError):
    """What has to be known when a model is read depends on data."""


class Unfolded(Protocol):
    """See `chipsim.network.branches.Unfolding`."""

    name: str
    opset: int
    constants: dict[str, Constant]
    nodes: list[onnx.NodeProto]

    def walk(self, nodes: Sequence[onnx.NodeProto], names: Mapping[str, str], depth: int = 0) -> None:
        """Add nodes."""

    def inline(self, graph: onnx.GraphProto, names: Mapping[str, str], depth: int) -> list[str]:
        """Add the nodes of a branch or body; what its outputs are called."""

    def would_give(self, graph: onnx.GraphProto, names: Mapping[str, str], depth: int) -> list[Kept]:
        """Shapes and types of what a branch or body gives; nothing is added."""

    def is_list(self, value: str) -> bool:
        """Whether it is a sequence of tensors."""

    def is_known(self, value: str) -> bool:
        """Whether a value is a constant."""

    def known(self, value: str, node: onnx.NodeProto, kind: type = int) -> Any:
        """One number that is known, of a kind."""

    def sizes(self, value: str, node: onnx.NodeProto) -> list[int]:
        """A shape that is known."""

    def alias(self, source: str, value: str) -> None:
        """Let a value have two names."""

    def new_number(self) -> int:
        """One that no name has yet."""


def graph_of(node: onnx.NodeProto, attribute: str, name: str) -> onnx.GraphProto:
    """A branch or body.

    Raises
    ------
    ModelError
        If the node has none.
    """
    for given in node.attribute:
        if given.name == attribute and given.HasField("g"):
            found: onnx.GraphProto = given.g
            return found
    raise ModelError(f"{name}: node {label_of(node)!r} ({node.op_type}) lacks its {attribute}; export the model again")
