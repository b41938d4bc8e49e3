"""`need` and `oldest`: how far one layer must be ahead of the next, position by position, for one input.

Both walk the consumer's positions in raster order. ``need[p]`` producer positions must have arrived before
position p can start; ``oldest[p]`` is the first producer position that p or anything after it still reads, so a
buffer between the two layers holds at least ``max(need - oldest)`` positions.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from chipsim.network.layers import AnyLayer, DigitalLayer, MatrixLayer, Shape, ViewLayer, Window, positions_of

Positions = NDArray[np.int64]


def need(producer_shape: Shape, consumer: AnyLayer) -> Positions:
    """Producer positions that must have arrived before each consumer position can start.

    Parameters
    ----------
    producer_shape : tuple of int
        Output shape of the layer at the start of the edge.
    consumer : layer
        The layer at its end.

    Returns
    -------
    ndarray of int64, shape (consumer.positions,)
        A count per consumer position, never falling: positions start in order, so each needs what those before it
        needed. A window that lies wholly in the padding needs nothing of its own (0 if it is the first).

    Examples
    --------
    A 2 x 2 kernel over a 3 x 3 map starts once the map's first row and two pixels of the second are there.

    >>> conv = MatrixLayer("c", ("x",), (4, 2, 2), (1, 3, 3), Window(kernel=(2, 2)), ())
    >>> need((1, 3, 3), conv).tolist()
    [5, 6, 8, 9]
    >>> need((8, 2, 2), DigitalLayer("add", ("x", "y"), (8, 2, 2), "Add", pattern="elementwise")).tolist()
    [1, 2, 3, 4]
    >>> need((8, 2, 2), DigitalLayer("pool", ("x",), (8, 1, 1), "GlobalAveragePool")).tolist()
    [4]
    """
    arrived = positions_of(producer_shape)
    grid = _window_grid(producer_shape, consumer)
    if grid is not None:
        last = _outer(_last_tap(*grid[0]), _last_tap(*grid[1]), width=grid[1][1])
        return np.maximum.accumulate(last + 1)
    if _positionwise(producer_shape, consumer):
        return np.arange(1, arrived + 1, dtype=np.int64)
    return np.full(consumer.positions, arrived, np.int64)


def oldest(producer_shape: Shape, consumer: AnyLayer) -> Positions:
    """The first producer position that is still needed at or after each consumer position.

    Parameters
    ----------
    producer_shape : tuple of int
        Output shape of the layer at the start of the edge.
    consumer : layer
        The layer at its end.

    Returns
    -------
    ndarray of int64, shape (consumer.positions,)
        Raster index per consumer position, never falling; the producer's number of positions where neither p nor
        anything after it reads a value.

    Examples
    --------
    >>> conv = MatrixLayer("c", ("x",), (4, 2, 2), (1, 3, 3), Window(kernel=(2, 2)), ())
    >>> oldest((1, 3, 3), conv).tolist()
    [0, 1, 3, 4]
    >>> oldest((8, 2, 2), DigitalLayer("add", ("x", "y"), (8, 2, 2), "Add", pattern="elementwise")).tolist()
    [0, 1, 2, 3]
    >>> oldest((8, 2, 2), DigitalLayer("pool", ("x",), (8, 1, 1), "GlobalAveragePool")).tolist()
    [0]
    """
    grid = _window_grid(producer_shape, consumer)
    if grid is not None:
        first = _outer(_first_tap(*grid[0]), _first_tap(*grid[1]), width=grid[1][1])
        first[first < 0] = positions_of(producer_shape)
        return np.minimum.accumulate(first[::-1])[::-1].copy()
    if _positionwise(producer_shape, consumer):
        return np.arange(consumer.positions, dtype=np.int64)
    return np.zeros(consumer.positions, np.int64)


def _positionwise(producer_shape: Shape, consumer: AnyLayer) -> bool:
    """Whether consumer position p reads producer position p alone.

    An operand that is broadcast (one position for all) is not: all of it must be there, and stay.
    """
    if positions_of(producer_shape) != consumer.positions:
        return False
    return isinstance(consumer, ViewLayer) or (isinstance(consumer, DigitalLayer) and consumer.pattern == "elementwise")


Axis = tuple[int, int, int, int, int, int]  # outputs, inputs, kernel, stride, padding before, dilation


def _window_grid(producer_shape: Shape, consumer: AnyLayer) -> tuple[Axis, Axis] | None:
    """The two axes that a window slides along, or None where no window does."""
    if isinstance(consumer, MatrixLayer):
        window, size = consumer.window, consumer.input_shape[1:]
    elif isinstance(consumer, DigitalLayer) and consumer.pattern == "window" and consumer.window is not None:
        window, size = consumer.window, map_size(producer_shape)
    else:
        return None
    if size[0] * size[1] != positions_of(producer_shape):
        return None
    outputs = map_size(consumer.output_shape)
    return _axis(window, outputs, size, 0), _axis(window, outputs, size, 1)


def _axis(window: Window, outputs: tuple[int, int], inputs: tuple[int, int], axis: int) -> Axis:
    before = window.pads[axis]
    return outputs[axis], inputs[axis], window.kernel[axis], window.strides[axis], before, window.dilations[axis]


def map_size(shape: Shape) -> tuple[int, int]:
    """Height and width of a shape; a sequence (C, L) is one row, a vector one point."""
    if len(shape) >= 3:
        return shape[-2], shape[-1]
    return 1, shape[1] if len(shape) == 2 else 1


def _last_tap(outputs: int, inputs: int, kernel: int, stride: int, before: int, dilation: int) -> Positions:
    """Largest input index that each output's kernel touches along one axis, -1 where it touches none."""
    start = np.arange(outputs, dtype=np.int64) * stride - before
    tap = np.minimum(kernel - 1, (inputs - 1 - start) // dilation)
    last = start + tap * dilation
    return np.where((tap >= 0) & (last >= 0), last, -1)


def _first_tap(outputs: int, inputs: int, kernel: int, stride: int, before: int, dilation: int) -> Positions:
    """Smallest input index that each output's kernel touches along one axis, -1 where it touches none."""
    start = np.arange(outputs, dtype=np.int64) * stride - before
    tap = np.maximum(0, -(start // dilation))
    first = start + tap * dilation
    return np.where((tap < kernel) & (first < inputs), first, -1)


def _outer(rows: Positions, columns: Positions, width: int) -> Positions:
    """Raster index of every (row, column) pair, -1 where either is missing."""
    index = rows[:, None] * width + columns[None, :]
    index[(rows < 0)[:, None] | (columns < 0)[None, :]] = -1
    return index.reshape(-1)
