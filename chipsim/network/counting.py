"""`count_whole`: operations of what runs whole, counted turn by turn on one made-up input.

Time and energy take one number per layer, the same for every input. A loop counts as many turns as its trip count
allows where that is a constant; otherwise as many as the made-up input takes. A condition counts its larger branch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from onnx import helper

from chipsim.errors import ModelError
from chipsim.network.branches import array_of
from chipsim.network.constants import Constant, attributes_of
from chipsim.network.dataflow import Dataflow
from chipsim.network.digital import IR_VERSION, open_session
from chipsim.network.layers import DigitalLayer, MatrixLayer, Shape
from chipsim.network.operators.generic import VIEWS
from chipsim.network.operators.node import Node
from chipsim.network.operators.operations import OPERATIONS_PER_MAC
from chipsim.network.operators.reading import own_shape, read_node
from chipsim.network.operators.recurrent_operands import RECURRENT
from chipsim.network.regions import CONTROL, is_region
from chipsim.network.stored_tensors import first_line, label_of
from chipsim.network.tried import made_up
from chipsim.network.unfolded import MOST_TURNS, graph_of

Values = dict[str, Any]
FREE = VIEWS | {"Constant", "Dropout", "Shape", "Size"}


@dataclass(slots=True)
class Count:
    """Of one part.

    Attributes
    ----------
    operations, macs : int
    weighted : dict of str to int
        Operators with constant weights, which tiles would do elsewhere -> their multiply-accumulates.
    turns : dict of str to int
        Loops -> turns that were counted.
    stated : set of str
        Those of them whose trip count is a constant.
    stopped : set of str
        Those that would have gone on when `MOST_TURNS` were counted in all.
    failed : str
        Why it could not be counted; empty where it was.
    """

    operations: int = 0
    macs: int = 0
    weighted: dict[str, int] = field(default_factory=dict)
    turns: dict[str, int] = field(default_factory=dict)
    stated: set[str] = field(default_factory=set)
    stopped: set[str] = field(default_factory=set)
    failed: str = ""

    def add(self, other: Count, times: int = 1) -> None:
        """Take over what another one has, several times."""
        self.operations += times * other.operations
        self.macs += times * other.macs
        for name, macs in other.weighted.items():
            self.weighted[name] = self.weighted.get(name, 0) + times * macs
        for name, turns in other.turns.items():
            self.turns[name] = max(self.turns.get(name, 0), turns)
        self.stated |= other.stated
        self.stopped |= other.stopped


def count_whole(flow: Dataflow) -> dict[str, Count]:
    """Operations of every part of a graph that runs whole, by its domain."""
    if not flow.functions:
        return {}
    functions = {function.domain: function for function in flow.functions}
    found = {domain: Count() for domain in functions}
    values: Values = {**flow.constants, **{given.name: made_up(given) for given in flow.inputs}}
    walk = _Walk(flow, frozenset(flow.constants))
    before: list[onnx.NodeProto] = []
    try:
        for node in flow.nodes:
            if not is_region(node):
                before.append(node)
                continue
            walk.straight(before, values, Count())
            before = []
            walk.run(functions[node.domain].node, values, found[node.domain])
    except ModelError as error:
        done = {each.domain for each in flow.nodes if is_region(each) and set(each.output) <= {*values, ""}}
        found |= {domain: Count(failed=str(error)) for domain in functions if domain not in done}
    return found


@dataclass(slots=True)
class _Walk:
    """Runs nodes one after another, and counts them with the shapes that they meet.

    Attributes
    ----------
    flow : Dataflow
    constants : frozenset of str
        Names of values that are stored.
    """

    flow: Dataflow
    constants: frozenset[str]
    _sessions: dict[tuple[int, ...], Any] = field(default_factory=dict)
    _nodes: list[onnx.NodeProto] = field(default_factory=list)
    _counts: dict[tuple[Any, ...], Count] = field(default_factory=dict)
    _turns: list[None] = field(default_factory=list)  # one for each turn of any loop

    def run(self, nodes: Sequence[onnx.NodeProto], values: Values, count: Count) -> None:
        """Compute nodes, loops and conditions among them; ``values`` gets what they make."""
        segment: list[onnx.NodeProto] = []
        for node in nodes:
            if node.op_type not in CONTROL or node.domain not in ("", "ai.onnx"):
                segment.append(node)
                continue
            self.straight(segment, values, count)
            segment = []
            {"If": self._condition, "Loop": self._loop, "Scan": self._scan}[node.op_type](node, values, count)
        self.straight(segment, values, count)

    def straight(self, nodes: Sequence[onnx.NodeProto], values: Values, count: Count) -> None:
        """Compute nodes that hold no others."""
        if not nodes:
            return
        made = [value for node in nodes for value in node.output if value]
        own = set(made)
        read = dict.fromkeys(value for node in nodes for value in node.input if value and value not in own)
        key = tuple(map(id, nodes))
        try:
            if key not in self._sessions:
                self._sessions[key] = open_session(self._model(nodes, {name: values[name] for name in read}, made))
                self._nodes.extend(nodes)  # whose names in memory stay theirs
            results = self._sessions[key].run(made, {name: values[name] for name in read})
        except Exception as error:  # onnxruntime's exceptions share no base class
            raise ModelError(first_line(error)) from error
        values |= dict(zip(made, results, strict=True))
        for node in nodes:
            self._count(node, values, count)

    def _model(self, nodes: Sequence[onnx.NodeProto], given: Mapping[str, Any], made: Sequence[str]) -> bytes:
        inputs = []
        for name, value in given.items():
            first = value[0] if isinstance(value, list) else value
            kind = helper.np_dtype_to_tensor_dtype(first.dtype)
            if isinstance(value, list):
                inputs.append(helper.make_tensor_sequence_value_info(name, kind, None))
            else:
                inputs.append(helper.make_tensor_value_info(name, kind, [None] * value.ndim))
        graph = helper.make_graph(nodes, "part", inputs, [onnx.ValueInfoProto(name=value) for value in made])
        versions = (("", self.flow.opset), *self.flow.domains)
        model = helper.make_model(
            graph, opset_imports=[helper.make_opsetid(*item) for item in versions], ir_version=IR_VERSION
        )
        return bytes(model.SerializeToString())

    def _condition(self, node: onnx.NodeProto, values: Values, count: Count) -> None:
        """Both branches where that is possible: the larger one counts, the values are those of the one taken."""
        taken = "then_branch" if bool(np.asarray(values[node.input[0]]).reshape(-1)[0]) else "else_branch"
        counts: list[Count] = []
        for branch in sorted(("then_branch", "else_branch"), key=lambda name: name != taken):
            graph, own, inner = graph_of(node, branch, self.flow.name), {**values}, Count()
            try:
                self._inside(graph, own, inner)
            except ModelError:
                if branch == taken:
                    raise
                continue
            counts.append(inner)
            if branch == taken:
                values |= {name: own[made.name] for name, made in zip(node.output, graph.output, strict=True)}
        count.add(max(counts, key=lambda each: each.operations))

    def _loop(self, node: onnx.NodeProto, values: Values, count: Count) -> None:
        body = graph_of(node, "body", self.flow.name)
        limit = int(values[node.input[0]].reshape(-1)[0]) if node.input[0] else MOST_TURNS
        going = bool(values[node.input[1]].reshape(-1)[0]) if len(node.input) > 1 and node.input[1] else True
        carried = [values[name] for name in node.input[2:]]
        slots: list[list[Any]] = [[] for _ in body.output[1 + len(carried) :]]
        turn, latest = 0, Count()
        while going and turn < limit and len(self._turns) < MOST_TURNS:
            self._turns.append(None)
            going, carried, made, latest = self._turn(body, turn, carried, values)
            count.add(latest)
            for slot, value in zip(slots, made, strict=True):
                slot.append(value)
            turn += 1
        stated = node.input[0] in self.constants and limit <= MOST_TURNS
        most = limit if stated else max(1, turn)
        count.stated |= {label_of(node)} if stated else set()
        if going and not stated and len(self._turns) >= MOST_TURNS and (not node.input[0] or turn < limit):
            count.stopped.add(label_of(node))
        if not turn:  # what a turn takes is not known yet
            latest = self._turn(body, 0, carried, values)[3]
        count.add(latest, max(0, most - turn))
        count.turns[label_of(node)] = max(most, count.turns.get(label_of(node), 0))
        self._hand_on(node, carried, [_stacked(slot) for slot in slots], values, count)

    def _turn(
        self, body: onnx.GraphProto, turn: int, carried: Sequence[Any], values: Values
    ) -> tuple[bool, list[Any], list[Any], Count]:
        """One turn of a loop: whether it goes on, its states, what it collects, and what it took."""
        count = Count()
        given = [np.array(turn, np.int64), np.array(True), *carried]
        own = {**values, **{value.name: each for value, each in zip(body.input, given, strict=True)}}
        self._inside(body, own, count)
        proceed, *made = [own[value.name] for value in body.output]
        return bool(proceed.reshape(-1)[0]), made[: len(carried)], made[len(carried) :], count

    def _scan(self, node: onnx.NodeProto, values: Values, count: Count) -> None:
        """Without directions and axes, which change nothing about what it takes."""
        body, attributes = graph_of(node, "body", self.flow.name), attributes_of(node)
        many = int(attributes["num_scan_inputs"])
        axes = attributes.get("scan_input_axes", (0,) * many)
        carried = [values[name] for name in node.input[:-many]]
        along = [np.moveaxis(values[name], axis, 0) for name, axis in zip(node.input[-many:], axes, strict=True)]
        slots: list[list[Any]] = [[] for _ in body.output[len(carried) :]]
        for parts in zip(*along, strict=False):
            own = {**values, **dict(zip((v.name for v in body.input), (*carried, *parts), strict=True))}
            self._inside(body, own, count)
            made = [own[value.name] for value in body.output]
            carried = made[: len(carried)]
            for slot, value in zip(slots, made[len(carried) :], strict=True):
                slot.append(value)
        out = attributes.get("scan_output_axes", (0,) * len(slots))
        stacked = [np.moveaxis(_stacked(slot), 0, axis) for slot, axis in zip(slots, out, strict=True)]
        self._hand_on(node, carried, stacked, values, count)

    def _inside(self, graph: onnx.GraphProto, own: Values, count: Count) -> None:
        own |= {tensor.name: array_of(tensor, self.flow.name) for tensor in graph.initializer}
        stored = frozenset(tensor.name for tensor in graph.initializer)
        if stored <= self.constants:
            self.run(graph.node, own, count)
            return
        inner = _Walk(self.flow, self.constants | stored, self._sessions, self._nodes, self._counts, self._turns)
        inner.run(graph.node, own, count)

    @staticmethod
    def _hand_on(
        node: onnx.NodeProto, carried: Sequence[Any], stacked: Sequence[Constant], values: Values, count: Count
    ) -> None:
        """What is collected is moved once."""
        values |= {name: value for name, value in zip(node.output, (*carried, *stacked), strict=False) if name}
        count.operations += sum(each.size for each in stacked)

    def _count(self, node: onnx.NodeProto, values: Values, count: Count) -> None:
        results = [values[value] for value in node.output if value]
        data = {place: values[name] for place, name in enumerate(node.input) if name and name not in self.constants}
        tensors = all(isinstance(each, np.ndarray) for each in (*results, *data.values()))
        if node.op_type in FREE or not tensors or not results[0].size:
            return
        key = (id(node), results[0].shape, *(each.shape for each in data.values()))
        if key not in self._counts:
            constants = {i: values[name] for i, name in enumerate(node.input) if name in self.constants}
            self._counts[key] = _count_of(self._context(node, data, constants, results[0].shape))
        count.add(self._counts[key])

    def _context(
        self, node: onnx.NodeProto, data: Mapping[int, Constant], constants: Mapping[int, Constant], shape: Shape
    ) -> Node:
        shapes = tuple(each.shape for each in data.values())
        return Node(
            proto=node,
            model=self.flow.name,
            name=label_of(node),
            attributes=attributes_of(node),
            inputs=tuple(node.input[place] for place in data),
            positions=tuple(data),
            input_shapes=tuple(map(own_shape, shapes)),
            constants=constants,
            output_shape=own_shape(shape),
            opset=self.flow.opset_of(node.domain),
            operand_shapes=shapes,
            full_shape=shape,
        )


def _count_of(node: Node) -> Count:
    """As much as the node takes outside."""
    layer = read_node(node)
    if isinstance(layer, MatrixLayer):
        return Count(OPERATIONS_PER_MAC * layer.macs, layer.macs, {node.name: layer.macs})
    if not isinstance(layer, DigitalLayer):
        return Count()
    weighted = node.operator in RECURRENT and 1 in node.constants
    return Count(layer.element_operations, layer.macs, {node.name: layer.macs} if weighted else {})


def _stacked(parts: Sequence[Any]) -> Constant:
    return np.stack(parts) if parts else np.zeros(0, np.float32)
