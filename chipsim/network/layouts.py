"""`lay_out`: which layers of a network have their channels last: tokens and time steps, and what hands them on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from chipsim.network.layers import AnyLayer, DigitalLayer, GateLayer, InputLayer, MatrixLayer, Shape, ViewLayer
from chipsim.network.operators.generic import ELEMENTWISE
from chipsim.network.picks import picked_positions

ALONG_LAST_AXIS = frozenset(
    {"Concat", "LayerNormalization", "LogSoftmax", "LpNormalization", "RMSNormalization", "Softmax", "Split"}
)
"""Operators that, with this axis, work token by token."""
Layers = dict[str, AnyLayer]


def lay_out(layers: Layers) -> Layers:
    """Put channels last where tokens are, and let operators that work token by token do so.

    Parameters
    ----------
    layers : dict of str to layer
        In topological order, as readers made them.

    Returns
    -------
    dict of str to layer
        Unchanged where there are neither tokens on tiles nor recurrent operators. Choosing some tokens becomes a view.
    """
    last = {name: True for name, layer in layers.items() if _is_token_layer(layer, layers)}
    if not last:
        return layers
    last |= {name: False for name, layer in layers.items() if name not in last and _is_map_layer(layer)}
    _onwards(layers, last)
    _backwards(layers, last)
    _onwards(layers, last)
    laid: Layers = {}
    for name, layer in layers.items():
        laid[name] = _laid(layer, last.get(name, False), laid)
    return laid


def _is_token_layer(layer: AnyLayer, layers: Layers) -> bool:
    """Whether a layer's channels come last anyway: tokens, recurrent operators and what these pick, steps of a Scan."""
    if isinstance(layer, ViewLayer):
        return layer.channels_last and layer.picks is not None
    if isinstance(layer, DigitalLayer):
        return layer.step and picked_positions(layer, layers[layer.inputs[0]].output_shape) is not None
    return layer.channels_last and isinstance(layer, MatrixLayer | GateLayer)


def _is_map_layer(layer: AnyLayer) -> bool:
    """Whether a layer's first axis must be of channels."""
    if isinstance(layer, MatrixLayer):
        return len(layer.output_shape) > 1
    return isinstance(layer, DigitalLayer) and (
        layer.window is not None or layer.operator in ("BatchNormalization", "InstanceNormalization", "LRN")
    )


def _onwards(layers: Layers, last: dict[str, bool]) -> None:
    """What is made of tokens are tokens; a map stays one until it is turned."""
    for name, layer in layers.items():
        known = [last[source] for source in layer.inputs if source in last]
        if name in last or not known or isinstance(layer, InputLayer | MatrixLayer):
            continue
        if any(known) or _keeps_axes(layer):
            last[name] = any(known)


def _backwards(layers: Layers, last: dict[str, bool]) -> None:
    """What tokens are made of are tokens."""
    for layer in reversed(layers.values()):
        if last.get(layer.name) and (_is_token_layer(layer, layers) or _keeps_axes(layer)):
            last |= {name: True for name in layer.inputs if name not in last}


def _keeps_axes(layer: AnyLayer) -> bool:
    """Whether a layer's axes are those of its inputs."""
    return isinstance(layer, ViewLayer) or _by_value(layer) or _by_token(layer)


def _by_value(layer: AnyLayer) -> bool:
    return isinstance(layer, DigitalLayer) and layer.operator in ELEMENTWISE


def _by_token(layer: AnyLayer) -> bool:
    """Whether an operator works along the last axis alone."""
    if not isinstance(layer, DigitalLayer) or layer.operator not in ALONG_LAST_AXIS:
        return False
    rank = 1 + len(layer.output_shape) if layer.operands is None else len(layer.operands[0])
    normalises = layer.operator.endswith("Normalization")
    default = 0 if layer.operator == "Split" else -1 if normalises or layer.opset >= 13 else 1
    return int(layer.attributes.get("axis", default)) in (-1, rank - 1)


def _laid(layer: AnyLayer, last: bool, laid: Mapping[str, AnyLayer]) -> AnyLayer:
    if isinstance(layer, MatrixLayer | GateLayer):
        return layer
    layer = replace(layer, channels_last=last)
    if not isinstance(layer, DigitalLayer):
        return layer
    source = laid[layer.inputs[0]]
    if layer.operator == "Transpose" and _turns(source, layer):
        return replace(layer, pattern="elementwise")
    if not last:
        return layer
    if len(layer.inputs) == 1 and source.channels_last:
        picks = picked_positions(layer, source.output_shape)
        if picks is not None:
            return ViewLayer(layer.name, layer.inputs, layer.output_shape, picks=picks, channels_last=True)
    if layer.pattern == "window":
        return layer
    same = _by_value(layer) or _by_token(layer)
    return replace(layer, pattern="elementwise" if same else "barrier")


def _turns(source: AnyLayer, layer: DigitalLayer) -> bool:
    """Whether a transposition only changes which axis comes first."""
    shapes: tuple[Shape, Shape] = (source.output_shape, layer.output_shape)
    return (
        source.channels_last != layer.channels_last
        and len(shapes[0]) == len(shapes[1]) == 2
        and shapes[0] == shapes[1][::-1]
        and _last_two_swapped(layer.attributes)
    )


def _last_two_swapped(attributes: Mapping[str, Any]) -> bool:
    order = tuple(attributes.get("perm", ()))
    return not order or (tuple(np.argsort(order))[-2:] == order[-2:] and order[-1] == len(order) - 2)
