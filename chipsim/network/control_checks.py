"""`check_control`: loops and conditions whose bodies and branches do not fit them, before anything is written out."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import onnx

from chipsim.errors import ModelError
from chipsim.network.constants import attributes_of
from chipsim.network.stored_tensors import label_of
from chipsim.network.unfolded import UndecidedError, Unfolded, graph_of

BRANCHES = ("then_branch", "else_branch")
_KINDS: Mapping[type, str] = {bool: "true or false", int: "a whole number"}
_LISTS = {
    "scan_input_axes": "inputs", "scan_input_directions": "inputs", "directions": "inputs",
    "scan_output_axes": "outputs", "scan_output_directions": "outputs",
}  # fmt: skip
"""Attributes of a Scan that hold one number for each of its inputs or outputs."""


def check_control(node: onnx.NodeProto, name: str, opset: int) -> None:
    """Refuse an If, a Loop or a Scan whose branches or body take or give another number of values than it does.

    Parameters
    ----------
    node : onnx.NodeProto
    name : str
        What messages call the model.
    opset : int
        A Scan has a batch of its own below 9.

    Raises
    ------
    ModelError
    """
    label = f"{name}: node {label_of(node)!r} ({node.op_type})"
    match node.op_type:
        case "If":
            _at_least(label, "condition", len(node.input), 1)
            for branch in BRANCHES:
                _equal(label, f"its {branch} gives", len(graph_of(node, branch, name).output), len(node.output))
        case "Loop":
            body = graph_of(node, "body", name)
            carried = max(0, len(node.input) - 2)
            _equal(label, "its body takes", len(body.input), 2 + carried)
            _equal(label, "its body gives", len(body.output), 1 + max(carried, len(node.output)))
        case _:
            _check_scan(label, node, graph_of(node, "body", name), len(node.input) - (opset < 9))


def _check_scan(label: str, node: onnx.NodeProto, body: onnx.GraphProto, given: int) -> None:
    attributes = attributes_of(node)
    scanned = attributes.get("num_scan_inputs", 0)
    if not 1 <= scanned <= given:
        raise ModelError(
            f"{label}: num_scan_inputs is {scanned}, and must be at least 1 and at most {given}, which is what it is "
            "given; export the model again"
        )
    _equal(label, "its body takes", len(body.input), given)
    states = given - scanned
    _equal(label, "its body gives", len(body.output), max(states, len(node.output)))
    counts = {"inputs": scanned, "outputs": len(body.output) - states}
    for attribute, of in _LISTS.items():
        _equal(label, f"{attribute} holds", len(attributes.get(attribute, ()) or (0,) * counts[of]), counts[of])


def _at_least(label: str, what: str, found: int, least: int) -> None:
    if found < least:
        raise ModelError(f"{label}: has no {what}; export the model again")


def _equal(label: str, what: str, found: int, needed: int) -> None:
    if found != needed:
        raise ModelError(f"{label}: {what} {found} values, and must be {needed}; export the model again")


def check_one_value(graph: Unfolded, value: str, node: onnx.NodeProto) -> None:
    """Refuse a condition or count that depends on data and is known to have several values, or none.

    Parameters
    ----------
    graph : Unfolded
        What stands before the node.
    value : str
        The condition or count.
    node : onnx.NodeProto
        An If or a Loop.

    Raises
    ------
    ModelError
    """
    try:
        shape = graph.sizes(value, node)
    except UndecidedError:  # its size depends on data, too
        return
    if math.prod(shape) != 1:
        raise ModelError(
            f"{graph.name}: node {label_of(node)!r} ({node.op_type}) depends on {value!r}, which must be one value and "
            f"has the shape {shape} for one input; reduce it to one before the node, and export the model again"
        )


def check_number(value: Any, kind: type, label: str, operand: str) -> None:
    """Refuse a known trip count that is no whole number, or a condition that is neither true nor false.

    Raises
    ------
    ModelError
    """
    if type(value) is not kind:
        raise ModelError(
            f"{label} depends on {operand!r}, which must be {_KINDS[kind]} and is {value!r}; export the model again"
        )
