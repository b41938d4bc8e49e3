"""`sense_currents`: from the far row to the sense ends, row after row, with one dense block per row.

The state of the sweep is what the next bit-line nodes see of all rows so far: an admittance matrix (columns x
columns) and, for every row, the currents that reach those nodes when they are held at zero volt.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from chipsim.crossbar.wires_ladder import Line, word_line_ports

Floats = NDArray[np.float64]
_LINES_AT_ONCE = 16  # word lines reduced in one go (measured)
_LEAF = 32  # up to this size LAPACK inverts, above it matrix products do (measured)
_LARGE_END = 1e3  # ends up to so many segments leave 1e-13 x this of rounding, see Notes of `sense_currents`


def sweep_cost(shape: tuple[int, ...], segment_ohm: float, sense_ohm: float, both: bool) -> float:
    """Estimate of the multiplications of `sense_currents`, to choose between an array and its transpose."""
    rows, columns = shape
    steps = (rows - 1) * (segment_ohm > 0) + (segment_ohm + sense_ohm > 0)
    return rows * columns**2 + steps * columns**2 * ((1.3 + 1 + 1 * both) * columns + (1 + both) * rows / 2)


def sense_currents(cells: Floats, word_line: Line, bit_line: Line) -> Floats:
    """Currents into the sense ends per volt on each row.

    Parameters
    ----------
    cells : ndarray of float64, shape (rows, columns)
        Conductances in siemens.
    word_line, bit_line : tuple of float, float and bool
        Resistance of a segment, resistance of what stands at an end (driver, sense amplifier), and whether at both
        ends.

    Returns
    -------
    ndarray of float64, shape (rows, columns)
        In siemens.

    Notes
    -----
    With P the admittance and N the currents so far, a row adds its ports and the next segment of resistance r turns
    them into W P and W N, where W = (I + r P)^-1: for r = 0 nothing. Where the first row has sense ends too, the
    currents B that they send to the nodes travel along; by reciprocity Bᵀ u is also what the nodes' voltages
    u = r W N send back.

    W P = (I - W) / r saves a product of matrices. Its error of rounding / r is nothing beside the I of the next
    step, as long as no later resistance is much larger than r.
    """
    segment, sense, both = bit_line
    rows, columns = cells.shape
    end = segment + sense
    both = both and end > 0  # where nothing resists, a second end changes nothing
    first = 2 * columns if both else columns  # state: admittance, currents of the first row's sense ends, of rows
    subtract = end <= _LARGE_END * segment
    state, spare = np.zeros((2, columns, first + rows))
    upper = np.zeros((columns, rows))
    if both:
        _diagonal(state, columns)[:] = 1 / end
        _diagonal(state[:, columns:], columns)[:] = 1 / end
    for row, (admittance, source) in enumerate(_ports(cells, word_line)):
        state[:, :columns] += admittance
        state[:, first + row] = source
        resistance = segment if row < rows - 1 else end
        if resistance == 0:
            continue
        inverse = _with_segment(state[:, :columns], resistance)
        used = slice(columns if subtract else 0, first + row + 1)
        np.matmul(inverse, state[:, used], out=spare[:, used])
        if subtract:
            np.multiply(inverse, -1 / resistance, out=spare[:, :columns])
            _diagonal(spare, columns)[:] += 1 / resistance
        if both:
            sent_back = state[:, columns:first].T * resistance
            upper[:, : row + 1] += sent_back @ spare[:, first : used.stop]
        state, spare = spare, state
    return np.ascontiguousarray((state[:, first:] + upper).T)


def _with_segment(admittance: Floats, resistance: float) -> Floats:
    matrix = admittance * resistance
    _diagonal(matrix, len(matrix))[:] += 1
    return invert(matrix)


def invert(matrix: Floats) -> Floats:
    """Inverse of a symmetric positive definite matrix, of which the upper right quarters are not read.

    LAPACK's inverse of a matrix of this size runs at a third of the speed of matrix products; halving the matrix
    until it is small leaves nearly all work to them.

    Examples
    --------
    >>> invert(np.array([[2.0, 0.0], [0.0, 4.0]])).tolist()
    [[0.5, 0.0], [0.0, 0.25]]
    """
    size = len(matrix)
    if size <= _LEAF:
        return np.asarray(np.linalg.inv(matrix))
    half = size // 2
    below = matrix[half:, :half]
    inner = invert(matrix[:half, :half])
    across = below @ inner
    outer = invert(matrix[half:, half:] - across @ below.T)
    result = np.empty_like(matrix)
    result[half:, half:] = outer
    corner = outer @ across
    np.add(inner, across.T @ corner, out=result[:half, :half])
    np.negative(corner, out=result[half:, :half])
    result[:half, half:] = result[half:, :half].T
    return result


def _diagonal(matrix: Floats, size: int) -> Floats:
    """View of the diagonal of the first columns, to write on."""
    view: Floats = np.einsum("ii->i", matrix[:, :size])
    return view


def _ports(cells: Floats, word_line: Line) -> Iterator[tuple[Floats, Floats]]:
    for start in range(0, len(cells), _LINES_AT_ONCE):
        yield from zip(*word_line_ports(cells[start : start + _LINES_AT_ONCE], word_line), strict=True)
