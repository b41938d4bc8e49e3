"""`Precision`: the arithmetic of products, and `exact_grid`, on which sums of products are exact in any order."""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from chipsim.errors import SpecError

Precision = Literal["float32", "float64", "exact"]
Floats = NDArray[np.floating[Any]]

SIGNIFICANT_BITS = 53  # of float64
LEAST_BITS = 12  # assumption: what a grid must leave of the largest conductance to be fine enough for physics


def data_type(precision: Precision) -> np.dtype[np.floating[Any]]:
    """The data type in which products are computed.

    Examples
    --------
    >>> data_type("exact")
    dtype('float64')
    """
    return np.dtype(np.float32 if precision == "float32" else np.float64)


def exact_grid(matrix: Floats, largest_input: int) -> NDArray[np.float64]:
    """Round a matrix so finely that its products with whole numbers are exact, whatever order they are summed in.

    Parameters
    ----------
    matrix : ndarray of float, shape (rows, columns)
    largest_input : int
        Largest magnitude of the whole numbers that it is multiplied with.

    Returns
    -------
    ndarray of float64, shape (rows, columns)

    Raises
    ------
    SpecError
        If fewer than 12 bits would be left.

    Notes
    -----
    A step is the power of two at which ``rows * largest_input * max|matrix|`` is 2^53 steps: every partial sum is a
    whole number of steps that float64 holds. With 256 rows and 8-bit inputs a conductance keeps 38 bits.

    Examples
    --------
    >>> float(exact_grid(np.array([[1 / 3]]), largest_input=2**40)[0, 0]) * 2**14
    5461.0
    """
    bits = SIGNIFICANT_BITS - math.ceil(math.log2(max(len(matrix) * largest_input, 1)))
    if bits < LEAST_BITS:
        raise SpecError(
            f"exact sums over {len(matrix)} rows of inputs up to {largest_input} leave {bits} bits for a cell; "
            f"use fewer input bits, or --precision float64"
        )
    values = np.asarray(matrix, dtype=np.float64)
    top = float(np.abs(values).max(initial=0.0))
    exponent = math.frexp(top)[1]  # top <= 2^exponent
    return np.ldexp(np.rint(np.ldexp(values, bits - exponent)), exponent - bits)


def exact_limit(inputs: int | None, type_: np.dtype[np.floating[Any]]) -> int:
    """The largest input of products that are to be exact, checked.

    Raises
    ------
    SpecError
        If inputs are not whole numbers, or the type has too few digits.
    """
    if inputs is None:
        raise SpecError("products are exact only between converters: give the input converter bits")
    if type_ != np.float64:
        raise SpecError(f"products are exact only in float64, not in {type_}")
    return inputs
