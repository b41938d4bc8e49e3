"""`adds_batch`: whether a model takes inputs without a batch and puts that axis in front of them itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx

from chipsim.network.batch_axis import KEEP_AXES
from chipsim.network.constants import Constant, attributes_of


def adds_batch(graph: onnx.GraphProto, constants: Mapping[str, Constant]) -> bool:
    """Whether all that reads the inputs, value by value apart, is an Unsqueeze or Reshape that gives them an axis of 1.

    Parameters
    ----------
    graph : onnx.GraphProto
        In topological order.
    constants : mapping of str to ndarray
        Its initializers.
    """
    known: dict[str, Any] = dict(constants)
    values = {value.name for value in graph.input if value.name not in constants}
    added = False
    for node in graph.node:
        if node.op_type == "Constant":
            known[node.output[0]] = attributes_of(node).get("value")
        if not values.intersection(node.input):
            continue
        if _in_front(node, known):
            added = True
        elif node.op_type in KEEP_AXES and node.domain in ("", "ai.onnx"):
            values.update(node.output)
        else:
            return False
    return added and not values.intersection(value.name for value in graph.output)


def _in_front(node: onnx.NodeProto, known: Mapping[str, Any]) -> bool:
    """Whether a node puts an axis of one before all others."""
    given = known.get(node.input[1]) if len(node.input) > 1 else attributes_of(node).get("axes")
    if given is None or node.op_type not in ("Unsqueeze", "Reshape"):
        return False
    numbers = [int(number) for number in np.ravel(given)]
    return 0 in numbers if node.op_type == "Unsqueeze" else numbers[:1] == [1]
