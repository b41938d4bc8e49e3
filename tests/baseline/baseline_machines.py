"""Small machines and networks, of which only shapes matter."""

from itertools import pairwise
from typing import Any

import numpy as np
from hypothesis import strategies as st

from chipsim.architecture.spec import VonNeumannSpec
from chipsim.network.graph import Network
from chipsim.network.layers import AnyLayer, DigitalLayer, InputLayer, MatrixLayer, ViewLayer, Window
from chipsim.network.matrix import Matrix


def machine(**sections: dict[str, Any] | bool) -> VonNeumannSpec:
    """A machine whose vector unit, host and on-chip port are never in the way, unless a section says so."""
    base: dict[str, Any] = {
        "schema_version": 1,
        "kind": "von-neumann",
        "name": "machine",
        "compute": {"rows": 8, "columns": 8, "frequency": "1 GHz", "energy_per_mac": "0.5 pJ", "static_power": "1 mW"},
        "vector_unit": {"rate": "1000 Gop/s", "energy_per_operation": "0.25 pJ", "static_power": "1 mW"},
        "on_chip_memory": {"capacity": "1 MB", "bandwidth": "100 TB/s", "energy_per_byte": "2 pJ/B"},
        "dram": {"bandwidth": "1 GB/s", "latency": "10 ns", "energy_per_byte": "100 pJ/B", "static_power": "2 mW"},
        "host": {"bandwidth": "1 GB/s", "latency": "5 ns", "energy_per_byte": "10 pJ/B"},
    }
    for name, section in sections.items():
        base[name] = base[name] | section if isinstance(section, dict) and name in base else section
    return VonNeumannSpec.model_validate(base)


def input_layer(*shape: int) -> InputLayer:
    return InputLayer("x", (), shape)


def matrix(name: str, rows: int, columns: int) -> Matrix:
    """Weights without memory behind them."""
    return Matrix(name, np.broadcast_to(np.float32(0), (rows, columns)), np.broadcast_to(np.float32(0), (columns,)))


def dense(name: str, source: str, rows: int, columns: int) -> MatrixLayer:
    return MatrixLayer(name, (source,), (columns,), (rows, 1, 1), Window(), (matrix(name, rows, columns),))


def convolution(name: str, source: str, channels: int, columns: int, side: int, groups: int = 1) -> MatrixLayer:
    matrices = tuple(matrix(f"{name}.{g}", 9 * channels // groups, columns // groups) for g in range(groups))
    window = Window((3, 3), pads=(1, 1, 1, 1))
    return MatrixLayer(name, (source,), (columns, side, side), (channels, side, side), window, matrices)


def addition(name: str, sources: tuple[str, ...], *shape: int) -> DigitalLayer:
    operations = int(np.prod(shape))
    return DigitalLayer(name, sources, shape, "Add", pattern="elementwise", element_operations=operations)


def flatten(name: str, source: str, size: int) -> ViewLayer:
    return ViewLayer(name, (source,), (size,))


def network(*layers: AnyLayer) -> Network:
    """The last layer is the output."""
    return Network("small", {layer.name: layer for layer in layers}, (layers[-1].name,), "synthetic", b"", "x", "")


def residual() -> Network:
    """Two convolutions around a skip connection, a grouped convolution and a dense layer: 28,192 bytes of weights."""
    return network(
        input_layer(4, 8, 8),
        convolution("c1", "x", 4, 16, 8),
        convolution("c2", "c1", 16, 16, 8),
        addition("sum", ("c1", "c2"), 16, 8, 8),
        convolution("grouped", "sum", 16, 16, 8, groups=4),
        flatten("flat", "grouped", 1024),
        dense("last", "flat", 1024, 24),
    )


@st.composite
def mlps(draw: st.DrawFn) -> Network:
    """One to four dense layers, some with a skip connection."""
    sizes = draw(st.lists(st.integers(1, 96), min_size=2, max_size=5))
    layers: list[AnyLayer] = [input_layer(sizes[0])]
    for index, (rows, columns) in enumerate(pairwise(sizes)):
        layers.append(dense(f"d{index}", layers[-1].name, rows, columns))
        if rows == columns and draw(st.booleans()):
            layers.append(addition(f"s{index}", (layers[-1].inputs[0], layers[-1].name), columns))
    return network(*layers)
