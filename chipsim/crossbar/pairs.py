"""From weights to conductances: `column_scale` or `tensor_scale`, and `conductance_pair`."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from chipsim.crossbar.converters import check_finite
from chipsim.errors import InputError, SpecError

Weights = NDArray[np.floating[Any]]


def check_weights(weights: Weights) -> NDArray[np.float32]:
    """Return weights as a float32 matrix, refusing NaN, infinity and other dimensions.

    Raises
    ------
    InputError
        If the weights are not a finite matrix.
    """
    matrix = np.asarray(weights, dtype=np.float32)
    if matrix.ndim != 2:
        raise InputError(f"crossbar weights must be a matrix (rows, columns), got shape {matrix.shape}")
    check_finite(matrix, "crossbar weights")
    return matrix


def column_scale(weights: Weights, g_min_siemens: float, g_max_siemens: float) -> NDArray[np.float64]:
    """Weight per siemens of each column, so that its largest weight takes the whole conductance range.

    Parameters
    ----------
    weights : ndarray of float, shape (rows, columns)
        All rows of the columns, over every row block whose partial sums are added.
    g_min_siemens, g_max_siemens : float
        The cells' range.

    Returns
    -------
    ndarray of float64, shape (columns,)
        max|W_j| / (g_max - g_min) in weight units per siemens; 1 for a column of zeros.

    Raises
    ------
    SpecError
        If the range of conductances is empty.

    Examples
    --------
    >>> column_scale(np.array([[1.0, 0.0], [-4.0, 0.0]]), 0.0, 2.0).tolist()
    [2.0, 1.0]
    """
    if not g_min_siemens < g_max_siemens:
        raise SpecError(f"g_min ({g_min_siemens!r} S) must be below g_max ({g_max_siemens!r} S)")
    largest = np.abs(check_weights(weights)).max(axis=0, initial=0.0).astype(np.float64)
    return np.where(largest > 0, largest / (g_max_siemens - g_min_siemens), 1.0)


def tensor_scale(weights: Weights, g_min_siemens: float, g_max_siemens: float) -> NDArray[np.float64]:
    """Weight per siemens, one for all columns, so that the largest weight of all takes the whole conductance range.

    Parameters and what is raised are those of `column_scale`, over the whole matrix.

    Returns
    -------
    ndarray of float64, shape (columns,)
        The same number for every column.

    Examples
    --------
    >>> tensor_scale(np.array([[1.0, 0.0], [-4.0, 0.0]]), 0.0, 2.0).tolist()
    [2.0, 2.0]
    """
    matrix = check_weights(weights)
    largest = np.abs(matrix).max(initial=0.0, keepdims=True).reshape(1, 1)
    return np.repeat(column_scale(largest, g_min_siemens, g_max_siemens), matrix.shape[1])


def conductance_pair(
    weights: Weights, scale: NDArray[np.floating[Any]], g_min_siemens: float, g_max_siemens: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Target conductances of the pair of cells (G+, G-) of each weight.

    Parameters
    ----------
    weights : ndarray of float, shape (rows, columns)
        The block's weights.
    scale : ndarray of float, shape (columns,)
        Weight per siemens of each column, see `column_scale`.
    g_min_siemens, g_max_siemens : float
        The cells' range.

    Returns
    -------
    plus, minus : ndarray of float64, shape (rows, columns)
        In siemens. The positive part of W/s stands in G+, the negative part in G-; the other cell is
        at g_min.

    Raises
    ------
    InputError
        If scales are missing, not positive, or too small for the weights.

    Examples
    --------
    >>> plus, minus = conductance_pair(np.array([[2.0, -1.0]]), np.array([2.0, 2.0]), 0.5, 1.5)
    >>> plus.tolist(), minus.tolist()
    ([[1.5, 0.5]], [[0.5, 1.0]])
    """
    matrix = check_weights(weights).astype(np.float64)
    if np.shape(scale) != matrix.shape[1:]:
        raise InputError(f"{matrix.shape[1]} columns need as many scales, got shape {np.shape(scale)}")
    if not (np.isfinite(scale) & (scale > 0)).all():
        raise InputError("column scales must be finite and above zero")
    span = g_max_siemens - g_min_siemens
    conductance = matrix / scale
    if (np.abs(conductance) > span * (1 + 1e-6)).any():
        column = int(np.argwhere(np.abs(conductance) > span * (1 + 1e-6))[0][1])
        raise InputError(f"the scale of column {column} is too small for its weights; it must cover all row blocks")
    plus = g_min_siemens + np.clip(conductance, 0.0, span)
    return plus, g_min_siemens + np.clip(-conductance, 0.0, span)
