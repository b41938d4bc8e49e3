"""A network with two branches that have the same weights, as an exporter writes it."""

from __future__ import annotations

import numpy as np
from onnx import TensorProto, helper, numpy_helper


def siamese() -> bytes:
    """Two branches with the same convolution and dense layer, and a layer of its own behind."""
    rng = np.random.default_rng(0)
    weights = {
        "k": rng.standard_normal((4, 2, 3, 3)).astype(np.float32),
        "w": rng.standard_normal((400, 40)).astype(np.float32),
        "v": rng.standard_normal((40, 5)).astype(np.float32),
    }
    nodes = []
    for side in ("left", "right"):
        nodes += [
            helper.make_node("Conv", [side, "k"], [f"{side}/c"], f"{side}/conv", pads=[1, 1, 1, 1]),
            helper.make_node("Relu", [f"{side}/c"], [f"{side}/r"], f"{side}/relu"),
            helper.make_node("Flatten", [f"{side}/r"], [f"{side}/f"], f"{side}/flat"),
            helper.make_node("MatMul", [f"{side}/f", "w"], [f"{side}/d"], f"{side}/dense"),
        ]
    nodes += [
        helper.make_node("Sub", ["left/d", "right/d"], ["difference"], "compare"),
        helper.make_node("MatMul", ["difference", "v"], ["y"], "classify"),
    ]
    graph = helper.make_graph(
        nodes,
        "siamese",
        [helper.make_tensor_value_info(side, TensorProto.FLOAT, ["N", 2, 10, 10]) for side in ("left", "right")],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 5])],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    return bytes(model.SerializeToString())
