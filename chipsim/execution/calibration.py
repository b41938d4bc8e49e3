"""`calibrate`: converter ranges from data that is not scored, with ideal cells (design 4.1)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from chipsim.architecture.spec import InMemorySpec
from chipsim.crossbar.converters import InputConverter
from chipsim.crossbar.pairs import column_scale, tensor_scale
from chipsim.crossbar.percentile import StreamedPercentile
from chipsim.crossbar.slots import calls
from chipsim.device import get_device
from chipsim.device.model import DeviceModel
from chipsim.errors import InputError
from chipsim.execution.analog_outputs import is_analog, output_ranges
from chipsim.execution.block_path import slots_of, weight_slices
from chipsim.execution.forward import MatrixFunctions, Values, forward, matrix_input
from chipsim.execution.output_ranges import RangeFinder, range_finder
from chipsim.mapping.partition import Block, PackedMatrix
from chipsim.mapping.plan import LayerPlan, Plan
from chipsim.network.cell_operands import Given
from chipsim.network.digital import apply_activations
from chipsim.network.im2col import im2col
from chipsim.network.layers import MatrixLayer, Window
from chipsim.network.loops import Loop

CHUNK_BYTES = 32 * 2**20
"""Scratch space for the input vectors of a matrix, which bounds how many inputs are looked at together."""

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
        Of each block's ADCs, see `chipsim.execution.output_ranges.RangeFinder`; of activated values with analog neuron
        units.
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
    parts = [im2col(values, window, part.first_input_channel, part.rows // window.taps) for part in matrix.matrices]
    return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)


def calibrate(plan: Plan, x: Values, chunk: int | None = None) -> dict[str, Ranges]:
    """Find the converter ranges of every matrix layer.

    Parameters
    ----------
    plan : Plan
    x : ndarray of float32, shape (n, *network.input_shape)
        Calibration inputs.
    chunk : int, optional
        Inputs of a layer that are looked at together; bounds memory and changes no byte.

    Returns
    -------
    dict of str to Ranges

    Raises
    ------
    InputError
        If there are no inputs, or a value is not finite.

    Notes
    -----
    The converters of an array have one range, whoever reads it: of layers that share weights the widest, as a share of
    what their inputs may reach. Ranges of inputs are each layer's own.

    Beyond a layer's inputs, outputs and weights this takes a few times `CHUNK_BYTES`. Products are laid out in calls of
    one size as in `chipsim.crossbar.read_path.ReadPath`.
    """
    spec = plan.chip.spec
    device = device_of(spec)
    found: dict[str, Ranges] = {}

    def multiply(layer: MatrixLayer, values: Values) -> Values:
        layer_plan = plan.layers[layer.name]
        size = chunk or _chunk(layer_plan)
        found[layer.name] = _layer_ranges(layer_plan, values, device, spec, size)
        outputs = exact_layer(layer_plan, values, size)
        if is_analog(spec):
            found[layer.name] = replace(found[layer.name], outputs=output_ranges(layer_plan, outputs, spec))
        return outputs

    def go_round(loop: Loop, sums: Values, given: Given) -> dict[str, Values]:
        values = loop.run(sums, given, lambda layer, read, _: exact_step(plan.layers[layer.name], read))
        for layer in loop.matrices:
            layer_plan, read = plan.layers[layer.name], matrix_input(layer, values.read[layer.name], step=0)
            found[layer.name] = _layer_ranges(layer_plan, read, device, spec, chunk or _chunk(layer_plan))
        return values.outputs

    with threadpool_limits(1, "blas"):  # how a product rounds depends on how many threads share it
        forward(plan.network, x, (), MatrixFunctions(multiply, go_round))
    return _with_common(plan, found)


def _with_common(plan: Plan, found: dict[str, Ranges]) -> dict[str, Ranges]:
    """One range for the converters of weights that several layers read: the widest of theirs."""
    in_input_units = weight_slices(plan.chip.spec) is None and plan.chip.spec.tile.dac.planes == 1
    groups: defaultdict[str, list[str]] = defaultdict(list)
    for name, layer in plan.layers.items():
        groups[layer.layer.shares or name].append(name)
    common = dict(found)
    for group in (group for group in groups.values() if len(group) > 1):
        units = {name: found[name].input if in_input_units else 1.0 for name in group}
        widest = {
            key: tuple(
                max(values)
                for values in zip(*([each / units[n] for each in found[n].outputs[key]] for n in group), strict=True)
            )
            for key in found[group[0]].outputs
        }
        for name in group:
            outputs = {key: tuple(each * units[name] for each in ranges) for key, ranges in widest.items()}
            common[name] = replace(found[name], outputs=outputs)
    return common


@np.errstate(over="ignore", invalid="ignore")
def exact_layer(plan: LayerPlan, values: Values, chunk: int) -> Values:
    """A matrix layer in plain float32, shape (n, *layer.output_shape), ``chunk`` inputs at a time."""
    layer = plan.layer
    outputs = np.empty((len(values), *layer.output_shape), np.float32)
    for start in range(0, len(values), chunk):
        part = values[start : start + chunk]
        sums = np.empty((len(part) * layer.positions, layer.channels), np.float32)
        for matrix in plan.matrices:
            mine = sums[:, matrix.first_output_channel :][:, : matrix.columns]
            weights, bias = matrix.weights, matrix.bias
            for vectors, source, place in _calls(input_vectors(matrix, part, layer.window), start, layer):
                mine[source] = (vectors @ weights)[place] + bias
        outputs[start : start + chunk] = finish_layer(layer, sums)
    return outputs


@np.errstate(over="ignore", invalid="ignore")
def exact_step(plan: LayerPlan, values: Values) -> Values:
    """One step of a matrix in a loop in plain float32, shape (n, sequences, channels), all inputs at a time."""
    layer = plan.layer
    sums = np.empty((len(values) * values.shape[1], layer.channels), np.float32)
    for matrix in plan.matrices:
        mine = sums[:, matrix.first_output_channel :][:, : matrix.columns]
        weights, bias = matrix.weights, matrix.bias
        for vectors, source, place in _calls(values.reshape(len(sums), -1), 0, layer):
            mine[source] = (vectors @ weights)[place] + bias
    return sums.reshape(*values.shape[:2], layer.channels)


def finish_layer(layer: MatrixLayer, sums: Values) -> Values:
    """Apply the activations and put channels before positions, where they belong there.

    Parameters
    ----------
    layer : MatrixLayer
    sums : ndarray of float32, shape (n * positions, channels)
        Bias included, positions in the order in which the layer walks them.
    """
    values = apply_activations(sums, layer.activations).reshape(-1, layer.positions, layer.channels)
    values = values[:, ::-1] if layer.reverse else values
    if layer.channels_last:
        return np.ascontiguousarray(values).reshape(-1, *layer.output_shape)
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


def _chunk(plan: LayerPlan) -> int:
    """Inputs whose vectors fit into `CHUNK_BYTES`, at least one."""
    return max(1, CHUNK_BYTES // (4 * plan.layer.positions * max(matrix.rows for matrix in plan.matrices)))


def _calls(vectors: Values, first_input: int, layer: MatrixLayer) -> Iterator[tuple[Values, slice, slice]]:
    """Lay MVMs out in calls of one size: the padded vectors, which MVMs they are, and the slots where these stand."""
    slots = slots_of(layer)
    padded = np.zeros((slots, vectors.shape[1]), np.float32)
    for source, place in calls(len(vectors), first_input * layer.positions, slots):
        if place != slice(0, slots):
            padded.fill(0)
        padded[place] = vectors[source]
        yield padded, source, place


def _layer_ranges(plan: LayerPlan, values: Values, device: DeviceModel, spec: InMemorySpec, chunk: int) -> Ranges:
    try:
        with np.errstate(over="ignore", invalid="ignore"):  # what float32 cannot hold is refused by the percentiles
            return _ranges(plan, values, device, spec, chunk)
    except InputError as error:
        raise InputError(f"layer {plan.layer.name}: {error}; scale inputs or weights down") from error


def _ranges(plan: LayerPlan, values: Values, device: DeviceModel, spec: InMemorySpec, chunk: int) -> Ranges:
    full_scale = 1.0 if spec.tile.dac.range == "per-vector" else _input_range(values, spec, chunk)
    dac = InputConverter(spec.tile.dac.bits, full_scale)
    outputs: dict[BlockKey, tuple[float, ...]] = {}
    for index, matrix in enumerate(plan.matrices):
        blocks = [placed.block for placed in plan.blocks if placed.matrix == index and not placed.replica.number]
        mvms = len(values) * plan.layer.positions
        finders = [
            range_finder(block_weights(matrix, block), scales(matrix, device, spec, block), device, dac, spec, mvms)
            for block in blocks
        ]
        _watch(plan, matrix, values, list(zip(blocks, finders, strict=True)), spec, chunk)
        outputs |= {
            (index, block.row, block.column): finder.ranges() for block, finder in zip(blocks, finders, strict=True)
        }
    return Ranges(full_scale, outputs)


def _watch(
    plan: LayerPlan, matrix: PackedMatrix, values: Values, finders: list[tuple[Block, RangeFinder]],
    spec: InMemorySpec, chunk: int,
) -> None:  # fmt: skip
    """Show all MVMs of a matrix to its blocks, as often as they need."""
    own_sizes = spec.tile.dac.range == "per-vector"
    for turn in range(max(finder.passes for _, finder in finders)):
        left = [(block, finder) for block, finder in finders if finder.passes > turn]
        for start in range(0, len(values), chunk):
            vectors = input_vectors(matrix, values[start : start + chunk], plan.layer.window)
            for padded, _, place in _calls(vectors, start, plan.layer):
                shown = padded / vector_sizes(padded) if own_sizes else padded
                for block, finder in left:
                    finder.add(shown[:, block.first_row : block.first_row + block.rows], place)


def _input_range(values: Values, spec: InMemorySpec, chunk: int) -> float:
    """Percentile of the magnitudes of a layer's inputs; 1 where it would be zero."""
    found = StreamedPercentile(values.size, spec.tile.dac.range_percentile)
    for _ in range(found.passes):
        for start in range(0, len(values), chunk):
            found.add(values[start : start + chunk])
    return found.value() or 1.0
