"""`Dataflow`: in which order a compute array walks through a matrix product (rules B6, B8)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


def ceil_div(amount: int, size: int) -> int:
    """Integer quotient, rounded up.

    Examples
    --------
    >>> ceil_div(7, 3)
    3
    """
    return -(-amount // size)


@dataclass(frozen=True, slots=True)
class Gemm:
    """A product of M x K inputs by K x N weights.

    Attributes
    ----------
    vectors : int
        M: positions of a layer times inputs of a batch.
    rows, columns : int
        K and N: the shape of the weight matrix.
    """

    vectors: int
    rows: int
    columns: int

    @property
    def macs(self) -> int:
        """Useful multiply-accumulates."""
        return self.vectors * self.rows * self.columns


class Dataflow(Protocol):
    """In which order an array walks through a product.

    The weights are used band after band; a band is the least piece of the matrix that can be brought in and
    used up before the next one. ``cycles_until(gemm, bands(gemm))`` is the closed form of the whole product.
    """

    def bands(self, gemm: Gemm) -> int:
        """Number of bands."""

    def weights_until(self, gemm: Gemm, band: int) -> int:
        """Weights in the first ``band`` bands."""

    def cycles_until(self, gemm: Gemm, band: int) -> int:
        """Cycles for the first ``band`` bands."""

    def weight_reads(self, gemm: Gemm) -> int:
        """Weights that the array reads from on-chip memory."""

    def input_reads(self, gemm: Gemm) -> int:
        """Input values that the array reads from on-chip memory."""

    def input_passes(self, gemm: Gemm, tiles: int) -> int:
        """How often the inputs are walked through if the weights come in so many tiles."""


def gemm_cycles(dataflow: Dataflow, gemm: Gemm) -> int:
    """Compute cycles of a whole product."""
    return dataflow.cycles_until(gemm, dataflow.bands(gemm))
