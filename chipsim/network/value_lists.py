"""`ValueLists`: ONNX's sequences of tensors, written out: which tensor stands where is known when a model is read."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import onnx
from onnx import helper

from chipsim.errors import ModelError
from chipsim.network.constants import attributes_of
from chipsim.network.stored_tensors import label_of
from chipsim.network.unfolded import Unfolded

OPERATORS = frozenset(
    {"ConcatFromSequence", "SequenceAt", "SequenceConstruct", "SequenceEmpty", "SequenceErase", "SequenceInsert"}
    | {"SequenceLength", "SplitToSequence"}
)
MOST_PARTS = 10_000
"""Of one tensor that is split."""


@dataclass(slots=True)
class ValueLists:
    """Names of the tensors in every sequence so far."""

    members: dict[str, list[str]] = field(default_factory=dict)

    def takes(self, node: onnx.NodeProto, graph: Unfolded) -> bool:
        """Whether a node is one of sequences; what it gives is noted then.

        Raises
        ------
        ModelError
            If it reads a sequence that is not there, or a place that a sequence does not have.
        UnsupportedOperatorError
            If which place is meant depends on data.
        """
        if node.op_type == "Identity" and node.input[0] in self.members:
            self.members[node.output[0]] = self.members[node.input[0]]
            return True
        if node.op_type not in OPERATORS or node.domain not in ("", "ai.onnx"):
            return False
        output = node.output[0]
        match node.op_type:
            case "SequenceEmpty":
                self.members[output] = []
            case "SequenceConstruct":
                self.members[output] = list(node.input)
            case "SplitToSequence":
                self.members[output] = _split(node, graph)
            case "SequenceInsert":
                own = self._of(node, graph)
                at = self._place(node, graph, 2, len(own), len(own), behind=True)
                self.members[output] = [*own[:at], node.input[1], *own[at:]]
            case "SequenceErase":
                own = self._of(node, graph)
                at = self._place(node, graph, 1, len(own) - 1, len(own))
                self.members[output] = [*own[:at], *own[at + 1 :]]
            case "SequenceAt":
                own = self._of(node, graph)
                graph.alias(own[self._place(node, graph, 1, 0, len(own))], output)
            case "SequenceLength":
                graph.constants[output] = np.array(len(self._of(node, graph)), np.int64)
            case _:
                _join(node, self._of(node, graph), graph)
        return True

    def _of(self, node: onnx.NodeProto, graph: Unfolded) -> list[str]:
        if node.input[0] not in self.members:
            raise ModelError(
                f"{graph.name}: node {label_of(node)!r} ({node.op_type}) reads {node.input[0]!r}, a sequence that the "
                "network is given; give its tensors one by one"
            )
        return self.members[node.input[0]]

    @staticmethod
    def _place(
        node: onnx.NodeProto, graph: Unfolded, operand: int, default: int, places: int, *, behind: bool = False
    ) -> int:
        given = len(node.input) > operand and node.input[operand]
        place = int(graph.known(node.input[operand], node)) if given else default
        if not -places <= place < places + behind:
            raise ModelError(
                f"{graph.name}: node {label_of(node)!r} ({node.op_type}) asks for place {place} of a sequence that has "
                f"{places}"
            )
        return place + places if place < 0 else place


def _join(node: onnx.NodeProto, parts: list[str], graph: Unfolded) -> None:
    """ConcatFromSequence, along an axis that is there or along a new one."""
    attributes, output = attributes_of(node), node.output[0]
    axis = int(attributes["axis"])
    if attributes.get("new_axis", 0):
        wide = [f"{output}@{i}" for i in range(len(parts))]
        graph.constants[f"{output}@axis"] = np.array([axis], np.int64)
        for part, name in zip(parts, wide, strict=True):
            inputs = [part, f"{output}@axis"] if graph.opset >= 13 else [part]
            old = {} if graph.opset >= 13 else {"axes": [axis]}
            graph.walk([helper.make_node("Unsqueeze", inputs, [name], **old)], {})  # type: ignore[arg-type]
        parts = wide
    graph.walk([helper.make_node("Concat", parts, [output], node.name, axis=axis)], {})


def _split(node: onnx.NodeProto, graph: Unfolded) -> list[str]:
    """SplitToSequence: slices along an axis, one by one or of given sizes."""
    attributes, output = attributes_of(node), node.output[0]
    shape = graph.sizes(node.input[0], node)
    axis = int(attributes.get("axis", 0)) % len(shape)
    given = graph.constants.get(node.input[1]) if len(node.input) > 1 and node.input[1] else None
    if given is None and len(node.input) > 1 and node.input[1]:
        graph.known(node.input[1], node)  # says that it is not known
    if given is None or given.ndim == 0:
        step = 1 if given is None else max(0, int(given)) or shape[axis] + 1
        sizes = [min(step, shape[axis] - at) for at in range(0, shape[axis], step)]
    else:
        sizes = [int(size) for size in given]
    if sum(sizes) != shape[axis] or min(sizes, default=0) < 0 or len(sizes) > MOST_PARTS:
        raise ModelError(
            f"{graph.name}: node {label_of(node)!r} (SplitToSequence) cuts {shape[axis]} into {sizes[:8]}; "
            "export the model again"
        )
    drop = given is None and not attributes.get("keepdims", 1)
    names, begin = [], 0
    for number, size in enumerate(sizes):
        name = f"{output}@{number}"
        for what, value in (("from", begin), ("to", begin + size), ("axis", axis)):
            graph.constants[f"{name}@{what}"] = np.array([value], np.int64)
        part = f"{name}@whole" if drop else name
        cut = [node.input[0], f"{name}@from", f"{name}@to", f"{name}@axis"]
        graph.walk([helper.make_node("Slice", cut, [part])], {})
        if drop:
            inputs, old = ([part, f"{name}@axis"], {}) if graph.opset >= 13 else ([part], {"axes": [axis]})
            graph.walk([helper.make_node("Squeeze", inputs, [name], **old)], {})  # type: ignore[arg-type]
        names.append(name)
        begin += size
    return names
