"""What MVMs cost depends on their input codes: `row_drive`, `rows_driven`, `set_bits`, `longest_pulse`.

Each takes the codes that `chipsim.crossbar.converters.InputConverter.convert` returned, shape (mvms, rows). They
depend on the inputs alone, so they are computed once for all column blocks of a row block.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

AnyCodes = NDArray[np.floating[Any]] | NDArray[np.integer[Any]]


def row_drive(codes: AnyCodes) -> NDArray[np.float64]:
    """Sum of |code| per row over all MVMs: exact, so that parts may be added in any order.

    Parameters
    ----------
    codes : ndarray, shape (mvms, rows)
        Input codes.

    Returns
    -------
    ndarray of float64, shape (rows,)
        For `chipsim.crossbar.array.Array.integrated_conductance`.

    Examples
    --------
    >>> row_drive(np.array([[1.0, -2.0], [3.0, 0.0]])).tolist()
    [4.0, 2.0]
    """
    return np.asarray(np.abs(codes).sum(axis=0, dtype=np.float64))


def rows_driven(codes: AnyCodes) -> NDArray[np.int64]:
    """Number of rows with a code other than zero, per MVM.

    Examples
    --------
    >>> rows_driven(np.array([[1.0, -2.0], [3.0, 0.0]])).tolist()
    [2, 1]
    """
    return np.asarray(np.count_nonzero(codes, axis=1), dtype=np.int64)


def set_bits(codes: AnyCodes) -> NDArray[np.int64]:
    """Number of ones in the magnitudes of all codes, per MVM: the pulses of a bit-serial input.

    Examples
    --------
    >>> set_bits(np.array([[7.0, -5.0], [0.0, 8.0]])).tolist()
    [5, 1]
    """
    return np.asarray(np.bitwise_count(np.abs(codes).astype(np.int32)).sum(axis=1, dtype=np.int64))


def longest_pulse(codes: AnyCodes) -> NDArray[np.int64]:
    """Largest magnitude of a code, per MVM: how long a pulse-width input lasts, in steps.

    Examples
    --------
    >>> longest_pulse(np.array([[7.0, -9.0], [0.0, 8.0]])).tolist()
    [9, 8]
    """
    return np.asarray(np.abs(codes).max(axis=1, initial=0), dtype=np.int64)
