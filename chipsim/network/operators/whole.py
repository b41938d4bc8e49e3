"""`read_whole`: a part of the graph that runs as it stands, as one layer on a digital unit per output."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import replace

from chipsim.network.counting import Count
from chipsim.network.dataflow import Dataflow
from chipsim.network.layers import DigitalLayer
from chipsim.network.operators.node import Node

REASONS = {
    "Loop": "its turns depend on data",
    "If": "depends on data, and its branches differ in shape",
    "Scan": "its steps depend on data",
}


def read_whole(node: Node, flow: Dataflow, count: Count, read: Collection[str]) -> DigitalLayer:
    """One output of a part that runs whole.

    Parameters
    ----------
    node : Node
        Stands for the part.
    flow : Dataflow
    count : Count
        What the part takes: the first output that is read takes all of it, and every other one operation for each
        value that it hands on.
    read : collection of str
        Values that anybody reads.
    """
    function = next(each for each in flow.functions if each.domain == node.proto.domain)
    first = next(place for place, value in enumerate(node.proto.output) if value in read)
    moved = max(node.elements, sum(math.prod(shape) for shape in node.operand_shapes))
    operations, macs = (count.operations or moved, count.macs) if node.output == first else (node.elements, 0)
    layer = node.digital("barrier", operations, attributes={})
    return replace(
        layer,
        domain=node.proto.domain,
        operands=node.operand_shapes,
        output=node.output,
        outputs=len(node.proto.output),
        macs=macs,
        reason=_reason(node, len(function.node)),
        function=function,
    )


def _reason(node: Node, nodes: int) -> str:
    more = f"; {nodes} nodes run together" if nodes > 1 else ""
    return REASONS.get(node.operator, "gives as many values as its data says") + more
