"""Operators that hold products inside count their multiply-accumulates; where nobody can, a note names them."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from network_models import model_bytes, node, normal, read_and_check
from onnx import helper

from chipsim.network.graph import Network

MS = "com.microsoft"
ML = "ai.onnx.ml"


def read(last: onnx.NodeProto, shape: tuple[int, ...], weights: dict[str, Any], *, opset: int = 17) -> Network:
    """A model of one node that onnxruntime runs, too."""
    model = onnx.load_model_from_string(model_bytes([last], shape, weights, opset=opset))
    model.opset_import.extend([helper.make_opsetid(MS, 1), helper.make_opsetid(ML, 1)])
    return read_and_check(model.SerializeToString(), batch=2)


def test_attention_of_three_axes_with_fewer_heads_of_keys() -> None:
    """6 tokens, 4 heads of 2 values; 5 keys, 2 heads; values of 3."""
    last = node("Attention", "x k v", "y", q_num_heads=4, kv_num_heads=2)
    network = read(last, (1, 6, 8), {"k": normal(1, 5, 4), "v": normal(1, 5, 6)}, opset=23)
    assert (network.macs, network.macs_on_tiles) == (4 * 6 * 5 * 2 + 4 * 6 * 5 * 3, 0)


def test_attention_of_four_axes_with_keys_from_before() -> None:
    last = helper.make_node("Attention", ["x", "k", "v", "", "pk", "pv"], ["y", "nk", "nv"], "y")
    weights = {"k": normal(1, 2, 5, 3), "v": normal(1, 2, 5, 7), "pk": normal(1, 2, 4, 3), "pv": normal(1, 2, 4, 7)}
    assert read(last, (1, 2, 6, 3), weights, opset=23).macs == 2 * 6 * (5 + 4) * (3 + 7)


def test_an_attention_equals_its_products_written_out() -> None:
    """The same heads as two MatMuls and a Softmax."""
    apart = [
        node("Transpose", "x", "t", perm=[0, 1, 3, 2]), node("MatMul", "x t", "s"), node("Softmax", "s", "p", axis=-1),
        node("MatMul", "p x", "y"),
    ]  # fmt: skip
    written = read_and_check(model_bytes(apart, (1, 2, 6, 3)))
    assert read(node("Attention", "x x x", "y"), (1, 2, 6, 3), {}, opset=23).macs == written.macs


FOREIGN = [
    (node("MultiHeadAttention", "x x x", "y", num_heads=4, domain=MS), (1, 6, 8), {}, 2 * 6 * 6 * 8),
    (
        node("MultiHeadAttention", "x k v", "y", num_heads=2, domain=MS),
        (1, 6, 8), {"k": normal(1, 2, 5, 4), "v": normal(1, 2, 5, 4)}, 2 * 6 * 5 * 8,
    ),
    (
        node("Attention", "x w b", "y", num_heads=2, domain=MS),
        (1, 6, 5), {"w": normal(5, 24), "b": normal(24)}, 6 * 5 * 24 + 2 * 6 * 6 * 8,
    ),
    (
        node("Attention", "x w b", "y", num_heads=2, qkv_hidden_sizes=[8, 8, 4], domain=MS),
        (1, 6, 5), {"w": normal(5, 20), "b": normal(20)}, 6 * 5 * 20 + 6 * 6 * (8 + 4),
    ),
    (node("FusedMatMul", "x w", "y", domain=MS), (1, 6, 4), {"w": normal(4, 5)}, 6 * 4 * 5),
    (node("FusedMatMul", "x w", "y", transA=1, domain=MS), (1, 6, 4), {"w": normal(6, 5)}, 4 * 6 * 5),
    (node("FusedGemm", "x w b", "y", activation="Relu", domain=MS), (1, 4), {"w": normal(4, 5), "b": normal(5)}, 20),
    (
        node("LinearRegressor", "x", "y", coefficients=[1.0] * 12, intercepts=[0.0] * 3, targets=3, domain=ML),
        (1, 4), {}, 12,
    ),
    (
        node(
            "SVMRegressor", "x", "y", coefficients=[1.0, -1.0], support_vectors=[0.5] * 8, n_supports=2, rho=[0.0],
            kernel_type="RBF", kernel_params=[0.5, 0.0, 3.0], domain=ML,
        ),
        (1, 4), {}, 2 * 4 + 2,
    ),
]  # fmt: skip


@pytest.mark.parametrize(("last", "shape", "weights", "macs"), FOREIGN)
def test_products_of_other_domains(
    last: onnx.NodeProto, shape: tuple[int, ...], weights: dict[str, Any], macs: int
) -> None:
    network = read(last, shape, weights)
    assert network.macs == macs
    assert not any("MACs are not known" in note for note in network.notes)


def test_a_deformed_convolution_counts_as_a_plain_one() -> None:
    weights = {"w": normal(4, 3, 3, 3), "o": np.zeros((1, 18, 6, 6), np.float32)}
    network = read(node("DeformConv", "x w o", "y", kernel_shape=[3, 3]), (1, 3, 8, 8), weights, opset=22)
    plain = read_and_check(model_bytes([node("Conv", "x w", "y")], (1, 3, 8, 8), {"w": weights["w"]}))
    assert network.macs == plain.macs


def test_scores_of_a_linear_classifier() -> None:
    linear = helper.make_node(
        "LinearClassifier", ["x"], ["label", "y"], "c", domain=ML, coefficients=[0.5] * 12, intercepts=[0.0] * 3,
        classlabels_ints=[0, 1, 2],
    )  # fmt: skip
    assert read(linear, (1, 4), {}).macs == 12


def test_operators_that_nobody_counts_are_named() -> None:
    plain = node("FastGelu", "x", "y", domain=MS)
    assert not read(plain, (1, 6), {}).notes
    network = read(node("Inverse", "x", "y", domain=MS), (1, 6, 6), {})
    (note,) = network.notes
    assert "MACs are not known" in note
    assert "com.microsoft.Inverse ('y')" in note
