"""`CellOperands`: what recurrent cells are given besides the sums of their matrices, constants and data alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chipsim.errors import InputError
from chipsim.network.cell import CellRules, Role

Values = NDArray[np.float32]
Given = Mapping[Role, NDArray[Any]]


@dataclass(frozen=True, slots=True)
class CellOperands:
    """Operands of several examples; n is their number, or 1 where all have the same.

    Attributes
    ----------
    initial, initial_cell : ndarray of float32, shape (n, sequences, hidden)
    before, after : ndarray of float32, shape (n, 1, sums * hidden), or None
        Biases of the input and the recurrent matrix that are added here; None where the matrices have them.
    peepholes : ndarray of float32, shape (3, n, 1, hidden), or None
    lengths : ndarray of int64, shape (n, sequences), or None
    """

    initial: Values
    initial_cell: Values
    before: Values | None = None
    after: Values | None = None
    peepholes: Values | None = None
    lengths: NDArray[np.int64] | None = None

    @classmethod
    def of(cls, rules: CellRules, given: Given, steps: int, name: str) -> CellOperands:
        """What the rules hold, and in its place what is given.

        Parameters
        ----------
        rules : CellRules
        given : mapping of role to ndarray, first axis examples
        steps : int
            Of the longest sequence.
        name : str
            Of the layer that gives the state, for messages.

        Raises
        ------
        InputError
            If a given length is not between 0 and ``steps``.
        """
        size = rules.hidden
        states = {
            "initial": rules.initial,
            "initial_cell": np.zeros_like(rules.initial) if rules.initial_cell is None else rules.initial_cell,
        }
        initial, cell = (
            np.asarray(given.get(role, held), np.float32).reshape(-1, rules.sequences, size)  # type: ignore[call-overload]
            for role, held in states.items()
        )
        before = after = None
        if "bias" in given:
            bias = np.asarray(given["bias"], np.float32).reshape(-1, 1, 2 * rules.sums * size)
            before, after = np.split(bias, 2, axis=-1)
        peepholes = given.get("peepholes", rules.peepholes)
        if peepholes is not None:
            peepholes = np.asarray(peepholes, np.float32).reshape(-1, 3, 1, size).swapaxes(0, 1)
        lengths = rules.lengths
        if "lengths" in given:
            lengths = _checked(np.asarray(given["lengths"]), steps, name)
        if lengths is not None:
            lengths = lengths.reshape(-1, rules.sequences)
        return cls(initial, cell, before, after, peepholes, lengths)


def _checked(lengths: NDArray[Any], steps: int, name: str) -> NDArray[np.int64]:
    wrong = lengths[~((lengths >= 0) & (lengths <= steps))]
    if wrong.size:
        raise InputError(
            f"layer {name} is given a sequence of length {wrong.flat[0]:g}: lengths go from 0 to its {steps} steps"
        )
    return lengths.astype(np.int64)
