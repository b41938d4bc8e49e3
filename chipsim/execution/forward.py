"""`forward`: values through a network, layer by layer, with matrix layers computed by whoever is asked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection

import numpy as np
from numpy.typing import NDArray

from chipsim.network.digital import evaluate
from chipsim.network.graph import Network
from chipsim.network.layers import DigitalLayer, InputLayer, MatrixLayer

Values = NDArray[np.float32]
MatrixFunction = Callable[[MatrixLayer, Values], Values]


def forward(network: Network, x: Values, multiply: MatrixFunction, keep: Collection[str]) -> dict[str, Values]:
    """Run a batch through a network.

    Parameters
    ----------
    network : Network
    x : ndarray of float32, shape (n, *network.input_shape)
    multiply : callable (layer, values of shape (n, C, H, W)) -> values of shape (n, *layer.output_shape)
        Computes the matrix layers, activations included.
    keep : collection of str
        Layers whose outputs are returned; others are freed when nobody needs them any more.

    Returns
    -------
    dict of str to ndarray of float32, shape (n, *layer.output_shape)
    """
    readers = Counter(name for layer in network.layers.values() for name in layer.inputs)
    values: dict[str, Values] = {}
    given = network.split_inputs(x)
    for layer in network.layers.values():
        operands = [values[name] for name in layer.inputs]
        if isinstance(layer, InputLayer):
            values[layer.name] = given.pop(layer.name)
        elif isinstance(layer, MatrixLayer):
            values[layer.name] = multiply(layer, operands[0].reshape(len(x), *layer.input_shape))
        elif isinstance(layer, DigitalLayer):
            values[layer.name] = evaluate(layer, operands)
        else:
            values[layer.name] = operands[0].reshape(len(x), *layer.output_shape)
        del operands
        for name in layer.inputs:
            readers[name] -= 1
            if not readers[name] and name not in keep:
                values.pop(name, None)
    return {name: values[name] for name in keep}
