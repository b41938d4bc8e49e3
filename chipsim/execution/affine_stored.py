"""A refit among the arrays of a file of programmings: `refit_arrays` names them, `stored_refit` puts it together again.

Tiles may be others when a file is read, so what tiles did is kept by block.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields
from typing import Any

import numpy as np

from chipsim.crossbar.conversion_cycles import ConversionCounts
from chipsim.execution.affine import Affine
from chipsim.execution.affine_refit import Refit
from chipsim.mapping.plan import PlacedBlock, Plan

BlockPath = Callable[[str, PlacedBlock], str]
_COUNTS = tuple(each.name for each in fields(ConversionCounts))


def refit_arrays(plan: Plan, refit: Refit, block_path: BlockPath) -> Iterator[tuple[str, Any]]:
    """Names and values of the arrays of one programming's refit.

    Parameters
    ----------
    plan : Plan
    refit : Refit
    block_path : callable
        From layer and block to the beginning of the names of the block's arrays.
    """
    for name, layer in plan.layers.items():
        affine = refit.affine[name]
        for placed in layer.blocks:
            path = block_path(name, placed)
            columns = _channels(plan, name, placed)
            yield f"{path}/affine", np.stack([affine.scale[columns], affine.shift[columns]])
            yield f"{path}/refit", np.array([refit.inputs, refit.conductance[placed.name, name]])
            for kind in _COUNTS:
                counts = getattr(refit.conversions.get(placed.name), kind, None)
                if counts is not None:
                    yield f"{path}/refit_{kind}", counts


def stored_refit(plan: Plan, block_path: BlockPath, get: Callable[[str], Any], has: Callable[[str], bool]) -> Refit:
    """The same refit on the tiles of a plan.

    Parameters
    ----------
    plan : Plan
    block_path : callable
        As in `refit_arrays`.
    get, has : callable
        The array of a name, and whether there is one.
    """
    inputs, affine, conductance, conversions = 0, {}, {}, {}
    for name, layer in plan.layers.items():
        factors = np.empty((2, layer.layer.channels))
        for placed in layer.blocks:
            path = block_path(name, placed)
            factors[:, _channels(plan, name, placed)] = get(f"{path}/affine")
            counted, conductance[placed.name, name] = get(f"{path}/refit").tolist()
            inputs = int(counted)
            counts = {kind: get(f"{path}/refit_{kind}") for kind in _COUNTS if has(f"{path}/refit_{kind}")}
            if counts:
                conversions[placed.name] = ConversionCounts(**counts)
        affine[name] = Affine(factors[0], factors[1])
    return Refit(affine, conductance, inputs, conversions)


def _channels(plan: Plan, name: str, placed: PlacedBlock) -> slice:
    """The output channels that a block's columns stand for."""
    first = plan.layers[name].matrices[placed.matrix].first_output_channel + placed.block.first_column
    return slice(first, first + placed.block.columns)
