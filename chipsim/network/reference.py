"""`run_reference`: what onnxruntime computes from the same file and weights."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray

from chipsim.errors import ModelError
from chipsim.network.dataflow import ROUNDING
from chipsim.network.digital import open_session
from chipsim.network.graph import Network
from chipsim.network.layers import DigitalLayer, Shape
from chipsim.network.number_types import widened
from chipsim.network.turn_limit import WHY, is_too_long, run_stoppable

Values = NDArray[np.float32]


def run_reference(
    network: Network, x: NDArray[np.float32], batch: int = 64, *, before_softmax: bool = False
) -> list[Values]:
    """Run the network's ONNX model in onnxruntime, on one thread.

    Parameters
    ----------
    network : Network
    x : ndarray of float32, shape (n, *network.input_shape)
    batch : int
        Inputs per call; where the model does not take that many, they run one at a time.
    before_softmax : bool
        Return, for an output that a Softmax makes, the values it was made from.

    Returns
    -------
    list of ndarray of float32
        One per output, the batch first.

    Raises
    ------
    ModelError
        If onnxruntime cannot run the model.
    """
    model = onnx.load_model_from_string(network.model_bytes())
    names = [value.name for value in model.graph.output]
    if before_softmax:
        names = _before_softmax(model.graph, names)
        model.graph.ClearField("output")
        model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in dict.fromkeys(names))
    session = _session(network, model)
    del model
    shapes = [network.layers[name].output_shape for name in compared_layers(network, before_softmax=before_softmax)]
    if network.alone:
        batch = 1  # what runs one example at a time may mix those of a batch
    try:
        parts = [_run(session, network, names, x[start : start + batch], shapes) for start in range(0, len(x), batch)]
    except _BatchError:
        parts = [_run(session, network, names, x[i : i + 1], shapes) for i in range(len(x))]
    return [widened(np.concatenate(values)) for values in zip(*parts, strict=True)]


def compared_layers(network: Network, *, before_softmax: bool = False) -> tuple[str, ...]:
    """Names of the layers whose values `run_reference` returns, called with the same flag."""
    layers = []
    for name in network.outputs:
        layer = network.layers[name]
        is_softmax = isinstance(layer, DigitalLayer) and layer.operator == "Softmax"
        layers.append(layer.inputs[0] if before_softmax and is_softmax else name)
    return tuple(layers)


class _BatchError(Exception):
    """The model cannot run more than one input per call."""


def _before_softmax(graph: onnx.GraphProto, outputs: list[str]) -> list[str]:
    made_by = {value: node for node in graph.node for value in node.output}
    return [_source(made_by, name) for name in outputs]


def _source(made_by: dict[str, onnx.NodeProto], name: str) -> str:
    """The value that the Softmax behind ``name`` reads, or ``name`` where there is none."""
    node = made_by.get(name)
    while node is not None and (node.op_type in ("Identity", "Dropout") or node.name.endswith(ROUNDING)):
        node = made_by.get(node.input[0])
    return node.input[0] if node is not None and node.op_type == "Softmax" else name


def _session(network: Network, model: onnx.ModelProto) -> onnxruntime.InferenceSession:
    try:
        return open_session(model.SerializeToString())
    except Exception as error:  # onnxruntime's exceptions share no base class
        raise ModelError(f"{network.name}: onnxruntime cannot load the model: {error}") from error


def _run(
    session: onnxruntime.InferenceSession, network: Network, names: list[str], x: Values, shapes: list[Shape]
) -> list[Any]:
    try:
        feeds = {name: np.ascontiguousarray(values) for name, values in network.split_inputs(x).items()}
        whole = any(isinstance(layer, DigitalLayer) and layer.function for layer in network.layers.values())
        results = run_stoppable(session, names, feeds) if whole else session.run(names, feeds)
    except Exception as error:  # onnxruntime's exceptions share no base class
        if is_too_long(error):
            raise ModelError(f"{network.name}: onnxruntime cannot run the model: {WHY}") from error
        if len(x) > 1:
            raise _BatchError from error
        raise ModelError(f"{network.name}: onnxruntime cannot run the model: {error}") from error
    if any(values.size != len(x) * math.prod(shape) for values, shape in zip(results, shapes, strict=True)):
        raise _BatchError if len(x) > 1 else ModelError(f"{network.name}: an output's size depends on the data")
    if len(x) > 1 and any(values.ndim == 0 or len(values) != len(x) for values in results):
        raise _BatchError
    return [values.reshape(len(x), *shape) for values, shape in zip(results, shapes, strict=True)]
