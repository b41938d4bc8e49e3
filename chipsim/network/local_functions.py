"""`inline_functions`: operators that a model defines itself become the nodes that they stand for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import onnx
from onnx import inliner

from chipsim.errors import ModelError, UnsupportedOperatorError

MOST_BYTES = 2**31 - 1
"""Of the nodes that functions become."""
_NODE_BYTES = 2048  # that a node takes at least, in memory
_DEEPEST = 100  # functions within functions

_Key = tuple[str, str, str]


def inline_functions(model: onnx.ModelProto, name: str) -> onnx.ModelProto:
    """A model without functions of its own; the one given, if it has none.

    Parameters
    ----------
    model : onnx.ModelProto
        With external data loaded.
    name : str
        What messages call the model.

    Raises
    ------
    ModelError
        If functions call themselves, become too many nodes, or cannot be inlined.
    UnsupportedOperatorError
        If a function is written with another version of operators than the model.
    """
    if not model.functions:
        return model
    _check_size(model, name)
    try:
        plain = inliner.inline_local_functions(model)
    except (onnx.checker.ValidationError, RuntimeError, ValueError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ModelError(f"{name}: its functions cannot be inlined: {reason}; export it without functions") from None
    _check_versions(plain, name)
    used = {node.domain for node in _nodes(plain.graph.node)}
    own = {function.domain for function in model.functions} - used - {"", "ai.onnx"}
    kept = [item for item in plain.opset_import if item.domain not in own]
    del plain.opset_import[:]
    plain.opset_import.extend(kept)
    return plain


def _check_size(model: onnx.ModelProto, name: str) -> None:
    """A few functions that call each other may stand for more nodes than any memory holds."""
    functions = {(f.domain, f.name, f.overload): f for f in model.functions}
    sizes: dict[_Key, int] = {}

    def size_of(nodes: Iterable[onnx.NodeProto], above: tuple[_Key, ...]) -> int:
        total = 0
        for node in _nodes(nodes):
            key = (node.domain, node.op_type, node.overload)
            if key not in functions:
                total += max(node.ByteSize(), _NODE_BYTES)
                continue
            if key in above or len(above) >= _DEEPEST:
                what = "calls itself" if key in above else f"stands within {_DEEPEST} others"
                raise ModelError(f"{name}: function {key[0]}.{key[1]} {what}; export the model without functions")
            if key not in sizes:
                sizes[key] = size_of(functions[key].node, (*above, key))
            total += sizes[key]
        return total

    if (total := size_of(model.graph.node, ())) > MOST_BYTES:
        raise ModelError(
            f"{name}: its functions stand for nodes of {total / 2**30:.1f} GiB, and 2 GiB is most; split the model"
        )


def _check_versions(model: onnx.ModelProto, name: str) -> None:
    """Functions that the inliner left are written for other versions of operators."""
    if not model.functions:
        return
    versions = {item.domain: item.version for item in model.opset_import}
    for function in model.functions:
        for item in function.opset_import:
            if versions.get(item.domain, item.version) != item.version:
                raise UnsupportedOperatorError(
                    f"{name}: function {function.domain}.{function.name} is written with version {item.version} of the "
                    f"operators of domain {item.domain or 'ai.onnx'!r}, the model with {versions[item.domain]}; "
                    "export both with the same, or the model without functions"
                )


def _nodes(nodes: Iterable[onnx.NodeProto]) -> Iterator[onnx.NodeProto]:
    """All nodes, those in branches and loops included."""
    for node in nodes:
        yield node
        for attribute in node.attribute:
            for graph in (attribute.g, *attribute.graphs) if attribute.HasField("g") else attribute.graphs:
                yield from _nodes(graph.node)
