"""`run_whole`: nodes that no tile and no plan of positions can hold become one node each, which runs as it stands.

Such are loops whose turns depend on data, conditions on data whose branches differ in shape, and operators that give as
many values as their data says, with all that follows until sizes are fixed again. Each becomes a function of the model,
with all that it reads as operands; a digital unit runs it.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import onnx
from onnx import helper

from chipsim.errors import ModelError, UnsupportedOperatorError
from chipsim.network.dataflow import Dataflow, Kept
from chipsim.network.inner_values import values_read
from chipsim.network.loose import SIZED_BY_DATA, loose_values, may_be_loose
from chipsim.network.shapes import infer_shapes
from chipsim.network.stored_tensors import label_of
from chipsim.network.tried import tried

DOMAIN = "chipsim.whole"
CONTROL = ("If", "Loop", "Scan")
FIXED = {
    "If": "let both branches give the same shape",
    "Loop": "let it collect a constant number of turns",
}
"""What gives a part of the graph a fixed size."""
OTHERWISE = "let it give a fixed number of values (TopK, Pad to a constant size, a sum)"


def is_region(node: onnx.NodeProto) -> bool:
    """Whether a node stands for others, which run whole."""
    return node.domain.startswith(DOMAIN)


def run_whole(flow: Dataflow) -> Dataflow:
    """The same graph with every part that must run whole as one node.

    Parameters
    ----------
    flow : Dataflow

    Returns
    -------
    Dataflow
        The one given, where there is no such part. Sizes do not depend on data any more.

    Raises
    ------
    UnsupportedOperatorError
        If the size of an output depends on data.
    """
    controls = any(node.op_type in CONTROL for node in flow.nodes)
    if not controls and not may_be_loose(flow):
        return flow
    loose = loose_values(flow, infer_shapes(flow))
    if not controls and not loose:
        return flow
    _check_outputs(flow, loose)
    parts = _Parts.of(flow, loose)
    nodes = [*parts.merged()]
    made = {value for node in nodes if is_region(node) for value in node.output if value}
    kept = {value: found for value, found in flow.kept.items() if value in made}
    plain = replace(flow.with_nodes(nodes, flow.constants, flow.outputs), functions=tuple(parts.functions), kept=kept)
    return replace(plain, kept=kept | _shapes(plain, [value for value in made if value not in kept]))


def _check_outputs(flow: Dataflow, loose: set[str]) -> None:
    """The host is sent as many values for every input."""
    for output in (value for value in flow.outputs if value in loose):
        source = _origin(flow, output, loose)
        raise UnsupportedOperatorError(
            f"{flow.name}: output {output!r} has a size that depends on data, because of node {label_of(source)!r} "
            f"({source.op_type}); {FIXED.get(source.op_type, OTHERWISE)}, or end the model before it"
        )


def _origin(flow: Dataflow, value: str, loose: set[str]) -> onnx.NodeProto:
    """The first node that made the size of a value depend on data."""
    made_by = {name: node for node in flow.nodes for name in node.output if name}
    node = made_by[value]
    while before := next((name for name in values_read(node) if name in loose), None):
        node = made_by[before]
    return node


def _shapes(flow: Dataflow, values: Sequence[str]) -> dict[str, Kept]:
    """Of what comes out of the parts; runs on different data must agree."""
    if not values:
        return {}
    runs: list[dict[str, Any]] = []
    failed: ModelError | None = None
    for draw, turns in ((1, 1), (1, 2), (0, 1)):  # nothing at all may be too little for some operators
        try:
            runs.append(tried(flow, values, draw=draw, turns=turns))
        except ModelError as error:
            failed = failed or error
    if not runs and failed is not None:
        raise failed
    for value in values:
        shapes = {run[value].shape for run in runs}
        if len(shapes) > 1:
            raise UnsupportedOperatorError(
                f"{flow.name}: {value!r} has the shapes {' and '.join(map(str, sorted(shapes)))} for different data; "
                "chipsim needs sizes that do not depend on data there: export the model with a fixed size"
            )
    return {value: Kept(runs[0][value].shape, str(runs[0][value].dtype)) for value in values}


@dataclass(slots=True)
class _Parts:
    """Which nodes run together.

    Attributes
    ----------
    flow : Dataflow
    part : dict of int to int
        Node -> the first node of its part, of nodes that run whole.
    functions : list of onnx.FunctionProto
        What the parts stand for.
    """

    flow: Dataflow
    part: dict[int, int]
    functions: list[onnx.FunctionProto] = field(default_factory=list)

    @classmethod
    def of(cls, flow: Dataflow, loose: set[str]) -> _Parts:
        found = cls(flow, {})
        for number, node in enumerate(flow.nodes):
            if node.op_type in CONTROL and node.domain in ("", "ai.onnx"):
                found.part[number] = number
        made_by = _made_by(flow.nodes)
        for number, node in enumerate(flow.nodes):
            for value in values_read(node):
                if value in loose:
                    found._join([made_by[value], number])
        found._close(_followers(flow.nodes))
        return found

    def _join(self, numbers: Iterable[int]) -> None:
        """Put nodes, and all that belong to them, into one part."""
        numbers = list(numbers)
        firsts = {self.part.get(number, number) for number in numbers}
        first = min(firsts)
        self.part |= dict.fromkeys(numbers, first)
        self.part |= {number: first for number, own in self.part.items() if own in firsts}

    def _close(self, followers: dict[int, set[int]]) -> None:
        """What lies between nodes of a part belongs to it."""
        changed = True
        while changed:
            changed = False
            for first in sorted(set(self.part.values())):
                own = {number for number, part in self.part.items() if part == first}
                between = _between(own, followers)
                if between:
                    self._join([*own, *between])
                    changed = True
                    break

    def merged(self) -> list[onnx.NodeProto]:
        """Nodes in topological order, one for each part."""
        members: dict[int, list[int]] = defaultdict(list)
        for number in range(len(self.flow.nodes)):
            members[self.part.get(number, number)].append(number)
        nodes = {
            first: self._function(first, own) if first in self.part else self.flow.nodes[first]
            for first, own in members.items()
        }
        return _sorted(nodes)

    def _function(self, first: int, members: Sequence[int]) -> onnx.NodeProto:
        nodes = [self.flow.nodes[number] for number in members]
        made = {value for node in nodes for value in node.output if value}
        read = dict.fromkeys(value for node in nodes for value in values_read(node) if value not in made)
        elsewhere = set(self.flow.outputs)
        for number, node in enumerate(self.flow.nodes):
            if self.part.get(number) != first:
                elsewhere.update(values_read(node))
        outputs = [value for node in nodes for value in node.output if value in elsewhere]
        chief = next((node for node in nodes if node.op_type in CONTROL or node.op_type in SIZED_BY_DATA), nodes[0])
        domain = f"{DOMAIN}{len(self.functions)}"
        opsets = [helper.make_opsetid(*item) for item in (("", self.flow.opset), *self.flow.domains)]
        self.functions.append(helper.make_function(domain, chief.op_type, list(read), outputs, nodes, opsets))
        return helper.make_node(chief.op_type, list(read), outputs, label_of(chief), domain=domain)


def _made_by(nodes: Sequence[onnx.NodeProto]) -> dict[str, int]:
    return {value: number for number, node in enumerate(nodes) for value in node.output if value}


def _followers(nodes: Sequence[onnx.NodeProto]) -> dict[int, set[int]]:
    """Which nodes read what a node makes."""
    made_by, found = _made_by(nodes), defaultdict(set)
    for number, node in enumerate(nodes):
        for value in values_read(node):
            if value in made_by:
                found[made_by[value]].add(number)
    return found


def _between(own: set[int], followers: dict[int, set[int]]) -> set[int]:
    """Nodes outside that follow some of these and lead to others of them."""
    after, waiting = set[int](), [number for each in own for number in followers.get(each, ())]
    while waiting:
        number = waiting.pop()
        if number not in after:
            after.add(number)
            waiting.extend(followers.get(number, ()))
    outside = after - own
    leading: set[int] = set()
    for number in sorted(outside, reverse=True):  # nodes stand in topological order
        if followers.get(number, set()) & (own | leading):
            leading.add(number)
    return leading


def _sorted(nodes: dict[int, onnx.NodeProto]) -> list[onnx.NodeProto]:
    """In topological order, otherwise as they stood."""
    made_by = {value: number for number, node in nodes.items() for value in node.output if value}
    waits = {
        number: {made_by[value] for value in values_read(node) if value in made_by} - {number}
        for number, node in nodes.items()
    }
    followers: dict[int, list[int]] = defaultdict(list)
    for number, before in waits.items():
        for each in before:
            followers[each].append(number)
    left = {number: len(before) for number, before in waits.items()}
    ready = [number for number, count in left.items() if not count]
    heapq.heapify(ready)
    found = []
    while ready:
        number = heapq.heappop(ready)
        found.append(nodes[number])
        for each in followers[number]:
            left[each] -= 1
            if not left[each]:
                heapq.heappush(ready, each)
    return found
