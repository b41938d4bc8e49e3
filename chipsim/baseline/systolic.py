"""`Dataflow`: compute cycles of a matrix product on a systolic array or on SIMD lanes (rules B6 to B9)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from chipsim.architecture.spec import ComputeArray


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


@dataclass(frozen=True, slots=True)
class WeightStationary:
    """A band is one fold, R x C weights: loaded (R cycles), then every input vector streams through it.

    Notes
    -----
    ceil(K/R) ceil(N/C) (2R + C + M - 2) - 1 cycles; folds go down the rows of the matrix first.

    References
    ----------
    Samajdar et al., "SCALE-Sim", arXiv:1811.02883; checked against cycles that SCALE-Sim reported.
    """

    array_rows: int
    array_columns: int

    def bands(self, gemm: Gemm) -> int:
        """Folds."""
        return ceil_div(gemm.rows, self.array_rows) * ceil_div(gemm.columns, self.array_columns)

    def weights_until(self, gemm: Gemm, band: int) -> int:
        """Whole column bands, then the folds begun in the next."""
        across, down = divmod(band, ceil_div(gemm.rows, self.array_rows))
        left = min(across * self.array_columns, gemm.columns)
        width = min(left + self.array_columns, gemm.columns) - left
        return gemm.rows * left + min(down * self.array_rows, gemm.rows) * width

    def cycles_until(self, gemm: Gemm, band: int) -> int:
        """Equal folds, the last one a cycle shorter."""
        fold = 2 * self.array_rows + self.array_columns + gemm.vectors - 2
        return band * fold - (band == self.bands(gemm))

    def weight_reads(self, gemm: Gemm) -> int:
        """Each weight once."""
        return gemm.rows * gemm.columns

    def input_reads(self, gemm: Gemm) -> int:
        """All inputs once per column fold."""
        return gemm.vectors * gemm.rows * ceil_div(gemm.columns, self.array_columns)

    def input_passes(self, gemm: Gemm, tiles: int) -> int:
        """Once per tile, at most once per column fold."""
        return min(tiles, ceil_div(gemm.columns, self.array_columns))


@dataclass(frozen=True, slots=True)
class InputStationary:
    """R x C inputs stay in the array and the weights stream through; a band is R rows of the matrix.

    Notes
    -----
    ceil(K/R) ceil(M/C) (2R + C + N - 2) - 1 cycles. References as for `WeightStationary`.
    """

    array_rows: int
    array_columns: int

    def bands(self, gemm: Gemm) -> int:
        """Row folds."""
        return ceil_div(gemm.rows, self.array_rows)

    def weights_until(self, gemm: Gemm, band: int) -> int:
        """Whole rows of the matrix."""
        return min(band * self.array_rows, gemm.rows) * gemm.columns

    def cycles_until(self, gemm: Gemm, band: int) -> int:
        """Equal bands, the last one a cycle shorter."""
        fold = 2 * self.array_rows + self.array_columns + gemm.columns - 2
        return band * ceil_div(gemm.vectors, self.array_columns) * fold - (band == self.bands(gemm))

    def weight_reads(self, gemm: Gemm) -> int:
        """All weights once per fold of input vectors."""
        return gemm.rows * gemm.columns * ceil_div(gemm.vectors, self.array_columns)

    def input_reads(self, gemm: Gemm) -> int:
        """Each input value once."""
        return gemm.vectors * gemm.rows

    def input_passes(self, gemm: Gemm, tiles: int) -> int:
        """Once: each band uses other rows of the inputs."""
        return 1


@dataclass(frozen=True, slots=True)
class OutputStationary:
    """R x C outputs grow in the array; a band is C columns of the matrix.

    Notes
    -----
    ceil(M/R) ceil(N/C) (R + C + K - 2) - 1 cycles. References as for `WeightStationary`.
    """

    array_rows: int
    array_columns: int

    def bands(self, gemm: Gemm) -> int:
        """Column folds."""
        return ceil_div(gemm.columns, self.array_columns)

    def weights_until(self, gemm: Gemm, band: int) -> int:
        """Whole columns of the matrix."""
        return gemm.rows * min(band * self.array_columns, gemm.columns)

    def cycles_until(self, gemm: Gemm, band: int) -> int:
        """Equal bands, the last one a cycle shorter."""
        fold = self.array_rows + self.array_columns + gemm.rows - 2
        return band * ceil_div(gemm.vectors, self.array_rows) * fold - (band == self.bands(gemm))

    def weight_reads(self, gemm: Gemm) -> int:
        """All weights once per fold of input vectors."""
        return gemm.rows * gemm.columns * ceil_div(gemm.vectors, self.array_rows)

    def input_reads(self, gemm: Gemm) -> int:
        """All inputs once per column fold."""
        return gemm.vectors * gemm.rows * self.bands(gemm)

    def input_passes(self, gemm: Gemm, tiles: int) -> int:
        """Once per tile, at most once per column fold."""
        return min(tiles, self.bands(gemm))


@dataclass(frozen=True, slots=True)
class Lanes:
    """SIMD lanes, each with one output in its accumulator; a band is one column of the matrix.

    Notes
    -----
    ceil(M K N / lanes) cycles: lanes never idle but in the last cycle (an assumption in favour of the machine). A
    block of outputs that is in the lanes together has max(1, lanes // N) vectors; it shares what it reads.
    """

    lanes: int

    def bands(self, gemm: Gemm) -> int:
        """Columns."""
        return gemm.columns

    def weights_until(self, gemm: Gemm, band: int) -> int:
        """Whole columns."""
        return gemm.rows * band

    def cycles_until(self, gemm: Gemm, band: int) -> int:
        """Rounded up once, from the total."""
        return ceil_div(gemm.vectors * gemm.rows * band, self.lanes)

    def weight_reads(self, gemm: Gemm) -> int:
        """All weights once per block of vectors."""
        return gemm.rows * gemm.columns * ceil_div(gemm.vectors, max(1, self.lanes // gemm.columns))

    def input_reads(self, gemm: Gemm) -> int:
        """All inputs once per block of columns."""
        return gemm.vectors * gemm.rows * ceil_div(gemm.columns, self.lanes)

    def input_passes(self, gemm: Gemm, tiles: int) -> int:
        """Once per tile, at most once per column."""
        return min(tiles, gemm.columns)


def dataflow_of(array: ComputeArray) -> Dataflow:
    """The dataflow of a compute array.

    Examples
    --------
    >>> array = ComputeArray(rows=128, columns=128, dataflow="weight-stationary", frequency="1 GHz")
    >>> gemm_cycles(dataflow_of(array), Gemm(1, 512, 512))
    6127
    """
    if array.kind == "simd":
        return Lanes(array.macs_per_cycle)
    if array.dataflow == "weight-stationary":
        return WeightStationary(array.rows, array.columns)
    if array.dataflow == "input-stationary":
        return InputStationary(array.rows, array.columns)
    return OutputStationary(array.rows, array.columns)


def gemm_cycles(dataflow: Dataflow, gemm: Gemm) -> int:
    """Compute cycles of a whole product."""
    return dataflow.cycles_until(gemm, dataflow.bands(gemm))
