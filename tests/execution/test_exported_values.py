"""Exported models on tiles, with ideal cells and no converters, give what onnxruntime gives, and run on a chip."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from sequence_models import bench_of

from chipsim.execution.functional import IDEAL
from chipsim.network.onnx_reader import read_onnx
from chipsim.simulation.engine import simulate_chip

FOLDER = Path(__file__).parents[1] / "data" / "exported"
PRODUCTS_OF_DATA = 2 * 2 * 6 * 6 * 4
"""Of two heads, queries with keys and the result with values: six tokens, four channels each."""


@pytest.mark.parametrize(
    ("name", "on_tiles", "beside"),
    [
        ("pytorch", 64 * 9 * 8 + 512 * 10, 0),
        ("lstm", 29 * (12 + 16) * 64 + 16 * 9, 0),
        ("encoder", 6 * (8 * 24 + 8 * 8 + 2 * 8 * 12) + 8 * 3, PRODUCTS_OF_DATA),
        ("tensorflow", 64 * 9 * 8 + 512 * 10, 0),
        ("keras_gru", (6 * 5 + 5 * 4) * 12 + 4 * 3, 0),  # its first step knows its state, which is zero
        ("sklearn", 64 * 32 + 32 * 10, 0),
    ],
)
def test_exported_models_on_tiles_equal_onnxruntime(name: str, on_tiles: int, beside: int) -> None:
    path = FOLDER / f"{name}.onnx"
    network = read_onnx(path, name)
    assert (network.macs_on_tiles, network.macs - network.macs_on_tiles) == (on_tiles, beside)
    x = np.random.default_rng(0).standard_normal((4, *network.input_shape), np.float32)
    bench = bench_of(network, x, "grid.shape=[24,24]", "tile.crossbar.rows=32", "tile.crossbar.columns=16")
    found = bench.program(IDEAL).run(x, network.outputs)[network.outputs[0]]
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (expected,) = session.run(None, {session.get_inputs()[0].name: x})
    assert np.abs(found.reshape(expected.shape) - expected).max() <= 1e-5 * np.abs(expected).max()
    assert len(simulate_chip(bench.plan, 2).done_ps) == 2
