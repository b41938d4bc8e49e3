"""Random networks of matrices, conditions, loops and sizes on data, within each other."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count

import numpy as np
import onnx
from hypothesis import strategies as st
from network_models import model_bytes, node, normal
from onnx import TensorProto, helper

WIDTH = 4
CONSTANTS = {
    "w": normal(WIDTH, WIDTH) / 2,
    "v": normal(WIDTH, WIDTH, seed=1) / 2,
    "wide": normal(WIDTH, 6, seed=2) / 2,
    "zero": np.array(0, np.float32),
    "limit": np.array(1.2, np.float32),
    "yes": np.array(True),
    "two": np.array(2),
    "five": np.array(5),
    "first": np.array([0]),
    "second": np.array([1]),
    "flat": np.array([-1]),
}
SIMPLE = ("matrix", "other matrix", "tanh", "add")
DEEP = ("either", "different", "loop", "loop on data", "collects", "scan", "compress", "nonzero")


@dataclass
class Writer:
    """Nodes so far; values have the shape (1, WIDTH)."""

    draw: st.DrawFn
    numbers: count[int]
    nodes: list[onnx.NodeProto] = field(default_factory=list)

    def name(self) -> str:
        return f"t{next(self.numbers)}"

    def add(self, operator: str, inputs: str, **attributes: object) -> str:
        name = self.name()
        self.nodes.append(node(operator, inputs, name, **attributes))
        return name

    def step(self, value: str, depth: int) -> str:
        """Something on a value."""
        kind = self.draw(st.sampled_from(SIMPLE + DEEP if depth else SIMPLE))
        match kind:
            case "matrix":
                return self.add("MatMul", f"{value} w")
            case "other matrix":
                return self.add("MatMul", f"{value} v")
            case "tanh":
                return self.add("Tanh", value)
            case "add":
                return self.add("Add", f"{value} x")
            case "either" | "different":
                return self.either(value, depth - 1, different=kind == "different")
            case "scan":
                return self.scan(value, depth - 1)
            case "compress" | "nonzero":
                return self.chosen(value, kind)
            case _:
                return self.loop(value, depth - 1, kind)

    def steps(self, value: str, depth: int) -> str:
        for _ in range(self.draw(st.integers(1, 2))):
            value = self.step(value, depth)
        return value

    def within(self, value: str, depth: int) -> tuple[str, list[onnx.NodeProto]]:
        inner = Writer(self.draw, self.numbers)
        made = inner.steps(value, depth)
        return made, inner.nodes

    def positive(self, value: str) -> str:
        total = self.add("ReduceSum", value, keepdims=0)
        return self.add("Greater", f"{total} zero")

    def either(self, value: str, depth: int, *, different: bool) -> str:
        condition, graphs = self.positive(value), []
        for branch in range(2):
            made, nodes = self.within(value, depth)
            if different and branch:
                made, nodes = f"{made}w", [*nodes, node("MatMul", f"{made} wide", f"{made}w")]
            graphs.append(helper.make_graph(nodes, "branch", [], [onnx.ValueInfoProto(name=made)]))
        name = self.name()
        self.nodes.append(
            helper.make_node("If", [condition], [name], name, then_branch=graphs[0], else_branch=graphs[1])
        )
        return self.summed(name, value) if different else name

    def summed(self, name: str, value: str) -> str:
        total = self.add("ReduceSum", f"{name} second", keepdims=1)
        squeezed = self.add("Tanh", total)
        return self.add("Add", f"{value} {squeezed}")

    def loop(self, value: str, depth: int, kind: str) -> str:
        state, turn, going = self.name(), self.name(), self.name()
        made, nodes = self.within(state, depth)
        body = Writer(self.draw, self.numbers, nodes)
        last = body.add("Tanh", made)
        if kind == "loop":
            goes_on = body.add("Identity", going)
        else:
            goes_on = body.add("Less", f"{body.add('ReduceMax', last, keepdims=0)} limit")
        outputs = [goes_on, last, *([body.add("Neg", last)] if kind == "collects" else [])]
        graph = helper.make_graph(
            body.nodes,
            "body",
            [
                helper.make_tensor_value_info(turn, TensorProto.INT64, []),
                helper.make_tensor_value_info(going, TensorProto.BOOL, []),
                helper.make_tensor_value_info(state, TensorProto.FLOAT, [1, WIDTH]),
            ],
            [onnx.ValueInfoProto(name=name) for name in outputs],
        )
        names = [self.name() for _ in outputs[1:]]
        trips = "two" if kind == "loop" else "five"
        self.nodes.append(helper.make_node("Loop", [trips, "yes", value], names, names[0], body=graph))
        if kind != "collects":
            return names[0]
        total = self.add("ReduceSum", f"{names[1]} first", keepdims=0)
        return self.add("Add", f"{names[0]} {total}")

    def scan(self, value: str, depth: int) -> str:
        """Along the values of x, added to a state one by one."""
        state, part = self.name(), self.name()
        made, nodes = self.within(state, depth)
        body = Writer(self.draw, self.numbers, nodes)
        column = body.add("Unsqueeze", f"{part} second")
        last = body.add("Tanh", body.add("Add", f"{made} {column}"))
        shape = [1, WIDTH]
        graph = helper.make_graph(
            body.nodes,
            "body",
            [
                helper.make_tensor_value_info(state, TensorProto.FLOAT, shape),
                helper.make_tensor_value_info(part, TensorProto.FLOAT, [1]),
            ],
            [helper.make_tensor_value_info(last, TensorProto.FLOAT, shape)],
        )
        name = self.name()
        self.nodes.append(
            helper.make_node(
                "Scan", [value, "x"], [name], name, body=graph, num_scan_inputs=1, scan_input_axes=[1],
                scan_input_directions=[self.draw(st.integers(0, 1))],
            )
        )  # fmt: skip
        return name

    def chosen(self, value: str, kind: str) -> str:
        if kind == "nonzero":
            places = self.add("NonZero", self.add("Relu", value))
            return self.count(places, value)
        bits = self.add("Reshape", f"{self.add('Greater', f'{value} zero')} flat")
        return self.summed(self.add("Compress", f"{value} {bits}", axis=1), value)

    def count(self, places: str, value: str) -> str:
        """Sums up the second row: in which columns values are positive."""
        total = self.add("ReduceSum", f"{self.add('Cast', places, to=TensorProto.FLOAT)} second", keepdims=1)
        row = self.add("Gather", f"{total} second")
        return self.add("Add", f"{value} {self.add('Tanh', row)}")


@st.composite
def control_flow(draw: st.DrawFn, depth: int = 2) -> bytes:
    """A model."""
    writer = Writer(draw, count())
    value = writer.add("MatMul", "x w")
    for _ in range(draw(st.integers(1, 3))):
        value = writer.step(value, depth)
    writer.nodes.append(node("MatMul", f"{value} v", "y"))
    return model_bytes(writer.nodes, ("N", WIDTH), CONSTANTS, opset=18)
