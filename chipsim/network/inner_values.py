"""`values_read` and `renamed`: what nodes read from outside, through the branches and bodies that they hold too."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import onnx


def values_read(node: onnx.NodeProto) -> tuple[str, ...]:
    """Operands of a node, and what its branches or body read of the values around it; each once, in order.

    Examples
    --------
    >>> from onnx import helper
    >>> values_read(helper.make_node("Add", ["a", "b"], ["c"]))
    ('a', 'b')
    """
    found = dict.fromkeys(value for value in node.input if value)
    for graph in inner_graphs(node):
        found |= dict.fromkeys(captured(graph))
    return tuple(found)


def inner_graphs(node: onnx.NodeProto) -> Iterator[onnx.GraphProto]:
    """Branches and bodies of a node."""
    for attribute in node.attribute:
        if attribute.HasField("g"):
            yield attribute.g
        yield from attribute.graphs


def captured(graph: onnx.GraphProto) -> tuple[str, ...]:
    """What a branch or body reads of the values around it."""
    own = _own(graph)
    read = dict.fromkeys(value for node in graph.node for value in values_read(node))
    read |= dict.fromkeys(value.name for value in graph.output)
    return tuple(value for value in read if value and value not in own)


def _own(graph: onnx.GraphProto) -> set[str]:
    own = {value.name for value in graph.input} | {tensor.name for tensor in graph.initializer}
    return own | {value for node in graph.node for value in node.output}


def renamed(node: onnx.NodeProto, names: Mapping[str, str], suffix: str = "") -> onnx.NodeProto:
    """A node that reads and makes values of other names, and whose own name ends otherwise.

    Parameters
    ----------
    node : onnx.NodeProto
    names : mapping of str to str
        Only values of the graph that holds the node are renamed; what a branch or body makes itself keeps its name.
    suffix : str
        Of the node's name, where it has one.
    """
    if not suffix and not any(value in names for value in (*values_read(node), *node.output)):
        return node
    copy = onnx.NodeProto()
    copy.CopyFrom(node)
    copy.input[:] = [names.get(value, value) for value in node.input]
    copy.output[:] = [names.get(value, value) for value in node.output]
    copy.name = f"{node.name}{suffix}" if node.name else ""
    for graph in inner_graphs(copy):
        _rename(graph, names)
    return copy


def _rename(graph: onnx.GraphProto, names: Mapping[str, str]) -> None:
    own = _own(graph)
    outside = {name: other for name, other in names.items() if name not in own}
    nodes = [renamed(node, outside) for node in graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    for output in graph.output:
        output.name = outside.get(output.name, output.name)
