"""`need` and `oldest`: how far one layer must be ahead of the next, position by position, for one input.

Both walk the consumer's positions in raster order. ``need[p]`` producer positions must have arrived before
position p can start; ``oldest[p]`` is the first producer position that p or anything after it still reads, so a
buffer between the two layers holds at least ``max(need - oldest)`` positions.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chipsim.network.layers import AnyLayer, DigitalLayer, MatrixLayer, Shape, ViewLayer, Window, positions_of
from chipsim.network.walks import one_to_one

Positions = NDArray[np.int64]


def need(producer_shape: Shape, consumer: AnyLayer, axes: int = 2) -> Positions:
    """Producer positions that must have arrived before each consumer position can start.

    Parameters
    ----------
    producer_shape : tuple of int
        Output shape of the layer at the start of the edge.
    consumer : layer
        The layer at its end.
    axes : int
        How many of the shape's last axes are positions.

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
    arrived = positions_of(producer_shape, axes)
    sizes = window_sizes(producer_shape, consumer, axes)
    if sizes is not None:
        return sizes.need()
    if _positionwise(producer_shape, consumer, axes):
        return np.arange(1, arrived + 1, dtype=np.int64)
    return np.full(consumer.positions, arrived, np.int64)


def oldest(producer_shape: Shape, consumer: AnyLayer, axes: int = 2) -> Positions:
    """The first producer position that is still needed at or after each consumer position.

    Parameters
    ----------
    producer_shape : tuple of int
        Output shape of the layer at the start of the edge.
    consumer : layer
        The layer at its end.
    axes : int
        How many of the shape's last axes are positions.

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
    sizes = window_sizes(producer_shape, consumer, axes)
    if sizes is not None:
        return sizes.oldest()
    if _positionwise(producer_shape, consumer, axes):
        return np.arange(consumer.positions, dtype=np.int64)
    return np.zeros(consumer.positions, np.int64)


def _positionwise(producer_shape: Shape, consumer: AnyLayer, axes: int) -> bool:
    """Whether consumer position p reads producer position p alone.

    An operand that is broadcast (one position for all) is not: all of it must be there, and stay.
    """
    if positions_of(producer_shape, axes) != consumer.positions:
        return False
    return isinstance(consumer, ViewLayer) or one_to_one(consumer)


@dataclass(frozen=True, slots=True)
class WindowSizes:
    """A window, and the axes that it slides along.

    Attributes
    ----------
    window : Window
    outputs, inputs : tuple of int
        Sizes per axis of the window.
    """

    window: Window
    outputs: Shape
    inputs: Shape

    def touched(self) -> list[Positions]:
        """Per axis which input each output's taps meet, shape (outputs, kernel); -1 for padding and stuffing."""
        return [self._axis(axis) for axis in range(len(self.inputs))]

    def need(self) -> Positions:
        """See `need`."""
        last = _raster([touched.max(axis=1) for touched in self.touched()], self.inputs)
        return np.maximum.accumulate(last + 1)

    def oldest(self) -> Positions:
        """See `oldest`."""
        first = _raster([_least(touched) for touched in self.touched()], self.inputs)
        first[first < 0] = math.prod(self.inputs)
        return np.minimum.accumulate(first[::-1])[::-1].copy()

    def _axis(self, axis: int) -> Positions:
        window, inputs = self.window, self.inputs[axis]
        starts = np.arange(self.outputs[axis], dtype=np.int64)[:, None] * window.strides[axis] - window.pads[axis]
        index, rest = np.divmod(
            starts + np.arange(window.kernel[axis], dtype=np.int64) * window.dilations[axis], window.stuffing[axis]
        )
        return np.where((index >= 0) & (index < inputs) & (rest == 0), index, -1)


def window_sizes(producer_shape: Shape, consumer: AnyLayer, axes: int = 2) -> WindowSizes | None:
    """The axes that a consumer's window slides along, or None where no window does."""
    if isinstance(consumer, MatrixLayer):
        window, inputs = consumer.window, consumer.input_shape[1:]
    elif isinstance(consumer, DigitalLayer) and consumer.pattern == "window" and consumer.window is not None:
        window, inputs = consumer.window, map_size(producer_shape, axes)
    else:
        return None
    axes_out = len(window.kernel)
    outputs = (1, consumer.positions) if consumer.channels_last else map_size(consumer.output_shape, axes_out)
    if math.prod(inputs) != positions_of(producer_shape, axes) or len(outputs) != len(inputs):
        return None
    return WindowSizes(window, outputs, inputs)


def map_size(shape: Shape, axes: int = 2) -> Shape:
    """Sizes of a shape's positions; a sequence (C, L) is one row, a vector one point."""
    sizes = shape[max(1, len(shape) - axes) :]
    return (1,) * (axes - len(sizes)) + sizes


def _least(touched: Positions) -> Positions:
    """Smallest index that each output meets, -1 where it meets none."""
    far = np.iinfo(np.int64).max
    least = np.where(touched < 0, far, touched).min(axis=1)
    return np.where(least == far, -1, least)


def _raster(indices: Sequence[Positions], sizes: Shape) -> Positions:
    """Raster index of every combination of indices along the axes, -1 where one is missing."""
    found = indices[0]
    for index, width in zip(indices[1:], sizes[1:], strict=True):
        missing = (found < 0)[:, None] | (index < 0)[None, :]
        found = np.where(missing, -1, found[:, None] * width + index[None, :]).reshape(-1)
    return found
