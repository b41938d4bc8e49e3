"""`free_batch`: a graph for a fixed batch becomes one for any."""

from __future__ import annotations

import numpy as np
import onnx

from chipsim.network.constants import attributes_of
from chipsim.network.dataflow import Dataflow


def free_batch(flow: Dataflow) -> Dataflow:
    """Let every Reshape whose target begins with the file's batch keep whatever batch comes."""
    nodes, constants, batch = flow.nodes, flow.constants, flow.batch
    changed = dict(constants)
    result = []
    for node in nodes:
        target = constants.get(node.input[1]) if node.op_type == "Reshape" and len(node.input) > 1 else None
        if target is None or target.size == 0 or int(target[0]) != (batch or 1) or _allows_zero(node):
            result.append(node)
            continue
        name = f"{node.input[1]}_any_batch"
        changed[name] = np.concatenate([np.zeros(1, np.int64), target[1:].astype(np.int64)])
        copy = onnx.NodeProto()
        copy.CopyFrom(node)
        copy.input[1] = name
        result.append(copy)
    return flow.with_nodes(result, changed, flow.outputs)


def _allows_zero(node: onnx.NodeProto) -> bool:
    return bool(attributes_of(node).get("allowzero", 0))
