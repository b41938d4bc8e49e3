"""`word_line_ports`: one word line with its driver and cells, reduced to what its bit lines see of it.

A word line is a ladder: resistors in a row, and at each node a cell that leads to a bit line. Every quantity below is
a sum, product or quotient of numbers that are not negative, so nothing cancels, and resistances may be zero.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Line = tuple[float, float, bool]  # ohm per segment, ohm of what stands at an end, whether at both ends


def word_line_ports(cells: Floats, line: Line) -> tuple[Floats, Floats]:
    """Eliminate the nodes of word lines.

    Parameters
    ----------
    cells : ndarray of float64, shape (lines, n)
        Conductance of the cells of each line, in siemens, the driver's end first.
    line : tuple of float, float and bool
        Resistance of a segment, of a driver, and whether the far end has a driver too.

    Returns
    -------
    admittance : ndarray of float64, shape (lines, n, n)
        Currents that leave the bit-line nodes towards the line, per volt on them, driver at zero volt.
    source : ndarray of float64, shape (lines, n)
        Currents that reach the bit-line nodes, held at zero volt, per volt of the driver.

    Notes
    -----
    At node j, with the cell d_j: z_j is the resistance towards the driver and y_j the conductance away from it, both
    without d_j, and t_j = 1 / (1 + r (d_{j+1} + y_{j+1})) divides the voltage from node j to node j + 1. A current
    into node j lifts it by q_j = z_j / (1 + z_j (d_j + y_j)), and node k > j by q_j t_j ... t_{k-1}. So

        admittance_jj = d_j (1 + z_j y_j) / (1 + z_j (d_j + y_j)),
        admittance_jk = -d_j q_j t_j ... t_{k-1} d_k.
    """
    segment, driver, both = line
    lead = segment + driver
    both = both and lead > 0  # where nothing resists, a second driver changes nothing
    cells = np.ascontiguousarray(cells.T)  # (n, lines): the loops run over nodes
    toward, away = _toward(cells, segment, lead), _away(cells, segment, 1 / lead if both else 0.0)
    divide = 1 / (1 + segment * (cells + away))
    divide[0] = 1 / (1 + lead * (cells + away)[0])  # from the driver to the first node
    source = np.cumprod(divide, axis=0)
    if both:
        towards_last = _away(cells[::-1], segment, 1 / lead)
        back = 1 / (1 + segment * (cells[::-1] + towards_last))
        back[0] = 1 / (1 + lead * (cells[::-1] + towards_last)[0])
        source += np.cumprod(back, axis=0)[::-1]
    return _admittance(cells, toward, away, divide), np.ascontiguousarray((source * cells).T)


def _toward(cells: Floats, segment: float, lead: float) -> Floats:
    """Resistance of each node towards the driver."""
    resistance = np.empty_like(cells)
    resistance[0] = lead
    for node in range(1, len(cells)):
        before = resistance[node - 1]
        resistance[node] = segment + before / (1 + before * cells[node - 1])
    return resistance


def _away(cells: Floats, segment: float, end_siemens: float) -> Floats:
    """Conductance of each node away from the driver."""
    conductance = np.empty_like(cells)
    conductance[-1] = end_siemens
    for node in range(len(cells) - 1, 0, -1):
        behind = conductance[node] + cells[node]
        conductance[node - 1] = behind / (1 + segment * behind)
    return conductance


def _admittance(cells: Floats, toward: Floats, away: Floats, divide: Floats) -> Floats:
    nodes, lines = cells.shape
    lifted = cells * toward / (1 + toward * (cells + away))  # d_j q_j
    own = cells * (1 + toward * away) / (1 + toward * (cells + away))
    result = np.empty((lines, nodes, nodes))
    passed = np.zeros((lines, nodes))
    cells, lifted, own, divide = (np.ascontiguousarray(each.T) for each in (cells, lifted, own, divide))
    for node in range(nodes):
        before = passed[:, :node]
        before *= divide[:, node, None]
        np.multiply(before, -cells[:, node, None], out=result[:, node, :node])
        result[:, :node, node] = result[:, node, :node]
        result[:, node, node] = own[:, node]
        passed[:, node] = lifted[:, node]
    return result
