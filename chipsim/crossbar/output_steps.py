"""`in_output_steps`: an array's conductances, noise and drop in the steps of the converters behind it."""

from __future__ import annotations

from typing import Any, TypedDict

import numpy as np
from numpy.typing import NDArray

from chipsim.crossbar.array import Array
from chipsim.crossbar.converter_errors import ConverterErrors
from chipsim.crossbar.precision import exact_grid
from chipsim.crossbar.wires_approximate import BitLineDrop, bit_line_drop

Floats = NDArray[np.floating[Any]]


class InOutputSteps(TypedDict):
    """What inputs are multiplied with, and what is added; the attributes of the same names say more in their places.

    Attributes
    ----------
    matrix : ndarray of float32 or float64, shape (rows, columns)
    variance : ndarray of the same type, shape (rows, columns), or None
    offset, gain : ndarray, shape (columns,), or None
    noise : float
    drop : BitLineDrop or None
    """

    matrix: Floats
    variance: Floats | None
    offset: Floats | None
    gain: Floats | None
    noise: float
    drop: BitLineDrop | None


def in_output_steps(
    array: Array, steps: float, errors: ConverterErrors | None, full_drive: float, exact_up_to: int | None
) -> InOutputSteps:
    """Scale an array to the converters behind it.

    Parameters
    ----------
    array : Array
        Cells at one age.
    steps : float
        Output steps of a full cell per input step.
    errors : ConverterErrors or None
        Of the output converters; without, they are ideal.
    full_drive : float
        Input code at which a word line is driven fully.
    exact_up_to : int or None
        Largest input code, where products are exact in any order; the gain then stays behind them.

    Returns
    -------
    InOutputSteps
    """
    type_ = array.difference.dtype.type
    gain: Any = type_(steps)
    if errors is not None:
        gain = gain * errors.gain.astype(type_)
    matrix, variance = array.difference, array.fast_variance
    if exact_up_to is not None:
        matrix = exact_grid(matrix, exact_up_to)
        variance = None if variance is None else exact_grid(variance, exact_up_to**2)
    else:
        matrix = matrix * gain
        variance = None if variance is None else variance * gain**2
    return InOutputSteps(
        matrix=matrix,
        variance=variance,
        offset=errors.offset.astype(type_) if errors is not None and errors.offset.any() else None,
        gain=None if exact_up_to is None else np.broadcast_to(gain, matrix.shape[1:]),
        noise=0.0 if errors is None else errors.noise,
        drop=bit_line_drop(array.difference, matrix, array.segment_ratio, full_drive),
    )
