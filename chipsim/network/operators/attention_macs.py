"""`attention_macs`: multiply-accumulates of operators that compute a whole attention."""

from __future__ import annotations

import math

from chipsim.network.operators.node import Node

SCORES = 3
"""Which output of ONNX's Attention holds the scores."""
_PAST = {"Attention": 4, "QAttention": 8}
"""Operand that holds the keys and values from before, where weights are inside."""


def attention_macs(node: Node) -> int:
    """Products of queries and keys, of scores and values, and of the input and its weights where they are inside.

    Masks leave nothing out: all scores are computed. Keys that came before count.

    Parameters
    ----------
    node : Node
        ONNX's Attention, or Attention, MultiHeadAttention or QAttention of ``com.microsoft``.

    Returns
    -------
    int
        0 for outputs that hand on keys and values.
    """
    if node.proto.domain in ("", "ai.onnx"):
        return _onnx_macs(node)
    if node.output:
        return 0
    return _multi_head_macs(node) if node.operator == "MultiHeadAttention" else _packed_macs(node)


def _onnx_macs(node: Node) -> int:
    """Queries, keys and values of three axes (batch, tokens, heads x size) or four (batch, heads, tokens, size)."""
    if node.output not in (0, SCORES):
        return 0
    query, key, value = node.shape(0), node.shape(1), node.shape(2)
    if len(query) == 4:
        rows, scored, mixed = math.prod(query[:3]), query[3], value[3]
    else:
        heads, own = int(node.attributes["q_num_heads"]), int(node.attributes["kv_num_heads"])
        rows, scored, mixed = query[0] * query[1] * heads, query[2] // heads, value[2] // own
    keys = key[-2] + (node.shape(4)[2] if _is_given(node, 4) else 0)
    return rows * keys * (scored + (mixed if node.output != SCORES else 0))


def _multi_head_macs(node: Node) -> int:
    """Queries of three axes; keys and values of three, or of four (batch, heads, tokens, size)."""
    (batch, rows, wide), key, value = node.shape(0), node.shape(1), node.shape(2)
    past = node.shape(6)[2] if _is_given(node, 6) else 0
    mixed = value[1] * value[3] if len(value) == 4 else value[2]
    return batch * rows * (key[-2] + past) * (wide + mixed)


def _packed_macs(node: Node) -> int:
    """An input whose queries, keys and values are made inside: weights have their columns side by side."""
    batch, rows, size = node.shape(0)
    columns = node.shape(1)[-1]
    widths = tuple(map(int, node.attributes.get("qkv_hidden_sizes", ()))) or (columns // 3,) * 3
    past = node.shape(_PAST[node.operator])[3] if _is_given(node, _PAST[node.operator]) else 0
    return batch * rows * (size * columns + (rows + past) * (widths[0] + widths[2]))


def _is_given(node: Node, position: int) -> bool:
    return position in node.positions or position in node.constants
