"""Loops, conditions and sizes that depend on data run whole on a digital unit, with the values of ONNX Runtime."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
from network_models import ideal, model_bytes, node, normal, read_and_check
from onnx import TensorProto, helper, numpy_helper

from chipsim.errors import UnsupportedOperatorError
from chipsim.network.graph import Network
from chipsim.network.layers import DigitalLayer
from chipsim.network.onnx_reader import read_onnx

W, V = normal(4, 4) / 2, normal(4, 6, seed=1)
CONSTANTS = {
    "w": W,
    "v": V,
    "zero": np.array(0, np.float32),
    "one": np.array(1, np.float32),
    "yes": np.array(True),
    "limit": np.array(2.5, np.float32),
    "eight": np.array(8),
    "first": np.array([0]),
    "second": np.array([1]),
    "all": np.array([0, 1]),
}
POSITIVE = [node("ReduceSum", "x", "t", keepdims=0), node("Greater", "t zero", "c")]
KINDS = {"i": TensorProto.INT64, "j": TensorProto.INT64, "go": TensorProto.BOOL, "go2": TensorProto.BOOL}


def graph(nodes: list[onnx.NodeProto], outputs: str, inputs: str = "") -> onnx.GraphProto:
    """A branch or body; sizes are left out."""
    given = [
        helper.make_tensor_value_info(name, KINDS.get(name, TensorProto.FLOAT), [] if name in KINDS else None)
        for name in inputs.split()
    ]
    return helper.make_graph(nodes, "g", given, [onnx.ValueInfoProto(name=name) for name in outputs.split()])


def choice(first: onnx.GraphProto, second: onnx.GraphProto, outputs: str = "r") -> onnx.NodeProto:
    return helper.make_node("If", ["c"], outputs.split(), "choice", then_branch=first, else_branch=second)


def loop(body: onnx.GraphProto, inputs: str, outputs: str) -> onnx.NodeProto:
    given = ["" if name == "-" else name for name in inputs.split()]
    return helper.make_node("Loop", given, outputs.split(), "loop", body=body)


def until_large(states: str = "h", collected: str = "") -> onnx.GraphProto:
    """Multiplies by a matrix until a value is large; ends by itself after a few turns, or by its trip count."""
    nodes = [
        node("MatMul", "h w", "p"),
        node("Add", "p x", "q"),
        node("Abs", "q", "a"),
        node("ReduceMax", "a", "m", keepdims=0),
        node("Less", "m limit", "on"),
    ]
    return graph(nodes, f"on q {collected}", f"i go {states}")


def check(
    nodes: list[onnx.NodeProto], opset: int = 18, outputs: tuple[str, ...] = ("y",), **more: np.ndarray
) -> Network:
    return read_and_check(model_bytes(nodes, ("N", 4), CONSTANTS | more, outputs, opset), batch=9)


def digital(network: Network, name: str) -> DigitalLayer:
    layer = network.layers[name]
    assert isinstance(layer, DigitalLayer)
    return layer


@pytest.mark.parametrize("opset", [11, 13, 18, 21])
def test_a_loop_whose_turns_depend_on_data_gives_what_onnxruntime_does(opset: int) -> None:
    before, after = node("MatMul", "x w", "g"), node("MatMul", "l v", "y")
    network = check([before, loop(until_large(), "eight yes g", "l"), after], opset)
    assert {layer.name for layer in network.matrix_layers} == {"g", "y"}
    whole = digital(network, "loop")
    assert (whole.pattern, whole.operator) == ("barrier", "Loop")
    assert "turns depend on data" in whole.reason


def test_a_stated_trip_count_is_what_counts() -> None:
    """Eight turns of a product with 4 x 4 weights, a sum, an absolute value, a largest one and a comparison."""
    whole = digital(check([loop(until_large(), "eight yes x", "y")]), "loop")
    assert whole.macs == 8 * 16
    assert whole.element_operations == 8 * (2 * 16 + 4 + 4 + 4 + 1)


def test_a_trip_count_that_is_data_counts_the_turns_of_made_up_data() -> None:
    nodes = [
        *POSITIVE,
        node("Abs", "t", "s"),
        node("Cast", "s", "n", to=TensorProto.INT64),
        node("Add", "n eight", "turns"),
        loop(graph([node("Identity", "go", "on"), node("MatMul", "h w", "q")], "on q", "i go h"), "turns - x", "y"),
    ]
    network = check(nodes)
    turns, rest = divmod(digital(network, "loop").macs, 16)
    assert turns >= 8
    assert rest == 0
    (note,) = network.notes
    assert f"counted with {turns} turns of 'loop' (as made-up data take); its weights" in note
    assert f"are on no tiles (q, {16 * turns} MACs)" in note
    assert "constant number of turns" in note


def test_the_share_on_tiles_counts_what_runs_whole() -> None:
    network = check([node("MatMul", "x w", "g"), loop(until_large(), "eight yes g", "y")])
    assert (network.macs_on_tiles, network.macs) == (16, 9 * 16)


def test_a_loop_that_never_ends_on_zeros_is_read_all_the_same() -> None:
    """Doubles what it is given until it is large: zeros stay zeros."""
    body = graph([node("Add", "h h", "q"), *until_large().node[2:]], "on q", "i go h")
    check([loop(body, "- yes x", "l"), node("Relu", "l", "r"), node("MatMul", "r w", "y")])


def test_several_states_and_a_state_that_is_constant() -> None:
    body = until_large("h k", "k2")
    body.node.append(node("Add", "k one", "k2"))
    network = check([loop(body, "eight yes x zero", "l n"), node("Mul", "l n", "y")])
    first, second = (layer for layer in network.layers.values() if getattr(layer, "operator", "") == "Loop")
    assert isinstance(first, DigitalLayer)
    assert isinstance(second, DigitalLayer)
    assert (first.macs, second.macs) == (8 * 16, 0)
    assert second.element_operations == 1


def test_what_a_loop_collects_is_reduced_in_the_same_part() -> None:
    body = until_large(collected="s")
    body.node.append(node("Relu", "q", "s"))
    nodes = [
        loop(body, "eight yes x", "l turns"),
        node("Neg", "turns", "n"),
        node("ReduceSum", "n first", "sum", keepdims=0),
        node("Add", "sum l", "o"),
        node("MatMul", "o w", "y"),
    ]
    network = check(nodes)
    assert [layer.name for layer in network.matrix_layers] == ["y"]
    assert "nodes run together" in digital(network, "loop").reason


def test_a_state_that_grows() -> None:
    body = graph(
        [*until_large().node[:4], node("Less", "m limit", "on"), node("Concat", "all_of q", "more", axis=0)],
        "on q more", "i go h all_of",
    )  # fmt: skip
    check([loop(body, "eight yes x x", "l grown"), node("ReduceMean", "grown first", "m", keepdims=1),
           node("MatMul", "m w", "y")])  # fmt: skip


def test_a_body_with_weights_of_its_own_a_loop_and_a_condition() -> None:
    turn = graph([node("Identity", "go2", "on2"), node("Add", "e step", "f")], "on2 f", "j go2 e")
    inner = loop(turn, "n yes h", "z")
    body = graph(
        [
            node("ReduceMean", "h", "step", keepdims=0),
            node("Add", "i eight", "n"),
            inner,
            node("Greater", "step zero", "up"),
            helper.make_node(
                "If", ["up"], ["b"], "inner",
                then_branch=graph([node("MatMul", "z own", "b1")], "b1"),
                else_branch=graph([node("Neg", "z", "b2")], "b2"),
            ),
            node("Tanh", "b", "q"),
            node("ReduceMax", "q", "m", keepdims=0),
            node("Less", "m one", "on"),
        ],
        "on q", "i go h",
    )  # fmt: skip
    body.initializer.append(numpy_helper.from_array(W, "own"))
    network = check([loop(body, "eight yes x", "l"), node("MatMul", "l v", "y")])
    assert digital(network, "loop").macs == 8 * 16  # of a condition the larger branch


def test_a_loop_on_data_within_a_loop_that_is_written_out() -> None:
    turn = [node("MatMul", "g w", "g1"), loop(until_large(), "eight yes g1", "g2"), node("Identity", "go", "always")]
    body = graph(turn, "always g2", "i go g")
    outer = helper.make_node("Loop", ["two", "", "x"], ["y"], "outer", body=body)
    network = check([outer], two=np.array(2))
    assert len(network.matrix_layers) == 2
    assert len([layer for layer in network.layers.values() if getattr(layer, "operator", "") == "Loop"]) == 2


@pytest.mark.parametrize("opset", [11, 18])
def test_branches_of_different_shapes_run_whole_until_sizes_are_fixed_again(opset: int) -> None:
    first, second = graph([node("MatMul", "g v", "r1")], "r1"), graph([node("Neg", "g", "r2")], "r2")
    reduce = (
        node("ReduceSum", "e second", "s", keepdims=1)
        if opset > 12
        else node("ReduceSum", "e", "s", axes=[1], keepdims=1)
    )
    nodes = [*POSITIVE, node("MatMul", "x w", "g"), choice(first, second), node("Exp", "r", "e"), reduce,
             node("Add", "s g", "y")]  # fmt: skip
    network = check(nodes, opset)
    assert [layer.name for layer in network.matrix_layers] == ["g"]
    whole = digital(network, "choice")
    assert whole.reason == "depends on data, and its branches differ in shape; 3 nodes run together"
    assert whole.macs == 24
    assert "let both branches give the same shape" in network.notes[0]


def test_only_one_of_several_results_differs() -> None:
    first = graph([node("MatMul", "x v", "r1"), node("Neg", "x", "s1")], "r1 s1")
    second = graph([node("Neg", "x", "r2"), node("MatMul", "x w", "s2")], "r2 s2")
    nodes = [*POSITIVE, choice(first, second, "r s"), node("ReduceMax", "r", "m", keepdims=0), node("Mul", "s m", "y")]
    check(nodes)


def test_branches_of_equal_shapes_are_still_both_mapped() -> None:
    first, second = graph([node("MatMul", "x w", "r1")], "r1"), graph([node("Neg", "x", "r2")], "r2")
    network = check([*POSITIVE, choice(first, second, "y")])
    assert len(network.matrix_layers) == 1
    assert not network.notes


SIZED = {
    "NonZero": [node("Relu", "x", "p"), node("NonZero", "p", "z"), node("Cast", "z", "r", to=1)],
    "Compress": [
        node("Greater", "x zero", "b"), node("Reshape", "b flat", "bits"), node("Compress", "x bits", "r", axis=1)
    ],
    "Unique": [node("Round", "x", "p"), helper.make_node("Unique", ["p"], ["r"], "r")],
    "NonMaxSuppression": [
        node("Reshape", "x box", "single"),
        node("Concat", "single single boxes", "b", axis=1),
        helper.make_node("NonMaxSuppression", ["b", "scores", "eight", "half"], ["z"], "z"),
        node("Cast", "z", "r", to=1),
    ],
}  # fmt: skip
SIZES = {
    "flat": np.array([-1]),
    "box": np.array([1, 1, 4]),
    "boxes": np.abs(normal(1, 3, 4)),
    "scores": np.abs(normal(1, 1, 5)),
    "half": np.array([0.5], np.float32),
}


@pytest.mark.parametrize("operator", SIZED)
def test_as_many_values_as_the_data_says(operator: str) -> None:
    nodes = [
        *SIZED[operator],
        node("Mul", "r r", "s"),
        node("ReduceSum", "s", "sum", keepdims=0),
        node("Mul", "x sum", "y"),
    ]
    network = check(nodes, 18, **SIZES)
    (whole,) = (layer for layer in network.layers.values() if getattr(layer, "operator", "") == operator)
    assert isinstance(whole, DigitalLayer)
    assert whole.output_shape == (1,)
    assert "gives as many values as its data says; " in whole.reason


def test_a_product_of_rows_that_data_chooses_is_counted_and_named() -> None:
    nodes = [
        node("Transpose", "x", "rows", perm=[1, 0]),
        node("Greater", "x zero", "b"),
        node("Reshape", "b flat", "bits"),
        node("Compress", "rows bits", "chosen", axis=0),
        node("MatMul", "chosen wide", "p"),
        node("ReduceSum", "p first", "s", keepdims=1),
        node("MatMul", "s v5", "y"),
    ]
    network = check(nodes, 18, **SIZES, wide=normal(1, 5), v5=normal(5, 3))
    assert [layer.name for layer in network.matrix_layers] == ["y"]
    assert "its weights are on no tiles (p, " in network.notes[0]


def test_what_lies_between_two_nodes_of_a_part_belongs_to_it() -> None:
    """A sum of what was chosen goes through a matrix, and meets what was chosen again."""
    nodes = [
        *SIZED["Compress"],
        node("ReduceSum", "r second", "s", keepdims=1),
        node("MatMul", "s one_by_one", "p"),
        node("Mul", "r p", "q"),
        node("ReduceMax", "q second", "m", keepdims=1),
        node("MatMul", "x w", "beside"),
        node("Add", "m beside", "y"),
    ]
    network = check(nodes, 18, **SIZES, one_by_one=normal(1, 1))
    assert [layer.name for layer in network.matrix_layers] == ["beside"]


def test_two_parts_stay_apart() -> None:
    nodes = [
        *SIZED["Compress"],
        node("ReduceSum", "r second", "s", keepdims=1),
        node("MatMul", "s row", "p"),
        node("NonZero", "p", "z"),
        node("Cast", "z", "f", to=1),
        node("ReduceSum", "f all", "n", keepdims=1),
        node("Add", "n p", "y"),
    ]
    network = check(nodes, 18, **SIZES, row=normal(1, 4))
    assert [layer.name for layer in network.matrix_layers] == ["p"]
    assert len(network.notes) == 2


REFUSED = [
    (SIZED["Unique"], r"because of node 'r' \(Unique\); let it give a fixed number"),
    ([*POSITIVE, choice(graph([node("Neg", "x", "a")], "a"), graph([node("MatMul", "x v", "b")], "b"))], r"\(If\)"),
    (
        [loop(graph(list(until_large().node), "on q q", "i go h"), "eight yes x", "l r")],
        r"because of node 'loop' \(Loop\); let it collect a constant number of turns",
    ),
]


@pytest.mark.parametrize(("nodes", "message"), REFUSED)
def test_an_output_whose_size_depends_on_data_is_refused(nodes: list[onnx.NodeProto], message: str) -> None:
    with pytest.raises(
        UnsupportedOperatorError, match=rf"output 'r' has a size that depends on data, {message}|{message}"
    ):
        read_onnx(model_bytes(nodes, ("N", 4), CONSTANTS, ("r",), 18), "net")


def test_random_draws_within_a_body_are_refused() -> None:
    body = until_large()
    body.node.insert(0, node("RandomNormalLike", "h", "noise"))
    with pytest.raises(UnsupportedOperatorError, match="RandomNormalLike, which draws random values"):
        read_onnx(model_bytes([loop(body, "eight yes x", "y")], ("N", 4), CONSTANTS, opset=18), "net")


def test_a_size_that_is_read_again_is_no_constant() -> None:
    """The number of chosen values, as a value."""
    nodes = [
        *SIZED["Compress"],
        node("Shape", "r", "sizes"),
        node("Gather", "sizes one_i", "n", axis=0),
        node("Cast", "n", "f", to=1),
        node("Mul", "x f", "y"),
    ]
    network = check(nodes, 18, **SIZES, one_i=np.array(1))
    assert digital(network, "r").reason.endswith("2 nodes run together")


COUNT = [
    node("ReduceSum", "x", "t", keepdims=0),
    node("Abs", "t", "u"),
    node("Cast", "u", "n", to=TensorProto.INT64),
    node("Unsqueeze", "n first", "n1"),
]
COMPUTED = {
    "Range": [node("Add", "n i1", "n2"), node("Range", "i0 n2 i1", "z"), node("Cast", "z", "r", to=1)],
    "Slice": [node("Add", "n1 second", "n2"), node("Slice", "x first n2 second", "r")],
    "TopK": [
        node("Min", "n1 two", "n2"),
        node("Add", "n2 second", "n3"),
        helper.make_node("TopK", ["x", "n3"], ["r", "places"], "r"),
    ],
    "Expand": [node("Add", "n1 second", "n2"), node("Concat", "n2 second", "n3", axis=0), node("Expand", "x n3", "r")],
    "ConstantOfShape": [node("Add", "n1 second", "n2"), node("ConstantOfShape", "n2", "r")],
}
PLACES = {"i0": np.array(0), "i1": np.array(1), "two": np.array([2])}


@pytest.mark.parametrize("operator", COMPUTED)
def test_a_size_that_is_computed_from_data(operator: str) -> None:
    summed = [node("Exp", "r", "s"), node("ReduceSum", "s", "sum", keepdims=0), node("Mul", "x sum", "y")]
    network = check([*COUNT, *COMPUTED[operator], *summed], **PLACES)
    whole = digital(network, "z" if operator == "Range" else "r")
    assert whole.operator == operator
    assert "gives as many values as its data says; " in whole.reason
    with pytest.raises(UnsupportedOperatorError, match=rf"'r' has a size .* \({operator}\)"):
        read_onnx(model_bytes([*COUNT, *COMPUTED[operator]], ("N", 4), CONSTANTS | PLACES, ("r",), 18), "net")


def test_a_window_at_a_place_that_data_chooses_has_a_fixed_size() -> None:
    nodes = [
        *COUNT,
        node("Min", "n1 two", "from"),
        node("Add", "from second", "to"),
        node("Slice", "x from to second", "r"),
        node("MatMul", "r row", "y"),
    ]
    network = check(nodes, **PLACES, row=normal(1, 3))
    assert [layer.name for layer in network.matrix_layers] == ["y"]
    assert not network.notes


def test_inputs_of_a_file_for_several_at_once_decide_alone() -> None:
    body = graph([node("MatMul", "h w", "p"), node("Add", "p g", "q"), *until_large().node[2:]], "on q", "i go h")
    nodes = [node("Reshape", "x s", "g"), loop(body, "eight yes g", "l"), node("MatMul", "l v", "y")]
    contents = {n: model_bytes(nodes, (n, 2, 2), CONSTANTS | {"s": np.array([n, 4])}, opset=18) for n in (1, 4)}
    network, x = read_onnx(contents[4], "net"), normal(6, 2, 2)
    session = onnxruntime.InferenceSession(contents[1], providers=["CPUExecutionProvider"])
    expected = np.concatenate([session.run(None, {"x": each[np.newaxis]})[0] for each in x])
    np.testing.assert_allclose(ideal(network, x)["y"], expected, rtol=1e-5)
    assert "made for 4 inputs at once; here each of them decides alone" in network.notes[-1]


def test_loops_within_each_other_that_never_end_are_read_in_a_moment() -> None:
    """Ten thousand turns are walked in all to count what a network takes."""
    inner = graph([node("Less", "e zero", "on2"), node("Mul", "e one", "f")], "on2 f", "j go2 e")
    body = graph(
        [node("Abs", "h", "b"), node("Neg", "b", "n"), node("ReduceSum", "n", "s", keepdims=0),
         helper.make_node("Loop", ["", "yes", "s"], ["z"], "inner", body=inner),
         node("Less", "z zero", "on"), node("Add", "h z", "q")],
        "on q", "i go h",
    )  # fmt: skip
    network = read_onnx(model_bytes([loop(body, "- yes x", "y")], ("N", 4), CONSTANTS, opset=18), "net")
    assert "9999 turns of 'inner' (where counting stops, and made-up data do not)" in network.notes[0]
