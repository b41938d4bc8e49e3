"""What merges into the layer before it, and what must not."""

from __future__ import annotations

import numpy as np
import pytest
from network_models import model_bytes, node, normal, read_and_check

from chipsim.network.layers import DigitalLayer, ViewLayer

NORM = {"s": normal(4, seed=1), "b": normal(4, seed=2), "m": normal(4, seed=3), "v": normal(4, seed=4) ** 2 + 0.1}


def batch_norm(value: str, output: str) -> object:
    return node("BatchNormalization", f"{value} s b m v", output, epsilon=1e-3)


@pytest.mark.parametrize("group", [1, 2])
def test_batch_normalisation_joins_the_convolution(group: int) -> None:
    nodes = [node("Conv", "x w", "c", group=group), batch_norm("c", "n"), node("Relu", "n", "y")]
    network = read_and_check(model_bytes(nodes, ("N", 4, 5, 5), NORM | {"w": normal(4, 4 // group, 3, 3)}))
    assert list(network.layers) == ["x", "c"]


def test_batch_normalisation_joins_a_dense_layer() -> None:
    nodes = [node("Gemm", "x w b", "g"), batch_norm("g", "y")]
    network = read_and_check(model_bytes(nodes, ("N", 3), NORM | {"w": normal(3, 4)}))
    assert list(network.layers) == ["x", "g"]


@pytest.mark.parametrize("last", ["n", "y"])
def test_it_stays_a_layer_where_the_convolution_is_read_elsewhere(last: str) -> None:
    nodes = [node("Conv", "x w", "c"), batch_norm("c", "n"), node("Add", "c n", "y")]
    outputs = ("y",) if last == "y" else ("c", "n")
    weights = NORM | {"w": normal(4, 4, 3, 3)}
    network = read_and_check(model_bytes(nodes[: 3 if last == "y" else 2], ("N", 4, 5, 5), weights, outputs))
    layer = network.layers["n"]
    assert isinstance(layer, DigitalLayer)
    assert (layer.pattern, layer.element_operations) == ("elementwise", 2 * 36)


def test_it_stays_a_layer_after_an_activation() -> None:
    nodes = [node("Conv", "x w", "c"), node("Relu", "c", "r"), batch_norm("r", "y")]
    network = read_and_check(model_bytes(nodes, ("N", 4, 5, 5), NORM | {"w": normal(4, 4, 3, 3)}))
    assert list(network.layers) == ["x", "c", "y"]


@pytest.mark.parametrize("operands", ["c k", "k c"])
@pytest.mark.parametrize("operator", ["Mul", "Add", "Sub", "Div"])
@pytest.mark.parametrize("shape", [(4, 1, 1), (1, 4, 1, 1), (1, 1, 1), ()])
def test_constant_arithmetic_per_channel_joins_the_convolution(
    operator: str, operands: str, shape: tuple[int, ...]
) -> None:
    nodes = [node("Conv", "x w", "c"), node(operator, operands, "y")]
    constant = np.asarray(np.abs(normal(*shape)) + 0.5, np.float32)
    network = read_and_check(model_bytes(nodes, ("N", 2, 4, 4), {"w": normal(4, 2, 3, 3), "k": constant}))
    divides_by_it = (operator, operands) == ("Div", "k c")
    assert list(network.layers) == (["x", "c", "y"] if divides_by_it else ["x", "c"])


@pytest.mark.parametrize("shape", [(2, 2), (1, 2), (4, 2, 2), (1, 4, 2, 1)])
def test_a_constant_that_varies_over_the_map_stays_a_layer(shape: tuple[int, ...]) -> None:
    nodes = [node("Conv", "x w", "c"), node("Mul", "c k", "y")]
    network = read_and_check(model_bytes(nodes, ("N", 2, 4, 4), {"w": normal(4, 2, 3, 3), "k": normal(*shape)}))
    assert list(network.layers) == ["x", "c", "y"]


def test_a_chain_of_scales_without_a_matrix_is_one_layer() -> None:
    constants = {"k": normal(4), "axes": np.array([1, 2])}
    nodes = [
        batch_norm("x", "n"),
        node("Unsqueeze", "k axes", "u"),
        node("Mul", "n u", "p"),
        node("Add", "p u", "a"),
        node("Relu", "a", "y"),
    ]
    network = read_and_check(model_bytes(nodes, ("N", 4, 3, 3), NORM | constants))
    layer = network.layers["n"]
    assert list(network.layers) == ["x", "n"]
    assert isinstance(layer, DigitalLayer)
    assert layer.element_operations == 36 * 3  # multiply, add, activation


def test_an_activation_joins_an_addition_and_is_counted() -> None:
    nodes = [node("Tanh", "x", "t"), node("Add", "x t", "a"), node("Relu", "a", "y")]
    layer = read_and_check(model_bytes(nodes, ("N", 4, 3, 3))).layers["a"]
    assert isinstance(layer, DigitalLayer)
    assert layer.element_operations == 72


def test_an_activation_stays_apart_from_an_output() -> None:
    nodes = [node("Gemm", "x w", "g"), node("Relu", "g", "r")]
    network = read_and_check(model_bytes(nodes, ("N", 4), {"w": normal(4, 4)}, outputs=("g", "r")))
    assert network.outputs == ("g", "r")


def test_a_dense_layer_reads_the_map_behind_its_flattened_view() -> None:
    nodes = [node("Relu", "x", "r"), node("Flatten", "r", "f"), node("Gemm", "f w", "y")]
    network = read_and_check(model_bytes(nodes, ("N", 3, 4, 5), {"w": normal(60, 7)}))
    (layer,) = network.matrix_layers
    assert list(network.layers) == ["x", "r", "y"]
    assert (layer.inputs, layer.input_shape, layer.window.kernel) == (("r",), (3, 4, 5), (4, 5))
    assert layer.output_shape == (7,)
    weight_of = normal(60, 7).reshape(3, 4, 5, 7)
    np.testing.assert_array_equal(layer.matrices[0].weights.reshape(4, 5, 3, 7), weight_of.transpose(1, 2, 0, 3))


def test_a_view_that_something_else_reads_stays() -> None:
    nodes = [node("Flatten", "x", "f"), node("Gemm", "f w", "g"), node("Add", "f g", "y")]
    network = read_and_check(model_bytes(nodes, ("N", 3, 2, 2), {"w": normal(12, 12)}))
    assert isinstance(network.layers["f"], ViewLayer)
    assert network.layers["g"].inputs == ("x",)


def test_a_dense_layer_after_a_convolution_over_a_sequence() -> None:
    nodes = [node("Conv", "x w", "c"), node("Flatten", "c", "f"), node("MatMul", "f v", "y")]
    network = read_and_check(model_bytes(nodes, ("N", 2, 6), {"w": normal(3, 2, 3), "v": normal(12, 5)}))
    assert network.matrix_layers[1].input_shape == (3, 1, 4)


def test_a_map_made_from_a_vector_is_a_view() -> None:
    nodes = [node("Gemm", "x w", "g"), node("Reshape", "g s", "r"), node("Conv", "r k", "y")]
    weights = {"w": normal(5, 27), "s": np.array([0, 3, 3, -1]), "k": normal(2, 3, 2, 2)}
    network = read_and_check(model_bytes(nodes, ("N", 5), weights))
    assert isinstance(network.layers["r"], ViewLayer)


def test_scales_of_tokens_stay_apart() -> None:
    """A batch normalisation scales axis 1, which tokens have first: two scales of theirs are not made into one."""
    nodes = [
        node("MatMul", "x w", "m"), node("Relu", "m", "r"), node("Mul", "r s", "a"), node("Add", "a t", "b"),
        node("Mul", "b s", "y"),
    ]  # fmt: skip
    weights = {"w": normal(4, 6), "s": normal(6), "t": normal(6, seed=1)}
    network = read_and_check(model_bytes(nodes, ("N", 5, 4), weights))
    assert not any(getattr(layer, "operator", "") == "BatchNormalization" for layer in network.layers.values())
