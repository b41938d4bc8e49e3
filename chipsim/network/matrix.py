"""`Matrix`: weights as a layer's rows and columns of cells would hold them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


def packed(weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """Weights as matrices hold them: contiguous, but for one value throughout, which takes no memory of its own.

    Examples
    --------
    >>> packed(np.broadcast_to(np.float32(1), (2, 3)).T).strides
    (0, 0)
    """
    return weights if not any(weights.strides) else np.ascontiguousarray(weights)


@dataclass(frozen=True, slots=True)
class Matrix:
    """One weight matrix of a layer; a grouped convolution has one per group.

    Attributes
    ----------
    name : str
        Unique in the network.
    weights : ndarray of float32, shape (rows, columns)
        Rows in the order (kernel y, kernel x, channel), columns are output channels.
    bias : ndarray of float32, shape (columns,)
    first_input_channel, first_output_channel : int
        Where the matrix's channels begin in the layer's input and output.
    """

    name: str
    weights: NDArray[np.float32]
    bias: NDArray[np.float32]
    first_input_channel: int = 0
    first_output_channel: int = 0

    @property
    def rows(self) -> int:
        """Word lines that the matrix needs."""
        return int(self.weights.shape[0])

    @property
    def columns(self) -> int:
        """Bit lines (pairs of them) that the matrix needs."""
        return int(self.weights.shape[1])
