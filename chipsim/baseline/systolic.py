"""The three dataflows of a systolic array, as closed forms (rule B6), and `dataflow_of`."""

from __future__ import annotations

from dataclasses import dataclass

from chipsim.architecture.spec import ComputeArray
from chipsim.baseline.dataflow import Dataflow, Gemm, ceil_div
from chipsim.baseline.lanes import Lanes


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

    def input_passes(self, gemm: Gemm, tiles: int) -> int:  # noqa: ARG002
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


def dataflow_of(array: ComputeArray) -> Dataflow:
    """The dataflow of a compute array.

    Examples
    --------
    >>> array = ComputeArray(rows=128, columns=128, dataflow="weight-stationary", frequency="1 GHz")
    >>> gemm, flow = Gemm(1, 512, 512), dataflow_of(array)
    >>> flow.cycles_until(gemm, flow.bands(gemm))
    6127
    """
    if array.kind == "simd":
        return Lanes(array.macs_per_cycle)
    if array.dataflow == "weight-stationary":
        return WeightStationary(array.rows, array.columns)
    if array.dataflow == "input-stationary":
        return InputStationary(array.rows, array.columns)
    return OutputStationary(array.rows, array.columns)
