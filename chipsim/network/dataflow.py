"""`Dataflow`: an ONNX graph reduced to its data inputs, constants, and the nodes that touch data.

It stands between the file and the layers: constants are computed, the batch (axis 0) is free, names are the file's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from chipsim.network.constants import Constant
from chipsim.network.inner_values import values_read
from chipsim.network.layers import Shape
from chipsim.network.model_file import LARGE_TENSOR

ONNX_DOMAINS = ("", "ai.onnx")
ROUNDING = "/rounding"
"""How names of the nodes end that round values of `Dataflow.rounded`."""


def kind_of(dtype: str) -> int:
    """ONNX's number for a NumPy type."""
    return int(helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))


@dataclass(frozen=True, slots=True)
class DataInput:
    """An input that carries data.

    Attributes
    ----------
    name : str
    shape : tuple of int
        Without the batch.
    dtype : str
        As NumPy calls it.
    """

    name: str
    shape: Shape
    dtype: str = "float32"


@dataclass(frozen=True, slots=True)
class Kept:
    """Shape (batch of one included) and type of a value that a node gives which runs whole; None where data decides."""

    shape: tuple[int | None, ...]
    dtype: str

    @property
    def fixed(self) -> Shape | None:
        """The shape, if it does not depend on data."""
        sizes = tuple(size for size in self.shape if size is not None)
        return sizes if len(sizes) == len(self.shape) else None


@dataclass(frozen=True, slots=True)
class Dataflow:
    """What is left of a graph when everything constant is computed.

    Attributes
    ----------
    name : str
        What messages call the model.
    nodes : tuple of onnx.NodeProto
        In topological order; each reads a data input, directly or not.
    constants : dict of str to ndarray
        Those that a node or another constant reads.
    inputs : tuple of DataInput
    outputs : tuple of str
    opset, ir_version : int
    batch : int or None
        Of the file's inputs; None if it is free.
    domains : tuple of (str, int)
        Other domains than ONNX's own, and their versions.
    rounded : mapping of str to str
        Values that stand here in float32 and are rounded to another type where they are made, and to which. Inputs
        among them are given rounded.
    kept : mapping of str to Kept or None
        Values of loops and branches that are not written out; None where not even their number of axes is fixed.
    functions : tuple of onnx.FunctionProto
        What nodes of `chipsim.network.regions` stand for.
    """

    name: str
    nodes: tuple[onnx.NodeProto, ...]
    constants: dict[str, Constant] = field(repr=False)
    inputs: tuple[DataInput, ...]
    outputs: tuple[str, ...]
    opset: int
    ir_version: int
    batch: int | None = None
    domains: tuple[tuple[str, int], ...] = ()
    rounded: Mapping[str, str] = field(default_factory=dict)
    kept: Mapping[str, Kept | None] = field(default_factory=dict)
    functions: tuple[onnx.FunctionProto, ...] = ()

    def opset_of(self, domain: str) -> int:
        """Version of a domain's operators; 1 where the file does not say."""
        return self.opset if domain in ONNX_DOMAINS else dict(self.domains).get(domain, 1)

    def with_nodes(
        self, nodes: Sequence[onnx.NodeProto], constants: Mapping[str, Constant], outputs: Sequence[str]
    ) -> Dataflow:
        """The same inputs with other nodes, and those of the constants that they read."""
        used = {value for node in nodes for value in values_read(node)}
        kept = {key: value for key, value in constants.items() if key in used}
        return replace(self, nodes=tuple(nodes), constants=kept, outputs=tuple(outputs))

    def with_constants(self, constants: Mapping[str, Constant]) -> Dataflow:
        """The same graph with some constants replaced."""
        return replace(self, constants={**self.constants, **constants})

    def model(
        self, batch: int | str = "N", output_shapes: Mapping[str, Shape] | None = None, weights: bool = True,
        functions: bool = True,
    ) -> onnx.ModelProto:  # fmt: skip
        """An ONNX model of this graph.

        Parameters
        ----------
        batch : int or str
            Size of the first axis, or a name for one that is free.
        output_shapes : mapping of str to tuple of int, optional
            Shapes without the batch of those outputs that are float32 and have a batch, where known.
        weights : bool
            If False, large weights become inputs: enough to infer shapes, and small.
        functions : bool
            If False, what nodes that run whole stand for is left out: enough to infer shapes.
        """
        inputs = [helper.make_tensor_value_info(i.name, kind_of(i.dtype), [batch, *i.shape]) for i in self.inputs]
        stored = []
        for name, value in self.constants.items():
            if not weights and value.size > LARGE_TENSOR:
                kind = helper.np_dtype_to_tensor_dtype(value.dtype)
                inputs.append(helper.make_tensor_value_info(name, kind, list(value.shape)))
            else:
                stored.append(numpy_helper.from_array(np.ascontiguousarray(value).reshape(value.shape), name))
        known = output_shapes or {}
        values = [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, [batch, *known[name]])
            if name in known
            else onnx.ValueInfoProto(name=name)
            for name in self.outputs
        ]
        nodes = [made for node in self.nodes for made in self._with_rounding(node)]
        graph = helper.make_graph(nodes, "network", inputs, values, stored, value_info=self._known(batch))
        versions = (("", self.opset), *self.domains, *((function.domain, 1) for function in self.functions))
        return helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid(domain, version) for domain, version in versions],
            functions=self.functions if functions else (),
            ir_version=self.ir_version,
            producer_name="chipsim",
        )

    def _with_rounding(self, node: onnx.NodeProto) -> list[onnx.NodeProto]:
        """The node, and casts to and fro of those of its outputs that are rounded."""
        places = [place for place, value in enumerate(node.output) if value in self.rounded]
        if not places:
            return [node]
        plain, casts = onnx.NodeProto(), []
        plain.CopyFrom(node)
        for place in places:
            value = node.output[place]
            steps = (f"{value}/exact", f"{value}/narrow", value)
            plain.output[place] = steps[0]
            for kind, source, target in zip((self.rounded[value], "float32"), steps, steps[1:], strict=False):
                casts.append(helper.make_node("Cast", [source], [target], f"{target}{ROUNDING}", to=kind_of(kind)))
        return [plain, *casts]

    def _known(self, batch: int | str) -> list[onnx.ValueInfoProto]:
        """What inference cannot find out about nodes that run whole; for one input alone."""
        if batch != 1:
            return []
        outputs = set(self.outputs)
        return [
            helper.make_tensor_value_info(name, kind_of(kept.dtype), list(kept.shape))
            for name, kept in self.kept.items()
            if kept is not None and name not in outputs
        ]
