"""`split_data`: which inputs calibrate the converters and which are scored."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chipsim.execution.forward import Values
from chipsim.network.dataset import Dataset

MOST_CALIBRATION = 128


@dataclass(frozen=True, slots=True)
class Split:
    """Which inputs calibrate and which are scored.

    Attributes
    ----------
    x : ndarray of float32, shape (n, ...)
        Scored.
    y : ndarray of int64, shape (n,), or None
    calibration : ndarray of float32, shape (m, ...)
    rule : str
        In words, for the result.
    """

    x: Values
    y: NDArray[np.int64] | None
    calibration: Values
    rule: str


def split_data(dataset: Dataset) -> Split:
    """Set calibration inputs apart: the archive's own, else the first quarter (at most 128), else all."""
    x, y = dataset.x, dataset.y
    if dataset.x_calibration is not None:
        return Split(x, y, dataset.x_calibration, f"{len(dataset.x_calibration)} inputs of x_calibration, not scored")
    count = min(MOST_CALIBRATION, len(x) // 4)
    if count == 0:
        return Split(x, y, x, f"all {len(x)} inputs, which are scored too (fewer than 4 given)")
    plural = "s" if count > 1 else ""
    return Split(x[count:], None if y is None else y[count:], x[:count], f"the first {count} input{plural}, not scored")
