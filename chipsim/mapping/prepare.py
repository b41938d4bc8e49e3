"""`prepared`: a network as a mapping wants it: parallel layers fused, depthwise convolutions on digital units."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from chipsim.architecture.mapping_spec import Mapping as MappingSection
from chipsim.architecture.spec import InMemorySpec
from chipsim.network.graph import Network
from chipsim.network.layers import AnyLayer, DigitalLayer, GateLayer, MatrixLayer, Shape, ViewLayer
from chipsim.network.matrix import Matrix
from chipsim.network.number_types import BFLOAT16, handed_on
from chipsim.network.weight_sharing import sharing_notes, without_sharing

CONV_OPSET = 17
WHY_DIGITAL = "mapping.depthwise: digital"


def prepared(network: Network, section: MappingSection, unshared: str = "") -> Network:
    """Change what the section ``mapping`` asks for; the same network where that is nothing.

    Parameters
    ----------
    network : Network
    section : Mapping
    unshared : str
        Why layers cannot share weights on this chip, for a note; empty where they can.

    Returns
    -------
    Network
        Layers that are fused live on as views under their names; one that moves to a digital unit keeps its name.
    """
    network = _with_own_weights(network, section, unshared)
    if section.depthwise == "digital" and (stay := _stay_on_tiles(network.layers)):
        network = replace(network, notes=(*network.notes, stay))
    layers = network.layers
    if section.depthwise == "digital":
        layers = _without_depthwise(layers)
    if section.fuse_parallel:
        layers = _fused(layers)
    unchanged = list(layers) == list(network.layers) and all(layers[name] is network.layers[name] for name in layers)
    return network if unchanged else replace(network, layers=layers, notes=_still_true(network, layers))


def why_unshared(spec: InMemorySpec) -> str:
    """Why layers cannot read the same cells on a chip; empty where they can."""
    if spec.mapping.reload:
        return "mapping.reload is on"
    if spec.neuron_unit.activation == "analog":
        return "neuron_unit.activation is analog: bias and function belong to the columns"
    return ""


def _with_own_weights(network: Network, section: MappingSection, unshared: str) -> Network:
    """A copy of shared weights for each layer, where they are not to be shared or cannot be, which a note says."""
    shared = list(sharing_notes(network.layers))
    if not shared or (section.share_weights and not unshared):
        return network
    why = unshared if section.share_weights else "mapping.share_weights is false"
    notes = [note for note in network.notes if note not in shared]
    notes += [
        note.replace("which stand on tiles once", f"which stand on tiles once for each: {why}") for note in shared
    ]
    return replace(network, layers=without_sharing(network.layers), notes=tuple(notes))


def _still_true(network: Network, layers: Mapping[str, AnyLayer]) -> tuple[str, ...]:
    """The notes without those of shared weights that ``layers`` do not share any more."""
    lost = set(sharing_notes(network.layers)) - set(sharing_notes(layers))
    return tuple(note for note in network.notes if note not in lost)


def _without_depthwise(layers: Mapping[str, AnyLayer]) -> dict[str, AnyLayer]:
    """Depthwise convolutions on digital units; what shared the weights of one of them has its own."""
    found = {name: _off_tiles(layer, layers) for name, layer in layers.items()}
    gone = {name for name, layer in found.items() if layer is not layers[name]}
    return {
        name: replace(layer, shares="") if isinstance(layer, MatrixLayer) and layer.shares in gone else layer
        for name, layer in found.items()
    }


def _is_depthwise(layer: AnyLayer) -> bool:
    """Whether each group has one input channel."""
    return isinstance(layer, MatrixLayer) and len(layer.matrices) > 1 and layer.matrices[0].rows == layer.window.taps


def _stay_on_tiles(layers: Mapping[str, AnyLayer]) -> str:
    """A note that names the depthwise convolutions that cannot move; empty where all can."""
    names = [name for name, layer in layers.items() if _is_depthwise(layer) and _off_tiles(layer, layers) is layer]
    if not names:
        return ""
    return (
        f"{WHY_DIGITAL} leaves on tiles what is transposed with a stride, cuts its input, or is over several maps of "
        f"one example: {', '.join(names)}"
    )


def _off_tiles(layer: AnyLayer, layers: Mapping[str, AnyLayer]) -> AnyLayer:
    """A depthwise convolution as ONNX's Conv; any other layer as it is.

    Those that cannot be written so stay too: transposed ones with a stride, inputs that are cut, and maps seen as a
    volume.
    """
    if not isinstance(layer, MatrixLayer) or not _is_depthwise(layer) or layer.channels_last:
        return layer
    window = layer.window
    plain = all(zeros == 1 for zeros in window.stuffing) and min(window.pads) >= 0
    source = layers[layer.inputs[0]].output_shape
    axes = len(source) - 1
    if not plain or source not in (layer.input_shape, _sequence(layer.input_shape)):
        return layer
    weights = np.concatenate([matrix.weights.T for matrix in layer.matrices]).reshape(-1, 1, *window.kernel[-axes:])
    bias = np.concatenate([matrix.bias for matrix in layer.matrices])
    typed = layer.number_type if layer.number_type != BFLOAT16 else ""
    constants = {1: handed_on(np.ascontiguousarray(weights), typed), 2: handed_on(bias, typed)}
    if not all(np.isfinite(each).all() for each in constants.values()):
        return layer
    half = len(window.pads) // 2
    pads = (*window.pads[half - axes : half], *window.pads[-axes:])
    attributes = {
        "kernel_shape": window.kernel[-axes:], "strides": window.strides[-axes:], "pads": pads,
        "dilations": window.dilations[-axes:], "group": len(layer.matrices),
    }  # fmt: skip
    outputs = math.prod(layer.output_shape)
    return DigitalLayer(
        layer.name, layer.inputs, layer.output_shape, "Conv", attributes, constants, "window", window,
        2 * layer.macs + outputs * (1 + len(layer.activations)), layer.activations, CONV_OPSET,
        macs=layer.macs, reason=WHY_DIGITAL, position_axes=layer.position_axes, number_type=layer.number_type,
    )  # fmt: skip


def _sequence(shape: Shape) -> Shape:
    """The shape of what is seen as a map of one row; nothing else has it."""
    return (shape[0], shape[2]) if len(shape) == 3 and shape[1] == 1 else ()


def _fused(layers: Mapping[str, AnyLayer]) -> dict[str, AnyLayer]:
    """Matrix layers that read the same in the same way, as one layer and a view of it for each."""
    gates = {name for layer in layers.values() if isinstance(layer, GateLayer) for name in layer.inputs}
    groups: defaultdict[object, list[MatrixLayer]] = defaultdict(list)
    shared = {each for layer in layers.values() if isinstance(layer, MatrixLayer) and layer.shares
              for each in (layer.name, layer.shares)}  # fmt: skip
    apart = gates | shared
    for layer in layers.values():
        if isinstance(layer, MatrixLayer) and len(layer.matrices) == 1 and not layer.delay and layer.name not in apart:
            groups[_geometry(layer)].append(layer)
    first = {group[0].name: group for group in groups.values() if len(group) > 1}
    members = {layer.name for group in first.values() for layer in group}
    found: dict[str, AnyLayer] = {}
    for name, layer in layers.items():
        if name in first:
            whole = _one_layer(first[name])
            found[whole.name] = whole
            found |= _views(whole, first[name])
        elif name not in members:
            found[name] = layer
    return found


def _geometry(layer: MatrixLayer) -> object:
    """What layers must have in common to be fused."""
    return (
        layer.inputs, layer.input_shape, layer.window, layer.activations, layer.position_axes, layer.channels_last,
        layer.reverse, layer.number_type, _positions(layer),
    )  # fmt: skip


def _positions(layer: MatrixLayer) -> Shape:
    return layer.output_shape[:-1] if layer.channels_last else layer.output_shape[1:]


def _one_layer(group: list[MatrixLayer]) -> MatrixLayer:
    """The columns of all matrices side by side."""
    name, one = "+".join(layer.name for layer in group), group[0]
    matrices = [layer.matrices[0] for layer in group]
    matrix = Matrix(
        name,
        np.concatenate([each.weights for each in matrices], axis=1),
        np.concatenate([each.bias for each in matrices]),
        matrices[0].first_input_channel,
    )
    positions, columns = _positions(one), matrix.columns
    shape = (*positions, columns) if one.channels_last else (columns, *positions)
    return replace(one, name=name, matrices=(matrix,), output_shape=shape)


def _views(whole: MatrixLayer, group: list[MatrixLayer]) -> dict[str, AnyLayer]:
    views: dict[str, AnyLayer] = {}
    first = 0
    for layer in group:
        views[layer.name] = ViewLayer(
            layer.name, (whole.name,), layer.output_shape, first_channel=first, position_axes=layer.position_axes,
            channels_last=layer.channels_last, reverse=layer.reverse,
        )  # fmt: skip
        first += layer.channels
    return views
