"""`length_inputs`: inputs of a network that say how long sequences are; how they are checked and drawn."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from chipsim.errors import DataError
from chipsim.network.graph import Network
from chipsim.network.layers import AnyLayer, DigitalLayer, GateLayer, InputLayer, ViewLayer
from chipsim.network.operators.recurrent_operands import RECURRENT
from chipsim.streams import stream

Values = NDArray[np.float32]
LENGTHS = 4  # position of this operand in ONNX


def length_inputs(network: Network) -> dict[str, int]:
    """Inputs that recurrent operators take as lengths, unchanged, and the steps of their longest sequence.

    Parameters
    ----------
    network : Network

    Returns
    -------
    dict of str to int
        Where several operators take the same, the least of their steps.
    """
    found: dict[str, int] = {}
    for layer in network.layers.values():
        if isinstance(layer, GateLayer) and layer.part == "state" and "lengths" in layer.given:
            given, steps = layer.operands["lengths"], layer.positions // layer.rules.sequences
        elif isinstance(layer, DigitalLayer) and layer.operator in RECURRENT and LENGTHS in layer.positions_given:
            given = layer.inputs[layer.positions_given.index(LENGTHS)]
            steps = _steps(layer)
        else:
            continue
        source = _source(network, given)
        if isinstance(source, InputLayer):
            found[source.name] = min(steps, found.get(source.name, steps))
    return found


def check_lengths(network: Network, arrays: Mapping[str, Values], name: str) -> None:
    """Refuse data in which a sequence is longer than there are steps, or not of whole steps.

    Parameters
    ----------
    network : Network
    arrays : mapping of str to ndarray of float32
        Values of inputs, by their names.
    name : str
        Of the data, for the message.

    Raises
    ------
    DataError
    """
    for key, steps in length_inputs(network).items():
        values = arrays.get(key, np.zeros(0, np.float32))
        wrong = values[~((values >= 0) & (values <= steps) & (values == np.rint(values)))]
        if wrong.size:
            raise DataError(
                f"{name}: {key!r} holds {wrong[0]:g}; lengths of sequences go from 0 to the {steps} steps that exist, "
                "in whole numbers"
            )


def draw_lengths(network: Network, x: Values, seed: int, purpose: str) -> None:
    """Put lengths from 1 to all steps into synthetic inputs.

    Parameters
    ----------
    network : Network
    x : ndarray of float32, shape (n, *network.input_shape)
        Is changed.
    seed : int
    purpose : str
        Of the stream that ``x`` was drawn from.
    """
    lengths = length_inputs(network)
    if lengths:
        given = network.split_inputs(x)
        for name, steps in lengths.items():
            drawn = stream(seed, purpose, name).integers(1, steps + 1, given[name].shape)
            given[name] = drawn.astype(np.float32)
        x[:] = network.join_inputs(given)


def _steps(layer: DigitalLayer) -> int:
    """Of the longest sequence of a recurrent operator as it stands."""
    assert layer.operands is not None
    return layer.operands[0][1 if layer.attributes.get("layout", 0) else 0]


def _source(network: Network, name: str) -> AnyLayer:
    """The layer behind views and changes of type."""
    layer = network.layers[name]
    while isinstance(layer, ViewLayer) or (isinstance(layer, DigitalLayer) and layer.operator == "Cast"):
        layer = network.layers[layer.inputs[0]]
    return layer
