from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from network_models import model_bytes, node, normal

from chipsim.errors import ModelError
from chipsim.network.onnx_reader import read_onnx
from chipsim.network.reference import compared_layers, run_reference

NODES = [node("Gemm", "x w", "g"), node("Softmax", "g", "s"), node("Identity", "s", "y")]
NETWORK = read_onnx(model_bytes(NODES, ("N", 4), {"w": normal(4, 3)}), "net")


@pytest.mark.parametrize("batch", [1, 2, 5, 64])
def test_the_size_of_a_batch_does_not_matter(batch: int) -> None:
    x = normal(5, 4)
    np.testing.assert_allclose(run_reference(NETWORK, x, batch)[0], run_reference(NETWORK, x)[0], rtol=1e-6)


def test_values_before_a_final_softmax() -> None:
    x = normal(5, 4)
    (logits,) = run_reference(NETWORK, x, before_softmax=True)
    np.testing.assert_allclose(logits, x @ normal(4, 3), rtol=1e-5)
    assert compared_layers(NETWORK, before_softmax=True) == ("g",)
    assert compared_layers(NETWORK) == ("s",)


def test_a_network_without_a_softmax_is_compared_at_its_output() -> None:
    network = read_onnx(model_bytes([node("Gemm", "x w", "y")], ("N", 4), {"w": normal(4, 3)}), "net")
    assert compared_layers(network, before_softmax=True) == ("y",)
    x = normal(2, 4)
    np.testing.assert_array_equal(run_reference(network, x, before_softmax=True)[0], run_reference(network, x)[0])


def test_a_model_that_takes_one_input_runs_them_one_at_a_time() -> None:
    fixed = replace(NETWORK, onnx_bytes=model_bytes(NODES, (1, 4), {"w": normal(4, 3)}))
    x = normal(3, 4)
    np.testing.assert_allclose(run_reference(fixed, x)[0], run_reference(NETWORK, x)[0], rtol=1e-6)


def test_a_model_that_does_not_run_is_named() -> None:
    with pytest.raises(ModelError, match="net: onnxruntime cannot run the model"):
        run_reference(NETWORK, normal(1, 5))
    broken = replace(NETWORK, onnx_bytes=model_bytes([node("Nonsense", "x", "y")], ("N", 4)))
    with pytest.raises(ModelError, match="net: onnxruntime cannot load the model"):
        run_reference(broken, normal(1, 4))
