"""Convolutions and products whose bias is data: their matrices stay on tiles, a digital unit adds."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper

from chipsim.network.layers import DigitalLayer
from chipsim.onnx_backend import Backend


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize(
    ("operator", "x", "w", "bias", "attributes"),
    [
        ("Conv", (4, 6, 5), (6, 2, 3, 3), (6,), {"group": 2, "pads": [1, 0, 0, 1], "strides": [2, 1]}),
        ("Conv", (3, 7), (2, 3, 3), (2,), {}),
        ("Conv", (2, 4, 4, 3), (3, 2, 2, 2, 2), (3,), {}),
        ("ConvTranspose", (4, 3, 3), (4, 5, 3, 3), (5,), {"strides": [2, 2]}),
        ("ConvTranspose", (2, 5), (2, 3, 2), (3,), {}),
        ("Gemm", (7,), (7, 4), (4,), {"alpha": 0.5, "beta": 2.0}),
        ("Gemm", (7,), (4, 7), (1,), {"transB": 1}),
    ],
)
def test_values_are_those_of_onnxruntime(
    operator: str, x: tuple[int, ...], w: tuple[int, ...], bias: tuple[int, ...], attributes: dict[str, object],
    batch: int,
) -> None:  # fmt: skip
    """The bias has no batch, so all is one example: several maps of it are a volume, but several volumes are none."""
    shapes = {"x": (batch, *x), "w": w, "b": bias}
    graph = helper.make_graph(
        [helper.make_node(operator, list(shapes), ["y"], **attributes)],
        "biased",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shapes.items()],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    rng = np.random.default_rng(2)
    values = {name: rng.standard_normal(shape, np.float32) for name, shape in shapes.items()}
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (expected,) = session.run(None, values)
    prepared = Backend.prepare(model)
    assert prepared.held == ("w",)
    (found,) = prepared.run(values)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5 * np.abs(expected).max())
    assert prepared.programmed is not None
    assert prepared.programmed.share_on_tiles == (batch == 1 or len(x) < 4)
    layers = prepared.programmed.network.layers.values()
    assert "Add" in [layer.operator for layer in layers if isinstance(layer, DigitalLayer)]
