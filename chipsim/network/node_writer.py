"""`NodeWriter`: nodes and constants that a graph is rewritten with, and `Facts` that are known of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from onnx import helper

from chipsim.network.constants import Constant
from chipsim.network.layers import Shape


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a graph that is rewritten.

    Attributes
    ----------
    shapes : mapping of str to tuple of int
        Of values, for a batch of one.
    types : mapping of str to int
        ONNX's numbers of the types of values, as far as they can be inferred.
    read : frozenset of str
        Values that somebody reads.
    """

    shapes: Mapping[str, Shape]
    types: Mapping[str, int]
    read: frozenset[str]


@dataclass(slots=True)
class NodeWriter:
    """Nodes and constants so far; methods return the name of the value that a node makes.

    Attributes
    ----------
    constants : dict of str to ndarray
    nodes : list of onnx.NodeProto
    """

    constants: dict[str, Constant]
    nodes: list[onnx.NodeProto] = field(default_factory=list)

    def add(self, operator: str, inputs: Sequence[str], name: str, output: str = "", **attributes: Any) -> str:
        """A node of ONNX's own."""
        made = output or f"{name}/value"
        self.nodes.append(helper.make_node(operator, list(inputs), [made], name, **attributes))
        return made

    def constant(self, name: str, value: Constant) -> str:
        """A constant."""
        self.constants[name] = np.ascontiguousarray(value).reshape(value.shape)
        return name

    def transpose(self, source: str, order: Sequence[int], name: str, output: str = "") -> str:
        """A Transpose, where the order of axes changes."""
        if list(order) == sorted(order) and not output:
            return source
        return self.add("Transpose", [source], name, output, perm=[*order])

    def reshape(self, source: str, shape: Shape, name: str, output: str = "") -> str:
        """A Reshape to a shape with a batch of one."""
        return self.add("Reshape", [source, self.constant(f"{name}/shape", np.array(shape, np.int64))], name, output)
