"""RNN, LSTM and GRU become matrices on tiles, gates at a neuron unit, and what picks and joins their outputs."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chipsim.network.cell import CellKind, CellRules
from chipsim.network.layers import AnyLayer, DigitalLayer, GateLayer, Matrix, MatrixLayer, Shape, ViewLayer, Window
from chipsim.network.operators.gate_functions import gate_functions
from chipsim.network.operators.node import Node
from chipsim.network.operators.recurrent_shapes import check_recurrent

Values = NDArray[np.float32]
RECURRENT: tuple[CellKind, ...] = ("RNN", "LSTM", "GRU")
Y, Y_H, Y_C = 0, 1, 2
OPERATIONS = {"RNN": 2, "LSTM": 13, "GRU": 11}
"""Per hidden value: sums of two matrices, functions, products; without clipping and peepholes."""
RESET_OPERATIONS = 3  # of a GRU whose reset gate acts before the matrix: sum, function, product
PEEPHOLE_OPERATIONS = 6  # three products, three sums


@dataclass(frozen=True, slots=True)
class Sizes:
    """Of one recurrent operator and one example of the network."""

    steps: int
    sequences: int
    inputs: int
    hidden: int

    @property
    def positions(self) -> int:
        """Positions of its layers: position p is step p // sequences of sequence p mod sequences."""
        return self.steps * self.sequences

    def shape(self, channels: int) -> Shape:
        """Of a layer's output."""
        return (self.steps, channels) if self.sequences == 1 else (self.steps, self.sequences, channels)


def read_recurrent(node: Node, shapes: dict[int, Shape]) -> tuple[list[AnyLayer], dict[int, str]]:
    """All layers of one operator, in topological order, and which of them gives which output.

    Parameters
    ----------
    node : Node
        Of output 0.
    shapes : dict of int to tuple of int
        Shapes of those outputs that are read, without the batch.

    Raises
    ------
    UnsupportedOperatorError
        If its weights or first states are not constants, or its sequences have lengths of their own that are not.
    """
    sizes, directions = _sizes(node), _directions(node)
    single = len(directions) == 1
    layers: list[AnyLayer] = []
    states: list[GateLayer] = []
    for index, reverse in enumerate(directions):
        name = node.name if single else f"{node.name}/{'backward' if reverse else 'forward'}"
        rules = _rules(node, sizes, index, len(directions))
        made = _chain(node, name, sizes, index, rules, reverse, Y_C in shapes)
        layers += made
        states.append(next(each for each in made if isinstance(each, GateLayer) and each.part == "state"))
    given: dict[int, str] = {}
    for output, shape in shapes.items():
        parts: list[AnyLayer] = list(states)
        if output != Y:
            parts = [_last(state, sizes, output) for state in states]
            layers += parts
        found = _joined(node, parts, sizes, output, shape)
        layers += found
        given[output] = (found or parts)[-1].name
    return layers, given


def _sizes(node: Node) -> Sizes:
    if 0 not in node.positions:
        node.unsupported("of constants")
    first, second, inputs = node.shape(0)
    weights = node.constant(1)
    recurrent = node.constant(2)
    if weights is None or recurrent is None or weights.dtype != np.float32 or recurrent.dtype != np.float32:
        node.unsupported("whose weights are missing or not float32")
    if node.attributes.get("layout", 0):
        first, second = second, first
        if second > 1:
            node.unsupported(f"with layout=1 on {second} sequences side by side")
    hidden = check_recurrent(node, len(_directions(node)), first, inputs)
    return Sizes(first, second, inputs, hidden)


def _directions(node: Node) -> tuple[bool, ...]:
    """Whether each direction walks backwards."""
    kinds = {"forward": (False,), "reverse": (True,), "bidirectional": (False, True)}
    direction = str(node.attributes.get("direction", "forward"))
    if direction not in kinds:
        node.wrong(f"direction={direction!r} is not one of {', '.join(kinds)}")
    return kinds[direction]


def _rules(node: Node, sizes: Sizes, index: int, directions: int) -> CellRules:
    kind: CellKind = next(each for each in RECURRENT if each == node.operator)
    peepholes = node.constant(7) if kind == "LSTM" else None
    return CellRules(
        kind,
        gate_functions(node, index),
        sizes.hidden,
        sizes.sequences,
        _initial(node, 5, sizes, index, directions),
        _initial(node, 6, sizes, index, directions) if kind == "LSTM" else None,
        None if peepholes is None or not peepholes.any() else peepholes[index].reshape(3, sizes.hidden),
        float(node.attributes.get("clip", 0.0)) or math.inf,
        bool(node.attributes.get("input_forget", 0)),
        bool(node.attributes.get("linear_before_reset", 0)),
        _lengths(node, sizes),
    )


def _initial(node: Node, position: int, sizes: Sizes, index: int, directions: int) -> Values:
    """The state before the first position, shape (sequences, hidden)."""
    given = node.constant(position)
    if given is None:
        return np.zeros((sizes.sequences, sizes.hidden), np.float32)
    if node.attributes.get("layout", 0):
        given = given.swapaxes(0, 1)
    if given.shape != (directions, sizes.sequences, sizes.hidden):
        node.unsupported(f"whose first state has the shape {given.shape}, of several examples")
    return np.ascontiguousarray(given[index], np.float32)


def _lengths(node: Node, sizes: Sizes) -> NDArray[np.int64] | None:
    given = node.constant(4)
    if given is None or (given == sizes.steps).all():
        return None
    if given.shape != (sizes.sequences,) or given.min() < 1 or given.max() > sizes.steps:
        node.unsupported(f"whose sequences have the lengths {given.tolist()} of {sizes.steps} steps")
    return given.astype(np.int64)


def _chain(
    node: Node, name: str, sizes: Sizes, index: int, rules: CellRules, reverse: bool, with_cell: bool
) -> list[AnyLayer]:
    """The layers of one direction."""
    hidden, split = sizes.hidden, rules.kind == "GRU" and not rules.linear_before_reset
    weights, recurrent = (np.asarray(node.constants[i][index], np.float32).T for i in (1, 2))
    given = node.constant(3)
    bias = np.zeros(2 * len(weights.T), np.float32) if given is None else given[index].astype(np.float32)
    before, after = np.split(bias, 2)
    late = np.zeros_like(after)
    if rules.kind == "GRU" and rules.linear_before_reset:
        late[2 * hidden :] = after[2 * hidden :]
    columns = 2 * hidden if split else len(after)

    def matrix(part: str, source: str, values: Values, offsets: Values, delay: int = 0) -> MatrixLayer:
        own = f"{name}/{part}"
        stored = Matrix(own, np.ascontiguousarray(values), np.ascontiguousarray(offsets))
        return MatrixLayer(
            own, (source,), sizes.shape(stored.columns), (stored.rows, 1, sizes.positions), Window(), (stored,),
            delay=delay, steps=1 if part == "input" else sizes.steps, channels_last=True, reverse=reverse,
        )  # fmt: skip

    def gates(part: str, inputs: tuple[str, ...], operations: int) -> GateLayer:
        own = name if part == "state" else f"{name}/{part}"
        return GateLayer(
            own, inputs, sizes.shape(hidden), rules, part, "" if part == "state" else name,  # type: ignore[arg-type]
            operations * sizes.positions * hidden, channels_last=True, reverse=reverse,
        )  # fmt: skip

    source = node.inputs[node.positions.index(0)]
    sums: tuple[str, ...] = (f"{name}/input", f"{name}/recurrent")
    layers: list[AnyLayer] = [
        matrix("input", source, weights, before + after - late),
        matrix("recurrent", name, recurrent[:, :columns], late[:columns], sizes.sequences),
    ]
    if split:
        layers.append(gates("reset", sums, RESET_OPERATIONS + math.isfinite(rules.clip)))
        layers.append(matrix("candidate", f"{name}/reset", recurrent[:, columns:], late[columns:]))
        sums = (*sums, f"{name}/candidate")
    layers.append(gates("state", sums, _operations(rules, split)))
    if with_cell and rules.kind == "LSTM":
        layers.append(gates("cell", (name,), 0))
    return layers


def _operations(rules: CellRules, split: bool) -> int:
    """Per hidden value and position."""
    clipped = rules.sums * math.isfinite(rules.clip)
    peeped = 0 if rules.peepholes is None else PEEPHOLE_OPERATIONS
    return OPERATIONS[rules.kind] + clipped + peeped - (RESET_OPERATIONS + math.isfinite(rules.clip)) * split


def _last(state: GateLayer, sizes: Sizes, output: int) -> ViewLayer:
    """The state, or an LSTM's cell, after each sequence's last step."""
    source = state.name if output == Y_H else f"{state.name}/cell"
    lengths = state.rules.lengths
    steps = np.zeros(sizes.sequences, np.int64) if state.reverse else np.full(sizes.sequences, sizes.steps - 1)
    if lengths is not None and not state.reverse:
        steps = lengths - 1
    picks = tuple((steps * sizes.sequences + np.arange(sizes.sequences)).tolist())
    name = f"{source}/last"
    return ViewLayer(name, (source,), (sizes.sequences, sizes.hidden), picks=picks, channels_last=True)


def _joined(node: Node, parts: list[AnyLayer], sizes: Sizes, output: int, shape: Shape) -> list[AnyLayer]:
    """Both directions as one value, and its shape as the operator gives it."""
    if len(parts) == 1:
        return list(_shaped(parts[0], f"{parts[0].name}/out", shape))
    name = node.name if output == Y else f"{node.name}/{'last' if output == Y_H else 'cell'}"
    both, before = tuple(part.name for part in parts), parts[0].output_shape
    if sizes.sequences == 1:
        wide, axis = (*before[:-1], 2 * sizes.hidden), len(before)
    else:  # (steps, direction, sequence, value)
        wide, axis = (*before[:-2], 2 * sizes.sequences, sizes.hidden), len(before) - 1
    join = DigitalLayer(
        name, both, wide, "Concat", {"axis": axis}, pattern="elementwise" if sizes.sequences == 1 else "barrier",
        element_operations=math.prod(wide), opset=node.opset, channels_last=True,
    )  # fmt: skip
    return [join, *_shaped(join, f"{name}/out", shape)]


def _shaped(layer: AnyLayer, name: str, shape: Shape) -> Iterator[AnyLayer]:
    if layer.output_shape != shape:
        yield ViewLayer(name, (layer.name,), shape, channels_last=True)


def names_of(node_name: str) -> Collection[str]:
    """Names that the layers of an operator may have."""
    ends = ("", "/input", "/recurrent", "/reset", "/candidate", "/cell", "/last", "/cell/last", "/out", "/last/out")
    return {f"{node_name}{way}{end}" for way in ("", "/forward", "/backward") for end in (*ends, "/cell/out")}
