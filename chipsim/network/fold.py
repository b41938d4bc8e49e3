"""`fold_layers`: operators that a neuron unit does anyway are merged into the layer before them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chipsim.network.layers import AnyLayer, DigitalLayer, MatrixLayer, ViewLayer, Window
from chipsim.network.matrix import Matrix, packed
from chipsim.network.operators.elementwise import NORMALISATION_OPERATIONS, activation_of
from chipsim.network.walks import is_turned

Layers = dict[str, AnyLayer]
Affine = tuple[NDArray[np.float64], NDArray[np.float64]]


def fold_layers(layers: Layers, outputs: Sequence[str]) -> tuple[Layers, tuple[str, ...]]:
    """Merge per-channel scales and activations into their producers, and views into dense layers.

    Parameters
    ----------
    layers : dict of str to layer
        In topological order.
    outputs : sequence of str
        Layers whose values the network returns.

    Returns
    -------
    layers : dict of str to layer
        A merged layer keeps the name of its producer.
    outputs : tuple of str
        The same values under the new names.
    """
    layers, outputs = _merge_followers(layers, outputs)
    layers = _skip_views(layers)
    return _drop_unused(layers, outputs), tuple(outputs)


def _merge_followers(layers: Layers, outputs: Sequence[str]) -> tuple[Layers, list[str]]:
    """Walk in order; a layer that alone reads its only producer may become part of it."""
    readers: dict[str, int] = {}
    for name in [*(name for layer in layers.values() for name in layer.inputs), *outputs]:
        readers[name] = readers.get(name, 0) + 1
    merged: Layers = {}
    alias: dict[str, str] = {}
    for layer in layers.values():
        renamed = replace(layer, inputs=tuple(alias.get(name, name) for name in layer.inputs))
        alone = len(layer.inputs) == 1 and readers[layer.inputs[0]] == 1 and isinstance(layer, DigitalLayer)
        both = _merge(merged[renamed.inputs[0]], renamed) if alone else None
        if both is None:
            merged[layer.name] = renamed
        else:
            merged[both.name] = both
            alias[layer.name] = both.name
    return merged, [alias.get(name, name) for name in outputs]


def _merge(producer: AnyLayer, follower: AnyLayer) -> AnyLayer | None:
    """Both layers as one, or None if they must stay apart."""
    if not isinstance(follower, DigitalLayer) or not isinstance(producer, MatrixLayer | DigitalLayer):
        return None
    if is_turned(producer, follower):
        return None
    if isinstance(producer, DigitalLayer) and producer.reason:
        return None  # run as it stands, and its values may be of any type
    activation = activation_of(follower)
    if activation is not None:
        activations = (*producer.activations, activation)
        if isinstance(producer, MatrixLayer):
            return replace(producer, activations=activations)
        operations = producer.element_operations + follower.element_operations
        return replace(producer, activations=activations, element_operations=operations)
    if producer.activations:
        return None
    affine = affine_of(follower)
    if affine is None:
        return None
    if isinstance(producer, MatrixLayer):
        return replace(producer, matrices=tuple(_scaled(matrix, affine) for matrix in producer.matrices))
    if producer.channels_last:  # a batch normalisation scales axis 1
        return None
    earlier = affine_of(producer)
    return None if earlier is None else _composed(producer, earlier, affine)


def affine_of(layer: DigitalLayer) -> Affine | None:
    """Scale and shift per channel of a layer that does nothing else, in float64; None for any other layer."""
    if len(layer.inputs) != 1 or layer.activations or layer.reason:
        return None
    if layer.operator == "BatchNormalization":
        scale, shift, mean, variance = (layer.constants[i].astype(np.float64) for i in range(1, 5))
        factor = scale / np.sqrt(variance + layer.attributes["epsilon"])
        return factor, shift - mean * factor
    if layer.operator not in ("Add", "Sub", "Mul", "Div") or len(layer.constants) != 1:
        return None
    ((position, constant),) = layer.constants.items()
    value = _per_channel(constant, layer)
    if value is None:
        return None
    one, zero = np.ones_like(value), np.zeros_like(value)
    match layer.operator:
        case "Add":
            return one, value
        case "Sub":
            return (one, -value) if position == 1 else (-one, value)
        case "Mul":
            return value, zero
        case _:
            return (1 / value, zero) if position == 1 and np.all(value != 0) else None


def _per_channel(constant: NDArray[Any], layer: DigitalLayer) -> NDArray[np.float64] | None:
    """One value per channel, or None if the constant varies along another axis.

    Channels are axis 1 with the batch, or the last axis.
    """
    rank, channels = len(layer.output_shape) + 1, layer.channels if layer.channels_last else layer.output_shape[0]
    if constant.ndim > rank:
        return None
    sizes = (1,) * (rank - constant.ndim) + constant.shape
    own = sizes[-1 if layer.channels_last else 1]
    if own not in (1, channels) or math.prod(sizes) != own:
        return None
    return np.broadcast_to(constant.reshape(-1), channels).astype(np.float64)


def _scaled(matrix: Matrix, affine: Affine) -> Matrix:
    channels = slice(matrix.first_output_channel, matrix.first_output_channel + matrix.columns)
    scale, shift = affine[0][channels], affine[1][channels]
    return replace(
        matrix,
        weights=np.multiply(matrix.weights, scale, out=np.empty_like(matrix.weights), casting="same_kind"),
        bias=(matrix.bias * scale + shift).astype(np.float32),
    )


def _composed(layer: DigitalLayer, first: Affine, second: Affine) -> DigitalLayer | None:
    """Two scale layers as one batch normalisation with mean 0 and variance 1; None where its numbers overflow."""
    kind = np.result_type(*layer.constants.values())
    scale, shift = first[0] * second[0], first[1] * second[0] + second[1]
    if max(np.abs(scale).max(initial=0), np.abs(shift).max(initial=0)) > np.finfo(kind).max:
        return None
    zeros, ones = np.zeros(len(scale), kind), np.ones(len(scale), kind)
    return replace(
        layer,
        operator="BatchNormalization",
        attributes={"epsilon": 0.0},
        constants={1: scale.astype(kind), 2: shift.astype(kind), 3: zeros, 4: ones},
        element_operations=NORMALISATION_OPERATIONS * math.prod(layer.output_shape),
    )


def _skip_views(layers: Layers) -> Layers:
    """A view of a view reads the first's source; a dense layer reads the map behind its flattened view."""
    changed: Layers = {}
    for layer in layers.values():
        source = changed.get(layer.inputs[0]) if len(layer.inputs) == 1 else None
        if isinstance(source, ViewLayer) and source.picks is None:
            behind = changed[source.inputs[0]]
            if isinstance(layer, ViewLayer):
                if layer.picks is None or source.positions == behind.positions:
                    layer = replace(layer, inputs=source.inputs)
            elif isinstance(layer, MatrixLayer) and layer.positions == 1 and len(source.output_shape) == 1:
                layer = _on_map(layer, behind)
        changed[layer.name] = layer
    return changed


def _on_map(layer: MatrixLayer, source: AnyLayer) -> MatrixLayer:
    """A dense layer on a flattened map as a convolution whose kernel is the map.

    The flattened order is (channel, z, y, x); the rows become (z, y, x, channel), the order of flattened tokens.
    """
    shape = source.output_shape
    if source.channels_last:
        window = Window((1, source.positions))
        sizes = (source.channels, 1, source.positions)
        return replace(layer, inputs=(source.name,), input_shape=sizes, window=window, channels_last=True)
    if len(shape) not in (2, 3, 4):
        return layer
    channels, *size = shape if len(shape) > 2 else (shape[0], 1, shape[1])
    (matrix,) = layer.matrices
    rows = matrix.weights.reshape(channels, math.prod(size), -1).transpose(1, 0, 2).reshape(matrix.rows, -1)
    ones = (1,) * len(size)
    return replace(
        layer,
        inputs=(source.name,),
        input_shape=(channels, *size),
        window=Window(tuple(size), ones, (0,) * (2 * len(size)), ones, ones),
        matrices=(replace(matrix, weights=packed(rows)),),
    )


def _drop_unused(layers: Layers, outputs: Sequence[str]) -> Layers:
    """Without layers that no output depends on; the input always stays."""
    wanted = set(outputs)
    for layer in reversed(layers.values()):
        if layer.name in wanted:
            wanted.update(layer.inputs)
    return {name: layer for name, layer in layers.items() if name in wanted or not layer.inputs}
