"""`numbers_of`: stored weights of any floating-point type as the float32 numbers that tiles hold."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from chipsim.network.operators.node import Node


def type_of(values: NDArray[Any]) -> str:
    """The type of what a product with these weights gives, as ``Layer.number_type`` has it: empty for float32."""
    return "" if values.dtype == np.float32 else str(values.dtype)


def numbers_of(node: Node, values: NDArray[Any], what: str = "weights") -> NDArray[np.float32]:
    """Weights or biases as float32: exactly those of float16, rounded those of float64.

    Raises
    ------
    UnsupportedOperatorError
        If they are no floating-point numbers.
    ModelError
        If one is too large for float32.
    """
    if values.dtype == np.float32:
        return values
    if values.dtype.kind != "f":
        node.unsupported(f"whose {what} are {values.dtype}; convert the model to float32")
    with np.errstate(over="ignore"):
        found = values.astype(np.float32)
    if np.isinf(found).any() and np.isfinite(values).all():
        node.wrong(f"its {what} hold {np.abs(values).max():g}, which float32 cannot; scale the model down")
    return found
