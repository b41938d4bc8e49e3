"""Models exported from PyTorch, TensorFlow and scikit-learn as docs/bring_your_own.md shows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from network_models import assert_like_reference, normal

from chipsim.network.onnx_reader import read_onnx
from chipsim.network.reference import run_reference

FOLDER = Path(__file__).parents[1] / "data" / "exported"


@pytest.mark.parametrize(
    ("name", "shape", "macs"),
    [
        ("pytorch", (1, 8, 8), 64 * 9 * 8 + 512 * 10),
        ("lstm", (29, 12), 29 * (12 + 16) * 64 + 16 * 9),
        ("tensorflow", (8, 8, 1), 64 * 9 * 8 + 512 * 10),
        ("sklearn", (64,), 64 * 32 + 32 * 10),
    ],
)
def test_exported_models_go_to_tiles_whole(name: str, shape: tuple[int, ...], macs: int) -> None:
    path = FOLDER / f"{name}.onnx"
    network = read_onnx(path, name)
    assert network.input_shape == shape
    assert network.macs_on_tiles == network.macs == macs
    x = normal(5, *shape)
    if name != "lstm":  # walked step by step by the functional plane, not by this executor
        assert_like_reference(network, x)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (expected,) = session.run(None, {session.get_inputs()[0].name: x})
    np.testing.assert_allclose(run_reference(network, x)[0].reshape(expected.shape), expected, rtol=1e-5, atol=1e-6)
