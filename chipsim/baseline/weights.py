"""`LayerProducts`: the products of one layer and how its weights are cut into tiles (rules B8, B13)."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate, pairwise

from chipsim.baseline.dataflow import Dataflow, Gemm, ceil_div
from chipsim.network.layers import MatrixLayer


@dataclass(frozen=True, slots=True)
class LayerProducts:
    """One product per weight matrix of a layer, one after the other.

    Attributes
    ----------
    dataflow : Dataflow
    gemms : tuple of Gemm
    ends : tuple of int
        Bands up to the end of each product.
    """

    dataflow: Dataflow
    gemms: tuple[Gemm, ...]
    ends: tuple[int, ...]

    @property
    def bands(self) -> int:
        """Bands of all products."""
        return self.ends[-1]

    def weights_until(self, band: int) -> int:
        """Weights in the first ``band`` bands."""
        done, rest = self._locate(band)
        total = sum(gemm.rows * gemm.columns for gemm in self.gemms[:done])
        return total + (self.dataflow.weights_until(self.gemms[done], rest) if rest else 0)

    def cycles_until(self, band: int) -> int:
        """Cycles for the first ``band`` bands."""
        done, rest = self._locate(band)
        total = sum(self.dataflow.cycles_until(gemm, self.dataflow.bands(gemm)) for gemm in self.gemms[:done])
        return total + (self.dataflow.cycles_until(self.gemms[done], rest) if rest else 0)

    def input_passes(self, tiles: int) -> int:
        """How often the layer's inputs are walked through."""
        share = ceil_div(tiles, len(self.gemms))
        return max(self.dataflow.input_passes(gemm, share) for gemm in self.gemms)

    def _locate(self, band: int) -> tuple[int, int]:
        """Products that are complete, and bands of the next."""
        done = bisect_right(self.ends, band)
        return done, band - (self.ends[done - 1] if done else 0)


def products_of(layer: MatrixLayer, dataflow: Dataflow, inputs: int, rounds: int = 1) -> LayerProducts:
    """The products of a layer for a batch of ``inputs``, or those of one of several rounds (rule B24).

    Only shapes are read.
    """
    vectors = ceil_div(layer.positions, rounds) * inputs
    gemms = tuple(Gemm(vectors, matrix.rows, matrix.columns) for matrix in layer.matrices)
    return LayerProducts(dataflow, gemms, tuple(accumulate(dataflow.bands(gemm) for gemm in gemms)))


@dataclass(frozen=True, slots=True)
class WeightTiles:
    """A layer's weights in tiles that fit half of the double buffer.

    Attributes
    ----------
    cuts : tuple of int
        Where the tiles begin and end, in parts of a band.
    parts : int
        Parts of a band: 1, or more where a band alone is larger than half the buffer.
    """

    cuts: tuple[int, ...]
    parts: int

    @property
    def tiles(self) -> int:
        """Number of tiles."""
        return len(self.cuts) - 1

    def weights(self, products: LayerProducts) -> list[int]:
        """Weights of each tile."""
        return self._differences(products.weights_until)

    def cycles(self, products: LayerProducts) -> list[int]:
        """Cycles of each tile; their sum is the closed form."""
        return self._differences(products.cycles_until)

    def _differences(self, until: Callable[[int], int]) -> list[int]:
        return [after - before for before, after in pairwise(_at(until, cut, self.parts) for cut in self.cuts)]


def _at(until: Callable[[int], int], cut: int, parts: int) -> int:
    """A total up to a part of a band."""
    band, part = divmod(cut, parts)
    begin = until(band)
    return begin + ((until(band + 1) - begin) * part // parts if part else 0)


def cut_weights(products: LayerProducts, weight_bits: int, half_bytes: int) -> WeightTiles:
    """As few tiles as fit, as equal as whole bands allow.

    Parameters
    ----------
    products : LayerProducts
    weight_bits : int
    half_bytes : int
        Half of the double buffer.
    """
    largest = max(products.dataflow.weights_until(gemm, 1) for gemm in products.gemms)
    room = max(1, half_bytes * 8 // weight_bits)
    parts = ceil_div(largest, room)
    units = products.bands * parts
    tiles = ceil_div(units, max(1, room // largest))
    cuts = [tile * units // tiles for tile in range(tiles + 1)]
    # a small band at the edge of the matrix may not fill all of its parts
    held = [_at(products.weights_until, cut, parts) for cut in cuts]
    ends = [cut for cut, before, after in zip(cuts[1:], held, held[1:], strict=False) if after > before]
    return WeightTiles((0, *ends), parts)
