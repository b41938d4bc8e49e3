"""`check_recurrent`: weights, biases and lengths of a recurrent operator that do not fit each other are refused."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from chipsim.network.cell import SUMS
from chipsim.network.operators.node import Node

NAMES = {1: "W", 2: "R", 3: "B", 7: "P"}
STATES = {5: "initial_h", 6: "initial_c"}


def check_recurrent(node: Node, directions: int, steps: int, inputs: int) -> int:
    """Check the operands of an RNN, LSTM or GRU.

    Parameters
    ----------
    node : Node
        With constant W and R.
    directions : int
        One or two.
    steps : int
        Of the longest sequence.
    inputs : int
        Values per step.

    Returns
    -------
    int
        Hidden values of one direction.

    Raises
    ------
    ModelError
        Naming the operand, its shape and the one that it must have; or a length that no sequence has.
    """
    recurrent = node.constants[2]
    hidden = int(node.attributes.get("hidden_size", 0) or (recurrent.shape or (0,))[-1])
    rows = SUMS[node.operator] * hidden
    wanted = {1: (rows, inputs), 2: (rows, hidden), 3: (2 * rows,), 7: (3 * hidden,)}
    for position, each in wanted.items():
        present, shape = position in node.positions or position in node.constants, (directions, *each)
        if not present or (position == 7 and node.operator != "LSTM"):
            continue
        if node.shape(position) != shape:
            node.wrong(
                f"{NAMES[position]} has the shape {node.shape(position)}, which must be {shape} for {directions} "
                f"direction(s), hidden_size {hidden} and inputs of {inputs} values; export it again"
            )
    for position, name in STATES.items():
        present = position in node.positions or position in node.constants
        if present and (position == 5 or node.operator == "LSTM") and node.shape(position)[-1:] != (hidden,):
            node.wrong(
                f"{name} has the shape {node.shape(position)}, whose last axis must be hidden_size, {hidden}; "
                "export it again"
            )
    if not rows * inputs:
        node.wrong(f"hidden_size {hidden} and inputs of {inputs} values must be 1 or more; export it again")
    _check_lengths(node.constants.get(4), node, steps)
    return hidden


def _check_lengths(lengths: NDArray[np.generic] | None, node: Node, steps: int) -> None:
    if lengths is None:
        return
    given = lengths.astype(np.int64).ravel().tolist()
    if not given or min(given) < 0 or max(given) > steps:
        node.wrong(f"sequence_lens is {given}: it must hold a length for each sequence, from 0 to its {steps} steps")
