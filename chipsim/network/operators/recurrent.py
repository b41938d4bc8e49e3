"""RNN, LSTM and GRU become matrices on tiles, gates at a neuron unit, and what picks and joins their outputs."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator

import numpy as np
from numpy.typing import NDArray

from chipsim.network.cell import CellRules, Role
from chipsim.network.layers import AnyLayer, DigitalLayer, GateLayer, MatrixLayer, Shape, ViewLayer, Window
from chipsim.network.matrix import Matrix
from chipsim.network.operators.node import Node
from chipsim.network.operators.recurrent_operands import (
    RECURRENT,
    ROLES,
    Sizes,
    bias_of,
    operand_views,
    rules_of,
)
from chipsim.network.operators.recurrent_shapes import check_recurrent
from chipsim.network.operators.stored_numbers import numbers_of

__all__ = ["RECURRENT", "names_of", "read_recurrent"]

Values = NDArray[np.float32]
Y, Y_H, Y_C = 0, 1, 2
OPERATIONS = {"RNN": 2, "LSTM": 13, "GRU": 11}
"""Per hidden value: sums of two matrices, functions, products; without clipping and peepholes."""
RESET_OPERATIONS = 3  # of a GRU whose reset gate acts before the matrix: sum, function, product
PEEPHOLE_OPERATIONS = 6  # three products, three sums
BIAS_OPERATIONS = 2  # per sum, where biases are data: one of either matrix


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
        If its weights are not constants, or its operands are of several examples.
    """
    sizes, directions = _sizes(node), _directions(node)
    single = len(directions) == 1
    layers: list[AnyLayer] = []
    states: list[GateLayer] = []
    for index, reverse in enumerate(directions):
        name = node.name if single else f"{node.name}/{'backward' if reverse else 'forward'}"
        made = _chain(node, name, sizes, index, reverse, shapes)
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
    weights, recurrent = node.constant(1), node.constant(2)
    if weights is None or recurrent is None or weights.dtype.kind != "f":
        node.unsupported("whose weights are missing or no floating-point numbers")
    if node.attributes.get("layout", 0):  # of one sequence: `without_inner_batches` leaves no others
        first, second = second, first
    directions = len(_directions(node))
    hidden = check_recurrent(node, directions, first, inputs)
    return Sizes(first, second, inputs, hidden, directions)


def _directions(node: Node) -> tuple[bool, ...]:
    """Whether each direction walks backwards."""
    kinds = {"forward": (False,), "reverse": (True,), "bidirectional": (False, True)}
    direction = str(node.attributes.get("direction", "forward"))
    if direction not in kinds:
        node.wrong(f"direction={direction!r} is not one of {', '.join(kinds)}")
    return kinds[direction]


def _chain(node: Node, name: str, sizes: Sizes, index: int, reverse: bool, wanted: Collection[int]) -> list[AnyLayer]:
    """The layers of one direction; ``wanted`` are the operator's outputs that are read."""
    rules, views = rules_of(node, sizes, index), operand_views(node, name, sizes, index)
    hidden, split = sizes.hidden, rules.kind == "GRU" and not rules.linear_before_reset
    weights, recurrent = (numbers_of(node, node.constants[i][index]).T for i in (1, 2))
    before, after = np.split(bias_of(node, rules, index), 2)
    late = np.zeros_like(after)
    if rules.kind == "GRU" and rules.linear_before_reset:
        late[2 * hidden :] = after[2 * hidden :]
    columns = 2 * hidden if split else len(after)

    def matrix(part: str, sources: tuple[str, ...], values: Values, offsets: Values, delay: int = 0) -> MatrixLayer:
        own = f"{name}/{part}"
        stored = Matrix(own, np.ascontiguousarray(values), np.ascontiguousarray(offsets))
        return MatrixLayer(
            own, sources, sizes.shape(stored.columns), (stored.rows, 1, sizes.positions), Window(), (stored,),
            delay=delay, steps=1 if part == "input" else sizes.steps, channels_last=True, reverse=reverse,
        )  # fmt: skip

    def gates(part: str, inputs: tuple[str, ...], operations: int, given: tuple[Role, ...] = ()) -> GateLayer:
        own = name if part == "state" else f"{name}/{part}"
        return GateLayer(
            own, (*inputs, *(views[role].name for role in given)), sizes.shape(hidden), rules,
            part, "" if part == "state" else name,  # type: ignore[arg-type]
            operations * sizes.positions * hidden, given, channels_last=True, reverse=reverse,
        )  # fmt: skip

    first = (views["initial"].name,) if "initial" in views else ()
    source = node.inputs[node.positions.index(0)]
    sums: tuple[str, ...] = (f"{name}/input", f"{name}/recurrent")
    layers: list[AnyLayer] = [
        *views.values(),
        matrix("input", (source,), weights, before + after - late),
        matrix("recurrent", (name, *first), recurrent[:, :columns], late[:columns], sizes.sequences),
    ]
    if split:
        layers.append(gates("reset", sums, _reset_operations(rules, views), _used(views, ("bias", "initial"))))
        layers.append(matrix("candidate", (f"{name}/reset",), recurrent[:, columns:], late[columns:]))
        sums = (*sums, f"{name}/candidate")
    keeps = rules.kind == "GRU" or rules.lengths is not None or "lengths" in views
    own = ("bias", "lengths", "initial_cell", "peepholes", *(("initial",) if keeps else ()))
    layers.append(gates("state", sums, _operations(rules, views, split), _used(views, own)))
    if Y_C in wanted and rules.kind == "LSTM":
        layers.append(gates("cell", (name,), 0))
    if Y_H in wanted and _ends_unseen(rules, views):
        layers.append(gates("held", (name,), 0))
    return layers


def _used(data: Collection[Role], roles: Collection[Role]) -> tuple[Role, ...]:
    """Operands that are data, of those that a layer has."""
    return tuple(role for role in data if role in roles)


def _ends_unseen(rules: CellRules, data: Collection[Role]) -> bool:
    """Whether it is not known where sequences end, or some have no steps."""
    return "lengths" in data or (rules.lengths is not None and not rules.lengths.all())


def _reset_operations(rules: CellRules, data: Collection[Role]) -> int:
    return RESET_OPERATIONS + math.isfinite(rules.clip) + BIAS_OPERATIONS * ("bias" in data)


def _operations(rules: CellRules, data: Collection[Role], split: bool) -> int:
    """Per hidden value and position."""
    clipped = rules.sums * math.isfinite(rules.clip)
    peeped = PEEPHOLE_OPERATIONS * (rules.peepholes is not None or "peepholes" in data)
    added = BIAS_OPERATIONS * rules.sums * ("bias" in data)
    kept = (2 if rules.kind == "LSTM" else 1) * ("lengths" in data)  # new or old, of each state
    return OPERATIONS[rules.kind] + clipped + peeped + added + kept - _reset_operations(rules, data) * split


def _last(state: GateLayer, sizes: Sizes, output: int) -> ViewLayer:
    """The state, or an LSTM's cell, after each sequence's last step."""
    source = state.name if output == Y_H else f"{state.name}/cell"
    lengths = state.rules.lengths
    steps = np.zeros(sizes.sequences, np.int64) if state.reverse else np.full(sizes.sequences, sizes.steps - 1)
    if _ends_unseen(state.rules, state.given):  # states are kept to the last step
        source = f"{state.name}/held" if output == Y_H else source
    elif lengths is not None and not state.reverse:
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
    parts = ("input", "recurrent", "reset", "candidate", "cell", "held", *ROLES.values())
    shown = ("last", "cell/last", "held/last", "out", "last/out", "cell/out")
    ends = ("", *(f"/{end}" for end in (*parts, *shown)))
    return {f"{node_name}{way}{end}" for way in ("", "/forward", "/backward") for end in ends}
