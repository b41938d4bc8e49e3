"""`share_weights`: layers that read the same stored weights in the same way name the first of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from chipsim.network.layers import AnyLayer, MatrixLayer

Origin = tuple[int | str, ...]
"""Which constant of the model a layer's weights are, and which part of it."""


def origin_of(constant: NDArray[np.generic], part: str = "") -> Origin:
    """Names a constant by where it lies in memory, so that equal values of another one are not taken for it.

    Parameters
    ----------
    constant : ndarray
        Kept as long as names are compared.
    part : str
        Of the constant, where several layers are made from it.
    """
    interface = constant.__array_interface__
    return interface["data"][0], str(constant.shape), str(interface["strides"]), part


def share_weights(layers: Mapping[str, AnyLayer], origins: Mapping[str, Origin]) -> dict[str, AnyLayer]:
    """Layers in topological order; those with weights of one before them name it in ``shares``.

    Parameters
    ----------
    layers : mapping of str to layer
        After all merging: scales that differ make other weights.
    origins : mapping of str to Origin
        Of layers on tiles.
    """
    firsts: defaultdict[Origin, list[MatrixLayer]] = defaultdict(list)
    found: dict[str, AnyLayer] = {}
    for name, layer in layers.items():
        found[name] = layer
        if not isinstance(layer, MatrixLayer) or name not in origins:
            continue
        first = next((each for each in firsts[origins[name]] if _alike(each, layer)), None)
        if first is None:
            firsts[origins[name]].append(layer)
            continue
        pairs = zip(layer.matrices, first.matrices, strict=True)
        matrices = tuple(replace(own, weights=other.weights) for own, other in pairs)
        found[name] = replace(layer, shares=first.name, matrices=matrices)
    return found


def without_sharing(layers: Mapping[str, AnyLayer]) -> dict[str, AnyLayer]:
    """The same layers, each with weights of its own."""
    return {
        name: replace(layer, shares="") if isinstance(layer, MatrixLayer) and layer.shares else layer
        for name, layer in layers.items()
    }


def sharing_notes(layers: Mapping[str, AnyLayer]) -> Iterator[str]:
    """A sentence for each group of layers with the same weights."""
    groups: defaultdict[str, list[str]] = defaultdict(list)
    for name, layer in layers.items():
        if isinstance(layer, MatrixLayer) and layer.shares:
            groups[layer.shares].append(name)
    for first, others in groups.items():
        yield f"layers {', '.join((first, *others))} share their weights, which stand on tiles once"


def _alike(one: MatrixLayer, other: MatrixLayer) -> bool:
    """Whether the matrices are the same, bias apart."""
    return len(one.matrices) == len(other.matrices) and all(
        a.first_input_channel == b.first_input_channel
        and a.first_output_channel == b.first_output_channel
        and np.array_equal(a.weights, b.weights)
        for a, b in zip(one.matrices, other.matrices, strict=True)
    )
