"""One encoder layer of BERT-base and of BERT-large (Devlin et al. 2019: widths 768 and 1024, 12 and 16 heads)."""

from __future__ import annotations

import math

import numpy as np
import onnx

from chipsim.network.standard.building import GraphBuilder

TOKENS = 128
"""Assumption."""


def bert_base_layer(seed: int, tokens: int = TOKENS) -> onnx.ModelProto:
    """Width 768, 12 heads.

    Parameters
    ----------
    seed : int
        Of the weights.
    tokens : int
    """
    return encoder_layer("bert-base-layer", seed, tokens, 768, 12)


def bert_large_layer(seed: int, tokens: int = TOKENS) -> onnx.ModelProto:
    """Width 1024, 16 heads; parameters as for `bert_base_layer`."""
    return encoder_layer("bert-large-layer", seed, tokens, 1024, 16)


def encoder_layer(name: str, seed: int, tokens: int, width: int, heads: int) -> onnx.ModelProto:
    """Attention, two dense layers of four times the width, sums and normalisations.

    Parameters
    ----------
    name : str
    seed : int
    tokens, width, heads : int
    """
    build = GraphBuilder(name, seed)

    def dense(before: str, inputs: int, outputs: int) -> str:
        product = build.node("MatMul", before, build.weight(inputs, outputs, fan_in=inputs, gain=1.0))
        return build.node("Add", product, build.vector(outputs))

    def norm(first: str, second: str) -> str:
        total = build.node("Add", first, second)
        return build.node("LayerNormalization", total, build.vector(width, 1.0), build.vector(width), epsilon=1e-12)

    split = build.constant(np.array([0, tokens, heads, width // heads], np.int64))
    whole = build.constant(np.array([0, tokens, width], np.int64))
    q, k, v = (
        build.node("Transpose", build.node("Reshape", dense("tokens", width, width), split), perm=[0, 2, *order])
        for order in ((1, 3), (3, 1), (1, 3))
    )
    scores = build.node(
        "Div", build.node("MatMul", q, k), build.constant(np.array(math.sqrt(width / heads), np.float32))
    )
    mixed = build.node("MatMul", build.node("Softmax", scores, axis=-1), v)
    joined = build.node("Reshape", build.node("Transpose", mixed, perm=[0, 2, 1, 3]), whole)
    attended = norm(dense(joined, width, width), "tokens")
    up = dense(attended, width, 4 * width)
    one, half, root = (build.constant(np.array(value, np.float32)) for value in (1, 0.5, math.sqrt(2)))
    gate = build.node("Add", build.node("Erf", build.node("Div", up, root)), one)
    active = build.node("Mul", build.node("Mul", up, gate), half)
    return build.model({"tokens": ["N", tokens, width]}, norm(dense(active, 4 * width, width), attended))
