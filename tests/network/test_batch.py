"""The batch is free whatever the file says, and constants may come from anywhere."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from network_models import assert_like_reference, model_bytes, node, normal, read_and_check

from chipsim.errors import ModelError
from chipsim.network import shapes
from chipsim.network.onnx_reader import read_onnx
from chipsim.network.reference import run_reference

DENSE = {"w": normal(12, 5)}


@pytest.mark.parametrize("batch", ["N", 1, 2, 0])
@pytest.mark.parametrize("target", [[0, 12], [-1, 12], [0, -1], "batch"])
def test_reshape_to_any_target(batch: int | str, target: list[int] | str) -> None:
    fixed = batch if isinstance(batch, int) and batch > 0 else 1
    sizes = np.array([fixed, -1] if isinstance(target, str) else target)
    nodes = [node("Reshape", "x shape", "f"), node("Gemm", "f w", "y")]
    content = model_bytes(nodes, (batch, 3, 2, 2), DENSE | {"shape": sizes})
    for run in (1, 5):
        assert_like_reference(read_onnx(content, "test"), normal(run, 3, 2, 2))


def test_onnx_bytes_run_in_one_call_for_any_batch() -> None:
    import onnxruntime

    nodes = [node("Reshape", "x shape", "f"), node("Gemm", "f w", "y")]
    network = read_onnx(model_bytes(nodes, (1, 3, 2, 2), DENSE | {"shape": np.array([1, 12])}), "test")
    session = onnxruntime.InferenceSession(network.model_bytes(), providers=["CPUExecutionProvider"])
    assert session.run(None, {"x": normal(7, 3, 2, 2)})[0].shape == (7, 5)


def test_a_target_computed_from_the_inputs_shape() -> None:
    nodes = [
        node("Shape", "x", "s"),
        node("Gather", "s zero", "n", axis=0),
        node("Unsqueeze", "n axes", "u"),
        node("Concat", "u rest", "t", axis=0),
        node("Reshape", "x t", "f"),
        node("Gemm", "f w", "y"),
    ]
    constants = {"zero": np.array(0), "axes": np.array([0]), "rest": np.array([-1])}
    network = read_and_check(model_bytes(nodes, ("N", 3, 2, 2), DENSE | constants))
    assert list(network.layers) == ["x", "y"]


def test_a_target_computed_with_arithmetic() -> None:
    nodes = [
        node("Shape", "x", "s"),
        node("Slice", "s one end", "r"),
        node("ReduceProd", "r", "p", keepdims=1),
        node("Concat", "minus p", "t", axis=0),
        node("Reshape", "x t", "f"),
        node("Gemm", "f w", "y"),
    ]
    constants = {"one": np.array([1]), "end": np.array([4]), "minus": np.array([-1])}
    read_and_check(model_bytes(nodes, ("N", 3, 2, 2), DENSE | constants))


def test_weights_from_chains_of_constant_nodes() -> None:
    nodes = [
        node("Constant", "", "sizes", value=onnx.numpy_helper.from_array(np.array([5, 3, 2, 2]))),
        node("ConstantOfShape", "sizes", "w1", value=onnx.numpy_helper.from_array(np.array([0.5], np.float32))),
        node("Constant", "", "two", value_float=2.0),
        node("Mul", "w1 two", "w2"),
        node("Identity", "w2", "w3"),
        node("Conv", "x w3", "y"),
    ]
    network = read_and_check(model_bytes(nodes, ("N", 3, 4, 4)))
    np.testing.assert_array_equal(network.matrix_layers[0].matrices[0].weights, np.ones((12, 5), np.float32))


def test_weights_listed_as_inputs_are_constants() -> None:
    read_and_check(model_bytes([node("Gemm", "x w", "y")], ("N", 12), DENSE, weights_as_inputs=True))


def test_shapes_are_measured_where_onnx_cannot_infer_them(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> onnx.ModelProto:
        raise onnx.shape_inference.InferenceError("no")

    monkeypatch.setattr(shapes.onnx.shape_inference, "infer_shapes", fail)
    nodes = [node("Conv", "x w", "c"), node("Flatten", "c", "f"), node("Gemm", "f v", "y")]
    network = read_onnx(model_bytes(nodes, ("N", 3, 4, 4), {"w": normal(2, 3, 3, 3), "v": normal(8, 5)}), "test")
    assert network.layers["c"].output_shape == (2, 2, 2)


def test_names_that_repeat_or_are_missing_are_made_up() -> None:
    first, second, third = node("Gemm", "x w", "a"), node("Gemm", "a w", "b"), node("Gemm", "b w", "y")
    first.name = second.name = "same"
    third.name = ""
    network = read_onnx(model_bytes([first, second, third], ("N", 12), {"w": normal(12, 12)}), "test")
    assert list(network.layers) == ["x", "Gemm_1", "Gemm_2", "Gemm_3"]


def test_several_outputs_keep_their_order() -> None:
    nodes = [node("Gemm", "x w", "a"), node("Softmax", "a", "b")]
    network = read_onnx(model_bytes(nodes, ("N", 12), DENSE, outputs=("b", "a")), "test")
    assert network.outputs == ("b", "a")
    assert_like_reference(network, normal(3, 12))
    assert_like_reference(network, normal(3, 12), before_softmax=True)


def test_layers_that_lead_nowhere_are_left_out() -> None:
    nodes = [node("Gemm", "x w", "y"), node("Relu", "x", "unused")]
    assert list(read_onnx(model_bytes(nodes, ("N", 12), DENSE), "test").layers) == ["x", "y"]


@pytest.mark.parametrize("opset", [11, 17])
def test_a_model_without_a_batch_is_one_example(opset: int) -> None:
    """Of 3 x 20 x 20, to which the model itself adds the axis; the oracle is ONNX Runtime on the file."""
    import onnxruntime

    added = node("Unsqueeze", "x axes", "u") if opset > 12 else node("Unsqueeze", "x", "u", axes=[0])
    weights = {"w": normal(4, 3, 3, 3)} | ({"axes": np.array([0])} if opset > 12 else {})
    content = model_bytes([added, node("Conv", "u w", "c"), node("Relu", "c", "y")], (3, 20, 20), weights, opset=opset)
    network = read_onnx(content, "whole")
    assert network.input_shape == (3, 20, 20)
    assert network.macs_on_tiles == network.macs == 4 * 27 * 18 * 18
    assert network.notes == ("without a batch in the file; here, in data and in --shape axis 0 is one: input 'x'",)
    x = normal(2, 3, 20, 20)
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    wanted = np.concatenate([session.run(None, {"x": each})[0] for each in x])
    np.testing.assert_allclose(run_reference(network, x)[0], wanted, atol=1e-5)
    assert_like_reference(network, x)


def test_what_comes_value_by_value_before_the_batch_is_added_changes_nothing() -> None:
    nodes = [node("Div", "x k", "d"), node("Reshape", "d s", "u"), node("Conv", "u w", "y")]
    weights = {"w": normal(4, 3, 3, 3), "k": np.float32(255), "s": np.array([1, 3, 20, 20])}
    network = read_onnx(model_bytes(nodes, (3, 20, 20), weights), "whole")
    assert network.input_shape == (3, 20, 20)
    assert_like_reference(network, normal(2, 3, 20, 20))


@pytest.mark.parametrize("batch", ["N", 1])
def test_an_input_of_one_value_for_each_example(batch: int | str) -> None:
    """A point in time beside an image, as denoisers take it; the oracle is ONNX Runtime on the file."""
    import onnxruntime
    from onnx import TensorProto, helper

    nodes = [
        node("Conv", "x w", "c"), node("Unsqueeze", "when last", "u"), node("Mul", "u k", "m"), node("Sin", "m", "s"),
        node("MatMul", "s v", "e"), node("Unsqueeze", "e map", "f"), node("Add", "c f", "y"),
    ]  # fmt: skip
    weights = {
        "w": normal(4, 2, 3, 3),
        "k": normal(6),
        "v": normal(6, 4),
        "last": np.array([1]),
        "map": np.array([2, 3]),
    }
    model = onnx.load_model_from_string(model_bytes(nodes, (batch, 2, 5, 5), weights))
    model.graph.input.append(helper.make_tensor_value_info("when", TensorProto.FLOAT, [batch]))
    network = read_onnx(model.SerializeToString(), "denoiser")
    assert network.macs_on_tiles == network.macs == 4 * 18 * 9 + 6 * 4
    assert "input 'when' has one value in each example; here and in --shape it has the shape Nx1" in network.notes
    x, when = normal(3, 2, 5, 5), normal(3)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    wanted = np.concatenate([session.run(None, {"x": x[i : i + 1], "when": when[i : i + 1]})[0] for i in range(3)])
    joined = network.join_inputs({"x": x, "when": when[:, None]})
    np.testing.assert_allclose(run_reference(network, joined)[0], wanted, atol=1e-5)
    assert_like_reference(network, joined)


@pytest.mark.parametrize("size", ["N", 6])
def test_a_model_of_one_vector(size: int | str) -> None:
    """Of an index for each example, or all of one example, which has no batch then."""
    if size == "N":
        nodes, weights = [node("Cast", "x", "i", to=7), node("Gather", "t i", "y", axis=0)], {"t": normal(3, 4)}
    else:
        nodes, weights = [node("MatMul", "x t", "y")], {"t": normal(6, 4)}
    network = read_onnx(model_bytes(nodes, (size,), weights), "vector")
    x = np.float32([[2], [0], [1]]) if size == "N" else normal(3, 6)
    wanted = weights["t"][[2, 0, 1]] if size == "N" else x @ weights["t"]
    assert network.input_shape == x.shape[1:]
    np.testing.assert_allclose(run_reference(network, x)[0].reshape(wanted.shape), wanted, atol=1e-5)
    assert_like_reference(network, x)


def test_a_model_that_fits_neither_way_is_refused_in_words() -> None:
    nodes = [node("Unsqueeze", "x axes", "u"), node("Conv", "u w", "y")]
    content = model_bytes(nodes, (2, 8, 8), {"w": normal(4, 3, 3, 3), "axes": np.array([0])})
    with pytest.raises(ModelError, match="'x' is 2 in the file and taken for the batch, but one example does not"):
        read_onnx(content, "neither")
