"""Sequences of tensors are written out while reading: values as onnxruntime has them."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from network_models import model_bytes, node, normal, read_and_check
from onnx import TensorProto, helper

from chipsim.errors import ModelError, UnsupportedOperatorError
from chipsim.network.onnx_reader import read_onnx
from chipsim.onnx_backend import Backend

MADE = [node("Relu", "x", "a"), node("Neg", "x", "b"), node("Abs", "x", "c")]
AB, ABC = node("SequenceConstruct", "a b", "s"), node("SequenceConstruct", "a b c", "s")
NEW = {"new_axis": 1}
PLACES = {name: np.array(value, np.int64) for name, value in {"one": 1, "last": -1, "zero": 0, "far": 9}.items()}


@pytest.mark.parametrize(
    "nodes",
    [
        [ABC, node("SequenceAt", "s one", "y")],
        [ABC, node("SequenceAt", "s last", "y")],
        [AB, node("SequenceInsert", "s c last", "t"), node("SequenceAt", "t one", "y")],
        [AB, node("SequenceInsert", "s c", "t"), node("SequenceAt", "t last", "y")],
        [ABC, node("SequenceErase", "s zero", "t"), node("SequenceAt", "t zero", "y")],
        [ABC, node("ConcatFromSequence", "s", "y", axis=1)],
        [ABC, node("ConcatFromSequence", "s", "y", axis=-1, new_axis=1)],
        [node("SplitToSequence", "a", "s", axis=1), node("SequenceAt", "s last", "y")],
        [node("SplitToSequence", "a", "s", axis=1, keepdims=0), node("ConcatFromSequence", "s", "y", axis=2, **NEW)],
        [node("SplitToSequence", "a sizes", "s", axis=2), node("SequenceAt", "s one", "y")],
        [node("SplitToSequence", "a two", "s", axis=1), node("SequenceAt", "s last", "y")],
    ],
)  # fmt: skip
@pytest.mark.parametrize("opset", [11, 17])
def test_sequences_are_written_out(nodes: list[Any], opset: int) -> None:
    sizes = {"sizes": np.array([1, 3], np.int64), "two": np.array(2, np.int64)}
    network = read_and_check(model_bytes([*MADE, *nodes], ("N", 3, 4), PLACES | sizes, opset=opset))
    assert not any("Sequence" in getattr(layer, "operator", "") for layer in network.layers.values())


def test_a_sequence_may_have_two_names() -> None:
    nodes = [*MADE, ABC, node("Identity", "s", "t"), node("SequenceAt", "t one", "y")]
    read_and_check(model_bytes(nodes, ("N", 4), PLACES, opset=17))


def sequences(*values: str) -> list[onnx.ValueInfoProto]:
    kind = helper.make_sequence_type_proto(helper.make_tensor_type_proto(TensorProto.FLOAT, None))
    return [helper.make_value_info(value, kind) for value in values]


def test_a_loop_hands_a_sequence_on_and_out() -> None:
    """As exporters write a list to which a loop appends."""
    body = helper.make_graph(
        [
            node("Identity", "go", "on"), node("SequenceAt", "s i", "h"), node("MatMul", "h w", "m"),
            node("Tanh", "m", "t"), node("SequenceInsert", "s t", "longer"),
        ],
        "body",
        [
            helper.make_tensor_value_info("i", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
            *sequences("s"),
        ],
        [helper.make_tensor_value_info("on", TensorProto.BOOL, []), *sequences("longer")],
    )  # fmt: skip
    nodes = [
        node("SequenceConstruct", "x", "begin"),
        helper.make_node("Loop", ["three", "yes", "begin"], ["all"], "loop", body=body),
        node("ConcatFromSequence", "all", "y", axis=1),
    ]
    constants = {"w": normal(4, 4), "three": np.array(3), "yes": np.array(True)}
    network = read_and_check(model_bytes(nodes, ("N", 4), constants))
    assert network.macs_on_tiles == network.macs == 3 * 16
    assert network.layers[network.outputs[0]].output_shape == (16,)


def test_a_condition_that_is_constant_gives_a_sequence() -> None:
    branches = {
        f"{which}_branch": helper.make_graph([node("SequenceConstruct", values, which)], which, [], sequences(which))
        for which, values in (("then", "a b"), ("else", "b a"))
    }
    nodes = [*MADE, helper.make_node("If", ["no"], ["s"], "choice", **branches), node("SequenceAt", "s one", "y")]
    read_and_check(model_bytes(nodes, ("N", 4), PLACES | {"no": np.array(False)}))


def test_the_length_of_a_sequence_is_a_constant() -> None:
    nodes = [
        *MADE, ABC, node("SequenceLength", "s", "n"),
        node("Cast", "n", "f", to=1), node("Mul", "x f", "y"),
    ]  # fmt: skip
    network = read_and_check(model_bytes(nodes, ("N", 4)))
    assert list(network.layers) == ["x", "y"]


def test_a_place_that_is_not_there() -> None:
    nodes = [*MADE, ABC, node("SequenceAt", "s far", "y")]
    with pytest.raises(ModelError, match=r"'y' \(SequenceAt\) asks for place 9 of a sequence that has 3"):
        read_onnx(model_bytes(nodes, ("N", 4), PLACES), "net")


def test_a_place_that_depends_on_data() -> None:
    nodes = [
        *MADE, ABC, node("ArgMax", "x", "p", axis=1), node("SequenceAt", "s p", "y")
    ]  # fmt: skip
    with pytest.raises(UnsupportedOperatorError, match=r"'y' \(SequenceAt\) depends on 'p'"):
        read_onnx(model_bytes(nodes, ("N", 4)), "net")


def test_parts_that_do_not_add_up() -> None:
    nodes = [*MADE, node("SplitToSequence", "a sizes", "s", axis=1), node("SequenceAt", "s zero", "y")]
    content = model_bytes(nodes, ("N", 3), PLACES | {"sizes": np.array([1, 1], np.int64)})
    with pytest.raises(ModelError, match=r"'s' \(SplitToSequence\) cuts 3 into \[1, 1\]"):
        read_onnx(content, "net")


def test_values_of_every_part() -> None:
    x = normal(2, 6)
    nodes = [
        node("Relu", "x", "a"), node("SplitToSequence", "a", "s", axis=1),
        *(node("SequenceAt", f"s p{i}", f"y{i}") for i in range(6)),
    ]  # fmt: skip
    places = {f"p{i}": np.array(i, np.int64) for i in range(6)}
    content = model_bytes(nodes, ("N", 6), places, outputs=[f"y{i}" for i in range(6)])

    found = Backend.run_model(onnx.load_model_from_string(content), [x])
    np.testing.assert_array_equal(np.concatenate(found, axis=1), np.maximum(x, 0))
