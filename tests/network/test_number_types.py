"""Numbers that a type cannot hold are refused in words; weights of several types and shared ones are read."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from network_models import model_bytes, node, normal
from onnx import TensorProto, helper, numpy_helper

from chipsim.errors import DataError, InputError, ModelError, UnsupportedOperatorError
from chipsim.execution.scores import check_values
from chipsim.network.onnx_reader import read_onnx
from chipsim.network.reference import run_reference


def typed(kind: np.dtype, weights: np.ndarray, *more: tuple[str, np.ndarray]) -> bytes:
    """``x @ w`` (+ what is given more) with input, weights and output of one type."""
    number = helper.np_dtype_to_tensor_dtype(np.dtype(kind))
    nodes = [node("Gemm", " ".join(["x", "w", *(name for name, _ in more)]), "y")]
    stored = [numpy_helper.from_array(value.astype(kind), name) for name, value in (("w", weights), *more)]
    graph = helper.make_graph(
        nodes, "typed", [helper.make_tensor_value_info("x", number, ["N", len(weights)])],
        [helper.make_tensor_value_info("y", number, None)], stored,
    )  # fmt: skip
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9).SerializeToString()


@pytest.mark.parametrize("kind", ["float16", "bfloat16", "float64"])
@pytest.mark.parametrize("value", [np.inf, np.nan])
def test_infinite_weights_are_refused_in_every_type(kind, value):
    weights = normal(4, 3)
    weights[2, 1] = value
    with pytest.raises(ModelError, match="weight 'w' of node 'y' \\(Gemm\\) holds NaN or infinite values"):
        read_onnx(typed(kind, weights), "net")


@pytest.mark.parametrize("operand", ["w", "b"])
def test_float64_numbers_beyond_float32_are_refused(operand):
    weights, bias = normal(4, 3).astype(np.float64), normal(3).astype(np.float64)
    (weights if operand == "w" else bias)[0] = -1e300
    with pytest.raises(ModelError, match="hold 1e\\+300, which float32 cannot; scale the model down"):
        read_onnx(typed(np.float64, weights, ("b", bias)), "net")


def test_float64_numbers_beyond_float32_are_refused_where_all_becomes_float32():
    weights = normal(2, 3, 3).astype(np.float64)
    weights[0, 0, 0] = 1e300
    nodes = [node("Cast", "x", "d", to=TensorProto.DOUBLE), node("Conv", "d w", "c"), node("Cast", "c", "y", to=1)]
    with pytest.raises(ModelError, match="constant 'w' holds 1e\\+300, which float32 cannot"):
        read_onnx(model_bytes(nodes, ("N", 3, 9), {"w": weights}), "net")


@pytest.mark.parametrize(("kind", "most"), [("float16", "65504"), ("bfloat16", "3.38953e\\+38")])
def test_inputs_that_the_type_cannot_hold_are_refused(kind, most):
    net = read_onnx(typed(kind, normal(4, 3)), "net")
    x = np.full((1, 4), 3.4e38, np.float32)
    with pytest.raises(InputError, match=f"input 'x' takes {kind}, which ends at {most}, and is given 3.4e\\+38"):
        run_reference(net, x)


def test_outputs_beyond_the_type_are_refused_with_its_name():
    net = read_onnx(typed(np.float16, np.full((4, 3), 6e4)), "net")
    reference = run_reference(net, np.ones((2, 4), np.float32))[0]
    with pytest.raises(DataError, match="its values leave the range of float16 with these inputs"):
        check_values(net, reference, None)


def test_float32_networks_are_left_alone():
    nodes = [node("Conv", "x w", "y")]
    net = read_onnx(model_bytes(nodes, ("N", 3, 9), {"w": normal(2, 3, 3)}), "net")
    assert net.notes == ()
    assert all(not layer.number_type for layer in net.layers.values())


@pytest.mark.parametrize("kind", ["float16", "bfloat16", "float64"])
def test_shared_weights_of_any_type_stand_on_tiles_once(kind):
    number = helper.np_dtype_to_tensor_dtype(np.dtype(kind))
    nodes = [
        node("Cast", "x", "c", to=number), node("MatMul", "c w", "a"), node("Relu", "a", "r"),
        node("MatMul", "r w", "b"), node("Cast", "b", "y", to=1),
    ]  # fmt: skip
    net = read_onnx(model_bytes(nodes, ("N", 4), {"w": normal(4, 4).astype(kind)}), "net")
    assert [layer.shares for layer in net.matrix_layers] == ["", "a"]


def test_synthetic_weights_keep_the_type():
    net = read_onnx(typed(np.float16, normal(4, 3), ("b", normal(3))), "net", synthetic_seed=3)
    assert net.layers["y"].number_type == "float16"
    assert run_reference(net, normal(2, 4))[0].shape == (2, 3)


@pytest.mark.parametrize("kind", ["bfloat16", "float64"])
def test_what_runs_whole_in_a_type_without_operators_is_refused_for_that(kind):
    """Compress needs bits; ONNX Runtime has it of no bfloat16, and no LSTM of float64."""
    nodes = [
        helper.make_node("LSTM", ["x", "w", "r"], ["", "h"], "lstm", hidden_size=2),
        node("Greater", "h zero", "c"), node("Reshape", "c flat", "bits"), node("Compress", "h bits", "k", axis=2),
        node("ReduceSum", "k last", "y", keepdims=1),
    ]  # fmt: skip
    weights = {"w": normal(1, 8, 3), "r": normal(1, 8, 2), "zero": np.zeros(())}
    stored = {name: value.astype(kind) for name, value in weights.items()}
    stored |= {"flat": np.array([-1]), "last": np.array([2])}
    model = onnx.load_model_from_string(model_bytes(nodes, (4, "N", 3), stored))
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.elem_type = int(helper.np_dtype_to_tensor_dtype(np.dtype(kind)))
    with pytest.raises(UnsupportedOperatorError, match=f"must run as it stands, in {kind}, .* the model to float32"):
        read_onnx(model.SerializeToString(), "net")


def test_a_graph_that_onnxruntime_computes_is_not_changed():
    content = typed(np.float64, normal(4, 3))
    net = read_onnx(content, "net")
    assert net.input_layer.dtype == "float64"
    wanted = normal(2, 4).astype(np.float64) @ normal(4, 3).astype(np.float64)
    np.testing.assert_allclose(run_reference(net, normal(2, 4))[0], wanted, rtol=1e-12)  # in float64
