"""Random chains and branches of operators equal onnxruntime, whatever merges with what."""

from __future__ import annotations

import numpy as np
import onnx
from hypothesis import given, settings
from hypothesis import strategies as st
from network_models import model_bytes, node, normal, read_and_check

CHANNELS = 4
STEPS = [
    "conv",
    "depthwise",
    "norm",
    "scale",
    "shift",
    "Relu",
    "Tanh",
    "LeakyRelu",
    "pool",
    "add",
    "concat",
    "Identity",
]


def weights_of(step: str, name: str, seed: int) -> dict[str, np.ndarray]:
    match step:
        case "conv":
            return {
                f"{name}w": normal(CHANNELS, CHANNELS, 3, 3, seed=seed) * 0.3,
                f"{name}b": normal(CHANNELS, seed=seed),
            }
        case "depthwise":
            return {f"{name}w": normal(CHANNELS, 1, 3, 3, seed=seed) * 0.5}
        case "concat":
            return {f"{name}w": normal(CHANNELS, 2 * CHANNELS, 1, 1, seed=seed) * 0.3}
        case "norm":
            return {f"{name}{key}": np.abs(normal(CHANNELS, seed=seed + i)) + 0.5 for i, key in enumerate("sbmv")}
        case "scale" | "shift":
            return {f"{name}k": normal(CHANNELS, 1, 1, seed=seed)}
    return {}


def nodes_of(step: str, name: str, value: str, other: str) -> list[onnx.NodeProto]:
    """Nodes that make ``name`` from ``value`` (and from ``other``, any value before)."""
    same = [1, 1, 1, 1]
    match step:
        case "conv":
            return [node("Conv", f"{value} {name}w {name}b", name, pads=same)]
        case "depthwise":
            return [node("Conv", f"{value} {name}w", name, pads=same, group=CHANNELS)]
        case "norm":
            return [node("BatchNormalization", f"{value} {name}s {name}b {name}m {name}v", name)]
        case "scale" | "shift":
            return [node("Mul" if step == "scale" else "Add", f"{value} {name}k", name)]
        case "pool":
            return [node("MaxPool", value, name, kernel_shape=[3, 3], pads=same)]
        case "add":
            return [node("Add", f"{value} {other}", name)]
        case "concat":
            return [node("Concat", f"{value} {other}", f"{name}c", axis=1), node("Conv", f"{name}c {name}w", name)]
    return [node(step, value, name)]


@settings(max_examples=60)
@given(st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 7)), min_size=1, max_size=8), st.booleans())
def test_any_chain_of_operators_equals_the_reference(steps: list[tuple[str, int]], dense: bool) -> None:
    values, nodes, weights = ["x"], [], {}
    for number, (step, back) in enumerate(steps):
        name = f"v{number}"
        nodes += nodes_of(step, name, values[-1], values[-1 - back % len(values)])
        weights |= weights_of(step, name, seed=10 * number)
        values.append(name)
    if dense:
        nodes += [node("Flatten", values[-1], "flat"), node("Gemm", "flat dw", "y"), node("Softmax", "y", "z")]
        weights["dw"] = normal(CHANNELS * 20, 5) * 0.2
    read_and_check(model_bytes(nodes, ("N", CHANNELS, 4, 5), weights, outputs=("z" if dense else values[-1],)))
