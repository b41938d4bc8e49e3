"""Random networks on sequences: values equal onnxruntime, and every product that is computed is simulated too (T26)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from hypothesis import given, settings
from hypothesis import strategies as st
from sequence_models import CLOSE, bench_of, model, network_of, node, recurrent_weights

from chipsim.execution.functional import IDEAL
from chipsim.network.reference import run_reference
from chipsim.simulation.engine import simulate_chip

STEPS = ["matmul", "left", "bias", "Relu", "Tanh", "Erf", "norm", "softmax", "transpose", "conv", "pool"]
STEPS += ["lstm", "gru", "both", "last", "cut", "concat", "residual", "reshape", "scale"]


@dataclass
class Growing:
    """A graph whose values all have the shape (batch, rows, columns)."""

    rng: np.random.Generator
    shapes: dict[str, tuple[int, int]]
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    weights: dict[str, np.ndarray] = field(default_factory=dict)

    def store(self, name: str, *shape: int) -> str:
        self.weights[name] = self.rng.standard_normal(shape, np.float32) * 0.6
        return name

    def keep(self, name: str, value: Any) -> str:
        self.weights[name] = np.array(value)
        return name

    def add(self, step: str, name: str, value: str, other: str) -> None:
        add = getattr(self, step, None)
        if add is None:
            self.nodes.append(node(step, value, name))
        self.shapes[name] = self.shapes[value] if add is None else add(name, value, other) or self.shapes[value]

    def put(self, operator: str, operands: str, name: str, **attributes: Any) -> None:
        self.nodes.append(node(operator, operands, name, **attributes))

    def matmul(self, name: str, value: str, _: str) -> tuple[int, int]:
        rows, columns = self.shapes[value]
        self.put("MatMul", f"{value} {self.store(name + 'w', columns, 5)}", name)
        return rows, 5

    def left(self, name: str, value: str, _: str) -> tuple[int, int]:
        rows, columns = self.shapes[value]
        self.put("MatMul", f"{self.store(name + 'w', 4, rows)} {value}", name)
        return 4, columns

    def bias(self, name: str, value: str, _: str) -> None:
        self.put("Add", f"{value} {self.store(name + 'b', self.shapes[value][1])}", name)

    def scale(self, name: str, value: str, _: str) -> None:
        self.put("Mul", f"{self.store(name + 'b', self.shapes[value][0], 1)} {value}", name)

    def norm(self, name: str, value: str, _: str) -> None:
        columns = self.shapes[value][1]
        scale, shift = self.store(name + "s", columns), self.store(name + "t", columns)
        self.put("LayerNormalization", f"{value} {scale} {shift}", name, axis=-1, epsilon=0.1)

    def softmax(self, name: str, value: str, _: str) -> None:
        self.put("Softmax", value, name, axis=int(self.rng.integers(1, 3)))

    def transpose(self, name: str, value: str, _: str) -> tuple[int, int]:
        self.put("Transpose", value, name, perm=[0, 2, 1])
        return self.shapes[value][::-1]

    def conv(self, name: str, value: str, _: str) -> tuple[int, int]:
        rows, columns = self.shapes[value]
        self.put("Conv", f"{value} {self.store(name + 'k', 3, rows, 2)}", name, pads=[1, 0])
        return 3, columns

    def pool(self, name: str, value: str, _: str) -> tuple[int, int]:
        rows, columns = self.shapes[value]
        self.put("MaxPool", value, name, kernel_shape=[2], pads=[0, 1], strides=[2])
        return rows, (columns + 1 - 2) // 2 + 1

    def last(self, name: str, value: str, _: str) -> tuple[int, int]:
        rows, columns = self.shapes[value]
        self.put("Gather", f"{value} {self.keep(name + 'i', [rows - 1])}", name, axis=1)
        return 1, columns

    def cut(self, name: str, value: str, _: str) -> tuple[int, int]:
        rows, columns = self.shapes[value]
        first = int(self.rng.integers(0, rows))
        ends = [self.keep(name + key, [at]) for key, at in (("f", first), ("l", rows), ("a", 1))]
        self.put("Slice", " ".join([value, *ends]), name)
        return rows - first, columns

    def concat(self, name: str, value: str, other: str) -> tuple[int, int]:
        rows, columns = self.shapes[value]
        second = other if self.shapes[other][0] == rows else value
        self.put("Concat", f"{value} {second}", name, axis=-1)
        return rows, columns + self.shapes[second][1]

    def residual(self, name: str, value: str, other: str) -> None:
        self.put("Add", f"{value} {other if self.shapes[other] == self.shapes[value] else value}", name)

    def reshape(self, name: str, value: str, _: str) -> tuple[int, int]:
        rows, columns = self.shapes[value]
        self.put("Reshape", f"{value} {self.keep(name + 'r', [0, columns, rows])}", name)
        return columns, rows

    def lstm(self, name: str, value: str, _: str) -> tuple[int, int]:
        return self.recurrent("LSTM", 1, name, value)

    def gru(self, name: str, value: str, _: str) -> tuple[int, int]:
        return self.recurrent("GRU", 1, name, value)

    def both(self, name: str, value: str, _: str) -> tuple[int, int]:
        return self.recurrent("GRU", 2, name, value)

    def recurrent(self, kind: str, directions: int, name: str, value: str) -> tuple[int, int]:
        rows, columns = self.shapes[value]
        self.weights |= recurrent_weights(kind, name, columns, 4, directions, self.rng)
        direction = "bidirectional" if directions == 2 else str(self.rng.choice(["forward", "reverse"]))
        self.nodes += [
            node("Transpose", value, f"{name}1", perm=[1, 0, 2]),
            node(kind, f"{name}1 {name}W {name}R {name}B", f"{name}2", hidden_size=4, direction=direction),
            node("Transpose", f"{name}2", f"{name}3", perm=[2, 0, 1, 3]),
            node("Reshape", f"{name}3 {self.keep(name + 'z', [0, rows, directions * 4])}", name),
        ]
        return rows, directions * 4


@settings(max_examples=70)
@given(
    st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 5)), min_size=1, max_size=6), st.booleans(),
    st.integers(0, 99), st.integers(1, 5), st.integers(2, 5),
)  # fmt: skip
def test_any_chain_of_operators_on_sequences(
    steps: list[tuple[str, int]], dense: bool, seed: int, rows: int, columns: int
) -> None:
    graph, values = Growing(np.random.default_rng(seed), {"x": (rows, columns)}), ["x"]
    for number, (step, back) in enumerate(steps):
        name = f"v{number}"
        graph.add(step, name, values[-1], values[-1 - back % len(values)])
        values.append(name)
    output = values[-1]
    if dense:
        size = int(np.prod(graph.shapes[output]))
        graph.nodes += [node("Flatten", output, "flat"), node("Gemm", f"flat {graph.store('dw', size, 3)}", "y")]
        output = "y"
    network = network_of(model(graph.nodes, ("N", rows, columns), graph.weights, [output]))
    x = np.random.default_rng(seed).standard_normal((3, *network.input_shape), np.float32)
    bench = bench_of(network, x, "grid.shape=[20,20]")
    analog = bench.program(IDEAL)
    found = analog.run(x, network.outputs)
    for name, reference in zip(network.outputs, run_reference(network, x), strict=True):
        assert np.abs(found[name] - reference).max() <= CLOSE * max(np.abs(reference).max(), 1e-30), name
    simulated = simulate_chip(bench.plan, len(x))
    assert dict(simulated.tile_mvms) == analog.tile_mvms()
