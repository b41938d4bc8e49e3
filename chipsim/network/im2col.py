"""`im2col`: the input vectors that a sliding window hands to a weight matrix."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from chipsim.network.layers import Window


def im2col(
    x: NDArray[np.float32], window: Window, first_channel: int = 0, channels: int | None = None
) -> NDArray[np.float32]:
    """Lay the window's contents out as rows, one per image and position.

    Parameters
    ----------
    x : ndarray of float32, shape (n, C, H, W)
        Feature maps.
    window : Window
    first_channel : int
        Where the channels that the matrix reads begin.
    channels : int, optional
        How many it reads; all from ``first_channel`` on if not given.

    Returns
    -------
    ndarray of float32, shape (n * positions, kernel y * kernel x * channels)
        Images one after another, positions in raster order, columns in the order (kernel y, kernel x, channel):
        that of the rows of `Matrix.weights`.

    Examples
    --------
    >>> x = np.arange(9, dtype=np.float32).reshape(1, 1, 3, 3)
    >>> im2col(x, Window(kernel=(2, 2)))[0].tolist()
    [0.0, 1.0, 3.0, 4.0]
    """
    last = None if channels is None else first_channel + channels
    maps = x[:, first_channel:last].transpose(0, 2, 3, 1)
    top, left, bottom, right = window.pads
    if any(window.pads):
        maps = np.pad(maps, ((0, 0), (top, bottom), (left, right), (0, 0)))
    (ky, kx), (sy, sx), (dy, dx) = window.kernel, window.strides, window.dilations
    reach = ((ky - 1) * dy + 1, (kx - 1) * dx + 1)
    views = np.lib.stride_tricks.sliding_window_view(maps, reach, axis=(1, 2))
    taps = views[:, ::sy, ::sx, :, ::dy, ::dx].transpose(0, 1, 2, 4, 5, 3)
    n, height, width = taps.shape[:3]
    rows = ky * kx * taps.shape[5]
    return np.ascontiguousarray(taps.reshape(n * height * width, rows), dtype=np.float32)
