"""`check_operator`: nodes that chipsim does not run, in words that say what to do."""

from __future__ import annotations

import onnx

from chipsim.errors import UnsupportedOperatorError
from chipsim.network.inner_values import inner_graphs
from chipsim.network.stored_tensors import label_of
from chipsim.network.unknown_operators import MEND

DOMAINS = ("", "ai.onnx", "ai.onnx.ml", "com.microsoft")
"""Whose operators onnxruntime computes."""
_RANDOM = {"Bernoulli", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike"}
_NO_TENSOR = {
    *("Optional", "OptionalGetElement", "OptionalHasElement", "ReverseSequenceMap", "SequenceMap"),
}
_TEXT = {"RegexFullMatch", "StringConcat", "StringNormalizer", "StringSplit"}
REASONS = (
    dict.fromkeys(_RANDOM, "draws random values; export the model in inference mode, without it")
    | dict.fromkeys(_NO_TENSOR, "gives something else than numbers; export the model without it")
    | {"ZipMap": "gives a map from labels; export the model without it (skl2onnx: options={'zipmap': False})"}
    | dict.fromkeys(_TEXT, "works on text; end or begin the model beside it")
)


def check_operator(node: onnx.NodeProto, name: str) -> None:
    """Refuse a node, or one within its branches or body, that no digital unit is simulated for.

    Raises
    ------
    UnsupportedOperatorError
    """
    if node.domain not in DOMAINS:
        raise UnsupportedOperatorError(
            f"{name}: node {label_of(node)!r} has the operator {node.domain}.{node.op_type}, which is not one of "
            f"ONNX's own; {MEND}"
        )
    if node.op_type in REASONS:
        raise UnsupportedOperatorError(
            f"{name}: node {label_of(node)!r} has the operator {node.op_type}, which {REASONS[node.op_type]}"
        )
    for graph in inner_graphs(node):
        for inner in graph.node:
            check_operator(inner, name)
