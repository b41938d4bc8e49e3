"""`Lanes`: matrix products on SIMD lanes (rule B7)."""

from __future__ import annotations

from dataclasses import dataclass

from chipsim.baseline.dataflow import Gemm, ceil_div


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
