"""Analog neuron units: what is converted is a layer's output, not its sums (rule T76)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from chipsim.architecture.spec import InMemorySpec
from chipsim.crossbar.converters import OutputConverter
from chipsim.crossbar.percentile import StreamedPercentile
from chipsim.mapping.plan import LayerPlan, PlacedBlock

Values = NDArray[np.float32]
BlockKey = tuple[int, int, int]
"""(matrix, block row, block column) within a layer."""
Scales = dict[BlockKey, tuple[float, ...]]


def is_analog(spec: InMemorySpec) -> bool:
    """Whether neuron units scale and activate before conversion."""
    return spec.neuron_unit.activation == "analog"


def output_ranges(plan: LayerPlan, outputs: Values, spec: InMemorySpec) -> Scales:
    """Full scales of output converters: the percentile of the magnitudes of what each block's columns give."""
    found: Scales = {}
    for placed, part in _parts(plan, outputs):
        streamed = StreamedPercentile(part.size, spec.tile.adc.range_percentile)
        for _ in range(streamed.passes):
            streamed.add(part)
        block = placed.block
        found[placed.matrix, block.row, block.column] = (streamed.value() or 1.0,)
    return found


def convert_outputs(plan: LayerPlan, outputs: Values, ranges: Scales, bits: int) -> dict[BlockKey, int]:
    """Convert a layer's outputs in place, column by column; returns how many saturated in each block.

    Parameters
    ----------
    plan : LayerPlan
    outputs : ndarray of float32, shape (n, *layer.output_shape)
    ranges : dict of BlockKey to tuple of float
        From `output_ranges`.
    bits : int
        Of the converters.
    """
    saturated = {}
    for placed, part in _parts(plan, outputs):
        key = placed.matrix, placed.block.row, placed.block.column
        adc = OutputConverter(bits, ranges[key][0])
        steps = np.ascontiguousarray(part) / np.float32(adc.step)
        saturated[key] = adc.convert_in_place(steps, np.empty_like(steps))
        part[...] = steps * np.float32(adc.step)
    return saturated


def _parts(plan: LayerPlan, outputs: Values) -> Iterator[tuple[PlacedBlock, Values]]:
    """Blocks of the first copy, and views of the outputs that their columns make, channels first."""
    channels = np.moveaxis(outputs, -1 if plan.layer.channels_last else 1, 0)
    for placed in plan.blocks:
        if not placed.replica.number:
            first = plan.matrices[placed.matrix].first_output_channel + placed.block.first_column
            yield placed, channels[first : first + placed.block.columns]
