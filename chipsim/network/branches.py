"""`unfold`: a graph's nodes with constants computed, conditions decided and loops written out."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from chipsim.errors import ModelError, UnsupportedOperatorError
from chipsim.network.constants import Constant, Constants, fold
from chipsim.network.stored_tensors import label_of
from chipsim.network.value_lists import ValueLists
from chipsim.network.weight_sharing import origin_of

MOST_NODES = 100_000
"""After writing out all loops."""
MOST_TURNS = 10_000
"""Of one loop."""
WHERE_OPSET = 9
"""From which on there is an operator that chooses."""
DEEPEST = 20
"""Conditions and loops inside each other."""
FromShapes = Callable[[Sequence[onnx.NodeProto], Mapping[str, Constant]], Constants]


@dataclass(slots=True)
class Unfolding:
    """What is left of the nodes seen so far.

    Attributes
    ----------
    name : str
        What messages call the model.
    opset : int
    from_shapes : callable (nodes, constants) -> constants
        Further constants that follow from the shapes of the data; asked when a condition is not known otherwise.
    nodes : list of onnx.NodeProto
    constants : dict of str to ndarray
    lists : ValueLists
        Sequences of tensors.
    """

    name: str
    opset: int
    from_shapes: FromShapes
    constants: Constants
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    lists: ValueLists = field(default_factory=ValueLists)
    _copies: int = 0
    _computed: dict[Hashable, Constant] = field(default_factory=dict)
    _initializers: dict[tuple[str, str], Constant] = field(default_factory=dict)

    def walk(self, nodes: Sequence[onnx.NodeProto], names: Mapping[str, str], depth: int = 0) -> None:
        """Add nodes; ``names`` says what their values are called outside.

        Raises
        ------
        ModelError
            If a constant cannot be computed, or the graph gets too large.
        """
        if depth > DEEPEST:
            raise ModelError(f"{self.name}: conditions and loops stand more than {DEEPEST} deep inside each other")
        for given in nodes:
            node = _renamed(given, names, f"#{self._copies}" if depth else "")
            if node.op_type in ("If", "Loop") and node.domain in ("", "ai.onnx"):
                (self._if if node.op_type == "If" else self._loop)(node, names, depth)
                continue
            if self.lists.takes(node, self):
                continue
            values = self._folded(node, given, depth)
            if values is not None:
                self.constants |= values
                continue
            self.nodes.append(node)
            if len(self.nodes) > MOST_NODES:
                raise ModelError(f"{self.name}: has more than {MOST_NODES:,} nodes with its loops written out")

    def _folded(self, node: onnx.NodeProto, given: onnx.NodeProto, depth: int) -> Constants | None:
        """As `fold`; what is computed again from the same constants in the same way is the same array again."""
        if len(node.output) != 1 or (node.op_type == "Constant" and not depth):
            return fold(node, self.constants, self.opset, self.name)
        read = [origin_of(self.constants[value]) for value in node.input if value in self.constants]
        own = given.output[0] if node.op_type == "Constant" else ""
        attributes = b"".join(each.SerializeToString(deterministic=True) for each in node.attribute)
        key = node.op_type, own, attributes, tuple(read), len(node.input)
        if key not in self._computed:
            values = fold(node, self.constants, self.opset, self.name)
            if values is None:
                return None
            self._computed[key] = values[node.output[0]]
        return {node.output[0]: self._computed[key]}

    def _stored(self, tensor: onnx.TensorProto, graph: str) -> Constant:
        """An initializer of a branch or body, the same array in every turn."""
        values, known = array_of(tensor, self.name), self._initializers.get((graph, tensor.name))
        if known is not None and known.dtype == values.dtype and np.array_equal(known, values):
            return known
        self._initializers[graph, tensor.name] = values
        return values

    def _if(self, node: onnx.NodeProto, names: Mapping[str, str], depth: int) -> None:
        if not self._is_known(node.input[0]):
            self._choose(node, names, depth)
            return
        chosen = "then_branch" if bool(self.known(node.input[0], node)) else "else_branch"
        outputs = self._inline(_graph(node, chosen, self.name), names, depth)
        for value, result in zip(node.output, outputs, strict=False):
            self.alias(result, value)

    def _choose(self, node: onnx.NodeProto, names: Mapping[str, str], depth: int) -> None:
        """Both branches, and which of their outputs is taken, where the condition depends on data."""
        label = f"{self.name}: node {label_of(node)!r} (If)"
        if self.opset < WHERE_OPSET:
            raise UnsupportedOperatorError(
                f"{label} depends on data; export the model with opset {WHERE_OPSET} or newer"
            )
        both = [
            self._inline(_graph(node, branch, self.name), names, depth) for branch in ("then_branch", "else_branch")
        ]
        for value, first, second in zip(node.output, *both, strict=False):
            shapes = [self.sizes(result, node) for result in (first, second)]
            if shapes[0] != shapes[1]:
                raise UnsupportedOperatorError(
                    f"{label} depends on data, and its branches give the shapes {shapes[0]} and {shapes[1]}; chipsim "
                    "needs sizes that do not depend on data"
                )
            if value:
                name = f"{node.name or node.output[0]}/{value}"
                self.nodes.append(helper.make_node("Where", [node.input[0], first, second], [value], name))

    def _loop(self, node: onnx.NodeProto, names: Mapping[str, str], depth: int) -> None:
        body = _graph(node, "body", self.name)
        trips = int(self.known(node.input[0], node)) if node.input[0] else MOST_TURNS + 1
        going = bool(self.known(node.input[1], node)) if len(node.input) > 1 and node.input[1] else True
        carried = list(node.input[2:])
        scanned: list[list[str]] = [[] for _ in body.output[1 + len(carried) :]]
        turn = 0
        while going and turn < trips:
            if turn == MOST_TURNS:
                raise ModelError(f"{self.name}: node {label_of(node)!r} (Loop) takes more than {MOST_TURNS:,} turns")
            self._copies += 1
            counter, condition = f"{node.output[0]}@{self._copies}", f"{node.output[0]}?{self._copies}"
            self.constants[counter], self.constants[condition] = np.array(turn, np.int64), np.array(True)
            given = [counter, condition, *carried]
            inner = {**names, **{value.name: outer for value, outer in zip(body.input, given, strict=False)}}
            proceed, *outputs = self._inline(body, inner, depth)
            carried, made = outputs[: len(carried)], outputs[len(carried) :]
            for values, value in zip(scanned, made, strict=True):
                values.append(value)
            going = bool(self.known(proceed, node))
            turn += 1
        for value, result in zip(node.output, carried, strict=False):
            self.alias(result, value)
        for value, parts in zip(node.output[len(carried) :], scanned, strict=False):
            self._stack(parts, value, node)

    def _inline(self, graph: onnx.GraphProto, names: Mapping[str, str], depth: int) -> list[str]:
        """Add the nodes of a branch or body under names of their own; what its outputs are called."""
        self._copies += 1
        own = dict(names)
        for tensor in graph.initializer:
            own[tensor.name] = f"{tensor.name}#{self._copies}"
            self.constants[own[tensor.name]] = self._stored(tensor, graph.name)
        for node in graph.node:
            own |= {value: f"{value}#{self._copies}" for value in node.output if value}
        self.walk(graph.node, own, depth + 1)
        return [own.get(value.name, value.name) for value in graph.output]

    def _is_known(self, value: str) -> bool:
        if value not in self.constants:
            self.constants |= self.from_shapes(self.nodes, self.constants)
        return value in self.constants

    def known(self, value: str, node: onnx.NodeProto) -> Any:
        """The one number that a condition or count is."""
        if not self._is_known(value):
            raise UnsupportedOperatorError(
                f"{self.name}: node {label_of(node)!r} ({node.op_type}) depends on {value!r}, which is known only when "
                "the network runs; chipsim does not run such conditions yet"
            )
        if self.constants[value].size != 1:
            raise ModelError(
                f"{self.name}: node {label_of(node)!r} ({node.op_type}) depends on {value!r}, which must be one number "
                f"and has the shape {self.constants[value].shape}; export the model again"
            )
        return self.constants[value].item()

    def sizes(self, value: str, node: onnx.NodeProto) -> list[int]:
        """The shape of a value, for a batch of one."""
        self._copies += 1
        shape = f"{value}@shape{self._copies}"
        if value in self.constants:
            return list(self.constants[value].shape)
        found = self.from_shapes([*self.nodes, helper.make_node("Shape", [value], [shape])], self.constants)
        if shape not in found:
            raise ModelError(
                f"{self.name}: node {label_of(node)!r} ({node.op_type}) reads {value!r}, whose shape is not known; "
                "export the model again"
            )
        return [int(size) for size in found[shape]]

    def alias(self, source: str, value: str) -> None:
        """Let a value have two names."""
        if source in self.constants:
            self.constants[value] = self.constants[source]
        elif value:
            self.nodes.append(helper.make_node("Identity", [source], [value]))

    def _stack(self, parts: list[str], value: str, node: onnx.NodeProto) -> None:
        """Join the values that the turns of a loop gave, along a new first axis."""
        if not value:
            return
        if not parts:
            raise UnsupportedOperatorError(f"{self.name}: node {label_of(node)!r} (Loop) never turns")
        wide = [f"{value}@{i}" for i in range(len(parts))]
        axis = f"{value}@axis"
        self.constants[axis] = np.zeros(1, np.int64)
        for part, name in zip(parts, wide, strict=True):
            inputs, attributes = ([part, axis], {}) if self.opset >= 13 else ([part], {"axes": [0]})
            self.walk([helper.make_node("Unsqueeze", inputs, [name], **attributes)], {})  # type: ignore[arg-type]
        self.walk([helper.make_node("Concat", wide, [value], axis=0)], {})


def array_of(tensor: TensorProto, name: str) -> Constant:
    """A stored tensor's values.

    Raises
    ------
    ModelError
        If its bytes do not fill its shape.
    """
    try:
        return numpy_helper.to_array(tensor)
    except (ValueError, TypeError, LookupError, OverflowError) as error:
        raise ModelError(f"{name}: weight {tensor.name!r} is damaged: {error}; export the model again") from None


def _graph(node: onnx.NodeProto, attribute: str, name: str) -> onnx.GraphProto:
    for given in node.attribute:
        if given.name == attribute and given.HasField("g"):
            found: onnx.GraphProto = given.g
            return found
    raise ModelError(f"{name}: node {label_of(node)!r} ({node.op_type}) lacks its {attribute}; export the model again")


def _renamed(node: onnx.NodeProto, names: Mapping[str, str], suffix: str) -> onnx.NodeProto:
    if not suffix and not any(value in names for value in (*node.input, *node.output)):
        return node
    copy = onnx.NodeProto()
    copy.CopyFrom(node)
    copy.input[:] = [names.get(value, value) for value in node.input]
    copy.output[:] = [names.get(value, value) for value in node.output]
    copy.name = f"{node.name}{suffix}" if node.name else ""
    return copy
