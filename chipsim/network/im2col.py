"""`im2col`: the input vectors that a sliding window hands to a weight matrix."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from chipsim.network.layers import Window


def im2col(
    x: NDArray[np.float32], window: Window, first_channel: int = 0, channels: int | None = None
) -> NDArray[np.float32]:
    """Lay the window's contents out as rows, one per image and position.

    Parameters
    ----------
    x : ndarray of float32, shape (n, C, H, W) or (n, C, D, H, W)
        Feature maps, or volumes.
    window : Window
    first_channel : int
        Where the channels that the matrix reads begin.
    channels : int, optional
        How many it reads; all from ``first_channel`` on if not given.

    Returns
    -------
    ndarray of float32, shape (n * positions, kernel y * kernel x * channels)
        Images one after another, positions in raster order, columns in the order (kernel z, kernel y, kernel x,
        channel): that of the rows of `Matrix.weights`.

    Examples
    --------
    >>> x = np.arange(9, dtype=np.float32).reshape(1, 1, 3, 3)
    >>> im2col(x, Window(kernel=(2, 2)))[0].tolist()
    [0.0, 1.0, 3.0, 4.0]
    """
    last = None if channels is None else first_channel + channels
    maps = _padded(_stuffed(np.moveaxis(x[:, first_channel:last], 1, -1), window), window)
    axes = range(1, maps.ndim - 1)
    reach = tuple((k - 1) * d + 1 for k, d in zip(window.kernel, window.dilations, strict=True))
    views = np.lib.stride_tricks.sliding_window_view(maps, reach, axis=tuple(axes))
    steps = [slice(None, None, step) for step in window.strides]
    inside = [slice(None, None, step) for step in window.dilations]
    taps = np.moveaxis(views[(slice(None), *steps, slice(None), *inside)], len(axes) + 1, -1)
    n, rows = len(taps), window.taps * taps.shape[-1]
    return np.ascontiguousarray(taps.reshape(math.prod(taps.shape[: len(axes) + 1]) if n else 0, rows), np.float32)


def _stuffed(maps: NDArray[np.float32], window: Window) -> NDArray[np.float32]:
    """Maps (channels last) with zeros between neighbours."""
    if all(step == 1 for step in window.stuffing):
        return maps
    sizes = [(size - 1) * step + 1 for size, step in zip(maps.shape[1:-1], window.stuffing, strict=True)]
    wide = np.zeros((len(maps), *sizes, maps.shape[-1]), maps.dtype)
    wide[(slice(None), *(slice(None, None, step) for step in window.stuffing))] = maps
    return wide


def _padded(maps: NDArray[np.float32], window: Window) -> NDArray[np.float32]:
    """Maps (channels last) with zeros around them, or cut where the padding is negative."""
    if not any(window.pads):
        return maps
    axes = len(window.kernel)
    before, after = window.pads[:axes], window.pads[axes:]
    borders = [(max(b, 0), max(a, 0)) for b, a in zip(before, after, strict=True)]
    cut = [slice(max(-b, 0), size - max(-a, 0)) for b, a, size in zip(before, after, maps.shape[1:-1], strict=True)]
    return np.pad(maps[(slice(None), *cut)], ((0, 0), *borders, (0, 0)))
