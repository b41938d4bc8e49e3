"""Operands that ONNX wants in one type: two types are refused by the node's name, beside ONNX's own inference."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import onnx
import pytest
from network_models import model_bytes, node, normal
from onnx import TensorProto, helper, numpy_helper
from test_running_whole import CONSTANTS, POSITIVE, choice, graph, loop

from chipsim.errors import ModelError
from chipsim.network.onnx_reader import read_onnx

KINDS = [np.dtype(kind) for kind in ("float16", "float32", "float64", ml_dtypes.bfloat16)]
MIXED = "node '{}' \\({}\\) takes '{}' in {} and '{}' in {}, which must be of one type; put a Cast before it"


def typed(operator: str, given: np.dtype, stored: np.dtype, cast: bool = False) -> onnx.ModelProto:
    """One operator on data of one type and weights of another, which may be turned into that of the data."""
    first, second = (int(helper.np_dtype_to_tensor_dtype(kind)) for kind in (given, stored))
    turned = [node("Cast", "w", "v", to=first)] if cast else []
    weights = numpy_helper.from_array(normal(4, 4).astype(stored), "w")
    operands = "x v" if cast else "x w"
    made = helper.make_graph(
        [*turned, node(operator, operands, "y")], "typed",
        [helper.make_tensor_value_info("x", first, ["N", 1, 4, 4] if operator == "PRelu" else ["N", 4])],
        [helper.make_tensor_value_info("y", second, None)],  # whatever the file says of it
        [weights],
    )  # fmt: skip
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


@pytest.mark.parametrize("operator", ["Gemm", "MatMul", "PRelu"])
@pytest.mark.parametrize("stored", KINDS, ids=str)
@pytest.mark.parametrize("given", KINDS, ids=str)
def test_data_and_weights_are_of_one_type(operator: str, given: np.dtype, stored: np.dtype) -> None:
    model = typed(operator, given, stored)
    if given == stored:
        read_onnx(model.SerializeToString(), "net")
        return
    with pytest.raises(onnx.shape_inference.InferenceError, match="inconsistent type"):  # ONNX's own word on it
        onnx.shape_inference.infer_shapes(model, check_type=True)
    with pytest.raises(ModelError, match=f"net: {MIXED.format('y', operator, 'x', given, 'w', stored)}"):
        read_onnx(model.SerializeToString(), "net")


@pytest.mark.parametrize("given", KINDS, ids=str)
def test_weights_that_are_cast_may_be_stored_in_another_type(given: np.dtype) -> None:
    for stored in KINDS:
        assert read_onnx(typed("MatMul", given, stored, cast=True).SerializeToString(), "net").matrix_layers


def test_operands_that_have_types_of_their_own_may_differ() -> None:
    """The exponent of a Pow, and the scales of a batch normalisation since opset 15."""
    nodes = [node("Pow", "x two", "p"), node("BatchNormalization", "p s s m m", "y")]
    weights = {"two": np.array(2), "s": np.ones(2, np.float32), "m": np.ones(2, np.float32)}
    read_onnx(model_bytes(nodes, ("N", 2, 4), weights, opset=18), "net")


@pytest.mark.parametrize(
    "given",
    [
        choice(graph([node("MatMul", "xb w", "a")], "a"), graph([node("Neg", "xb", "b")], "b"), "y"),
        loop(graph([node("Identity", "go", "on"), node("MatMul", "h w", "q")], "on q", "i go h"), "eight yes xb", "y"),
    ],
)
def test_types_are_followed_into_branches_and_loops(given: onnx.NodeProto) -> None:
    nodes = [*POSITIVE, node("Cast", "x", "xb", to=TensorProto.BFLOAT16), given]
    wanted = MIXED.format("[aq]", "MatMul", "(xb|h)", "bfloat16", "w", "float32")
    with pytest.raises(ModelError, match=wanted):
        read_onnx(model_bytes(nodes, ("N", 4), CONSTANTS, opset=18), "net")


def test_large_constants_of_nodes_keep_their_type() -> None:
    """Their values are left out where only types matter."""
    large = normal(4, 1024)
    for kind in KINDS:
        stored = numpy_helper.from_array(large.astype(kind), "w")
        nodes = [
            helper.make_node("Constant", [], ["w"], "w", value=stored),
            node("Cast", "x", "c", to=int(stored.data_type)), node("MatMul", "c w", "m"),
            node("Cast", "m", "y", to=TensorProto.FLOAT),
        ]  # fmt: skip
        assert read_onnx(model_bytes(nodes, ("N", 4)), "net").matrix_layers
        del nodes[1]
        nodes[1].input[0] = "x"
        if kind != np.float32:
            with pytest.raises(ModelError, match=MIXED.format("m", "MatMul", "x", "float32", "w", kind)):
                read_onnx(model_bytes(nodes, ("N", 4)), "net")


def test_types_that_a_file_still_claims_are_not_believed() -> None:
    """A model that was turned into float16 and says of what it computes that it is float32."""
    model = typed("MatMul", np.dtype("float16"), np.dtype("float16"))
    model.graph.node[0].output[0] = "m"
    model.graph.node.append(node("Relu", "m", "y"))
    model.graph.value_info.append(helper.make_tensor_value_info("m", TensorProto.FLOAT, None))
    read_onnx(model.SerializeToString(), "net")
