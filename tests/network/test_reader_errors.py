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


def conditional() -> bytes:
    """A model with a branch, a loop, several outputs and operators of each kind."""
    values = [onnx.ValueInfoProto(name=name) for name in ("on", "q")]
    given = [helper.make_tensor_value_info(name, kind, []) for name, kind in (("i", 7), ("go", 9))]
    steps = [node("Identity", "go", "on"), node("Gemm", "h w", "q")]
    body = helper.make_graph(steps, "body", [*given, onnx.ValueInfoProto(name="h")], values)
    branch = helper.make_graph([node("Neg", "l", "r")], "branch", [], [onnx.ValueInfoProto(name="r")])
    nodes = [
        helper.make_node("Loop", ["two", "", "x"], ["l"], "loop", body=body),
        helper.make_node("If", ["yes"], ["c"], "choice", then_branch=branch, else_branch=branch),
        node("Reshape", "c map", "m"),
        node("ConvTranspose", "m t", "u", strides=[2, 2]),
        helper.make_node("Split", ["u"], ["a", "y"], "split", axis=1, num_outputs=2),
    ]
    weights = {"two": np.array(2), "yes": np.array(True), "map": np.array([1, 1, 2, 2])}
    weights |= {"w": normal(4, 4), "t": normal(1, 2, 2, 2)}
    return model_bytes(nodes, ("N", 4), weights, opset=18)


DAMAGED = [(model_bytes([GEMM], ("N", 12), WEIGHTS), 1000), (conditional(), 500)]


@pytest.mark.parametrize(("content", "times"), DAMAGED, ids=["gemm", "branches"])
def test_damaged_bytes_never_escape_as_another_error(content: bytes, times: int) -> None:
    assert read_onnx(content, "net").layers
    random = np.random.default_rng(3)
    refused = 0
    for _ in range(times):
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


REFUSED_OPERATORS = [
    (node("RandomNormalLike", "g", "y"), r"'y' has the operator RandomNormalLike, which draws random values"),
    (node("NonZero", "g", "y"), r"output 'y' has a size that depends on data, because of node 'y' \(NonZero\); let it"),
    (node("Optional", "g", "y"), r"'y' has the operator Optional, .* else than numbers"),
]


@pytest.mark.parametrize(("last", "message"), REFUSED_OPERATORS)
def test_an_operator_that_no_digital_unit_is_simulated_for(last: onnx.NodeProto, message: str) -> None:
    with pytest.raises(UnsupportedOperatorError, match=message):
        read_onnx(model_bytes([node("Gemm", "x w", "g"), last], ("N", 12), WEIGHTS), "net")


def test_an_operator_of_another_domain() -> None:
    def change(model: onnx.ModelProto) -> None:
        model.graph.node[0].domain = "com.example"
        model.opset_import.append(helper.make_opsetid("com.example", 1))

    with pytest.raises(UnsupportedOperatorError, match=r"operator com\.example\.Gemm.*standard operators"):
        read_onnx(changed(change), "net")


UNKNOWN_OPERATORS = [
    (
        "Swishy",
        "",
        (),
        r"node 'g' has the operator Swishy, which does not exist in ONNX's own domain; export the model",
    ),
    (
        "FooBar",
        "com.microsoft",
        ("com.microsoft",),
        r"'g' .*com\.microsoft\.FooBar, which does not .*; export the model",
    ),
    ("Swish", "my.ops", (), r"'g' has the operator my\.ops\.Swish, which is not one of ONNX's own; export the model"),
    (
        "Binarized",
        "ai.onnx.ml",
        ("ai.onnx.ml",),
        r"ai\.onnx\.ml\.Binarized, which does not exist in the domain ai.onnx.ml",
    ),
    ("FusedMatMul", "com.microsoft", (), r"but the file names no version of the domain com\.microsoft; add it"),
    (
        "Gelu",
        "",
        (),
        r"node 'g' has the operator Gelu, which came with opset 20, and the file uses opset 17; export it",
    ),
]


@pytest.mark.parametrize(("operator", "domain", "named", "message"), UNKNOWN_OPERATORS)
@pytest.mark.parametrize("inside", [False, True])
def test_an_operator_that_nobody_knows(
    operator: str, domain: str, named: tuple[str, ...], message: str, inside: bool
) -> None:
    unknown = helper.make_node(operator, ["w"], ["g"], domain=domain)
    if inside:
        branch = helper.make_graph([unknown], "b", [], [onnx.ValueInfoProto(name="g")])
        unknown = helper.make_node("If", ["yes"], ["g"], "choice", then_branch=branch, else_branch=branch)
    content = model_bytes([unknown, node("Gemm", "x g", "y")], ("N", 12), {**WEIGHTS, "yes": np.array(True)})
    model = onnx.load_model_from_string(content)
    del model.opset_import[:]
    model.opset_import.extend(helper.make_opsetid(each, 17 if not each else 1) for each in ("", *named))
    with pytest.raises(UnsupportedOperatorError, match=message):
        read_onnx(model.SerializeToString(), "net")


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


def test_a_model_without_outputs() -> None:
    with pytest.raises(ModelError, match="net: has no output"):
        read_onnx(changed(lambda model: model.graph.ClearField("output")), "net")


def test_an_input_that_nothing_reads_is_ignored() -> None:
    def change(model: onnx.ModelProto) -> None:
        model.graph.input.append(helper.make_tensor_value_info("other", TensorProto.FLOAT, ["N", 5]))

    assert read_onnx(changed(change), "net").input_name == "x"


def test_an_input_that_is_a_scalar() -> None:
    with pytest.raises(ModelError, match=r"input 'x' has the shape .*axis 0 must be the batch"):
        read_onnx(model_bytes([node("Relu", "x", "y")], ()), "net")


def test_an_input_that_holds_no_numbers() -> None:
    def change(model: onnx.ModelProto) -> None:
        model.graph.input[0].type.tensor_type.elem_type = TensorProto.STRING

    with pytest.raises(ModelError, match="input 'x' does not hold numbers"):
        read_onnx(changed(change), "net")


def test_an_input_of_another_type_than_the_weights() -> None:
    def change(model: onnx.ModelProto) -> None:
        model.graph.input[0].type.tensor_type.elem_type = TensorProto.DOUBLE

    with pytest.raises(ModelError, match=r"takes 'x' in float64 and '\w+' in float32, which must be of one type"):
        read_onnx(changed(change), "net")


def test_an_opset_from_the_future() -> None:
    with pytest.raises(ModelError, match=r"opset 999.*newer than.*opset \d+ or older"):
        read_onnx(changed(lambda model: setattr(model.opset_import[0], "version", 999)), "net")


def test_a_file_format_from_the_future() -> None:
    with pytest.raises(ModelError, match=r"has IR version 99, newer .*; export it for IR version \d+ or older"):
        read_onnx(changed(lambda model: setattr(model, "ir_version", 99)), "net")


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


@pytest.mark.parametrize("sizes", [[10**6, 10**6, 3, 3], [2**15, 2**14, 1, 1]])
def test_a_constant_larger_than_a_file_may_be(sizes: list[int]) -> None:
    nodes = [node("ConstantOfShape", "s", "k"), node("Conv", "x k", "y")]
    with pytest.raises(ModelError, match=r"node 'k' \(ConstantOfShape\).* larger than 2 GiB"):
        read_onnx(model_bytes(nodes, ("N", 1, 4, 4), {"s": np.array(sizes)}), "net")


@pytest.mark.parametrize("name", ["choice", ""])
def test_what_onnxs_checker_finds_names_the_node(name: str) -> None:
    branch = helper.make_graph([node("Relu", "x", "a")], "branch", [], [onnx.ValueInfoProto(name="a")])
    made = helper.make_node("If", ["c"], ["y"], name, then_branch=branch)
    which = r"node 'choice' \(If\)" if name else r"a node without a name \(If\)"
    with pytest.raises(ModelError, match=which + r": Required attribute 'else_branch' is missing\.$"):
        read_onnx(model_bytes([node("ReduceSum", "x", "s"), node("Cast", "s", "c", to=9), made], ("N", 4)), "net")


LARGE = [
    (node("Conv", "x w", "y", pads=[10**9] * 4), ("N", 1, 4, 4), {"w": normal(1, 1, 3, 3)}),
    (node("Relu", "x", "y"), ("N", 10**9, 4), {}),
    (node("Expand", "x s", "y"), ("N", 4), {"s": np.array([1, 10**11, 4])}),
    (node("RNN", "x w r", "y", hidden_size=5), (10**9, "N", 4), {"w": normal(1, 5, 4), "r": normal(1, 5, 5)}),
]


@pytest.mark.parametrize(("last", "shape", "weights"), LARGE)
def test_values_larger_than_any_memory(
    last: onnx.NodeProto, shape: tuple[int | str, ...], weights: dict[str, np.ndarray]
) -> None:
    with pytest.raises(ModelError, match=r"net: '.*' has the shape .* for one input, which is more than 4 GiB"):
        read_onnx(model_bytes([last], shape, weights), "net")


REFUSED = [
    ([node("Reshape", "x s", "y")], (2, 12), {"s": np.array([3, 8])}, "do not fit together|batch must stay"),
    ([node("Add", "x k", "y")], (2, 4), {"k": normal(2, 4)}, "batch must stay on axis 0"),
    (
        [node("Gemm", "x w c", "y")],
        (2, 12),
        {"w": normal(12, 5), "c": normal(2, 5)},
        "do not fit together: .*; the file is made for 2 inputs at once, and here each comes alone: export it",
    ),
    ([node("MatMul", "x w", "y")], (1, 3), {"w": normal(4, 2)}, "do not fit|incompatible|net: "),
]


@pytest.mark.parametrize(("nodes", "shape", "weights", "message"), REFUSED)
def test_a_graph_that_cannot_run_one_input_alone(
    nodes: list[onnx.NodeProto], shape: tuple[int, ...], weights: dict[str, np.ndarray], message: str
) -> None:
    with pytest.raises(ModelError, match=message):
        read_onnx(model_bytes(nodes, shape, weights), "net")


def external_model(folder: Path, location: str, **more: str) -> Path:
    """A model on disk whose weight stands in a file of its own."""
    model = onnx.load_model_from_string(model_bytes([GEMM], ("N", 12), WEIGHTS))
    tensor = model.graph.initializer[0]
    (folder / "w.bin").write_bytes(tensor.raw_data)
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in {"location": location, **more}.items():
        entry = tensor.external_data.add()
        entry.key, entry.value = key, value
    path = folder / "net.onnx"
    path.write_bytes(model.SerializeToString())
    return path


def test_weights_in_a_file_beside_the_model(tmp_path: Path) -> None:
    network = read_onnx(external_model(tmp_path, "w.bin"), "net")
    np.testing.assert_array_equal(network.matrix_layers[0].matrices[0].weights, WEIGHTS["w"])


def test_weights_in_a_file_that_is_not_there(tmp_path: Path) -> None:
    path = external_model(tmp_path, "lost.bin")
    with pytest.raises(ModelError, match=r"tensor 'w' of node 'y' \(Gemm\): .*should be in .*lost\.bin.*; copy"):
        read_onnx(path, "net")


@pytest.mark.parametrize("location", ["../w.bin", "/etc/hostname", "", "a/../../w.bin"])
def test_weights_outside_the_models_folder(tmp_path: Path, location: str) -> None:
    path = external_model(tmp_path, location)
    with pytest.raises(ModelError, match="outside the model's folder"):
        read_onnx(path, "net")


RANGES = [
    ({"offset": "-4"}, r"has the offset '-4' in its file of data, which must be a whole number; export"),
    ({"length": "many"}, r"has the length 'many' in its file of data"),
    ({"offset": "64"}, r"of shape \(12, 5\) needs 240 bytes, but .*w\.bin has 176 for it, from byte 64 on; export"),
    ({"length": "236"}, r".*needs 240 bytes, but .*w\.bin has 236 for it"),
    ({"length": "999999"}, r"takes bytes 0 to 999,999 of .*w\.bin, which has 240; export"),
    ({"offset": "241"}, r"takes bytes 241 of .*w\.bin, which has 240"),
]


@pytest.mark.parametrize(("entries", "message"), RANGES)
def test_weights_that_are_not_where_the_file_says(tmp_path: Path, entries: dict[str, str], message: str) -> None:
    path = external_model(tmp_path, "w.bin", **entries)
    with pytest.raises(ModelError, match=r"net: tensor 'w' of node 'y' \(Gemm\) " + message):
        read_onnx(path, "net")


def test_weights_in_a_part_of_a_file_that_holds_more(tmp_path: Path) -> None:
    path = external_model(tmp_path, "w.bin", offset="0", length="240")
    with (tmp_path / "w.bin").open("ab") as file:
        file.write(b"more")
    np.testing.assert_array_equal(read_onnx(path, "net").matrix_layers[0].matrices[0].weights, WEIGHTS["w"])


def test_weights_in_a_file_without_a_name(tmp_path: Path) -> None:
    path = external_model(tmp_path, "w\0.bin")
    with pytest.raises(ModelError, match=r"tensor 'w' of node 'y' \(Gemm\) refers to .*names no file"):
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


def test_weights_of_a_branch_outside_the_models_folder(tmp_path: Path) -> None:
    branch = helper.make_graph([node("Identity", "k", "r")], "b", [], [onnx.ValueInfoProto(name="r")])
    tensor = branch.initializer.add()
    tensor.name, tensor.data_type, tensor.data_location = "k", TensorProto.FLOAT, TensorProto.EXTERNAL
    tensor.dims.append(5)
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", "../secret.bin"
    choice = helper.make_node("If", ["yes"], ["c"], "choice", then_branch=branch, else_branch=branch)
    nodes = [choice, node("Gemm", "x w", "g"), node("Add", "g c", "y")]
    path = tmp_path / "net.onnx"
    path.write_bytes(model_bytes(nodes, ("N", 12), {**WEIGHTS, "yes": np.array(True)}))
    with pytest.raises(
        ModelError, match=r"tensor 'k' of node 'r' \(Identity\) refers to '../secret.bin', outside the model's folder"
    ):
        read_onnx(path, "net")


def test_a_file_of_more_than_two_gigabytes(tmp_path: Path) -> None:
    path = tmp_path / "large.onnx"
    with path.open("wb") as file:
        file.truncate(2**31)  # takes no room on the disk
    with pytest.raises(ModelError, match=r"large.onnx has 2.0 GiB, and chipsim reads 2 GiB at most, .*; split it"):
        read_onnx(path, "net")


def test_a_tensor_of_more_than_two_gigabytes() -> None:
    def change(model: onnx.ModelProto) -> None:
        model.graph.initializer[0].dims[:] = [2**15, 2**14]

    with pytest.raises(
        ModelError, match=r"its weights take 2.0 GiB, tensor '\w+' of node '\w+' \(\w+\) 2.0 GiB .*own included"
    ):
        read_onnx(changed(change), "net")
