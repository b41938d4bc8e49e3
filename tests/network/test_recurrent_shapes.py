"""Recurrent operators whose operands do not fit each other are refused when they are read, with operand and shape."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from network_models import model_bytes, node, normal

from chipsim.errors import ModelError
from chipsim.network.onnx_reader import read_onnx

SUMS = {"RNN": 1, "GRU": 3, "LSTM": 4}
STEPS, INPUTS, HIDDEN = 6, 4, 5


def read(operator: str, changes: dict[str, Any], **attributes: Any) -> None:
    rows = SUMS[operator] * HIDDEN
    weights = {"w": normal(1, rows, INPUTS), "r": normal(1, rows, HIDDEN), "b": normal(1, 2 * rows)} | changes
    operands = "x w r b" + (" l" if "l" in weights else "") + (" - - - p" if "p" in weights else "")
    given = {"hidden_size": HIDDEN} | attributes
    read_onnx(model_bytes([node(operator, operands, "y", **given)], (STEPS, "N", INPUTS), weights), "net")


@pytest.mark.parametrize("operator", SUMS)
def test_operands_that_fit_are_read(operator: str) -> None:
    read(operator, {})
    read(operator, {"l": np.array([STEPS], np.int32)})
    read(operator, {"l": np.array([0], np.int32)})


@pytest.mark.parametrize("operator", SUMS)
@pytest.mark.parametrize("name", ["w", "r", "b"])
@pytest.mark.parametrize("change", ["two directions", "short", "flat", "one number"])
def test_a_shape_that_does_not_fit(operator: str, name: str, change: str) -> None:
    rows = SUMS[operator] * HIDDEN
    whole = {"w": normal(1, rows, INPUTS), "r": normal(1, rows, HIDDEN), "b": normal(1, 2 * rows)}[name]
    value = {
        "two directions": np.concatenate([whole, whole]), "short": whole[:, : rows // 2], "flat": whole[0],
        "one number": np.float32(1),
    }[change]  # fmt: skip
    with pytest.raises(ModelError, match=rf"net: (node 'y' \({operator}\): {name.upper()} has the shape|its sizes)"):
        read(operator, {name: value})


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"direction": "bidirectional"}, r"W has the shape \(1, 20, 4\), which must be \(2, 20, 4\) for 2 direction"),
        ({"hidden_size": 7}, r"W has the shape \(1, 20, 4\), which must be \(1, 28, 4\).*hidden_size 7"),
    ],
)
def test_attributes_that_do_not_fit_the_weights(attributes: dict[str, Any], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        read("LSTM", {}, **attributes)


def test_peepholes_of_another_size() -> None:
    with pytest.raises(ModelError, match=r"P has the shape \(1, 14\), which must be \(1, 15\)"):
        read("LSTM", {"p": normal(1, 14)})


@pytest.mark.parametrize("lengths", [[7], [-1], [], [2**31 - 1]])
def test_lengths_that_no_sequence_has(lengths: list[int]) -> None:
    with pytest.raises(ModelError, match=r"sequence_lens is \[.*from 0 to its 6 steps"):
        read("GRU", {"l": np.array(lengths, np.int32)})


@pytest.mark.parametrize(("name", "operand"), [("h", "initial_h"), ("c", "initial_c")])
def test_a_first_state_of_another_size(name: str, operand: str) -> None:
    rows = 4 * HIDDEN
    weights = {"w": normal(1, rows, INPUTS), "r": normal(1, rows, HIDDEN), name: normal(1, 1, HIDDEN - 1)}
    operands = "x w r - - h" if name == "h" else "x w r - - - c"
    model = model_bytes([node("LSTM", operands, "y", hidden_size=HIDDEN)], (STEPS, 1, INPUTS), weights)
    with pytest.raises(ModelError, match=rf"node 'y' \(LSTM\): {operand} has the shape \(1, 1, 4\), whose last axis"):
        read_onnx(model, "net")
