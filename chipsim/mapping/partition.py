"""Cutting a layer's weight matrices into blocks that fit on one tile each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chipsim.network.layers import MatrixLayer
from chipsim.network.matrix import Matrix

Ranges = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class PackedMatrix:
    """What is cut into blocks: one matrix, or several small ones of a grouped convolution on a diagonal.

    Attributes
    ----------
    name : str
    matrices : tuple of Matrix
        Along the diagonal; all of one shape.
    """

    name: str
    matrices: tuple[Matrix, ...]

    @property
    def rows(self) -> int:
        """Word lines in total."""
        return sum(matrix.rows for matrix in self.matrices)

    @property
    def columns(self) -> int:
        """Bit line pairs in total."""
        return sum(matrix.columns for matrix in self.matrices)

    @property
    def first_output_channel(self) -> int:
        """Where the columns begin in the layer's output."""
        return self.matrices[0].first_output_channel

    @property
    def weights(self) -> NDArray[np.float32]:
        """Dense weights, float32, shape (rows, columns); zero off the diagonal."""
        if len(self.matrices) == 1:
            return self.matrices[0].weights
        dense = np.zeros((self.rows, self.columns), np.float32)
        row = column = 0
        for matrix in self.matrices:
            dense[row : row + matrix.rows, column : column + matrix.columns] = matrix.weights
            row, column = row + matrix.rows, column + matrix.columns
        return dense

    @property
    def bias(self) -> NDArray[np.float32]:
        """Bias, float32, shape (columns,)."""
        return np.concatenate([matrix.bias for matrix in self.matrices])

    def cells_used(self, block: Block) -> int:
        """Cells of a block that hold a weight rather than padding between groups."""
        total = row = column = 0
        for matrix in self.matrices:
            rows = _overlap(block.first_row, block.rows, row, matrix.rows)
            columns = _overlap(block.first_column, block.columns, column, matrix.columns)
            total += rows * columns
            row, column = row + matrix.rows, column + matrix.columns
        return total

    def channels_read(self, block: Block, kernel: tuple[int, int], taps: tuple[tuple[int, ...], ...] | None) -> Ranges:
        """Input channels of one producer position that a block's rows read.

        Parameters
        ----------
        block : Block
        kernel : tuple of int
            (rows, columns) of the layer's window.
        taps : tuple or None
            Kernel rows and kernel columns that the position meets; None for all.

        Returns
        -------
        tuple of (start, stop)
            Half-open, sorted, joined where they touch.
        """
        steps_y, steps_x = taps if taps is not None else (range(kernel[0]), range(kernel[1]))
        offsets = [y * kernel[1] + x for y in steps_y for x in steps_x]
        found: list[tuple[int, int]] = []
        row, top, bottom = 0, block.first_row, block.first_row + block.rows
        for matrix in self.matrices:
            channels = matrix.rows // (kernel[0] * kernel[1])
            for offset in offsets:
                start = row + offset * channels
                if start < bottom and start + channels > top:
                    first = matrix.first_input_channel - start
                    found.append((max(start, top) + first, min(start + channels, bottom) + first))
            row += matrix.rows
        return _joined(found)


@dataclass(frozen=True, slots=True)
class Block:
    """The part of a packed matrix that sits on one tile.

    ``row`` and ``column`` count blocks; ``first_row``, ``rows``, ``first_column`` and ``columns`` are in cells of the
    packed matrix.
    """

    row: int
    column: int
    first_row: int
    rows: int
    first_column: int
    columns: int


def pack(layer: MatrixLayer, rows: int, columns: int) -> tuple[PackedMatrix, ...]:
    """Put as many groups of a grouped convolution on one tile's diagonal as fit.

    Parameters
    ----------
    layer : MatrixLayer
    rows, columns : int
        Cells of a tile.
    """
    first = layer.matrices[0]
    together = max(1, min(rows // first.rows, columns // first.columns))
    groups = [layer.matrices[i : i + together] for i in range(0, len(layer.matrices), together)]
    return tuple(PackedMatrix(members[0].name, tuple(members)) for members in groups)


def partition(matrix: PackedMatrix, rows: int, columns: int) -> tuple[Block, ...]:
    """Cut a matrix into blocks of at most rows x columns cells, by column blocks, then row blocks.

    Examples
    --------
    >>> import numpy as np
    >>> from chipsim.network.matrix import Matrix
    >>> whole = PackedMatrix("w", (Matrix("w", np.zeros((300, 10), np.float32), np.zeros(10, np.float32)),))
    >>> [(block.first_row, block.rows) for block in partition(whole, 256, 256)]
    [(0, 256), (256, 44)]
    """
    return tuple(
        Block(
            row=r // rows,
            column=c // columns,
            first_row=r,
            rows=min(rows, matrix.rows - r),
            first_column=c,
            columns=min(columns, matrix.columns - c),
        )
        for c in range(0, matrix.columns, columns)
        for r in range(0, matrix.rows, rows)
    )


def _overlap(first_a: int, length_a: int, first_b: int, length_b: int) -> int:
    return max(0, min(first_a + length_a, first_b + length_b) - max(first_a, first_b))


def _joined(ranges: list[tuple[int, int]]) -> Ranges:
    joined: list[tuple[int, int]] = []
    for low, high in sorted(ranges):
        if joined and low <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(high, joined[-1][1]))
        else:
            joined.append((low, high))
    return tuple(joined)
