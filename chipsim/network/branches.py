"""`unfold`: a graph's nodes with constants computed, conditions decided and loops written out."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from chipsim.errors import ModelError, UnsupportedOperatorError
from chipsim.network.conditions import write_condition
from chipsim.network.constants import Constant, Constants, fold
from chipsim.network.control_checks import check_control, check_number, check_one_value
from chipsim.network.dataflow import Kept
from chipsim.network.inner_values import renamed, values_read
from chipsim.network.refused import check_operator
from chipsim.network.stored_tensors import label_of
from chipsim.network.turns import write_loop, write_scan
from chipsim.network.unfolded import UndecidedError
from chipsim.network.value_lists import ValueLists
from chipsim.network.weight_sharing import origin_of

MOST_NODES = 100_000
"""After writing out all loops."""
DEEPEST = 20
"""Conditions and loops inside each other."""
FromShapes = Callable[[Sequence[onnx.NodeProto], Mapping[str, Constant], Mapping[str, Kept | None]], Constants]
TryWhole = Callable[
    [Sequence[onnx.NodeProto], Mapping[str, Constant], Mapping[str, Kept | None]], dict[str, Kept | None]
]


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
    try_whole : callable (nodes, constants, kept) -> kept
        What the last of some nodes gives, which stays as it is.
    nodes : list of onnx.NodeProto
    constants : dict of str to ndarray
    lists : ValueLists
        Sequences of tensors.
    kept : dict of str to Kept or None
        What loops and conditions give that depend on data; see `Dataflow`.
    """

    name: str
    opset: int
    from_shapes: FromShapes
    try_whole: TryWhole
    constants: Constants
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    lists: ValueLists = field(default_factory=ValueLists)
    kept: dict[str, Kept | None] = field(default_factory=dict)
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
            node = renamed(given, names, f"#{self._copies}" if depth else "")
            if node.op_type in ("If", "Loop", "Scan") and node.domain in ("", "ai.onnx"):
                check_control(given, self.name, self.opset)
                self._control(node, names, depth)
                continue
            if self.lists.takes(node, self):
                continue
            values = self._folded(node, given, depth)
            if values is not None:
                self.constants |= values
                continue
            if node.op_type.startswith("Optional"):  # nothing that is asked of it later has an answer
                check_operator(given, self.name)
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

    def _control(self, node: onnx.NodeProto, names: Mapping[str, str], depth: int) -> None:
        """Write a loop out and decide a condition; where that depends on data, keep it as it is."""
        write = {"If": write_condition, "Loop": write_loop, "Scan": write_scan}[node.op_type]
        back = self._way_back()
        try:
            write(self, node, names, depth)
        except UndecidedError:
            back()
            self._keep(node)

    def _way_back(self) -> Callable[[], None]:
        """What takes away all that is added from now on."""
        nodes, constants, members = len(self.nodes), dict(self.constants), dict(self.lists.members)
        kept = dict(self.kept)

        def back() -> None:
            del self.nodes[nodes:]
            self.constants, self.lists.members, self.kept = constants, members, kept

        return back

    def would_give(self, graph: onnx.GraphProto, names: Mapping[str, str], depth: int) -> list[Kept]:
        """Shapes and types of what a branch or body gives; nothing is added."""
        back, found = self._way_back(), []
        for value in self.inline(graph, names, depth):
            if value in self.constants:
                found.append(Kept(self.constants[value].shape, str(self.constants[value].dtype)))
                continue
            name = f"{value}@kind{self.new_number()}"
            read = [*self.nodes, helper.make_node("Identity", [value], [name])]
            kind = self.try_whole(read, self.constants, self.kept)[name]
            if kind is None or kind.fixed is None:
                raise UndecidedError(f"{self.name}: the size of {value!r} depends on data; export the model without it")
            found.append(kind)
        back()
        return found

    def is_list(self, value: str) -> bool:
        """Whether it is a sequence of tensors."""
        return value in self.lists.members

    def _keep(self, node: onnx.NodeProto) -> None:
        listed = next((value for value in values_read(node) if value in self.lists.members), None)
        if listed is not None:
            raise UnsupportedOperatorError(
                f"{self.name}: node {label_of(node)!r} ({node.op_type}) depends on data and reads {listed!r}, a "
                "sequence of tensors; export the model with tensors"
            )
        self.nodes.append(node)
        self.kept |= self.try_whole(self.nodes, self.constants, self.kept)

    def inline(self, graph: onnx.GraphProto, names: Mapping[str, str], depth: int) -> list[str]:
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

    def is_known(self, value: str) -> bool:
        """Whether a value is a constant, or follows from the shapes of data."""
        if value not in self.constants:
            self.constants |= self.from_shapes(self.nodes, self.constants, self.kept)
        return value in self.constants

    def known(self, value: str, node: onnx.NodeProto, kind: type = int) -> Any:
        """The one number that a condition or count is."""
        label = f"{self.name}: node {label_of(node)!r} ({node.op_type})"
        if not self.is_known(value):
            check_one_value(self, value, node)
            raise UndecidedError(
                f"{label} depends on {value!r}, which is known only when the network runs; export the model without it"
            )
        if self.constants[value].size != 1:
            raise ModelError(
                f"{label} depends on {value!r}, which must be one number and has the shape "
                f"{self.constants[value].shape}; export the model again"
            )
        found = self.constants[value].item()
        check_number(found, kind, label, value)
        return found

    def sizes(self, value: str, node: onnx.NodeProto) -> list[int]:
        """The shape of a value, for a batch of one."""
        self._copies += 1
        shape = f"{value}@shape{self._copies}"
        if value in self.constants:
            return list(self.constants[value].shape)
        reading = helper.make_node("Shape", [value], [shape])
        found = self.from_shapes([*self.nodes, reading], self.constants, self.kept)
        if shape not in found:
            raise UndecidedError(
                f"{self.name}: node {label_of(node)!r} ({node.op_type}) reads {value!r}, whose size depends on data; "
                "export the model without it"
            )
        return [int(size) for size in found[shape]]

    def alias(self, source: str, value: str) -> None:
        """Let a value have two names."""
        if source in self.constants:
            self.constants[value] = self.constants[source]
        elif source in self.lists.members:
            self.lists.members[value] = self.lists.members[source]
        elif value:
            self.nodes.append(helper.make_node("Identity", [source], [value]))

    def new_number(self) -> int:
        """One that no name has yet."""
        self._copies += 1
        return self._copies


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
