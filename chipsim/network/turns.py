"""`write_loop` and `write_scan`: loops whose turns are known, written out turn by turn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import onnx
from onnx import helper

from chipsim.errors import ModelError, UnsupportedOperatorError
from chipsim.network.constants import attributes_of
from chipsim.network.operators.generic import A_STEP
from chipsim.network.stored_tensors import label_of
from chipsim.network.unfolded import MOST_TURNS, Unfolded, graph_of

SCAN_WITHOUT_BATCH = 9
"""Opset from which on a Scan has no batch of its own."""


def write_loop(graph: Unfolded, node: onnx.NodeProto, names: Mapping[str, str], depth: int) -> None:
    """Add the turns of a Loop whose count and conditions are known.

    Raises
    ------
    UnsupportedOperatorError
        If they depend on data.
    ModelError
        If there are too many.
    """
    body = graph_of(node, "body", graph.name)
    trips = graph.known(node.input[0], node) if node.input and node.input[0] else MOST_TURNS + 1
    going = graph.known(node.input[1], node, bool) if len(node.input) > 1 and node.input[1] else True
    carried = list(node.input[2:])
    scanned: list[list[str]] = [[] for _ in body.output[1 + len(carried) :]]
    turn = 0
    while going and turn < trips:
        if turn == MOST_TURNS:
            raise ModelError(
                f"{graph.name}: node {label_of(node)!r} (Loop) takes more than {MOST_TURNS:,} turns, which would all "
                "be written out; export the model with fewer, or with an operator that does them all"
            )
        proceed, *outputs = graph.inline(body, _names_within(graph, node, turn, carried, names), depth)
        carried, made = outputs[: len(carried)], outputs[len(carried) :]
        for values, value in zip(scanned, made, strict=True):
            values.append(value)
        going = graph.known(proceed, node, bool)
        turn += 1
    for value, result in zip(node.output, carried, strict=False):
        graph.alias(result, value)
    collected = [(value, parts) for value, parts in zip(node.output[len(carried) :], scanned, strict=False) if value]
    if not turn and collected:
        kinds = graph.would_give(body, _names_within(graph, node, 0, carried, names), depth)[1 + len(carried) :]
        for (value, _), kind in zip(collected, kinds, strict=False):
            graph.constants[value] = np.zeros((0, *(kind.fixed or ())), kind.dtype)
        return
    for value, parts in collected:
        _stack(graph, parts, value, node)


def _names_within(
    graph: Unfolded, node: onnx.NodeProto, turn: int, carried: Sequence[str], names: Mapping[str, str]
) -> dict[str, str]:
    """What a loop's body calls values, in one turn."""
    number = graph.new_number()
    counter, condition = f"{node.output[0]}@{number}", f"{node.output[0]}?{number}"
    graph.constants[counter], graph.constants[condition] = np.array(turn, np.int64), np.array(True)
    body = graph_of(node, "body", graph.name)
    given = (counter, condition, *carried)
    return {**names, **{value.name: outer for value, outer in zip(body.input, given, strict=False)}}


def write_scan(graph: Unfolded, node: onnx.NodeProto, names: Mapping[str, str], depth: int) -> None:
    """Add the steps of a Scan, of which there are as many as its inputs are long.

    Raises
    ------
    ModelError
        If its inputs are not equally long, or there are too many steps.
    """
    if graph.opset < SCAN_WITHOUT_BATCH:
        _batched_scan(graph, node, names, depth)
        return
    attributes = attributes_of(node)
    body, count = graph_of(node, "body", graph.name), int(attributes["num_scan_inputs"])
    given, scanned = list(node.input[:-count]), list(node.input[-count:])
    axes = attributes.get("scan_input_axes", (0,) * count)
    backwards = attributes.get("scan_input_directions", (0,) * count)
    shapes = [graph.sizes(value, node) for value in scanned]
    axes = [int(axis) % len(shape) for axis, shape in zip(axes, shapes, strict=True)]
    steps = _steps(graph, node, [shape[axis] for axis, shape in zip(axes, shapes, strict=True)])
    slots: list[list[str]] = [[] for _ in body.output[len(given) :]]
    carried = given
    for step in range(steps):
        parts = [
            _part(graph, value, steps - 1 - step if back else step, axis)
            for value, axis, back in zip(scanned, axes, backwards, strict=True)
        ]
        carried = _turn(graph, body, [*carried, *parts], slots, names, depth)
    for value, result in zip(node.output, carried, strict=False):
        graph.alias(result, value)
    axes = attributes.get("scan_output_axes", (0,) * len(slots))
    backwards = attributes.get("scan_output_directions", (0,) * len(slots))
    outputs = node.output[len(given) :]
    for value, made, axis, back in zip(outputs, slots, axes, backwards, strict=False):
        _stack(graph, made[::-1] if back else made, value, node, int(axis))


def _batched_scan(graph: Unfolded, node: onnx.NodeProto, names: Mapping[str, str], depth: int) -> None:
    """Of opset 8: every example of a batch goes through all steps alone."""
    attributes = attributes_of(node)
    if node.input[0]:
        raise UnsupportedOperatorError(
            f"{graph.name}: node {label_of(node)!r} (Scan) is given how long sequences are; export the model with "
            f"opset {SCAN_WITHOUT_BATCH} or newer"
        )
    body, count = graph_of(node, "body", graph.name), int(attributes["num_scan_inputs"])
    given, scanned = list(node.input[1:-count]), list(node.input[-count:])
    backwards = attributes.get("directions", (0,) * count)
    shapes = [graph.sizes(value, node) for value in scanned]
    steps = _steps(graph, node, [shape[1] for shape in shapes])
    results: list[list[str]] = [[] for _ in node.output]
    for example in range(shapes[0][0]):
        slots: list[list[str]] = [[] for _ in body.output[len(given) :]]
        carried = [_part(graph, value, example, 0) for value in given]
        own = [_part(graph, value, example, 0) for value in scanned]
        for step in range(steps):
            parts = [
                _part(graph, value, steps - 1 - step if back else step, 0)
                for value, back in zip(own, backwards, strict=True)
            ]
            carried = _turn(graph, body, [*carried, *parts], slots, names, depth)
        for found, value in zip(results, carried, strict=False):
            found.append(value)
        for number, (found, made) in enumerate(zip(results[len(given) :], slots, strict=False)):
            joined = f"{node.output[0]}@{graph.new_number()}/{number}"
            _stack(graph, made, joined, node)
            found.append(joined)
    for value, parts in zip(node.output, results, strict=True):
        _stack(graph, parts, value, node)


def _steps(graph: Unfolded, node: onnx.NodeProto, lengths: Sequence[int]) -> int:
    if len(set(lengths)) > 1:
        raise ModelError(
            f"{graph.name}: node {label_of(node)!r} (Scan) goes along inputs of {', '.join(map(str, lengths))} steps, "
            "which must be as many; export the model again"
        )
    if lengths[0] > MOST_TURNS:
        raise ModelError(
            f"{graph.name}: node {label_of(node)!r} (Scan) takes {lengths[0]:,} steps, and {MOST_TURNS:,} are most; "
            "give shorter inputs (--shape)"
        )
    return lengths[0]


def _turn(
    graph: Unfolded, body: onnx.GraphProto, given: Sequence[str], slots: list[list[str]], names: Mapping[str, str],
    depth: int,
) -> list[str]:  # fmt: skip
    """One step of a Scan: its outputs go into the slots; the new states."""
    inner = {**names, **{value.name: outer for value, outer in zip(body.input, given, strict=True)}}
    outputs = graph.inline(body, inner, depth)
    states = len(outputs) - len(slots)
    for made, value in zip(slots, outputs[states:], strict=True):
        made.append(value)
    return outputs[:states]


def _part(graph: Unfolded, value: str, place: int, axis: int) -> str:
    """What a value has at a place of an axis, without that axis."""
    name = f"{value}@{graph.new_number()}"
    graph.constants[f"{name}/place"] = np.array(place, np.int64)
    graph.walk([helper.make_node("Gather", [value, f"{name}/place"], [name], axis=axis, doc_string=A_STEP)], {})
    return name


def _stack(graph: Unfolded, parts: list[str], value: str, node: onnx.NodeProto, axis: int = 0) -> None:
    """Join the values that the turns of a loop gave, along a new axis."""
    if not value:
        return
    if not parts:
        raise UnsupportedOperatorError(f"{graph.name}: node {label_of(node)!r} ({node.op_type}) never turns")
    wide = [f"{value}@{i}" for i in range(len(parts))]
    graph.constants[f"{value}@axis"] = np.array([axis], np.int64)
    for part, name in zip(parts, wide, strict=True):
        inputs, attributes = ([part, f"{value}@axis"], {}) if graph.opset >= 13 else ([part], {"axes": [axis]})
        graph.walk([helper.make_node("Unsqueeze", inputs, [name], **attributes)], {})  # type: ignore[arg-type]
    graph.walk([helper.make_node("Concat", wide, [value], axis=axis)], {})
