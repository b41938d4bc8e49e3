"""`forward`: values through a network, layer by layer, with matrix layers computed by whoever is asked."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chipsim.network.cell_operands import Given
from chipsim.network.digital import evaluate
from chipsim.network.graph import Network
from chipsim.network.layers import AnyLayer, DigitalLayer, GateLayer, InputLayer, MatrixLayer, ViewLayer
from chipsim.network.loops import Loop, loops
from chipsim.network.number_types import handed_on, widened

Values = NDArray[np.float32]
MatrixFunction = Callable[[MatrixLayer, Values], Values]
LoopFunction = Callable[[Loop, Values, Given], dict[str, Values]]


@dataclass(frozen=True, slots=True)
class MatrixFunctions:
    """Who computes what tiles do.

    Attributes
    ----------
    multiply : callable (layer, values of shape (n, C, H, W)) -> values of shape (n, *layer.output_shape)
        Matrix layers, activations included.
    go_round : callable (loop, values of shape (n, positions, columns), operands by role) -> outputs by layer
        The layers of a recurrent operator, given the sums of its input matrix and what else of it is data; outputs
        have the shape (n, positions, channels), positions in raster order.
    """

    multiply: MatrixFunction
    go_round: LoopFunction


def forward(network: Network, x: Values, keep: Collection[str], functions: MatrixFunctions) -> dict[str, Values]:
    """Run a batch through a network.

    Parameters
    ----------
    network : Network
    x : ndarray of float32, shape (n, *network.input_shape)
    keep : collection of str
        Layers whose outputs are returned; others are freed when nobody needs them any more.
    functions : MatrixFunctions

    Returns
    -------
    dict of str to ndarray of float32, shape (n, *layer.output_shape)
    """
    readers = Counter(name for layer in network.layers.values() for name in layer.inputs)
    around = loops(network)
    inside = {name: loop for loop in around.values() for name in loop.members}
    values: dict[str, Values] = {}
    given = network.split_inputs(x)
    for layer in network.layers.values():
        loop = inside.get(layer.name)
        if loop is not None:
            if layer.name == loop.state.name:  # the last of them, but for a cell; computes them all
                sums = values[layer.inputs[0]].reshape(len(x), layer.positions, -1)
                operands = {role: values[name] for role, name in loop.operands.items()}
                for name, found in functions.go_round(loop, sums, operands).items():
                    made = network.layers[name]
                    values[name] = handed_on(found.reshape(len(x), *made.output_shape), made.number_type)
        elif isinstance(layer, InputLayer):
            values[layer.name] = given.pop(layer.name)
        else:
            found = _outputs(layer, [values[name] for name in layer.inputs], functions)
            values[layer.name] = handed_on(found, layer.number_type)
        for name in _done_with(network, layer, loop):
            readers[name] -= 1
            if not readers[name] and name not in keep:
                values.pop(name, None)
    return {name: widened(values[name]) for name in keep}


def _done_with(network: Network, layer: AnyLayer, loop: Loop | None) -> tuple[str, ...]:
    """What a layer has read once it is computed; the layers of a loop are computed together, with its state."""
    if loop is None or layer.name not in loop.before:
        return layer.inputs
    if layer.name != loop.state.name:
        return ()
    return tuple(name for each in loop.before for name in network.layers[each].inputs)


def _outputs(
    layer: MatrixLayer | DigitalLayer | ViewLayer | GateLayer, operands: list[Values], functions: MatrixFunctions
) -> Values:
    first, count = operands[0], len(operands[0])
    if isinstance(layer, MatrixLayer):
        return functions.multiply(layer, matrix_input(layer, first.astype(np.float32, copy=False)))
    if isinstance(layer, DigitalLayer):
        return evaluate(layer, operands)
    if isinstance(layer, ViewLayer) and layer.picks is not None:
        channels = math.prod(layer.output_shape) // len(layer.picks)
        first = first.reshape(count, -1, channels)[:, list(layer.picks)]
    if isinstance(layer, ViewLayer) and layer.first_channel is not None:
        mine = slice(layer.first_channel, layer.first_channel + layer.channels)
        first = first[..., mine] if layer.channels_last else first[:, mine]
    return first.reshape(count, *layer.output_shape)


def matrix_input(layer: MatrixLayer, values: Values, step: int | None = None) -> Values:
    """What a matrix layer's window slides over, in the order of its walk, shape (n, *layer.input_shape).

    With a step these are the values of its positions alone, shape (n, positions, rows).
    """
    if not layer.channels_last:
        return values.reshape(len(values), *layer.input_shape)
    tokens = values.reshape(len(values), -1, layer.input_shape[0])
    walked = tokens[:, ::-1] if layer.reverse and step is None else tokens
    return walked.transpose(0, 2, 1)[:, :, np.newaxis]
