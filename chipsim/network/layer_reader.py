"""`layers_of`: one layer per node of a dataflow, nothing merged yet."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import onnx

from chipsim.errors import ModelError, UnsupportedOperatorError
from chipsim.network.constants import Constant, ConstantOutputError, attributes_of
from chipsim.network.counting import Count
from chipsim.network.dataflow import Dataflow, DataInput
from chipsim.network.layers import AnyLayer, DigitalLayer, GateLayer, InputLayer, MatrixLayer, Shape, ViewLayer
from chipsim.network.layouts import lay_out
from chipsim.network.operators import DROPPED
from chipsim.network.operators.node import Node
from chipsim.network.operators.reading import has_batch, own_shape, read_node, what_is_wrong
from chipsim.network.operators.recurrent import RECURRENT, names_of, read_recurrent
from chipsim.network.operators.stored_numbers import type_of
from chipsim.network.operators.whole import read_whole
from chipsim.network.regions import is_region
from chipsim.network.shapes import infer_shapes, shape_constants
from chipsim.network.weight_sharing import Origin, origin_of


def layers_of(
    flow: Dataflow, counts: Mapping[str, Count]
) -> tuple[dict[str, AnyLayer], list[str], bool, tuple[Shape, ...], dict[str, Origin]]:
    """One layer per node.

    Parameters
    ----------
    flow : Dataflow
    counts : mapping of str to Count
        What parts that run whole take (`count_whole`).

    Returns
    -------
    layers : dict of str to layer
    outputs : list of str
        Those that are outputs.
    batched : bool
        Whether the graph gives the same for each input of a batch as for that input alone.
    shapes : tuple of tuple of int
        Of the outputs, for a batch of one.
    origins : dict of str to Origin
        Which constants the weights of layers on tiles are.

    Raises
    ------
    ModelError
        If sizes do not fit together, or an output does not depend on data.
    """
    reading = _Reading.start(flow, counts)
    for node, name in zip(flow.nodes, _layer_names(flow), strict=True):
        reading.add(node, name)
    if others := [output for output in flow.outputs if output not in reading.made_by]:
        raise ConstantOutputError(flow.name, {output: reading.constants[output] for output in others})
    shapes = tuple(reading.shapes[output] for output in flow.outputs)
    return (
        lay_out(reading.layers),
        [reading.made_by[output] for output in flow.outputs],
        reading.batched,
        shapes,
        reading.origins,
    )


@dataclass(slots=True)
class _Reading:
    """What is known when the nodes before were read.

    Attributes
    ----------
    shapes : dict of str to tuple of int
        Of every value, for a batch of one.
    constants : dict of str to ndarray
    layers : dict of str to layer
    made_by : dict of str to str
        Value -> layer.
    read : frozenset of str
        Values that a node or the network's caller reads.
    counts : mapping of str to Count
        What parts that run whole take, by their domain.
    batched : bool
        Whether all values have a batch, and no operator runs one example at a time.
    reasons : dict of str to str
        Why a recurrent operator is not on tiles, by its outputs.
    origins : dict of str to Origin
        Which constants the weights of layers on tiles are.
    """

    flow: Dataflow
    shapes: dict[str, Shape]
    constants: dict[str, Constant]
    layers: dict[str, AnyLayer]
    made_by: dict[str, str]
    read: frozenset[str]
    counts: Mapping[str, Count]
    batched: bool = True
    reasons: dict[str, str] = field(default_factory=dict)
    origins: dict[str, Origin] = field(default_factory=dict)

    @classmethod
    def start(cls, flow: Dataflow, counts: Mapping[str, Count]) -> _Reading:
        layers: dict[str, AnyLayer] = {
            given.name: InputLayer(given.name, (), given.shape, kind, position_axes=_input_axes(flow, given))
            for given in flow.inputs
            for kind in [flow.rounded.get(given.name, given.dtype)]
        }
        read = frozenset([*(value for node in flow.nodes for value in node.input), *flow.outputs])
        made_by = {name: name for name in layers}
        return cls(flow, infer_shapes(flow), dict(flow.constants), layers, made_by, read, counts)

    def add(self, node: onnx.NodeProto, name: str) -> None:
        constants = shape_constants(node, self.shapes, self.constants, self.flow)
        if constants is not None:
            self.constants |= constants
        elif node.op_type in DROPPED and not any(value in self.read for value in node.output[1:]):
            _check_dropped(node, self.constants, self.flow, name)
            self.made_by[node.output[0]] = self.made_by[node.input[0]]
        else:
            wanted = [i for i, value in enumerate(node.output) if value and value in self.read]
            if node.op_type in RECURRENT and node.domain in ("", "ai.onnx") and self._add_recurrent(node, name, wanted):
                return
            for output in wanted:
                own = name if output == 0 else _free_name(f"{name}/{output}", self.layers)
                layer = self._rounding(self._layer(node, own, output), node.output[output])
                layer = layer if output == wanted[0] else _counted_before(layer)
                self.layers[own] = layer = self._with_axes(layer)
                if isinstance(layer, MatrixLayer):
                    weights = next(value for value in node.input[1::-1] if value in self.constants)
                    self.origins[own] = origin_of(self.constants[weights])
                alone = isinstance(layer, DigitalLayer) and layer.operands is not None
                self.batched &= not alone and has_batch(self.shapes[node.output[output]])
                self.made_by[node.output[output]] = own

    def _add_recurrent(self, node: onnx.NodeProto, name: str, wanted: list[int]) -> bool:
        """Add the layers of an RNN, LSTM or GRU; whether it goes to tiles."""
        while any(each in self.layers for each in names_of(name)):
            name += "'"
        context = self._context(node, name, wanted[0])
        try:
            layers, given = read_recurrent(context, {i: own_shape(self.shapes[node.output[i]]) for i in wanted})
        except UnsupportedOperatorError as error:
            self.reasons |= {node.output[output]: what_is_wrong(error, node.op_type) for output in wanted}
            return False
        weights = self.constants[node.input[1]]
        kind = self.flow.rounded.get(node.output[wanted[0]], type_of(weights))
        self.layers |= {layer.name: _gives(layer, kind) for layer in layers}
        for layer in layers:
            if isinstance(layer, MatrixLayer):  # of W, or a part of R
                weights = self.constants[node.input[1 if layer.name.endswith("/input") else 2]]
                self.origins[layer.name] = origin_of(weights, layer.name.removeprefix(name))
        for output, made in given.items():
            self.batched &= bool(context.attributes.get("layout", 0)) and has_batch(self.shapes[node.output[output]])
            self.made_by[node.output[output]] = made
        return True

    def _rounding(self, layer: AnyLayer, value: str) -> AnyLayer:
        """The layer with the rounding of the value that it gives."""
        kind = self.flow.rounded.get(value, "")
        return replace(layer, number_type=kind) if kind and not isinstance(layer, ViewLayer) else layer

    def _layer(self, node: onnx.NodeProto, name: str, output: int) -> AnyLayer:
        context = self._context(node, name, output)
        if is_region(node):
            return read_whole(context, self.flow, self.counts[node.domain], self.read)
        return read_node(context, self.reasons.get(node.output[output], "has no form of its own"))

    def _with_axes(self, layer: AnyLayer) -> AnyLayer:
        """What keeps the shape of a volume keeps its positions."""
        keeps = isinstance(layer, DigitalLayer) and layer.pattern == "elementwise"
        for name in layer.inputs if keeps else ():
            before = self.layers[name]
            if before.output_shape[1:] == layer.output_shape[1:]:
                return replace(layer, position_axes=max(layer.position_axes, before.position_axes))
        return layer

    def _context(self, node: onnx.NodeProto, name: str, output: int) -> Node:
        label = f"{self.flow.name}: node {name!r} ({node.op_type})"
        data = [(i, value) for i, value in enumerate(node.input) if value and value not in self.constants]
        if not data:
            raise UnsupportedOperatorError(
                f"{label} makes a constant in a way that chipsim does not know; fold it first"
            )
        inputs = tuple(self.made_by[value] for _, value in data)
        full = self.shapes[node.output[output]]
        if 0 in full:
            raise UnsupportedOperatorError(f"{label} gives no values at all (shape {full})")
        if self.flow.batch not in (None, 1) and not has_batch(full):
            raise UnsupportedOperatorError(
                f"{label} gives the shape {full} for one input: the batch must stay on axis 0; "
                "export the model with a batch of 1 or a free one"
            )
        return Node(
            proto=node,
            model=self.flow.name,
            name=name,
            attributes=attributes_of(node),
            inputs=inputs,
            positions=tuple(position for position, _ in data),
            input_shapes=tuple(self.layers[source].output_shape for source in inputs),
            constants={i: self.constants[value] for i, value in enumerate(node.input) if value in self.constants},
            output_shape=own_shape(full),
            opset=self.flow.opset_of(node.domain),
            operand_shapes=tuple(self.shapes[value] for _, value in data),
            full_shape=full,
            output=output,
        )


def _counted_before(layer: AnyLayer) -> AnyLayer:
    """Another output of an operator whose products are counted with the first that is read: one operation per value."""
    if not isinstance(layer, DigitalLayer) or not layer.macs:
        return layer
    return replace(layer, macs=0, element_operations=math.prod(layer.output_shape))


def _gives(layer: AnyLayer, kind: str) -> AnyLayer:
    """A layer of a recurrent operator; its outputs are of a type, what it keeps to itself is float32."""
    outside = isinstance(layer, GateLayer) and layer.part != "reset"
    return replace(layer, number_type=kind) if outside and kind else layer


def _input_axes(flow: Dataflow, given: DataInput) -> int:
    """Axes of an input that are positions: three where it is a volume that something slides over."""
    slides = {"AveragePool", "Conv", "ConvTranspose", "MaxPool"}
    return 3 if len(given.shape) == 4 and any(node.op_type in slides for node in flow.nodes) else 2


def _free_name(name: str, taken: Mapping[str, AnyLayer]) -> str:
    while name in taken:
        name += "'"
    return name


def _layer_names(flow: Dataflow) -> list[str]:
    """The nodes' own names where they are unique, else operator and number."""
    count = Counter([*(given.name for given in flow.inputs), *(node.name for node in flow.nodes)])
    taken, names = set(count), []
    numbers: Counter[str] = Counter()
    for node in flow.nodes:
        name = node.name
        while not name or count[name] > 1:
            numbers[node.op_type] += 1
            candidate = f"{node.op_type}_{numbers[node.op_type]}"
            name = "" if candidate in taken else candidate
        names.append(name)
    return names


def _check_dropped(node: onnx.NodeProto, constants: Mapping[str, Constant], flow: Dataflow, name: str) -> None:
    training = constants.get(node.input[2]) if len(node.input) > 2 else None
    if training is not None and bool(training.reshape(-1)[0]):
        raise ModelError(
            f"{flow.name}: node {name!r} (Dropout) is in training mode; "
            "export the model in inference mode (model.eval())"
        )
