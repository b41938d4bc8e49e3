"""Chips from a few lines of YAML and networks from layer dataclasses, all weights zero."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from chipsim.architecture.chip import Chip, build_chip
from chipsim.architecture.loader import check_spec
from chipsim.architecture.spec import InMemorySpec
from chipsim.architecture.yaml_source import parse_yaml
from chipsim.mapping.placement import place
from chipsim.mapping.plan import Plan
from chipsim.network.graph import Network
from chipsim.network.layers import AnyLayer, DigitalLayer, InputLayer, MatrixLayer, ViewLayer, Window
from chipsim.network.matrix import Matrix

NS = 1000
"""Picoseconds in a nanosecond."""

DEFAULTS: dict[str, Any] = {
    "schema_version": 1,
    "kind": "in-memory",
    "name": "small",
    "grid.shape": "[1, 4]",
    "tile.crossbar.rows": 16,
    "tile.crossbar.columns": 16,
    "tile.crossbar.device": "ideal",
    "tile.mvm_latency": "100 ns",
    "tile.register_banks": 2,
    "tile.buffer.bandwidth": "1 GB/s",
    "tile.output_bandwidth": "1 GB/s",
    "neuron_unit.rate": "1 Gop/s",
    "digital_unit.tiles_per_unit": 100,
    "digital_unit.rate": "1 Gop/s",
    "link.bandwidth": "1 GB/s",
    "link.latency": "3 ns",
    "router.delay": "2 ns",
    "host.bandwidth": "1 GB/s",
    "host.latency": "0 ns",
    "host.max_inputs_in_flight": 4,
    "widths.activation_bits": 8,
    "widths.partial_sum_bits": 8,
}


def spec(changes: Mapping[str, Any] | None = None) -> InMemorySpec:
    """The small chip with some fields changed; ``None`` leaves a field out."""
    nested: dict[str, Any] = {}
    for path, value in {**DEFAULTS, **(changes or {})}.items():
        *parents, last = path.split(".")
        section = nested
        for key in parents:
            section = section.setdefault(key, {})
        if value is not None:
            section[last] = value
    checked = check_spec(parse_yaml("\n".join(_lines(nested, "")), "small.yaml"))
    assert isinstance(checked, InMemorySpec)
    return checked


def _lines(values: Mapping[str, Any], indent: str) -> list[str]:
    lines = []
    for key, value in values.items():
        if isinstance(value, dict):
            lines += [f"{indent}{key}:", *_lines(value, indent + "  ")]
        else:
            lines.append(f"{indent}{key}: {str(value).lower() if isinstance(value, bool) else value}")
    return lines


def chip(changes: Mapping[str, Any] | None = None) -> Chip:
    return build_chip(spec(changes))


def plan(layers: list[AnyLayer], changes: Mapping[str, Any] | None = None, outputs: tuple[str, ...] = ()) -> Plan:
    """Place a network on the small chip."""
    return place(network(layers, outputs), chip(changes))


def network(layers: list[AnyLayer], outputs: tuple[str, ...] = ()) -> Network:
    """Layers in topological order; the last one is the output unless given."""
    return Network(
        "net", {layer.name: layer for layer in layers}, outputs or (layers[-1].name,), weights="file", onnx_bytes=b"",
        input_name="x", sha256="",
    )  # fmt: skip


def source(*shape: int) -> InputLayer:
    return InputLayer("x", (), tuple(shape))


def zeros(rows: int, columns: int) -> np.ndarray:
    return np.broadcast_to(np.float32(0), (rows, columns))


def dense(name: str, before: str, inputs: int, outputs: int) -> MatrixLayer:
    matrix = Matrix(name + ".w", zeros(inputs, outputs), np.zeros(outputs, np.float32))
    return MatrixLayer(name, (before,), (outputs,), (inputs, 1, 1), Window(), (matrix,))


def conv(
    name: str, before: AnyLayer, outputs: int, kernel: int | tuple[int, int] = 1, stride: int | tuple[int, int] = 1,
    pads: int | tuple[int, int, int, int] = 0, dilation: int = 1, groups: int = 1,
) -> MatrixLayer:  # fmt: skip
    """A convolution over the (C, H, W) map of the layer before."""
    shape = before.output_shape
    size: tuple[int, int, int] = (shape[0], shape[1], shape[2]) if len(shape) == 3 else (shape[0], 1, 1)
    kernels = (kernel, kernel) if isinstance(kernel, int) else kernel
    strides = (stride, stride) if isinstance(stride, int) else stride
    borders = (pads,) * 4 if isinstance(pads, int) else pads
    window = Window(kernels, strides, borders, (dilation, dilation))  # type: ignore[arg-type]
    height, width = (
        (size[1 + a] + borders[a] + borders[a + 2] - (kernels[a] - 1) * dilation - 1) // strides[a] + 1 for a in (0, 1)
    )
    rows, columns = size[0] // groups * kernels[0] * kernels[1], outputs // groups
    matrices = tuple(
        Matrix(f"{name}.{g}", zeros(rows, columns), np.zeros(columns, np.float32), g * size[0] // groups, g * columns)
        for g in range(groups)
    )
    return MatrixLayer(name, (before.name,), (outputs, height, width), size, window, matrices)


def add(name: str, first: AnyLayer, second: AnyLayer, operations: int | None = None) -> DigitalLayer:
    """The sum of two layers of one shape."""
    shape = first.output_shape
    count = int(np.prod(shape)) if operations is None else operations
    return DigitalLayer(name, (first.name, second.name), shape, "Add", pattern="elementwise", element_operations=count)


def relu(name: str, before: AnyLayer, operations: int | None = None) -> DigitalLayer:
    shape = before.output_shape
    count = int(np.prod(shape)) if operations is None else operations
    return DigitalLayer(name, (before.name,), shape, "Relu", pattern="elementwise", element_operations=count)


def pool(name: str, before: AnyLayer, kernel: int = 2, stride: int = 2) -> DigitalLayer:
    channels, height, width = before.output_shape
    shape = (channels, (height - kernel) // stride + 1, (width - kernel) // stride + 1)
    window = Window((kernel, kernel), (stride, stride))
    return DigitalLayer(
        name, (before.name,), shape, "MaxPool", pattern="window", window=window,
        element_operations=int(np.prod(shape)) * kernel * kernel,
    )  # fmt: skip


def global_pool(name: str, before: AnyLayer) -> DigitalLayer:
    shape = (before.channels, 1, 1)
    count = int(np.prod(before.output_shape))
    return DigitalLayer(name, (before.name,), shape, "GlobalAveragePool", element_operations=count)


def view(name: str, before: AnyLayer, *shape: int) -> ViewLayer:
    return ViewLayer(name, (before.name,), tuple(shape))
