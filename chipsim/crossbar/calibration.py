"""Static ranges of the converters from calibration data: `input_range` and `output_range`.

Both are percentiles of magnitudes, over data that is not scored, with ideal cells at age zero.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from chipsim.crossbar.converters import check_finite
from chipsim.crossbar.pairs import Weights, check_weights
from chipsim.device.model import DeviceModel
from chipsim.errors import InputError

PERCENTILE = 99.99  # assumption: clips one value in ten thousand


def input_range(values: NDArray[np.floating[Any]], percentile: float = PERCENTILE) -> float:
    """Range of the input converters of a layer.

    Parameters
    ----------
    values : ndarray of float, any shape
        The layer's inputs for the calibration data.
    percentile : float
        Of the magnitudes.

    Returns
    -------
    float
        In input units; 1 where it would be zero.

    Raises
    ------
    InputError
        If there is no value, or one is NaN or infinite.

    Examples
    --------
    >>> input_range(np.array([-4.0, 2.0]), percentile=100)
    4.0
    """
    if np.size(values) == 0:
        raise InputError("a converter's range needs at least one calibration value")
    check_finite(np.asarray(values), "calibration values")
    found = float(np.percentile(np.abs(values), percentile))
    return found if found > 0 else 1.0


def output_range(
    vectors: NDArray[np.floating[Any]],
    weights: Weights,
    scale: NDArray[np.floating[Any]],
    device: DeviceModel,
    percentile: float = PERCENTILE,
) -> float:
    """Range of the output converters of one block.

    Parameters
    ----------
    vectors : ndarray of float, shape (mvms, rows)
        The block's inputs for the calibration data, in input units.
    weights : ndarray of float, shape (rows, columns)
        The block's weights.
    scale : ndarray of float, shape (columns,)
        Weight per siemens of each column.
    device : DeviceModel
        Gives the span g_max - g_min.
    percentile : float
        Of the magnitudes.

    Returns
    -------
    float
        Percentile of abs(x (G+ - G-)) / (g_max - g_min) with target conductances, in input units; 1 where
        it would be zero.

    Raises
    ------
    InputError
        If vectors or weights are not finite, or do not fit together.

    Examples
    --------
    >>> from chipsim.device import get_device
    >>> from chipsim.crossbar.pairs import column_scale
    >>> weights, device = np.array([[1.0], [-0.5]]), get_device("ideal")
    >>> scale = column_scale(weights, device.g_min_siemens, device.g_max_siemens)
    >>> output_range(np.array([[0.5, 4.0], [0.5, 0.0]]), weights, scale, device, percentile=100)
    1.5
    """
    span = device.g_max_siemens - device.g_min_siemens
    relative = (check_weights(weights) / (scale * span)).astype(np.float32)
    inputs = np.asarray(vectors, dtype=np.float32)
    if inputs.ndim != 2 or inputs.shape[1] != len(relative):
        raise InputError(f"{len(relative)} rows of weights cannot be calibrated with vectors of shape {inputs.shape}")
    check_finite(inputs, "calibration vectors")
    return input_range(inputs @ relative, percentile)
