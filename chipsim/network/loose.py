"""`loose_values`: values whose size depends on data."""

from __future__ import annotations

from collections.abc import Mapping

import onnx

from chipsim.errors import ModelError
from chipsim.network.dataflow import Dataflow
from chipsim.network.inner_values import values_read
from chipsim.network.layers import Shape
from chipsim.network.tried import DRAWS, tried

SIZED_BY_DATA = frozenset({"Compress", "NonMaxSuppression", "NonZero", "Unique"})
"""Operators that give as many values as their data says."""
SIZE_OPERANDS: Mapping[str, tuple[int, ...]] = {
    "CenterCropPad": (1,),
    "ConstantOfShape": (0,),
    "Expand": (1,),
    "MaxUnpool": (2,),
    "OneHot": (1,),
    "Pad": (1,),
    "Range": (0, 1, 2),
    "Reshape": (1,),
    "Resize": (2, 3),
    "Slice": (1, 2, 3, 4),
    "Split": (1,),
    "Tile": (1,),
    "TopK": (1,),
    "Upsample": (1,),
}
"""Operands that say how much comes out."""


def may_be_loose(flow: Dataflow) -> bool:
    """Whether a graph holds operators that can give sizes which depend on data; no shape is looked at."""
    of_data = {given.name for given in flow.inputs}
    for node in flow.nodes:
        if node.op_type in SIZED_BY_DATA or not of_data.isdisjoint(_size_operands(node)):
            return True
        if node.op_type not in ("Shape", "Size") and not of_data.isdisjoint(values_read(node)):
            of_data.update(value for value in node.output if value)
    return False


def loose_values(flow: Dataflow, shapes: Mapping[str, Shape]) -> set[str]:
    """Values whose size depends on data, which is known of some operators and holds for what is made of them.

    Of operators whose sizes are computed from data, those count which give other sizes for other made-up data.

    Parameters
    ----------
    flow : Dataflow
    shapes : mapping of str to tuple of int
        Of values whose sizes are known without running anything.
    """
    loose = {name for name, kept in flow.kept.items() if kept is None or kept.fixed is None}
    varying: set[str] | None = None
    of_data = {given.name for given in flow.inputs}
    for node in flow.nodes:
        read = values_read(node)
        open_values = [value for value in node.output if value and value not in shapes and value not in flow.kept]
        computed = open_values and not of_data.isdisjoint(_size_operands(node))
        if computed and varying is None:
            varying = _varying(flow, shapes)
        if (node.op_type in SIZED_BY_DATA and _is_onnx(node)) or not loose.isdisjoint(read):
            loose.update(open_values)
        elif computed and varying:
            loose.update(varying.intersection(open_values))
        sizes_alone = node.op_type in ("Shape", "Size") and loose.isdisjoint(read)
        if not sizes_alone and not of_data.isdisjoint(read):
            of_data.update(value for value in node.output if value)
    return loose


def _size_operands(node: onnx.NodeProto) -> list[str]:
    places = SIZE_OPERANDS.get(node.op_type, ()) if _is_onnx(node) else ()
    return [node.input[place] for place in places if place < len(node.input) and node.input[place]]


def _is_onnx(node: onnx.NodeProto) -> bool:
    return node.domain in ("", "ai.onnx")


def _varying(flow: Dataflow, shapes: Mapping[str, Shape]) -> set[str]:
    """What operators with size operands give in other sizes, or not at all, for other made-up data."""
    asked = [
        value for node in flow.nodes if _size_operands(node) for value in node.output if value and value not in shapes
    ]
    found: dict[str, set[Shape]] = {value: set() for value in asked}
    for draw in DRAWS:
        try:
            results = tried(flow, asked, draw=draw)
        except ModelError:  # some sizes cannot be: another draw may do
            continue
        for value in asked:
            found[value].add(results[value].shape)
    return {value for value, seen in found.items() if len(seen) > 1 or any(0 in shape for shape in seen)}
