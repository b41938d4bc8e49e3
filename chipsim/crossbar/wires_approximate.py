"""`approximate_products`: the drop along bit lines as one polynomial per output, without solving the network.

It costs two more products per MVM, where the effective matrix of `chipsim.crossbar.wires` costs none. It is here to
compare with simulators that use it; its error is in ``docs/wires.md``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
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
    drop = BitLineDrop.of(matrix, matrix, ratio, largest_input=1.0)
    return np.asarray(inputs @ matrix - drop.of_inputs(inputs))


@dataclass(frozen=True, slots=True)
class BitLineDrop:
    """What the drop along bit lines takes from the outputs of one array; the equations are in `approximate_products`.

    Attributes
    ----------
    loads : ndarray of float, shape (rows, columns)
        |x| @ loads is a.
    profiled : ndarray of float, shape (rows, columns)
        The matrix of the products, weighted with the place along the bit line.
    """

    loads: NDArray[np.floating[Any]]
    profiled: NDArray[np.floating[Any]]

    @classmethod
    def of(
        cls, relative: NDArray[np.floating[Any]], matrix: NDArray[np.floating[Any]], ratio: float, largest_input: float
    ) -> BitLineDrop:
        """Prepare the drop of one array.

        Parameters
        ----------
        relative : ndarray of float, shape (rows, columns)
            Conductances, or differences of a pair, relative to the conductance that ``ratio`` refers to.
        matrix : ndarray of float, shape (rows, columns)
            What the products multiply with.
        ratio : float
            Conductance of one segment of a bit line over that of a cell.
        largest_input : float
            In units of the products' inputs.
        """
        rows = len(matrix)
        place = np.arange(rows, 0, -1) / max(rows, 1)
        profile = 1 - (1 - place) ** 2
        loads = np.abs(relative) * (rows / ratio / largest_input)
        return cls(loads.astype(matrix.dtype), (matrix * profile[:, None]).astype(matrix.dtype))

    def of_inputs(self, inputs: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
        """What is missing from the outputs for some inputs, shape (mvms, columns)."""
        a = np.abs(inputs) @ self.loads
        half, fifth, twentieth = (a.dtype.type(number) for number in (0.5, 0.2, 0.05))
        c = a * (a * (twentieth * a - fifth) + half)
        return np.asarray(c * (inputs @ self.profiled))


def bit_line_drop(
    relative: NDArray[np.floating[Any]], matrix: NDArray[np.floating[Any]], ratio: float | None, largest_input: float
) -> BitLineDrop | None:
    """The drop of an array as `BitLineDrop.of` prepares it, None without a ratio."""
    return None if ratio is None else BitLineDrop.of(relative, matrix, ratio, largest_input)
