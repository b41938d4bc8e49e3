from __future__ import annotations

import numpy as np
import pytest
from network_models import normal

from chipsim.network.digital import apply_activations, evaluate
from chipsim.network.layers import Activation, DigitalLayer

CASES = [
    (Activation("relu"), "Relu", {}, {}),
    (Activation("leaky_relu", (0.2,)), "LeakyRelu", {"alpha": 0.2}, {}),
    (Activation("sigmoid"), "Sigmoid", {}, {}),
    (Activation("tanh"), "Tanh", {}, {}),
    (Activation("clip", (-0.5, 0.75)), "Clip", {}, {1: np.float32(-0.5), 2: np.float32(0.75)}),
]


@pytest.mark.parametrize(("activation", "operator", "attributes", "constants"), CASES)
def test_an_activation_equals_onnxruntimes(
    activation: Activation, operator: str, attributes: dict[str, float], constants: dict[int, np.ndarray]
) -> None:
    x = np.concatenate([normal(500) * 3, np.float32([0, -0.0, 100, -100])]).reshape(2, -1)
    layer = DigitalLayer("a", ("x",), x.shape[1:], operator, attributes=attributes, constants=constants)
    result = apply_activations(x, [activation])
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, evaluate(layer, [x]), rtol=2e-6, atol=1e-7)


def test_activations_apply_in_order_and_leave_their_input_alone() -> None:
    x = np.float32([-3, 0.5, 9])
    kept = x.copy()
    result = apply_activations(x, [Activation("clip", (-2.0, 2.0)), Activation("leaky_relu", (0.5,))])
    assert result.tolist() == [-1, 0.5, 2]
    np.testing.assert_array_equal(x, kept)


def test_a_sigmoid_of_extreme_values_does_not_overflow() -> None:
    assert apply_activations(np.float32([-1e4, 1e4]), [Activation("sigmoid")]).tolist() == [0, 1]


def test_constants_stand_at_their_operand_positions() -> None:
    layer = DigitalLayer("s", ("x",), (2,), "Sub", constants={0: np.ones(2, np.float32)})
    assert evaluate(layer, [np.float32([[3, 4]])]).tolist() == [[-2, -3]]


def test_one_layer_takes_any_batch() -> None:
    layer = DigitalLayer("p", ("x",), (2, 1, 1), "GlobalAveragePool", activations=(Activation("relu"),))
    for batch in (1, 3, 8):
        x = normal(batch, 2, 3, 3)
        expected = np.maximum(x.mean(axis=(2, 3), keepdims=True), 0)
        np.testing.assert_allclose(evaluate(layer, [x]), expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(
    ("operator", "shape", "attributes", "constants"),
    [
        ("ReduceMean", (29, 32), {"keepdims": 0}, {1: np.array([1])}),
        ("ReduceSum", (3, 11, 13), {"keepdims": 0}, {1: np.array([1, 2])}),
        *[(operator, (3, 11, 13), {}, {}) for operator in ("Elu", "Celu", "Selu", "Softplus", "Sin", "Atan", "Mish")],
        ("Softmax", (7, 5), {"axis": -1}, {}),
        ("Add", (7, 5), {}, {1: normal(7, 5)}),
    ],
)
def test_values_are_the_same_however_many_inputs_go_together(operator, shape, attributes, constants) -> None:
    x = normal(13, *shape)
    kept = shape[-1:] if operator == "ReduceMean" else shape[2:] if operator == "ReduceSum" else shape
    layer = DigitalLayer(
        "a", ("x",), kept, operator, attributes=attributes, constants=constants, opset=21, pattern="barrier"
    )
    whole = evaluate(layer, [x])
    assert whole.shape == (13, *kept)
    for size in (1, 2, 3, 7):
        parts = [evaluate(layer, [x[start : start + size]]) for start in range(0, 13, size)]
        assert np.concatenate(parts).tobytes() == whole.tobytes()
