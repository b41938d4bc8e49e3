"""Wire resistance, exact: `effective_matrix` of an array of ohmic cells, and `effective_pair` of pairs of bit lines.

* ``effective_matrix(conductance, wires) -> ndarray``: currents into the sense ends = row voltages @ matrix;
* ``effective_pair(plus, minus, wires) -> (plus, minus)``: the same for both bit lines of every pair, which share
  their word lines;
* ``first_order_gain(effective, conductance) -> ndarray``: how much of a cell's noise reaches its bit line.

Equations, figures and times: ``docs/wires.md``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from chipsim.crossbar.wires_spec import Ends, PairLayout, WireResistance
from chipsim.crossbar.wires_sweep import sense_currents, sweep_cost
from chipsim.errors import InputError

__all__ = ["Ends", "PairLayout", "WireResistance", "effective_matrix", "effective_pair", "first_order_gain"]

Floats = NDArray[np.float64]


def effective_matrix(conductance: NDArray[np.floating[Any]], wires: WireResistance) -> Floats:
    """Solve the resistive network of an array for all its inputs.

    Parameters
    ----------
    conductance : ndarray of float, shape (rows, columns)
        Of the cells, in siemens; zero where there is none.
    wires : WireResistance
        Wires, drivers and sense ends.

    Returns
    -------
    ndarray of float64, shape (rows, columns)
        In siemens: with voltages v on the rows and sense ends at zero volt, the currents into the sense ends are
        ``v @ matrix``.

    Raises
    ------
    InputError
        If the conductances are not a matrix of finite values of at least zero.

    Notes
    -----
    The network is reciprocal, so drivers and sense ends may change places: with T mirroring a matrix at its other
    diagonal, M(G, wires) = T M(T G, transposed wires). The cheaper of both ways is taken. Rounding leaves errors of
    some 1e-13 of the largest element; an element that comes out below zero, which the network cannot do, is set to
    zero.

    Examples
    --------
    One cell of 1 mS behind a driver of 500 ohm, and before a sense amplifier of 500 ohm:

    >>> effective_matrix(np.array([[1e-3]]), WireResistance(driver_ohm=500.0, sense_ohm=500.0)).round(9).tolist()
    [[0.0005]]
    """
    cells = _check_conductance(conductance)
    if wires.ideal or not cells.size:
        return cells.copy()
    turned = wires.transposed()
    if _cost(_turn(cells), turned) < _cost(cells, wires):
        matrix = np.ascontiguousarray(_turn(_solve(_turn(cells), turned)))
    else:
        matrix = _solve(cells, wires)
    return np.maximum(matrix, 0.0, out=matrix)


def effective_pair(
    plus: NDArray[np.floating[Any]], minus: NDArray[np.floating[Any]], wires: WireResistance
) -> tuple[Floats, Floats]:
    """Effective matrices of both bit lines of every pair.

    Parameters
    ----------
    plus, minus : ndarray of float, shape (rows, columns)
        Conductances G+ and G- in siemens: one array of 2 x columns bit lines in the order of ``wires.pair_layout``.
    wires : WireResistance
        Wires, drivers and sense ends.

    Returns
    -------
    plus, minus : ndarray of float64, shape (rows, columns)
        In siemens.

    Raises
    ------
    InputError
        As `effective_matrix`, or if the shapes differ.

    Examples
    --------
    >>> cells = np.full((2, 2), 1e-4)
    >>> plus, minus = effective_pair(cells, cells, WireResistance(word_line_ohm=10.0))
    >>> bool((plus > minus).all())  # the minus line of a pair stands one segment farther from the driver
    True
    """
    if np.shape(plus) != np.shape(minus):
        raise InputError(f"pairs need conductances of one shape, got {np.shape(plus)} and {np.shape(minus)}")
    checked = _check_conductance(plus), _check_conductance(minus)
    rows, columns = checked[0].shape
    if wires.pair_layout == "interleaved":
        matrix = effective_matrix(np.stack(checked, axis=2).reshape(rows, 2 * columns), wires)
        return np.ascontiguousarray(matrix[:, 0::2]), np.ascontiguousarray(matrix[:, 1::2])
    matrix = effective_matrix(np.concatenate(checked, axis=1), wires)
    return np.ascontiguousarray(matrix[:, :columns]), np.ascontiguousarray(matrix[:, columns:])


def first_order_gain(effective: Floats, conductance: NDArray[np.floating[Any]]) -> Floats:
    """How much of a small change of each cell reaches its bit line, to first order in the wires.

    Parameters
    ----------
    effective, conductance : ndarray of float, shape (rows, columns)
        The matrix M of `effective_matrix`, and the conductances G that it came from, in siemens.

    Returns
    -------
    ndarray of float64, shape (rows, columns)
        M / G limited to [0, 1], and 1 where G = 0. Read noise of σ siemens per cell becomes σ times this.

    Examples
    --------
    >>> first_order_gain(np.array([[0.9, 0.1, 2.1]]), np.array([[1.0, 0.0, 2.0]])).tolist()
    [[0.9, 1.0, 1.0]]
    """
    cells = np.asarray(conductance, dtype=np.float64)
    with np.errstate(over="ignore"):  # what is next to no cell counts as none
        gain = np.divide(effective, cells, out=np.ones_like(cells), where=cells > 0)
    return np.clip(gain, 0.0, 1.0, out=gain)


def _check_conductance(conductance: NDArray[np.floating[Any]]) -> Floats:
    cells = np.asarray(conductance, dtype=np.float64)
    if cells.ndim != 2:
        raise InputError(f"conductances must be a matrix (rows, columns), got shape {cells.shape}")
    wrong = ~(np.isfinite(cells) & (cells >= 0))
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        raise InputError(f"conductance of cell ({row}, {column}) is {cells[row, column]} S; it must be finite and >= 0")
    return cells


def _cost(cells: Floats, wires: WireResistance) -> float:
    return sweep_cost(cells.shape, wires.bit_line_ohm, wires.sense_ohm, wires.sense == "two-sided")


def _turn(matrix: Floats) -> Floats:
    """Mirror at the other diagonal: the last row, which is next to the sense ends, becomes the first column."""
    return matrix[::-1, ::-1].T


def _solve(cells: Floats, wires: WireResistance) -> Floats:
    return sense_currents(
        cells,
        word_line=(wires.word_line_ohm, wires.driver_ohm, wires.drive == "two-sided"),
        bit_line=(wires.bit_line_ohm, wires.sense_ohm, wires.sense == "two-sided"),
    )
