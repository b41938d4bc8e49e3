"""Values in other types than float32: what tiles hold of weights, and how layers hand on what they give."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

from chipsim.errors import InputError
from chipsim.network.layers import AnyLayer, GateLayer, MatrixLayer

BFLOAT16 = "bfloat16"
LARGEST = {"float16": 65504.0, BFLOAT16: 255 * 2.0**120}
MOST_NAMED = 3


def handed_on(values: NDArray[Any], number_type: str) -> NDArray[Any]:
    """Values in the type in which a layer gives them.

    Parameters
    ----------
    values : ndarray
    number_type : str
        ``Layer.number_type``; those of bfloat16 are rounded to it and stay float32, which ONNX Runtime computes with.

    Returns
    -------
    ndarray, same shape
        What the type cannot hold is infinite, as in ONNX Runtime.

    Examples
    --------
    >>> handed_on(np.float32([1.2345678, 1e6]), "float16").tolist()
    [1.234375, inf]
    >>> handed_on(np.float32([1.2345678, 1e6]), "bfloat16").tolist()
    [1.234375, 999424.0]
    """
    with np.errstate(over="ignore"):
        if number_type == BFLOAT16:
            return values.astype(ml_dtypes.bfloat16).astype(np.float32)
        return values.astype(number_type, copy=False) if number_type else values


def widened(values: NDArray[Any]) -> NDArray[Any]:
    """Values of float16 as float32, all others as they are: nothing changes but the room that they have.

    Examples
    --------
    >>> widened(np.float16([0.1])).dtype, widened(np.int64([1])).dtype
    (dtype('float32'), dtype('int64'))
    """
    return values.astype(np.float32) if values.dtype == np.float16 else values


def input_values(values: NDArray[Any], number_type: str, name: str) -> NDArray[Any]:
    """What an input of the network is given, in the type in which the model takes it.

    Raises
    ------
    InputError
        If a number is too large for the type.
    """
    found = handed_on(values, number_type)
    if number_type in LARGEST and not np.isfinite(found).all() and np.isfinite(values).all():
        raise InputError(
            f"input {name!r} takes {number_type}, which ends at {LARGEST[number_type]:g}, and is given "
            f"{np.abs(values).max():g}; scale the inputs"
        )
    return found


def type_notes(layers: Mapping[str, AnyLayer]) -> Iterator[str]:
    """A sentence for each type other than float32 in which layers on tiles hand on what they give."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for name, layer in layers.items():
        if isinstance(layer, MatrixLayer | GateLayer) and layer.number_type:
            found[layer.number_type].append(name)
    for kind, names in found.items():
        more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
        held = "rounded to float32" if kind == "float64" else "as the numbers they are"
        handed = "handed on as float64" if kind == "float64" else f"rounded to {kind} when it is handed on"
        yield (
            f"the model has {kind} weights: tiles hold them {held}, products are summed up in float32, and what "
            f"layers give is {handed} ({', '.join(names[:MOST_NAMED])}{more})"
        )
