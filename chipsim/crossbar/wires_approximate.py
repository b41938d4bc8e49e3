"""`approximate_products`: the drop along bit lines as one polynomial per output, without solving the network.

It costs two more products per MVM, where the effective matrix of `chipsim.crossbar.wires` costs none. It is here to
compare with simulators that use it; its error is in ``docs/wires.md``.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chipsim.errors import InputError, SpecError

Floats = NDArray[np.float64]


def approximate_products(
    vectors: NDArray[np.floating[Any]], weights: NDArray[np.floating[Any]], ratio: float
) -> Floats:
    """Products with bit lines that resist, approximately.

    Parameters
    ----------
    vectors : ndarray of float, shape (mvms, rows)
        Inputs relative to the largest, so within [-1, 1].
    weights : ndarray of float, shape (rows, columns)
        Conductances, or differences of a pair, relative to the largest conductance.
    ratio : float
        Conductance of one segment of a bit line over the largest conductance of a cell.

    Returns
    -------
    ndarray of float64, shape (mvms, columns)

    Raises
    ------
    SpecError
        If the ratio is not above zero.
    InputError
        If the shapes do not fit.

    Notes
    -----
    With n rows and j = 1 ... n counted from the sense end, behind the last row, per MVM and column:

        a = (n / ratio) Σ |w_j| |x_j|
        c = a (a (0.05 a - 0.2) + 0.5)
        y = Σ w_j x_j - c Σ w_j x_j (1 - (1 - j/n)²)

    It knows neither word lines nor drivers nor the ends of bit lines, and takes the current as spread evenly over
    the rows. For small a and equal cells it is the drop to first order.

    References
    ----------
    Rasch et al., "A flexible and fast PyTorch toolkit for simulating training and inference on analog crossbar
    arrays", AICAS 2021: the simulator that uses this polynomial.

    Examples
    --------
    >>> approximate_products(np.ones((1, 4)), np.full((4, 1), 0.5), ratio=1000.0).round(5).tolist()
    [[1.99377]]
    """
    if not (math.isfinite(ratio) and ratio > 0):
        raise SpecError(f"ratio ({ratio!r}) must be above zero: conductance of a segment over that of a cell")
    inputs, matrix = np.asarray(vectors, dtype=np.float64), np.asarray(weights, dtype=np.float64)
    if inputs.ndim != 2 or matrix.ndim != 2 or inputs.shape[1] != len(matrix):
        raise InputError(f"vectors of shape {inputs.shape} do not fit weights of shape {matrix.shape}")
    rows = len(matrix)
    place = np.arange(rows, 0, -1) / max(rows, 1)
    profile = 1 - (1 - place) ** 2
    a = rows / ratio * (np.abs(inputs) @ np.abs(matrix))
    c = a * (a * (0.05 * a - 0.2) + 0.5)
    return np.asarray(inputs @ matrix - c * (inputs @ (matrix * profile[:, None])))
