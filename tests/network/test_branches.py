"""Weights from wherever a file keeps them; conditions and loops that do not depend on data."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from network_models import model_bytes, node, normal, read_and_check
from onnx import TensorProto, helper, numpy_helper

from chipsim.errors import ModelError, UnsupportedOperatorError
from chipsim.network.layers import MatrixLayer
from chipsim.network.onnx_reader import read_onnx

W = normal(4, 4)


def graph(nodes: list[onnx.NodeProto], outputs: str, inputs: str = "") -> onnx.GraphProto:
    """A branch or body; sizes are left out."""
    kinds = {"i": TensorProto.INT64, "go": TensorProto.BOOL}
    given = [
        helper.make_tensor_value_info(name, kinds.get(name, TensorProto.FLOAT), [] if name in kinds else None)
        for name in inputs.split()
    ]
    return helper.make_graph(nodes, "g", given, [onnx.ValueInfoProto(name=name) for name in outputs.split()])


def choice(condition: str, first: onnx.GraphProto, second: onnx.GraphProto) -> onnx.NodeProto:
    return helper.make_node("If", [condition], ["y"], "choice", then_branch=first, else_branch=second)


@pytest.mark.parametrize("yes", [True, False])
def test_a_constant_condition_leaves_one_branch(yes: bool) -> None:
    first = graph([node("Gemm", "x w", "r"), node("Relu", "r", "s")], "s")
    second = graph([node("Tanh", "x", "r")], "r")
    network = read_and_check(
        model_bytes([choice("c", first, second)], ("N", 4), {"w": W, "c": np.array(yes)}, opset=18)
    )
    assert bool(network.matrix_layers) == yes


def test_a_condition_on_a_shape_is_decided() -> None:
    """As exporters write a squeeze: only if the axis has size one."""
    nodes = [
        node("Gemm", "x w", "g"),
        node("Shape", "g", "s"),
        node("Gather", "s one", "n"),
        node("Equal", "n four", "c"),
        choice("c", graph([node("Gemm", "g w", "r")], "r"), graph([node("Neg", "g", "r")], "r")),
    ]
    weights = {"w": W, "one": np.array(1), "four": np.array(4)}
    assert len(read_and_check(model_bytes(nodes, ("N", 4), weights, opset=18)).matrix_layers) == 2


def test_branches_inside_each_other_use_values_from_outside() -> None:
    inner = choice("c", graph([node("Mul", "g k", "r")], "r"), graph([node("Neg", "g", "r")], "r"))
    inner.output[0] = "i"
    outer = graph([node("Gemm", "x w", "g"), inner, node("Add", "i x", "o")], "o")
    outer.initializer.append(numpy_helper.from_array(normal(4), "k"))
    nodes = [choice("c", outer, graph([node("Neg", "x", "o")], "o"))]
    read_and_check(model_bytes(nodes, ("N", 4), {"w": W, "c": np.array(True)}, opset=18))


def test_a_loop_with_a_constant_count_is_written_out() -> None:
    body = graph(
        [node("Identity", "go", "on"), node("Gemm", "h w", "p"), node("Tanh", "p", "q"), node("Relu", "p", "seen")],
        "on q seen", "i go h",
    )  # fmt: skip
    loop = helper.make_node("Loop", ["three", "", "x"], ["last", "all"], "loop", body=body)
    nodes = [loop, node("ReduceSum", "all zero", "sum", keepdims=0), node("Add", "last sum", "y")]
    weights = {"w": W, "three": np.array(3), "zero": np.array([0])}
    network = read_and_check(model_bytes(nodes, ("N", 4), weights, opset=18))
    assert len(network.matrix_layers) == 3
    assert any("share their weights" in note for note in network.notes)
    first, *others = network.matrix_layers
    assert [layer.shares for layer in others] == [first.name] * 2


def test_a_loop_that_ends_itself() -> None:
    body = graph([node("Less", "i one", "on"), node("Gemm", "h w", "q")], "on q", "i go h")
    loop = helper.make_node("Loop", ["", "yes", "x"], ["y"], "loop", body=body)
    weights = {"w": W, "yes": np.array(True), "one": np.array(1)}
    assert len(read_and_check(model_bytes([loop], ("N", 4), weights, opset=18)).matrix_layers) == 2


@pytest.mark.parametrize("trips", [0, 2])
def test_a_loop_that_may_never_turn_gives_as_many_rows_as_turns(trips: int) -> None:
    body = graph([node("Identity", "go", "on"), node("Gemm", "h w", "q"), node("Relu", "q", "s")], "on q s", "i go h")
    loop = helper.make_node("Loop", ["n", "", "x"], ["last", "all"], "loop", body=body)
    nodes = [
        loop,
        node("Unsqueeze", "x first", "u"),
        node("Concat", "u all", "c", axis=0),
        node("ReduceSum", "c first", "s", keepdims=0),
        node("Add", "s last", "y"),
    ]
    weights = {"w": W, "n": np.array(trips), "first": np.array([0])}
    assert len(read_and_check(model_bytes(nodes, ("N", 4), weights, opset=18)).matrix_layers) == trips


def test_a_count_that_is_no_number() -> None:
    loop = helper.make_node("Loop", ["n", "", "x"], ["y"], "loop", body=graph([], "go h", "i go h"))
    with pytest.raises(ModelError, match=r"node 'loop' \(Loop\) depends on 'n', which must be one number"):
        read_onnx(model_bytes([loop], ("N", 4), {"n": np.zeros(0, np.int64)}, opset=18), "net")


DATA = [node("ReduceSum", "x", "t", keepdims=0), node("Greater", "t zero", "c")]


@pytest.mark.parametrize("opset", [11, 18])
def test_a_condition_that_depends_on_data_maps_both_branches(opset: int) -> None:
    first = graph([node("Gemm", "x w", "r"), node("Relu", "r", "s")], "s")
    second = graph([node("Gemm", "x v", "r")], "r")
    nodes = [*DATA, choice("c", first, second)]
    weights = {"w": W, "v": normal(4, 4, seed=1), "zero": np.array(0, np.float32)}
    network = read_and_check(model_bytes(nodes, ("N", 4), weights, opset=opset), batch=9)
    assert len(network.matrix_layers) == 2
    assert network.alone
    taken = next(layer for layer in network.layers.values() if getattr(layer, "operator", "") == "Where")
    assert network.outputs == (taken.name,)


def test_branches_of_different_shapes_cannot_depend_on_data() -> None:
    first, second = graph([node("Gemm", "x w", "r")], "r"), graph([node("Concat", "x x", "r", axis=1)], "r")
    content = model_bytes([*DATA, choice("c", first, second)], ("N", 4), {"w": W, "zero": np.array(0, np.float32)})
    with pytest.raises(UnsupportedOperatorError, match=r"'y' has a size .* 'choice' \(If\); let both branches"):
        read_onnx(content, "net")


def test_a_condition_that_depends_on_data_runs_whole_before_there_is_an_operator_that_chooses() -> None:
    first, second = graph([node("MatMul", "x w", "r")], "r"), graph([node("Neg", "x", "r")], "r")
    weights = {"w": W, "zero": np.array(0, np.float32)}
    network = read_and_check(model_bytes([*DATA, choice("c", first, second)], ("N", 4), weights, opset=8), batch=9)
    assert network.layers["choice"].macs == network.macs == 16


def test_a_loop_with_more_nodes_than_anybody_means() -> None:
    steps = [node("Neg", "h" if i == 0 else f"n{i - 1}", f"n{i}") for i in range(30)]
    body = graph([*steps, node("Identity", "go", "on")], "on n29", "i go h")
    loop = helper.make_node("Loop", ["many", "", "x"], ["y"], "loop", body=body)
    with pytest.raises(ModelError, match="more than 100,000 nodes with its loops written out"):
        read_onnx(model_bytes([loop], ("N", 4), {"many": np.array(9999)}, opset=18), "net")


def test_an_endless_loop_ends_in_a_message() -> None:
    body = graph([node("Identity", "go", "on"), node("Neg", "h", "q")], "on q", "i go h")
    loop = helper.make_node("Loop", ["", "", "x"], ["y"], "loop", body=body)
    with pytest.raises(ModelError, match="takes more than 10,000 turns"):
        read_onnx(model_bytes([loop], ("N", 4), {}, opset=18), "net")


def test_an_endless_loop_of_nothing_ends_in_a_message() -> None:
    loop = helper.make_node("Loop", ["", "", "x"], ["l"], "loop", body=graph([], "go h", "i go h"))
    with pytest.raises(ModelError, match="more than 10,000 turns"):
        read_onnx(model_bytes([loop, node("Neg", "l", "y")], ("N", 4), {}, opset=18), "net")


SOURCES = [
    ([node("Constant", "", "w", value=numpy_helper.from_array(W))], {}),
    ([node("ConstantOfShape", "s", "w", value=numpy_helper.from_array(np.float32([0.5])))], {"s": np.array([4, 4])}),
    ([node("Identity", "k", "j"), node("Identity", "j", "w")], {"k": W}),
    ([node("Transpose", "k", "w", perm=[1, 0])], {"k": W}),
    ([node("Cast", "k", "w", to=1)], {"k": W.astype(np.float64)}),
    ([node("Expand", "k s", "w")], {"k": normal(4, 1), "s": np.array([4, 4])}),
    ([helper.make_node("Split", ["k", "s"], ["v", "w"], "split")], {"k": normal(6, 4), "s": np.array([2, 4])}),
]


@pytest.mark.parametrize(("nodes", "weights"), SOURCES)
def test_weights_from_anywhere_go_to_tiles(nodes: list[onnx.NodeProto], weights: dict[str, np.ndarray]) -> None:
    network = read_and_check(model_bytes([*nodes, node("MatMul", "x w", "y")], ("N", 4), weights))
    assert [type(layer) for layer in network.layers.values()][1:] == [MatrixLayer]


def test_weights_stored_as_small_integers_go_to_tiles() -> None:
    codes = np.arange(16, dtype=np.int8).reshape(4, 4)
    nodes = [node("DequantizeLinear", "k s", "w"), node("MatMul", "x w", "y")]
    network = read_onnx(model_bytes(nodes, ("N", 4), {"k": codes, "s": np.float32(0.5)}), "net")
    np.testing.assert_array_equal(network.matrix_layers[0].matrices[0].weights, codes * np.float32(0.5))


@pytest.mark.parametrize("operator", ["Expand", "Tile", "Range", "Pad", "OneHot"])
def test_a_constant_that_would_fill_memory(operator: str) -> None:
    big, small = 10**10, np.float32([1])
    weights = {
        "Expand": {"a": small, "b": np.array([big])},
        "Tile": {"a": small, "b": np.array([big])},
        "Range": {"a": np.float32(0), "b": np.float32(1e12), "c": np.float32(1)},
        "Pad": {"a": small, "b": np.array([0, big])},
        "OneHot": {"a": np.array([0]), "b": np.array(big), "c": np.float32([0, 1])},
    }[operator]
    nodes = [node(operator, " ".join(weights), "w"), node("Add", "x w", "y")]
    with pytest.raises(ModelError, match=rf"node 'w' \({operator}\) makes a constant .*larger than 2 GiB"):
        read_onnx(model_bytes(nodes, ("N", 4), weights), "net")


def test_weights_that_several_nodes_use_are_noted() -> None:
    nodes = [node("MatMul", "x w", "a"), node("Relu", "a", "b"), node("MatMul", "b w", "y")]
    network = read_and_check(model_bytes(nodes, ("N", 4), {"w": W}))
    assert network.notes == ("layers a, y share their weights, which stand on tiles once",)


@pytest.mark.parametrize("opset", [7, 8, 9, 11, 13, 16, 18, 20, 21, 22])
def test_opsets(opset: int) -> None:
    nodes = [
        node("Conv", "x k", "c"),
        node("BatchNormalization", "c s s s s", "n"),
        node("Relu", "n", "r"),
        node("Flatten", "r", "f"),
        node("Gemm", "f w b", "g"),
        node("Softmax", "g", "y", axis=1),
    ]
    weights = {"k": normal(3, 2, 3, 3), "s": np.ones(3, np.float32), "w": normal(12, 5), "b": normal(5)}
    read_and_check(model_bytes(nodes, ("N", 2, 4, 4), weights, opset=opset))
