"""`LayerRun`: a layer's blocks between their converters, and what its neuron units add up."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chipsim.crossbar.converters import InputConverter
from chipsim.crossbar.precision import data_type
from chipsim.execution.affine import Affine
from chipsim.execution.block_run import BlockRun, Fidelity
from chipsim.execution.calibration import input_vectors, vector_sizes
from chipsim.mapping.plan import LayerPlan, Replica

Values = NDArray[np.float32]

DRIVE_MVMS = 1024
"""MVMs whose row drive is counted together: exact in any order, so this bounds memory only."""


@dataclass(frozen=True, slots=True)
class Span:
    """The positions of a layer that are computed together, of each of some inputs.

    Attributes
    ----------
    first_input : int
        Which input comes first; the layer has had those before.
    first, count : int
        Positions, in the order in which the layer walks them.
    step : int or None
        Of a layer in a loop, whose fast noise has a stream of its own for each step.
    """

    first_input: int
    first: int
    count: int
    step: int | None = None

    def own(self, replica: Replica) -> range:
        """Which of the positions, counted from the first, one replica computes."""
        return range((replica.number - self.first) % replica.of, self.count, replica.of)

    def share(self, values: NDArray[Any], replica: Replica) -> NDArray[Any]:
        """What belongs to one replica, shape (n, its positions, ...); one value for all stays as it is."""
        if len(values) == 1 and self.count > 1:
            return values
        own = self.own(replica)
        return values.reshape(-1, self.count, values.shape[1])[:, own.start :: own.step]


@dataclass(slots=True)
class LayerRun:
    """A layer's blocks and input converter, and what its neuron units do to each channel before the activation."""

    plan: LayerPlan
    input_converter: InputConverter
    blocks: list[BlockRun]
    converted_inputs: int = 0
    clipped_inputs: int = 0
    affine: Affine | None = None

    def sums(
        self, values: Values, span: Span, fidelity: Fidelity, pool: ThreadPoolExecutor
    ) -> NDArray[np.floating[Any]]:
        """What the neuron units have added up.

        Parameters
        ----------
        values : ndarray of float32, shape (n, C, H, W)
            What the layer's window slides over.
        span : Span
        fidelity : Fidelity
        pool : ThreadPoolExecutor
            For blocks side by side.

        Returns
        -------
        ndarray of float, shape (n * positions, channels)
            Bias included, before affine factors and activation.
        """
        vectors, sizes = self._codes(values, fidelity)
        busy = [block for block in self.blocks if span.own(block.placed.replica)]

        def read(block: BlockRun) -> NDArray[Any]:
            return _read(block, vectors[block.placed.matrix], span, counting=fidelity.converters)

        products = list(pool.map(read, busy)) if len(busy) > 1 else [read(block) for block in busy]
        sums = np.empty((len(values) * span.count, self.plan.layer.channels), data_type(fidelity.precision))
        for matrix in self.plan.matrices:
            first = matrix.first_output_channel
            sums[:, first : first + matrix.columns] = matrix.bias
        for block, product in zip(busy, products, strict=True):  # row blocks add up in a fixed order
            first = self.plan.matrices[block.placed.matrix].first_output_channel + block.placed.block.first_column
            mine = span.share(sums, block.placed.replica)[..., first : first + product.shape[1]]
            mine += product.reshape(mine.shape) * span.share(sizes[block.placed.matrix], block.placed.replica)
        return sums

    def _codes(self, values: Values, fidelity: Fidelity) -> tuple[list[Values], list[Values]]:
        """Input codes of each matrix, and what the products have to be multiplied by, shape (mvms or 1, 1)."""
        matrices, window = self.plan.matrices, self.plan.layer.window
        if fidelity.converters and self.blocks[0].site.spec.tile.dac.range == "per-vector":
            codes, sizes = [], []
            for matrix in matrices:
                vectors = input_vectors(matrix, values, window)
                sizes.append(vector_sizes(vectors))
                codes.append(self._convert(vectors / sizes[-1]))
            return codes, sizes
        shared = self._convert(values)
        return [input_vectors(matrix, shared, window) for matrix in matrices], [np.ones((1, 1), np.float32)] * len(
            matrices
        )

    def _convert(self, values: Values) -> Values:
        codes, clipped = self.input_converter.convert(values)
        self.clipped_inputs += clipped
        self.converted_inputs += codes.size
        return codes


def _read(run: BlockRun, vectors: Values, span: Span, *, counting: bool) -> NDArray[Any]:
    """The products of one block with its share of some input codes."""
    block, replica = run.placed.block, run.placed.replica
    mine = vectors[:, block.first_row : block.first_row + block.rows]
    if replica.of > 1:
        mine = span.share(mine, replica).reshape(-1, block.rows)
    own = len(span.own(replica))
    tally = run.new_tally(len(mine))
    noise = run.noise if span.step is None else run.step_noise(span.step)
    product = run.path.multiply_codes(mine, noise, first_mvm=span.first_input * own, tally=tally)
    run.count_conversions(mine, tally, positions=own, step=span.step)
    run.mvms += len(mine)
    run.saturated_outputs += product.saturated_outputs
    for start in range(0, len(mine), DRIVE_MVMS) if counting else ():
        run.drive += run.path.row_drive(mine[start : start + DRIVE_MVMS])
    return product.values
