"""`shared_noise`: fast noise that stays the same while the planes of one MVM are read."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
_SINGULAR = 1e-6  # shares of a plane's variance below this are rounding errors of float32 products


def shared_noise(digits: Floats, variance: Floats, place: slice, normals: Floats) -> Floats:
    """Draw what the cells' noise adds to the outputs of all planes.

    Parameters
    ----------
    digits : ndarray of float, shape (planes, slots, rows)
        Inputs of each plane.
    variance : ndarray of float, shape (rows, columns)
        Of the cells, in squared output steps per squared digit.
    place : slice
        The slots that hold an MVM.
    normals : ndarray of float, shape (mvms, planes x columns)
        Standard normal.

    Returns
    -------
    ndarray of float, shape (planes, mvms, columns)
        In output steps.

    Notes
    -----
    With one draw e_i per cell and MVM, plane p has the noise Σ_i d_pi e_i. Over the planes of one MVM and column that
    is Gaussian with the covariance C_pq = Σ_i d_pi d_qi V_i, so it is drawn as L N with C = L Lᵀ: exactly the
    distribution, without a draw per cell. Planes that others determine have no normals of their own.
    """
    planes, columns = len(digits), variance.shape[1]
    factors: list[list[NDArray[np.float64]]] = []
    noise = np.empty((planes, place.stop - place.start, columns), variance.dtype)
    for p in range(planes):
        row: list[NDArray[np.float64]] = []
        for q in range(p + 1):
            rest = ((digits[p] * digits[q]) @ variance)[place].astype(np.float64)
            own = rest.copy() if p == q else rest
            for k in range(q):
                own -= row[k] * factors[q][k] if p != q else np.square(row[k])
            row.append(_root(own, rest) if p == q else _divided(own, factors[q][q]))
        factors.append(row)
        drawn = (row[k] * normals[:, k * columns : (k + 1) * columns] for k in range(p + 1))
        noise[p] = sum(drawn)
    return noise


def _root(own: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.sqrt(np.where(own > _SINGULAR * whole, own, 0.0))


def _divided(values: NDArray[np.float64], by: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.divide(values, by, out=np.zeros_like(values), where=by > 0)
