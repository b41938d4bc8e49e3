"""`write_condition`: an `If` whose condition is known leaves one branch, another both and what chooses between them."""

from __future__ import annotations

from collections.abc import Mapping

import onnx
from onnx import helper

from chipsim.network.control_checks import check_one_value
from chipsim.network.stored_tensors import label_of
from chipsim.network.unfolded import UndecidedError, Unfolded, graph_of

WHERE_OPSET = 9
"""From which on there is an operator that chooses."""


def write_condition(graph: Unfolded, node: onnx.NodeProto, names: Mapping[str, str], depth: int) -> None:
    """Add one branch of an If, or both.

    Raises
    ------
    ModelError
        If the condition is more than one value, or less.
    UndecidedError
        If the condition depends on data, and nothing can choose: the branches differ in shape, or the model is older
        than the operator that does.
    """
    if not graph.is_known(node.input[0]):
        check_one_value(graph, node.input[0], node)
        _choose(graph, node, names, depth)
        return
    chosen = "then_branch" if graph.known(node.input[0], node, bool) else "else_branch"
    outputs = graph.inline(graph_of(node, chosen, graph.name), names, depth)
    for value, result in zip(node.output, outputs, strict=False):
        graph.alias(result, value)


def _choose(graph: Unfolded, node: onnx.NodeProto, names: Mapping[str, str], depth: int) -> None:
    """Both branches, and which of their outputs is taken, where the condition depends on data."""
    label = f"{graph.name}: node {label_of(node)!r} (If)"
    if graph.opset < WHERE_OPSET:
        raise UndecidedError(f"{label} depends on data; export the model with opset {WHERE_OPSET} or newer")
    both = [graph.inline(graph_of(node, name, graph.name), names, depth) for name in ("then_branch", "else_branch")]
    for value, first, second in zip(node.output, *both, strict=False):
        if graph.is_list(first) or graph.is_list(second):
            raise UndecidedError(f"{label} depends on data and gives a sequence of tensors; export it with tensors")
        shapes = [graph.sizes(result, node) for result in (first, second)]
        if shapes[0] != shapes[1]:
            raise UndecidedError(
                f"{label} depends on data, and its branches give the shapes {shapes[0]} and {shapes[1]}"
            )
        if value:
            name = f"{node.name or node.output[0]}/{value}"
            graph.nodes.append(helper.make_node("Where", [node.input[0], first, second], [value], name))
