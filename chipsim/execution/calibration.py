"""`calibrate`: converter ranges from data that is not scored, with ideal cells (design 4.1)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from chipsim.architecture.spec import InMemorySpec
from chipsim.crossbar.calibration import input_range
from chipsim.crossbar.converters import InputConverter
from chipsim.crossbar.pairs import column_scale, tensor_scale
from chipsim.device import get_device
from chipsim.device.model import DeviceModel
from chipsim.execution.block_path import output_ranges
from chipsim.execution.forward import Values, forward
from chipsim.mapping.partition import Block, PackedMatrix
from chipsim.mapping.plan import LayerPlan, Plan
from chipsim.network.digital import apply_activations
from chipsim.network.im2col import im2col
from chipsim.network.layers import MatrixLayer, Window

BlockKey = tuple[int, int, int]
"""(matrix, block row, block column) within a layer."""


@dataclass(frozen=True, slots=True)
class Ranges:
    """Full scales of one layer's converters.

    Attributes
    ----------
    input : float
        Of the DACs, in units of the layer's input.
    outputs : dict of BlockKey to tuple of float
        Of each block's ADCs, see `chipsim.execution.block_path.output_ranges`.
    """

    input: float
    outputs: dict[BlockKey, tuple[float, ...]]


def device_of(spec: InMemorySpec) -> DeviceModel:
    """The device model that an architecture names, with its parameters."""
    crossbar = spec.tile.crossbar
    return get_device(crossbar.device_name, **crossbar.device_parameters)


def scales(matrix: PackedMatrix, device: DeviceModel, spec: InMemorySpec, block: Block) -> NDArray[np.float64]:
    """Weight per siemens of a block's columns.

    Over the whole matrix where the scale is per tensor; else over all row blocks, unless tiles have a scale of their
    own.
    """
    columns = slice(block.first_column, block.first_column + block.columns)
    if spec.tile.crossbar.scale == "per-tensor":
        return tensor_scale(matrix.weights, device.g_min_siemens, device.g_max_siemens)[columns]
    rows = slice(block.first_row, block.first_row + block.rows) if spec.tile.digital_scale else slice(None)
    return column_scale(matrix.weights[rows, columns], device.g_min_siemens, device.g_max_siemens)


def block_weights(matrix: PackedMatrix, block: Block) -> Values:
    """The part of a packed matrix that a block holds, shape (block.rows, block.columns)."""
    return matrix.weights[
        block.first_row : block.first_row + block.rows, block.first_column : block.first_column + block.columns
    ]


def input_vectors(matrix: PackedMatrix, values: Values, window: Window) -> Values:
    """The MVM inputs of a packed matrix.

    Parameters
    ----------
    matrix : PackedMatrix
    values : ndarray of float32, shape (n, C, H, W)
    window : Window

    Returns
    -------
    ndarray of float32, shape (n * positions, matrix.rows)
    """
    kernel = window.kernel[0] * window.kernel[1]
    parts = [im2col(values, window, part.first_input_channel, part.rows // kernel) for part in matrix.matrices]
    return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)


def calibrate(plan: Plan, x: Values) -> dict[str, Ranges]:
    """Find the converter ranges of every matrix layer.

    Parameters
    ----------
    plan : Plan
    x : ndarray of float32, shape (n, *network.input_shape)
        Calibration inputs.

    Returns
    -------
    dict of str to Ranges
    """
    spec = plan.chip.spec
    device = device_of(spec)
    found: dict[str, Ranges] = {}

    def multiply(layer: MatrixLayer, values: Values) -> Values:
        found[layer.name] = _layer_ranges(plan.layers[layer.name], values, device, spec)
        return exact_layer(plan.layers[layer.name], values)

    with threadpool_limits(1, "blas"):  # how a product rounds depends on how many threads share it
        forward(plan.network, x, multiply, keep=())
    return found


def exact_layer(plan: LayerPlan, values: Values) -> Values:
    """A matrix layer in plain float32, shape (n, *layer.output_shape)."""
    sums = np.empty((len(values) * plan.layer.positions, plan.layer.channels), np.float32)
    for matrix in plan.matrices:
        first = matrix.first_output_channel
        vectors = input_vectors(matrix, values, plan.layer.window)
        sums[:, first : first + matrix.columns] = vectors @ matrix.weights + matrix.bias
    return finish_layer(plan.layer, sums)


def finish_layer(layer: MatrixLayer, sums: Values) -> Values:
    """Apply the activations and put channels before positions.

    Parameters
    ----------
    layer : MatrixLayer
    sums : ndarray of float32, shape (n * positions, channels)
        Bias included.
    """
    values = apply_activations(sums, layer.activations).reshape(-1, layer.positions, layer.channels)
    return np.ascontiguousarray(values.transpose(0, 2, 1)).reshape(-1, *layer.output_shape)


def vector_sizes(vectors: Values) -> Values:
    """The largest magnitude of each MVM's inputs, 1 where all are zero, shape (mvms, 1).

    Examples
    --------
    >>> vector_sizes(np.float32([[-2, 1], [0, 0]])).tolist()
    [[2.0], [1.0]]
    """
    largest = np.abs(vectors).max(axis=1, keepdims=True, initial=0)
    return np.where(largest > 0, largest, np.float32(1))


def _layer_ranges(plan: LayerPlan, values: Values, device: DeviceModel, spec: InMemorySpec) -> Ranges:
    vectors = [input_vectors(matrix, values, plan.layer.window) for matrix in plan.matrices]
    full_scale = 1.0
    if spec.tile.dac.range == "per-vector":
        vectors = [each / vector_sizes(each) for each in vectors]
    else:
        full_scale = input_range(values, spec.tile.dac.range_percentile)
    dac = InputConverter(spec.tile.dac.bits, full_scale)
    outputs: dict[BlockKey, tuple[float, ...]] = {}
    for placed in plan.blocks:
        matrix, block = plan.matrices[placed.matrix], placed.block
        outputs[placed.matrix, block.row, block.column] = output_ranges(
            vectors[placed.matrix][:, block.first_row : block.first_row + block.rows],
            block_weights(matrix, block),
            scales(matrix, device, spec, block),
            device,
            dac,
            spec,
        )
    return Ranges(full_scale, outputs)
