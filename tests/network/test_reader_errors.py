"""Every file that cannot be read is refused with a message that says what and where."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from network_models import model_bytes, node, normal
from onnx import TensorProto, helper

from chipsim.errors import ModelError, UnsupportedOperatorError
from chipsim.network.onnx_reader import read_onnx

WEIGHTS = {"w": normal(12, 5)}
GEMM = node("Gemm", "x w", "y")


def changed(change: Callable[[onnx.ModelProto], object]) -> bytes:
    """A sound model with one thing done to it."""
    model = onnx.load_model_from_string(model_bytes([GEMM], ("N", 12), WEIGHTS))
    change(model)
    return model.SerializeToString()


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"net: there is no file .*absent\.onnx"):
        read_onnx(tmp_path / "absent.onnx", "net")


def test_a_folder(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="net: cannot read"):
        read_onnx(tmp_path, "net")


@pytest.mark.parametrize("content", [b"", b"not a model", b"\x00" * 100, bytes(range(256)) * 10, b"PK\x03\x04"])
def test_a_file_that_is_not_onnx(content: bytes) -> None:
    with pytest.raises(ModelError, match=r"net: .*(not an ONNX file|no graph)"):
        read_onnx(content, "net")


def test_a_file_cut_off_anywhere() -> None:
    nodes = [node("Conv", "x k", "c"), node("Flatten", "c", "f"), node("Gemm", "f w", "y")]
    content = model_bytes(nodes, ("N", 1, 4, 4), {"k": normal(3, 1, 3, 3), "w": normal(12, 5)})
    for end in range(0, len(content) - 1, 7):
        with pytest.raises(ModelError):
            read_onnx(content[:end], "net")


def test_damaged_bytes_never_escape_as_another_error() -> None:
    content = model_bytes([GEMM], ("N", 12), WEIGHTS)
    random = np.random.default_rng(3)
    refused = 0
    for _ in range(200):
        damaged = bytearray(content)
        damaged[random.integers(0, len(content))] = random.integers(0, 256)
        try:
            read_onnx(bytes(damaged), "net")
        except ModelError:
            refused += 1
    assert refused > 0


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_weights_that_are_not_finite(value: float) -> None:
    weights = normal(12, 5)
    weights[3, 2] = value
    with pytest.raises(ModelError, match=r"net: weight 'w' of node 'y' \(Gemm\) holds NaN"):
        read_onnx(model_bytes([GEMM], ("N", 12), {"w": weights}), "net")


def test_an_operator_that_is_not_supported() -> None:
    nodes = [node("Gemm", "x w", "g"), node("Erf", "g", "y")]
    with pytest.raises(
        UnsupportedOperatorError, match=r"node 'y' has the operator Erf.*supported: Add, .*Conv.*Unsqueeze"
    ):
        read_onnx(model_bytes(nodes, ("N", 12), WEIGHTS), "net")


def test_an_operator_of_another_domain() -> None:
    def change(model: onnx.ModelProto) -> None:
        model.graph.node[0].domain = "com.example"
        model.opset_import.append(helper.make_opsetid("com.example", 1))

    with pytest.raises(UnsupportedOperatorError, match=r"operator com\.example\.Gemm"):
        read_onnx(changed(change), "net")


def test_a_graph_that_is_not_sorted() -> None:
    nodes = [node("Relu", "g", "y"), node("Gemm", "x w", "g")]
    with pytest.raises(ModelError, match=r"node 'y' \(Relu\) reads 'g' before it is made.*cyclic or not sorted"):
        read_onnx(model_bytes(nodes, ("N", 12), WEIGHTS), "net")


def test_a_cyclic_graph() -> None:
    nodes = [node("Add", "x b", "a"), node("Relu", "a", "b"), node("Gemm", "b w", "y")]
    with pytest.raises(ModelError, match=r"node 'a' \(Add\) reads 'b' before it is made.*cyclic"):
        read_onnx(model_bytes(nodes, ("N", 12), WEIGHTS), "net")


def test_a_weight_that_is_missing() -> None:
    with pytest.raises(ModelError, match=r"node 'y' \(Gemm\) reads 'w', which is missing"):
        read_onnx(model_bytes([GEMM], ("N", 12)), "net")


def test_a_weight_whose_bytes_do_not_fill_its_shape() -> None:
    def change(model: onnx.ModelProto) -> None:
        model.graph.initializer[0].raw_data = model.graph.initializer[0].raw_data[:-8]

    with pytest.raises(ModelError, match=r"net: .*w"):
        read_onnx(changed(change), "net")


def test_an_output_that_nothing_makes() -> None:
    with pytest.raises(ModelError, match="nothing makes the output 'z'"):
        read_onnx(model_bytes([GEMM], ("N", 12), WEIGHTS, outputs=("z",)), "net")


def test_two_data_inputs() -> None:
    def change(model: onnx.ModelProto) -> None:
        model.graph.input.append(helper.make_tensor_value_info("other", TensorProto.FLOAT, ["N", 5]))
        model.graph.node.append(node("Add", "y other", "z"))
        model.graph.output[0].name = "z"

    with pytest.raises(ModelError, match=r"one data input; this one has 2 \('x', 'other'\)"):
        read_onnx(changed(change), "net")


def test_an_input_that_nothing_reads_is_ignored() -> None:
    def change(model: onnx.ModelProto) -> None:
        model.graph.input.append(helper.make_tensor_value_info("other", TensorProto.FLOAT, ["N", 5]))

    assert read_onnx(changed(change), "net").input_name == "x"


@pytest.mark.parametrize("shape", [("N", 3, "H", "W"), ("N",), ("N", 0)])
def test_an_input_whose_size_is_not_fixed(shape: tuple[int | str, ...]) -> None:
    with pytest.raises(ModelError, match=r"input 'x' has the shape .*fixed input size"):
        read_onnx(model_bytes([node("Relu", "x", "y")], shape), "net")


def test_an_input_that_is_not_float32() -> None:
    def change(model: onnx.ModelProto) -> None:
        model.graph.input[0].type.tensor_type.elem_type = TensorProto.DOUBLE

    with pytest.raises(ModelError, match="input 'x' is not float32"):
        read_onnx(changed(change), "net")


def test_an_opset_that_is_too_old() -> None:
    with pytest.raises(ModelError, match=r"opset 6.*export it with opset 7 or newer"):
        read_onnx(model_bytes([node("Relu", "x", "y")], ("N", 4), opset=6), "net")


def test_batch_normalisation_in_training_mode() -> None:
    norm = helper.make_node("BatchNormalization", ["x", "s", "s", "s", "s"], ["y", "m", "v"], "bn", training_mode=1)
    with pytest.raises(ModelError, match=r"node 'bn' .*training mode.*inference mode"):
        read_onnx(model_bytes([norm], ("N", 4, 2, 2), {"s": np.ones(4, np.float32)}), "net")


def test_dropout_in_training_mode() -> None:
    weights = {"ratio": np.float32(0.5), "on": np.array(True)}
    with pytest.raises(ModelError, match=r"node 'y' \(Dropout\) is in training mode"):
        read_onnx(model_bytes([node("Dropout", "x ratio on", "y")], ("N", 4), weights), "net")


def test_a_negative_variance() -> None:
    nodes = [node("BatchNormalization", "x s s s v", "y")]
    weights = {"s": np.ones(4, np.float32), "v": -np.ones(4, np.float32)}
    with pytest.raises(ModelError, match="negative variance"):
        read_onnx(model_bytes(nodes, ("N", 4, 2, 2), weights), "net")


def test_sizes_that_do_not_fit_together() -> None:
    with pytest.raises(ModelError, match="net: "):
        read_onnx(model_bytes([GEMM], ("N", 11), WEIGHTS), "net")


def test_a_constant_larger_than_memory() -> None:
    nodes = [node("ConstantOfShape", "s", "k"), node("Conv", "x k", "y")]
    with pytest.raises(ModelError, match=r"node 'k' \(ConstantOfShape\).*GiB"):
        read_onnx(model_bytes(nodes, ("N", 1, 4, 4), {"s": np.array([10**6, 10**6, 3, 3])}), "net")


REFUSED = [
    ([node("Gemm", "x w", "y", transA=1)], (1, 1), {"w": normal(1, 5)}, "transA=1"),
    ([node("MatMul", "x x", "y")], (1, 1), {}, "operand 1 is computed from the input"),
    ([node("MatMul", "w x", "y")], (1, 3), {"w": normal(1, 1)}, "operand 1 is computed"),
    ([node("MatMul", "x w", "y")], (1, 4, 12), WEIGHTS, r"\(4, 12\).*one vector"),
    ([node("Conv", "x w", "y")], (1, 2, 4, 4, 4), {"w": normal(3, 2, 2, 2, 2)}, "must be .channels, length."),
    ([node("MaxPool", "x", "y", kernel_shape=[2, 2, 2])], (1, 2, 4, 4, 4), {}, "must be .channels, length."),
    ([node("Transpose", "x", "y", perm=[1, 0])], (1, 1), {}, "moves the batch"),
    ([node("Flatten", "x", "y", axis=0)], (1, 4), {}, "mixes the inputs of a batch"),
    ([node("Unsqueeze", "x a", "y")], (1, 4), {"a": np.array([0])}, "of the batch"),
    ([node("Squeeze", "x", "y")], (1, 4, 1), {}, "batch|axis 0"),
    ([node("Reshape", "x s", "y")], (1, 12), {"s": np.array([3, 4])}, "batch must stay on axis 0"),
    ([node("Softmax", "x", "y", axis=0)], (1, 4), {}, "over the batch"),
    ([node("ReduceMean", "x", "y")], (1, 4), {}, "over the batch|axis 0"),
    ([node("Concat", "x x", "y", axis=0)], (1, 4), {}, "batch"),
    ([node("Concat", "x k", "y", axis=1)], (1, 4), {"k": normal(1, 4)}, "constant operand"),
    ([node("Add", "x k", "y")], (2, 4), {"k": normal(2, 4)}, "differs between inputs of a batch|axis 0"),
    ([node("Gather", "x i", "y", axis=1)], (1, 4), {"i": np.array([1])}, "computes with the network's data"),
    ([node("Gemm", "x w c", "y")], (2, 12), {"w": normal(12, 5), "c": normal(2, 5)}, "one row"),
]


@pytest.mark.parametrize(("nodes", "shape", "weights", "message"), REFUSED)
def test_a_form_of_an_operator_that_is_not_supported(
    nodes: list[onnx.NodeProto], shape: tuple[int, ...], weights: dict[str, np.ndarray], message: str
) -> None:
    with pytest.raises(UnsupportedOperatorError, match=message):
        read_onnx(model_bytes(nodes, shape, weights), "net")


def test_a_second_output_that_is_read() -> None:
    pool = helper.make_node("MaxPool", ["x"], ["y", "i"], "pool", kernel_shape=[2, 2])
    with pytest.raises(UnsupportedOperatorError, match="also returns indices"):
        read_onnx(model_bytes([pool], ("N", 1, 4, 4)), "net")


def external_model(folder: Path, location: str) -> Path:
    """A model on disk whose weight stands in a file of its own."""
    model = onnx.load_model_from_string(model_bytes([GEMM], ("N", 12), WEIGHTS))
    tensor = model.graph.initializer[0]
    (folder / "w.bin").write_bytes(tensor.raw_data)
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", location
    path = folder / "net.onnx"
    path.write_bytes(model.SerializeToString())
    return path


def test_weights_in_a_file_beside_the_model(tmp_path: Path) -> None:
    network = read_onnx(external_model(tmp_path, "w.bin"), "net")
    np.testing.assert_array_equal(network.matrix_layers[0].matrices[0].weights, WEIGHTS["w"])


def test_weights_in_a_file_that_is_not_there(tmp_path: Path) -> None:
    path = external_model(tmp_path, "lost.bin")
    with pytest.raises(ModelError, match=r"tensor 'w' should be in .*lost\.bin"):
        read_onnx(path, "net")


@pytest.mark.parametrize("location", ["../w.bin", "/etc/hostname", "", "a/../../w.bin"])
def test_weights_outside_the_models_folder(tmp_path: Path, location: str) -> None:
    path = external_model(tmp_path, location)
    with pytest.raises(ModelError, match="outside the model's folder"):
        read_onnx(path, "net")


def test_weights_behind_a_link_out_of_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    path = external_model(folder, "w.bin")
    (folder / "w.bin").rename(tmp_path / "w.bin")
    (folder / "w.bin").symlink_to(tmp_path / "w.bin")
    with pytest.raises(ModelError, match="outside the model's folder"):
        read_onnx(path, "net")


def test_weights_in_their_own_file_need_the_models_path(tmp_path: Path) -> None:
    content = external_model(tmp_path, "w.bin").read_bytes()
    with pytest.raises(ModelError, match="give the model's path"):
        read_onnx(content, "net")
