"""Every operator and option, read from a small model and compared with onnxruntime."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from network_models import model_bytes, node, normal, read_and_check

from chipsim.network.layers import Activation, DigitalLayer, MatrixLayer, ViewLayer


@pytest.mark.parametrize("trans_b", [0, 1])
@pytest.mark.parametrize("offset", [None, (), (1,), (5,), (1, 5), (1, 1)])
def test_gemm_with_any_offset(trans_b: int, offset: tuple[int, ...] | None) -> None:
    weights = {"w": normal(5, 7) if trans_b else normal(7, 5)}
    operands = "x w"
    if offset is not None:
        weights["c"] = np.asarray(normal(*offset, seed=1), np.float32)
        operands = "x w c"
    gemm = node("Gemm", operands, "y", transB=trans_b, alpha=0.5, beta=2.0)
    network = read_and_check(model_bytes([gemm], ("N", 7), weights))
    assert network.macs == 35


def test_matmul_and_a_constant_after_it_are_one_layer() -> None:
    nodes = [node("MatMul", "x w", "m"), node("Add", "b m", "a"), node("Tanh", "a", "y")]
    network = read_and_check(model_bytes(nodes, ("N", 7), {"w": normal(7, 5), "b": normal(5)}))
    (layer,) = network.matrix_layers
    assert list(network.layers) == ["x", "m"]
    assert layer.activations == (Activation("tanh"),)


@settings(max_examples=60)
@given(
    kernel=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    strides=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    dilations=st.tuples(st.integers(1, 2), st.integers(1, 2)),
    pads=st.tuples(*[st.integers(0, 2)] * 4),
    auto_pad=st.sampled_from(["NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"]),
    group=st.sampled_from([1, 2, 4]),
    bias=st.booleans(),
)
def test_convolution(
    kernel: tuple[int, int], strides: tuple[int, int], dilations: tuple[int, int],
    pads: tuple[int, int, int, int], auto_pad: str, group: int, bias: bool,
) -> None:  # fmt: skip
    options: dict[str, Any] = {"strides": strides, "group": group, "auto_pad": auto_pad}
    if auto_pad == "NOTSET":
        options["pads"] = pads
    if not auto_pad.startswith("SAME"):  # onnxruntime refuses the two together
        options["dilations"] = dilations
    weights = {"w": normal(8, 4 // group, *kernel)} | ({"b": normal(8)} if bias else {})
    conv = node("Conv", "x w b" if bias else "x w", "y", **options)
    network = read_and_check(model_bytes([conv], ("N", 4, 7, 6), weights))
    assert len(network.matrix_layers[0].matrices) == group


def test_depthwise_convolution_has_one_matrix_per_channel() -> None:
    network = read_and_check(
        model_bytes([node("Conv", "x w", "y", group=6)], ("N", 6, 5, 5), {"w": normal(6, 1, 3, 3)})
    )
    (layer,) = network.matrix_layers
    assert [matrix.first_input_channel for matrix in layer.matrices] == list(range(6))
    assert {matrix.weights.shape for matrix in layer.matrices} == {(9, 1)}
    assert len({matrix.name for matrix in layer.matrices}) == 6


def test_convolution_over_a_sequence_is_one_row() -> None:
    nodes = [
        node("Conv", "x w b", "c", pads=[1, 2], strides=[2], dilations=[2]),
        node("BatchNormalization", "c s b m v", "n"),
        node("MaxPool", "n", "y", kernel_shape=[2]),
    ]
    weights = {"w": normal(4, 3, 3), "b": normal(4), "s": normal(4), "m": normal(4), "v": normal(4) ** 2 + 1}
    network = read_and_check(model_bytes(nodes, ("N", 3, 11), weights))
    (layer,) = network.matrix_layers
    assert layer.input_shape == (3, 1, 11)
    assert layer.window.kernel == (1, 3)
    assert layer.positions == 5


@settings(max_examples=60)
@given(
    operator=st.sampled_from(["MaxPool", "AveragePool"]),
    kernel=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    strides=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    pads=st.booleans(),
    auto_pad=st.sampled_from(["NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"]),
    ceil_mode=st.integers(0, 1),
    option=st.integers(0, 1),
)
def test_pooling(
    operator: str, kernel: tuple[int, int], strides: tuple[int, int], pads: bool, auto_pad: str,
    ceil_mode: int, option: int,
) -> None:  # fmt: skip
    if auto_pad.startswith("SAME"):  # onnxruntime refuses the negative padding that wider strides would mean
        strides = min(strides[0], kernel[0]), min(strides[1], kernel[1])
    options: dict[str, Any] = {"kernel_shape": kernel, "strides": strides, "auto_pad": auto_pad}
    if auto_pad == "NOTSET":
        options |= {"pads": [kernel[0] // 2 * pads, kernel[1] // 2 * pads] * 2, "ceil_mode": ceil_mode}
    if operator == "AveragePool":
        options["count_include_pad"] = option
    elif not auto_pad.startswith("SAME"):
        options["dilations"] = [1 + option, 1]
    network = read_and_check(model_bytes([node(operator, "x", "y", **options)], ("N", 2, 8, 7)))
    layer = network.layers["y"]
    assert isinstance(layer, DigitalLayer)
    assert layer.pattern == "window"
    assert layer.window is not None
    assert layer.window.kernel == kernel
    assert layer.element_operations == np.prod(layer.output_shape) * np.prod(kernel)


def test_same_padding_gives_the_window_its_explicit_padding() -> None:
    pool = node("MaxPool", "x", "y", kernel_shape=[3, 2], strides=[2, 1], auto_pad="SAME_LOWER")
    layer = read_and_check(model_bytes([pool], ("N", 1, 8, 5))).layers["y"]
    assert isinstance(layer, DigitalLayer)
    assert layer.window is not None
    assert layer.window.pads == (1, 1, 0, 0)


@pytest.mark.parametrize("operator", ["GlobalAveragePool", "GlobalMaxPool"])
def test_global_pooling_is_a_barrier(operator: str) -> None:
    layer = read_and_check(model_bytes([node(operator, "x", "y")], ("N", 3, 4, 5))).layers["y"]
    assert isinstance(layer, DigitalLayer)
    assert (layer.pattern, layer.element_operations, layer.output_shape) == ("barrier", 60, (3, 1, 1))


def test_mean_over_a_map_is_a_barrier() -> None:
    layer = read_and_check(model_bytes([node("ReduceMean", "x", "y", axes=[2, 3], keepdims=0)], ("N", 3, 4, 5))).layers[
        "y"
    ]
    assert isinstance(layer, DigitalLayer)
    assert (layer.pattern, layer.output_shape) == ("barrier", (3,))


ACTIVATIONS = [
    ("Relu", {}, Activation("relu")),
    ("LeakyRelu", {"alpha": 0.25}, Activation("leaky_relu", (0.25,))),
    ("LeakyRelu", {}, Activation("leaky_relu", (0.01,))),
    ("Sigmoid", {}, Activation("sigmoid")),
    ("Tanh", {}, Activation("tanh")),
]


@pytest.mark.parametrize(("operator", "options", "expected"), ACTIVATIONS)
def test_an_activation_joins_the_layer_before_it(operator: str, options: dict[str, Any], expected: Activation) -> None:
    nodes = [node("Conv", "x w", "c"), node(operator, "c", "y", **options)]
    network = read_and_check(model_bytes(nodes, ("N", 2, 4, 4), {"w": normal(3, 2, 3, 3)}))
    assert list(network.layers) == ["x", "c"]
    assert network.outputs == ("c",)
    assert network.matrix_layers[0].activations == (expected,)


@pytest.mark.parametrize(("operator", "options", "expected"), ACTIVATIONS)
def test_an_activation_of_the_input_is_a_layer(operator: str, options: dict[str, Any], expected: Activation) -> None:
    layer = read_and_check(model_bytes([node(operator, "x", "y", **options)], ("N", 2, 4, 4))).layers["y"]
    assert isinstance(layer, DigitalLayer)
    assert (layer.pattern, layer.element_operations) == ("elementwise", 32)


@pytest.mark.parametrize("operator", ["Elu", "HardSigmoid", "HardSwish"])
def test_other_functions_stay_on_the_digital_unit(operator: str) -> None:
    nodes = [node("Gemm", "x w", "g"), node(operator, "g", "y")]
    network = read_and_check(model_bytes(nodes, ("N", 6), {"w": normal(6, 4)}))
    assert list(network.layers) == ["x", "g", "y"]


@pytest.mark.parametrize(
    ("operands", "limits"),
    [("g low high", (-0.5, 1.0)), ("g - high", (-np.inf, 1.0)), ("g low", (-0.5, np.inf)), ("g", (-np.inf, np.inf))],
)
@pytest.mark.parametrize("fused", [True, False])
def test_clip_with_either_limit_missing(operands: str, limits: tuple[float, float], fused: bool) -> None:
    first = node("Gemm", "x w", "g") if fused else node("Softmax", "x", "g")
    nodes = [first, node("Clip", operands, "y")]
    weights = {"w": normal(6, 6)} if fused else {}
    network = read_and_check(model_bytes(nodes, ("N", 6), weights | {"low": np.float32(-0.5), "high": np.float32(1)}))
    layer = network.layers["g"]
    assert isinstance(layer, DigitalLayer | MatrixLayer)
    assert layer.activations == (Activation("clip", limits),)


@pytest.mark.parametrize("operands", ["x low high", "x - high", "x low"])
def test_clip_of_the_input(operands: str) -> None:
    weights = {"low": np.float32(-0.5), "high": np.float32(1)}
    read_and_check(model_bytes([node("Clip", operands, "y")], ("N", 6), weights))


def test_clip_with_attributes_of_an_old_opset() -> None:
    nodes = [node("Gemm", "x w b", "g"), node("Clip", "g", "y", min=0.0, max=6.0)]
    network = read_and_check(model_bytes(nodes, ("N", 6), {"w": normal(6, 4), "b": normal(4)}, opset=9))
    assert network.matrix_layers[0].activations == (Activation("clip", (0.0, 6.0)),)


@pytest.mark.parametrize("opset", [9, 11, 13, 17])
@pytest.mark.parametrize("shape", [(5,), (5, 3, 2)])
@pytest.mark.parametrize("axis", [None, 1, -1])
def test_softmax_of_every_opset(opset: int, shape: tuple[int, ...], axis: int | None) -> None:
    softmax = node("Softmax", "x", "y", **({} if axis is None else {"axis": axis}))
    layer = read_and_check(model_bytes([softmax], ("N", *shape), opset=opset)).layers["y"]
    assert isinstance(layer, DigitalLayer)
    assert layer.element_operations == 3 * np.prod(shape)
    over_channels = len(shape) == 1 or (axis == 1 and opset >= 13)
    assert layer.pattern == ("elementwise" if over_channels else "barrier")


def test_local_response_normalisation() -> None:
    lrn = node("LRN", "x", "y", size=3, alpha=0.1, beta=0.5, bias=2.0)
    layer = read_and_check(model_bytes([lrn], ("N", 5, 3, 2))).layers["y"]
    assert isinstance(layer, DigitalLayer)
    assert (layer.pattern, layer.element_operations) == ("elementwise", 30 * 6)


@pytest.mark.parametrize("operator", ["Add", "Sum", "Mul", "Sub", "Div"])
def test_arithmetic_of_two_branches(operator: str) -> None:
    nodes = [
        node("Conv", "x w", "a", pads=[1, 1, 1, 1]),
        node("Conv", "x v", "p"),
        node("Sigmoid", "p", "b"),
        node(operator, "a b", "y"),
    ]
    network = read_and_check(model_bytes(nodes, ("N", 2, 4, 4), {"w": normal(3, 2, 3, 3), "v": normal(3, 2, 1, 1)}))
    layer = network.layers["y"]
    assert isinstance(layer, DigitalLayer)
    assert (layer.pattern, layer.inputs, layer.element_operations) == ("elementwise", ("a", "p"), 48)


def test_a_sum_of_three_takes_two_additions_per_value() -> None:
    nodes = [node("Relu", "x", "a"), node("Tanh", "x", "b"), node("Sum", "a b x", "y")]
    layer = read_and_check(model_bytes(nodes, ("N", 2, 3, 3))).layers["y"]
    assert isinstance(layer, DigitalLayer)
    assert layer.element_operations == 36


def test_a_channel_gate_is_broadcast() -> None:
    nodes = [node("GlobalAveragePool", "x", "s"), node("Sigmoid", "s", "g"), node("Mul", "x g", "y")]
    network = read_and_check(model_bytes(nodes, ("N", 3, 4, 4)))
    assert network.layers["y"].inputs == ("x", "s")


def test_a_value_added_to_itself_is_read_twice() -> None:
    network = read_and_check(model_bytes([node("Add", "x x", "y")], ("N", 3)))
    assert network.layers["y"].inputs == ("x", "x")


@pytest.mark.parametrize("axis", [1, 2, -1, -3])
def test_concatenation_along_channels_is_positionwise(axis: int) -> None:
    nodes = [node("Relu", "x", "a"), node("Tanh", "x", "b"), node("Concat", "a b x", "y", axis=axis)]
    layer = read_and_check(model_bytes(nodes, ("N", 2, 3, 4))).layers["y"]
    assert isinstance(layer, DigitalLayer)
    assert layer.pattern == ("elementwise" if axis in (1, -3) else "barrier")
    assert layer.element_operations == 72


def test_channel_shuffle_is_positionwise() -> None:
    nodes = [
        node("Reshape", "x split", "s"),
        node("Transpose", "s", "t", perm=[0, 2, 1, 3, 4]),
        node("Reshape", "t join", "y"),
    ]
    weights = {"split": np.array([1, 2, 3, 4, 5]), "join": np.array([1, 6, 4, 5])}
    network = read_and_check(model_bytes(nodes, (1, 6, 4, 5), weights), batch=4)
    layer = network.layers["t"]
    assert isinstance(layer, DigitalLayer)
    assert (layer.pattern, layer.positions, layer.channels) == ("elementwise", 20, 6)
    assert isinstance(network.layers["s"], ViewLayer)


def test_a_real_permutation_is_a_barrier_and_a_trivial_one_a_view() -> None:
    network = read_and_check(model_bytes([node("Transpose", "x", "y", perm=[0, 3, 1, 2])], ("N", 2, 3, 4)))
    layer = network.layers["y"]
    assert isinstance(layer, DigitalLayer)
    assert (layer.pattern, layer.element_operations) == ("barrier", 24)
    trivial = read_and_check(model_bytes([node("Transpose", "x", "y", perm=[0, 2, 3, 1])], ("N", 1, 3, 4)))
    assert isinstance(trivial.layers["y"], ViewLayer)


@pytest.mark.parametrize("opset", [11, 17])
def test_squeeze_and_unsqueeze_are_views(opset: int) -> None:
    as_attribute = opset < 13
    weights = {"w": normal(6, 3)} | ({} if as_attribute else {"a": np.array([2, 3])})
    nodes = [
        node("GlobalAveragePool", "x", "g"),
        node("Squeeze", "g", "s", axes=[2, 3]) if as_attribute else node("Squeeze", "g a", "s"),
        node("Unsqueeze", "s", "u", axes=[2, 3]) if as_attribute else node("Unsqueeze", "s a", "u"),
        node("Flatten", "u", "f"),
        node("MatMul", "f w", "y"),
    ]
    network = read_and_check(model_bytes(nodes, ("N", 6, 4, 4), weights, opset=opset))
    assert list(network.layers) == ["x", "g", "y"]
    assert network.layers["y"].inputs == ("g",)


@pytest.mark.parametrize("operator", ["Dropout", "Identity"])
def test_operators_without_effect_vanish(operator: str) -> None:
    nodes = [node("Gemm", "x w", "g"), node(operator, "g", "d"), node("Relu", "d", "y")]
    network = read_and_check(model_bytes(nodes, ("N", 6), {"w": normal(6, 4)}))
    assert list(network.layers) == ["x", "g"]
