"""Tokens and recurrent operators from a few numbers, all weights zero, as the ONNX reader makes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from small_machines import zeros

from chipsim.network.cell import CellKind, CellRules, GateFunction, Role
from chipsim.network.layers import AnyLayer, DigitalLayer, GateLayer, InputLayer, MatrixLayer, ViewLayer, Window
from chipsim.network.matrix import Matrix

SUMS = {"RNN": 1, "LSTM": 4, "GRU": 3}
OPERATIONS = {"RNN": 2, "LSTM": 12, "GRU": 10}
"""Scalar operations of the gates per hidden value and step, somehow."""


def steps(count: int, width: int) -> InputLayer:
    """A sequence of so many steps as the network's input."""
    return InputLayer("x", (), (count, width), channels_last=True)


def tokens(
    name: str, before: AnyLayer, columns: int, *, reverse: bool = False, delay: int = 0, rows: int | None = None
) -> MatrixLayer:
    """A matrix that every position is multiplied by."""
    count, width = before.positions, before.channels if rows is None else rows
    matrix = Matrix(name + ".w", zeros(width, columns), np.zeros(columns, np.float32))
    return MatrixLayer(
        name, (before.name,), (count, columns), (width, 1, count), Window(), (matrix,), channels_last=True,
        reverse=reverse, delay=delay,
    )  # fmt: skip


def recurrent(
    name: str, before: AnyLayer, hidden: int, kind: CellKind = "LSTM", *, reverse: bool = False, delay: int = 1,
    reset_first: bool = False, cell: bool = False, operations: int | None = None,
    given: Mapping[Role, AnyLayer] | None = None,
) -> list[AnyLayer]:  # fmt: skip
    """The layers of one direction; the state's last.

    Parameters
    ----------
    delay : int
        Sequences side by side.
    reset_first : bool
        A GRU whose reset gate acts before the recurrent matrix.
    cell : bool
        The cell comes out, too.
    given : mapping of role to layer, optional
        Operands that are data; first states with as many positions as there are sequences.
    """
    count = before.positions
    rules = CellRules(kind, (GateFunction("tanh"),), hidden, delay, np.zeros((delay, hidden), np.float32))
    work = OPERATIONS[kind] * hidden * count if operations is None else operations
    sums = SUMS[kind] * hidden
    parts = ("input", "recurrent") + (("reset", "candidate") if reset_first else ())
    feeding = tuple(f"{name}/{part}" for part in parts if part != "reset")
    state = GateLayer(
        name, feeding, (count, hidden), rules, element_operations=work, channels_last=True, reverse=reverse
    )
    made: list[AnyLayer] = [tokens(feeding[0], before, sums, reverse=reverse)]
    looped = 2 * hidden if reset_first else sums
    made.append(tokens(feeding[1], state, looped, reverse=reverse, delay=delay))
    if reset_first:
        reset = GateLayer(
            f"{name}/reset", feeding[:2], (count, hidden), rules, part="reset", state=name,
            element_operations=2 * hidden * count, channels_last=True, reverse=reverse,
        )  # fmt: skip
        made += [reset, tokens(feeding[2], reset, hidden, reverse=reverse)]
    made.append(state)
    if cell:
        made.insert(-1, _cell(name, feeding, state))
    return made if given is None else [_with(layer, given) for layer in made]


def _with(layer: AnyLayer, given: Mapping[Role, AnyLayer]) -> AnyLayer:
    """A layer of a recurrent operator that reads operands which are data, where it needs them."""
    first = given.get("initial")
    if isinstance(layer, MatrixLayer) and layer.delay and first is not None:
        return replace(layer, inputs=(*layer.inputs, first.name))
    if not isinstance(layer, GateLayer) or layer.part == "cell":
        return layer
    wanted: dict[str, set[Role]] = {"RNN": {"bias", "lengths"}, "GRU": {"bias", "lengths", "initial"},
                                    "LSTM": {"bias", "lengths", "peepholes", "initial_cell"}}  # fmt: skip
    uses = wanted[layer.rules.kind] | ({"initial"} if "lengths" in given else set())
    uses = {"bias", "initial"} if layer.part == "reset" else uses
    roles = tuple(role for role in given if role in uses)
    return replace(layer, inputs=(*layer.inputs, *(given[role].name for role in roles)), given=roles)


def _cell(name: str, feeding: tuple[str, ...], state: GateLayer) -> GateLayer:
    return GateLayer(
        f"{name}/cell", feeding, state.output_shape, state.rules, part="cell", state=name, channels_last=True,
        reverse=state.reverse,
    )  # fmt: skip


def join(name: str, first: AnyLayer, second: AnyLayer) -> DigitalLayer:
    """Two directions side by side."""
    shape = (first.positions, first.channels + second.channels)
    return DigitalLayer(
        name, (first.name, second.name), shape, "Concat", {"axis": -1}, pattern="elementwise", channels_last=True,
        element_operations=shape[0] * shape[1],
    )  # fmt: skip


def bidirectional(name: str, before: AnyLayer, hidden: int, kind: CellKind = "LSTM") -> list[AnyLayer]:
    """Both directions, and what joins them."""
    forward, backward = (recurrent(name + end, before, hidden, kind, reverse=bool(end == "<")) for end in (">", "<"))
    return [*forward, *backward, join(name, forward[-1], backward[-1])]


def sum_of(name: str, first: AnyLayer, second: AnyLayer) -> DigitalLayer:
    """A sum of two sequences, position by position."""
    return DigitalLayer(
        name, (first.name, second.name), first.output_shape, "Add", pattern="elementwise", channels_last=True,
        element_operations=first.positions * first.channels,
    )  # fmt: skip


def last_of(name: str, before: AnyLayer, back: int = 1) -> ViewLayer:
    """One of the last positions alone, as a vector."""
    pick = before.positions - back
    return ViewLayer(name, (before.name,), (before.channels,), channels_last=True, picks=(pick,))
