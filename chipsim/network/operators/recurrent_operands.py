"""Operands of a recurrent operator besides sequences and matrices: constants in `CellRules`, data behind views."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chipsim.network.cell import CellKind, CellRules, Role
from chipsim.network.layers import Shape, ViewLayer
from chipsim.network.operators.gate_functions import gate_functions
from chipsim.network.operators.node import Node

Values = NDArray[np.float32]
RECURRENT: tuple[CellKind, ...] = ("RNN", "LSTM", "GRU")
ROLES: Mapping[int, Role] = {3: "bias", 4: "lengths", 5: "initial", 6: "initial_cell", 7: "peepholes"}
"""By position of the operand in ONNX."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """Of one recurrent operator and one example of the network."""

    steps: int
    sequences: int
    inputs: int
    hidden: int
    directions: int

    @property
    def positions(self) -> int:
        """Positions of its layers: position p is step p // sequences of sequence p mod sequences."""
        return self.steps * self.sequences

    def shape(self, channels: int) -> Shape:
        """Of a layer's output."""
        return (self.steps, channels) if self.sequences == 1 else (self.steps, self.sequences, channels)


def operand_views(node: Node, name: str, sizes: Sizes, index: int) -> dict[Role, ViewLayer]:
    """What one direction reads of operands that are data, matrices and sequences apart.

    Raises
    ------
    UnsupportedOperatorError
        If a first state has another number of sequences than the input.
    """
    last = 7 if node.operator == "LSTM" else 5
    return {
        role: _view(node, position, f"{name}/{role}", sizes, index)
        for position, role in ROLES.items()
        if position <= last and position in node.positions
    }


def _view(node: Node, position: int, name: str, sizes: Sizes, index: int) -> ViewLayer:
    source, shape = node.inputs[node.positions.index(position)], node.shape(position)
    if ROLES[position] == "lengths":
        return ViewLayer(name, (source,), shape, picks=(0,), channels_last=True)
    if ROLES[position] in ("bias", "peepholes"):
        return ViewLayer(name, (source,), shape[1:], picks=(index,), channels_last=True)
    _check_state(node, shape, sizes)
    sequences = range(sizes.sequences)
    if node.attributes.get("layout", 0):
        picks = tuple(sequence * sizes.directions + index for sequence in sequences)
    else:
        picks = tuple(index * sizes.sequences + sequence for sequence in sequences)
    return ViewLayer(name, (source,), (sizes.sequences, sizes.hidden), picks=picks, channels_last=True)


def rules_of(node: Node, sizes: Sizes, index: int) -> CellRules:
    """What is constant in one direction; zeros and None in the place of data."""
    kind: CellKind = next(each for each in RECURRENT if each == node.operator)
    peepholes = _constant(node, 7) if kind == "LSTM" else None
    return CellRules(
        kind,
        gate_functions(node, index),
        sizes.hidden,
        sizes.sequences,
        _initial(node, 5, sizes, index),
        _initial(node, 6, sizes, index) if kind == "LSTM" else None,
        None if peepholes is None or not peepholes.any() else peepholes[index].reshape(3, sizes.hidden),
        float(node.attributes.get("clip", 0.0)) or math.inf,
        bool(node.attributes.get("input_forget", 0)),
        bool(node.attributes.get("linear_before_reset", 0)),
        _lengths(node, sizes),
    )


def bias_of(node: Node, rules: CellRules, index: int) -> Values:
    """One direction's constant bias, zeros where it is data or left out, shape (2 * sums * hidden,)."""
    given = _constant(node, 3)
    if given is None:
        return np.zeros(2 * rules.sums * rules.hidden, np.float32)
    return np.asarray(given[index], np.float32)


def _constant(node: Node, position: int) -> NDArray[np.generic] | None:
    return node.constants.get(position)


def _check_state(node: Node, shape: Shape, sizes: Sizes) -> None:
    inner = (sizes.directions, sizes.sequences)
    wanted = (*(inner[::-1] if node.attributes.get("layout", 0) else inner), sizes.hidden)
    if shape != wanted:
        node.unsupported(f"whose first state has the shape {shape}, not {wanted}")


def _initial(node: Node, position: int, sizes: Sizes, index: int) -> Values:
    """The state before the first position, shape (sequences, hidden)."""
    given = _constant(node, position)
    if given is None:
        return np.zeros((sizes.sequences, sizes.hidden), np.float32)
    _check_state(node, tuple(given.shape), sizes)
    if node.attributes.get("layout", 0):
        given = given.swapaxes(0, 1)
    return np.ascontiguousarray(given[index], np.float32)


def _lengths(node: Node, sizes: Sizes) -> NDArray[np.int64] | None:
    given = _constant(node, 4)
    if given is None or (given == sizes.steps).all():
        return None
    if given.shape != (sizes.sequences,):
        node.unsupported(f"whose lengths have the shape {given.shape}, not {(sizes.sequences,)}")
    return given.astype(np.int64)
