"""`picked_positions`: operators that hand on some tokens as they are."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chipsim.network.layers import DigitalLayer, Shape

Indices = NDArray[np.int64]


def picked_positions(layer: DigitalLayer, source: Shape) -> tuple[int, ...] | None:
    """Which positions of a channels-last value an operator hands on, each once; None where it does something else.

    Parameters
    ----------
    layer : DigitalLayer
        With one input.
    source : tuple of int
        Shape of that input, without the batch.

    Examples
    --------
    >>> last = {1: np.array(-1)}
    >>> layer = DigitalLayer("g", ("x",), (8,), "Gather", {"axis": 1}, last, operands=((1, 5, 8),))
    >>> picked_positions(layer, (5, 8))
    (4,)
    """
    move = _MOVES.get(layer.operator)
    if move is None or layer.activations or layer.outputs > 1 or layer.domain:
        return None
    full = (1, *source) if layer.operands is None else layer.operands[0]
    places = np.arange(math.prod(source), dtype=np.int64).reshape(full)
    try:
        found = move(layer, places)
    except (IndexError, KeyError, ValueError):
        return None
    channels = source[-1]
    if found is None or found.size % channels or found.size != math.prod(layer.output_shape):
        return None
    rows = found.reshape(-1, channels)
    firsts = rows[:, 0]
    whole = (firsts % channels == 0).all() and (rows == firsts[:, np.newaxis] + np.arange(channels)).all()
    picks = tuple((firsts // channels).tolist())
    kept = layer.output_shape == (channels,) or layer.output_shape[-1] == channels
    return picks if whole and kept and len(set(picks)) == len(picks) else None


def _gather(layer: DigitalLayer, places: Indices) -> Indices | None:
    if 1 not in layer.constants:
        return None
    return np.take(places, layer.constants[1], int(layer.attributes.get("axis", 0)))


def _slice(layer: DigitalLayer, places: Indices) -> Indices | None:
    given: Mapping[str, Any] = layer.attributes
    if "starts" in given:
        starts, ends, axes, steps = given["starts"], given["ends"], given.get("axes"), None
    else:
        starts, ends, axes, steps = (layer.constants.get(i) for i in (1, 2, 3, 4))
    if starts is None or ends is None:
        return None
    cut = [slice(None)] * places.ndim
    for number, (start, end) in enumerate(zip(starts, ends, strict=True)):
        axis = number if axes is None else int(axes[number])
        step = 1 if steps is None else int(steps[number])
        if step < 1:
            return None
        cut[axis] = slice(int(start), int(end), step)
    return places[tuple(cut)]


def _transpose(layer: DigitalLayer, places: Indices) -> Indices | None:
    order = layer.attributes.get("perm")
    return places.transpose(order)


_MOVES: Mapping[str, Callable[[DigitalLayer, Indices], Indices | None]] = {
    "Gather": _gather, "Slice": _slice, "Transpose": _transpose
}  # fmt: skip
