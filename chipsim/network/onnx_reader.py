"""`read_onnx`: an ONNX file becomes a `Network`. Nothing from the file is executed but its operators."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx

from chipsim.errors import ModelError, UnsupportedOperatorError
from chipsim.network.constants import Constant, attributes_of, fold
from chipsim.network.dataflow import Dataflow, reduce_model
from chipsim.network.fold import fold_layers
from chipsim.network.graph import Network
from chipsim.network.layers import AnyLayer, InputLayer, Shape
from chipsim.network.model_file import label_of, load_model
from chipsim.network.operators import DROPPED, READERS, SUPPORTED
from chipsim.network.operators.node import Node
from chipsim.network.shapes import infer_shapes
from chipsim.network.synthetic import synthetic_weights


def read_onnx(source: bytes | Path, name: str, *, synthetic_seed: int | None = None) -> Network:
    """Read a network of dense and convolutional layers.

    Parameters
    ----------
    source : bytes or Path
        The file's content or path.
    name : str
        What the network is called, in messages too.
    synthetic_seed : int, optional
        Replace all weights by random ones drawn with this seed (see `chipsim.network.synthetic`).

    Returns
    -------
    Network
        Axis 0 of the file's input is the batch; batch normalisation, constant scales and activations are merged
        into the layer before them where nothing else reads that layer.

    Raises
    ------
    ModelError
        If the file is damaged, incomplete, has several inputs or sizes that are not fixed.
    UnsupportedOperatorError
        If it holds an operator that chipsim does not run.
    """
    try:
        return _read(source, name, synthetic_seed)
    except UnicodeDecodeError:  # protobuf looks at text only when it is asked for
        raise ModelError(
            f"{name}: its names are not text, so the file is damaged; export or download it again"
        ) from None


def _read(source: bytes | Path, name: str, synthetic_seed: int | None) -> Network:
    model, sha256 = load_model(source, name)
    flow = reduce_model(model, name, SUPPORTED)
    del model
    if synthetic_seed is not None:
        flow = synthetic_weights(flow, synthetic_seed)
    _check_finite(flow)
    layers, outputs = fold_layers(*_layers(flow))
    shapes = {value: layers[name].output_shape for value, name in zip(flow.outputs, outputs, strict=True)}
    return Network(
        name=name,
        layers=layers,
        outputs=outputs,
        weights="file" if synthetic_seed is None else "synthetic",
        onnx_bytes=flow.model(output_shapes=shapes).SerializeToString(deterministic=True),
        input_name=flow.input_name,
        sha256=sha256,
    )


def _check_finite(flow: Dataflow) -> None:
    for node in flow.nodes:
        for value in node.input:
            constant = flow.constants.get(value)
            if constant is not None and constant.dtype.kind == "f" and not _finite(node, constant):
                raise ModelError(
                    f"{flow.name}: weight {value!r} of node {label_of(node)!r} ({node.op_type}) holds NaN "
                    "or infinite values; train or export the model again"
                )


def _finite(node: onnx.NodeProto, constant: Constant) -> bool:
    """Whether all values are numbers; a bound of a Clip may be infinite."""
    if node.op_type == "Clip":
        return not np.isnan(constant).any()
    return bool(np.isfinite(constant).all())


def _layers(flow: Dataflow) -> tuple[dict[str, AnyLayer], list[str]]:
    """One layer per node, nothing merged yet, and the names of those that are outputs."""
    shapes = infer_shapes(flow)
    constants = dict(flow.constants)
    first = InputLayer(flow.input_name, (), flow.input_shape)
    layers: dict[str, AnyLayer] = {first.name: first}
    made_by = {flow.input_name: first.name}  # value -> layer
    names = _layer_names(flow)
    for node, name in zip(flow.nodes, names, strict=True):
        constant = _shape_constant(node, shapes, constants, flow)
        if constant is not None:
            constants[node.output[0]] = constant
        elif node.op_type in DROPPED:
            _check_dropped(node, constants, flow, name)
            made_by[node.output[0]] = made_by[node.input[0]]
        else:
            layers[name] = _layer(node, name, made_by, layers, constants, shapes, flow)
            made_by[node.output[0]] = name
    for output in flow.outputs:
        if output not in made_by:
            raise ModelError(f"{flow.name}: output {output!r} is not a value of a layer; remove it from the outputs")
    return layers, [made_by[output] for output in flow.outputs]


def _layer_names(flow: Dataflow) -> list[str]:
    """The nodes' own names where they are unique, else operator and number."""
    count = Counter([flow.input_name, *(node.name for node in flow.nodes)])
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


def _shape_constant(
    node: onnx.NodeProto, shapes: Mapping[str, Shape], constants: Mapping[str, Constant], flow: Dataflow
) -> Constant | None:
    """Value of a node that depends on the shapes of data only (for a batch of one), else None."""
    if node.op_type == "Shape" and node.input[0] in shapes:
        attributes = attributes_of(node)
        sizes = shapes[node.input[0]][attributes.get("start", 0) : attributes.get("end")]
        return np.array(sizes, np.int64)
    return fold(node, constants, flow.opset, flow.name)


def _check_dropped(node: onnx.NodeProto, constants: Mapping[str, Constant], flow: Dataflow, name: str) -> None:
    training = constants.get(node.input[2]) if len(node.input) > 2 else None
    if training is not None and bool(training.reshape(-1)[0]):
        raise ModelError(
            f"{flow.name}: node {name!r} (Dropout) is in training mode; "
            "export the model in inference mode (model.eval())"
        )


def _layer(
    node: onnx.NodeProto,
    name: str,
    made_by: Mapping[str, str],
    layers: Mapping[str, AnyLayer],
    constants: Mapping[str, Constant],
    shapes: Mapping[str, Shape],
    flow: Dataflow,
) -> AnyLayer:
    label = f"{flow.name}: node {name!r} ({node.op_type})"
    if node.op_type not in READERS:
        raise UnsupportedOperatorError(
            f"{label} computes with the network's data, which chipsim supports only for {', '.join(SUPPORTED)}"
        )
    data = [(i, value) for i, value in enumerate(node.input) if value and value not in constants]
    for _, value in data:
        if value not in made_by:
            raise UnsupportedOperatorError(
                f"{label} reads {value!r}, a second output of a node; only first ones are kept"
            )
    shape = shapes[node.output[0]]
    if len(shape) < 2 or shape[0] != 1:
        raise UnsupportedOperatorError(f"{label} gives the shape {shape} for one input: the batch must stay on axis 0")
    inputs = tuple(made_by[value] for _, value in data)
    context = Node(
        proto=node,
        model=flow.name,
        name=name,
        attributes=attributes_of(node),
        inputs=inputs,
        positions=tuple(position for position, _ in data),
        input_shapes=tuple(layers[source].output_shape for source in inputs),
        constants={i: constants[value] for i, value in enumerate(node.input) if value in constants},
        output_shape=shape[1:],
        opset=flow.opset,
    )
    return READERS[node.op_type](context)
