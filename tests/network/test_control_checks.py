"""Loops, scans and conditions that do not fit their bodies and branches are refused by the node's name."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import onnx
import pytest
from network_models import model_bytes, node, normal, read_and_check
from onnx import TensorProto, helper
from test_running_whole import CONSTANTS, POSITIVE, choice, graph, loop, until_large

from chipsim.errors import ModelError, UnsupportedOperatorError
from chipsim.network.onnx_reader import read_onnx

TURN = graph([node("Identity", "go", "on"), node("MatMul", "h w", "q")], "on q", "i go h")
NEGATIVE = graph([node("Neg", "x", "a")], "a")
TWICE = graph([node("Add", "x x", "b"), node("Concat", "b b", "b2", axis=1)], "b2")


def read(nodes: list[onnx.NodeProto], **more: np.ndarray) -> None:
    read_onnx(model_bytes(nodes, ("N", 4), CONSTANTS | more, opset=18), "net")


def body(outputs: str, inputs: str) -> onnx.GraphProto:
    return graph([node("Identity", "go", "on"), node("Neg", "x", "q")], outputs, inputs)


@pytest.mark.parametrize("condition", ["yes", "c"])
@pytest.mark.parametrize(
    ("given", "says"),
    [
        (body("on", "i go h"), "its body gives 1 values, and must be 2"),
        (body("", "i go h"), "its body gives 0 values, and must be 2"),
        (body("on q q", "i go h"), "its body gives 3 values, and must be 2"),
        (body("on q", "i go"), "its body takes 2 values, and must be 3"),
        (body("on q", "i go h k"), "its body takes 4 values, and must be 3"),
    ],
)
def test_a_loop_and_its_body_must_fit(condition: str, given: onnx.GraphProto, says: str) -> None:
    with pytest.raises(ModelError, match=rf"net: node 'loop' \(Loop\): {says}"):
        read([*POSITIVE, loop(given, f"eight {condition} x", "y")])


@pytest.mark.parametrize("value", [np.nan, np.inf, 2.5])
def test_a_trip_count_is_a_whole_number(value: float) -> None:
    with pytest.raises(ModelError, match=r"node 'loop' \(Loop\) depends on 'n', which must be a whole number and is"):
        read([loop(TURN, "n yes x", "y")], n=np.array(value, np.float32))


def test_a_condition_is_true_or_false() -> None:
    given = helper.make_node("If", ["n"], ["y"], "choice", then_branch=NEGATIVE, else_branch=TWICE)
    with pytest.raises(ModelError, match=r"node 'choice' \(If\) depends on 'n', which must be true or false"):
        read([given], n=np.array(np.nan, np.float32))


VECTOR = [node("Relu", "x", "r0"), node("Greater", "x r0", "c")]
SAME = graph([node("Abs", "x", "b")], "b")


@pytest.mark.parametrize("batch", ["N", 1])
@pytest.mark.parametrize("second", [SAME, TWICE])
@pytest.mark.parametrize("inner", [False, True])
def test_a_condition_that_depends_on_data_is_one_value(batch: str | int, second: onnx.GraphProto, inner: bool) -> None:
    """With branches of one shape and of two, in the graph and in a loop that is written out."""
    given, before = choice(NEGATIVE, second, "y"), VECTOR
    if inner:
        given.output[0] = "s"
        turn = graph([*VECTOR, given, node("Identity", "go", "on"), node("Neg", "h", "q")], "on q s", "i go h")
        given, before = helper.make_node("Loop", ["two", "", "x"], ["last", "y"], "loop", body=turn), []
    content = model_bytes([*before, given], (batch, 4), CONSTANTS | {"two": np.array(2)}, opset=18)
    says = r"net: node 'choice.*' \(If\) depends on 'c.*', which must be one value and has the shape \[1, 4\] "
    with pytest.raises(ModelError, match=says):
        read_onnx(content, "net")


@pytest.mark.parametrize("given", ["eight c x", "many yes x", "eight yes x"])
def test_conditions_and_counts_of_a_loop_that_depend_on_data_are_one_value(given: str) -> None:
    proceeds = graph([node("Greater", "h x", "on"), node("Neg", "h", "q")], "on q", "i go h")
    body = TURN if given != "eight yes x" else proceeds
    nodes = [*VECTOR, node("Cast", "x", "many", to=TensorProto.INT64), loop(body, given, "y")]
    with pytest.raises(ModelError, match=r"node 'loop' \(Loop\) depends on .*, which must be one value and has the sh"):
        read(nodes)


@pytest.mark.parametrize("shape", [[], [1], [1, 1]])
def test_one_value_may_have_any_number_of_axes(shape: list[int]) -> None:
    given = helper.make_node("If", ["d"], ["y"], "choice", then_branch=NEGATIVE, else_branch=SAME)
    nodes = [*POSITIVE, node("Reshape", "c sizes", "d"), given]
    constants = CONSTANTS | {"sizes": np.array(shape, np.int64)}
    network = read_and_check(model_bytes(nodes, ("N", 4), constants, opset=18))
    assert network.alone


def test_branches_give_as_many_values_as_their_condition() -> None:
    two = graph([node("Neg", "x", "a"), node("Abs", "x", "b")], "a b")
    with pytest.raises(ModelError, match=r"node 'choice' \(If\): its else_branch gives 2 values, and must be 1"):
        read([*POSITIVE, choice(NEGATIVE, two, "y")])


def scan(**attributes: object) -> onnx.NodeProto:
    step = graph([node("Add", "h e", "q"), node("Identity", "q", "s")], "q s", "h e")
    return helper.make_node("Scan", ["zero", "x"], ["last", "y"], "scan", body=step, **attributes)


@pytest.mark.parametrize(
    ("attributes", "says"),
    [
        ({"num_scan_inputs": 0}, "num_scan_inputs is 0, and must be at least 1 and at most 2"),
        ({"num_scan_inputs": 3}, "num_scan_inputs is 3, and must be at least 1 and at most 2"),
        ({"num_scan_inputs": 1, "scan_input_axes": [1, 1]}, "scan_input_axes holds 2 values, and must be 1"),
        ({"num_scan_inputs": 1, "scan_output_directions": [0, 1]}, "scan_output_directions holds 2 values"),
    ],
)
def test_a_scan_and_its_body_must_fit(attributes: dict[str, object], says: str) -> None:
    with pytest.raises(ModelError, match=rf"net: node 'scan' \(Scan\): {says}"):
        read([scan(**attributes)])


KIND = helper.make_optional_type_proto(helper.make_tensor_type_proto(TensorProto.FLOAT, [1, 4]))


@pytest.mark.parametrize("made", [node("Optional", "x", "o"), helper.make_node("Optional", [], ["o"], type=KIND)])
def test_optional_values_are_named_inside_branches_too(made: onnx.NodeProto) -> None:
    branches = [graph([made], "o"), graph([node("Optional", "x", "p")], "p")]
    with pytest.raises(UnsupportedOperatorError, match=r"net: node 'o' has the operator Optional, which gives"):
        read([*POSITIVE, choice(*branches, "r"), node("OptionalGetElement", "r", "y")])


@pytest.mark.parametrize(
    "nodes",
    [
        [choice(graph([node("MatMul", "xb wb", "a")], "a"), graph([node("Concat", "xb xb", "b", axis=1)], "b"))],
        [loop(graph([node("Identity", "go", "on"), node("MatMul", "h wb", "q")], "on q", "i go h"), "eight c xb", "r")],
    ],
)
def test_what_runs_whole_in_bfloat16_is_refused_for_that(nodes: list[onnx.NodeProto]) -> None:
    cast = node("Cast", "x", "xb", to=TensorProto.BFLOAT16)
    back = [node("Cast", "r", "f", to=TensorProto.FLOAT), node("ReduceSum", "f", "y")]
    with pytest.raises(UnsupportedOperatorError, match=r"must run as it stands, in bfloat16, .* convert the model"):
        read([*POSITIVE, cast, *nodes, *back], wb=normal(4, 4).astype(ml_dtypes.bfloat16))


def test_a_loop_with_a_constant_count_hands_on_a_sequence() -> None:
    grown = graph([node("Identity", "go", "on"), node("SequenceInsert", "s x", "t")], "on t", "i go s")
    grown.input[2].type.sequence_type.elem_type.tensor_type.elem_type = TensorProto.FLOAT
    nodes = [node("SequenceEmpty", "", "none"), loop(grown, "three yes none", "l")]
    joined = node("ConcatFromSequence", "l", "y", axis=1)
    network = read_and_check(model_bytes([*nodes, joined], ("N", 4), CONSTANTS | {"three": np.array(3)}, opset=18))
    assert network.layers[network.outputs[0]].output_shape == (12,)


def test_loops_that_end_by_themselves_are_read_all_the_same() -> None:
    read([*POSITIVE, loop(until_large(), "eight c x", "y")])


@pytest.mark.parametrize(("sizes", "target"), [((1, 2, 3, 5), [1, 2, 12]), (("N", 3, 5), [2, 12]), ((1, 30), [1, 24])])
def test_a_reshape_to_another_number_of_values(sizes: tuple[int | str, ...], target: list[int]) -> None:
    content = model_bytes([node("Reshape", "x target", "y")], sizes, {"target": np.array(target)})
    with pytest.raises(ModelError, match=r"net: node 'y' \(Reshape\) turns the shape .* which has 24 values"):
        read_onnx(content, "net")
