"""Functions that a model defines itself are read as the nodes that they stand for."""

from __future__ import annotations

import hashlib

import numpy as np
import onnx
import pytest
from network_models import node, normal, read_and_check
from onnx import TensorProto, helper, numpy_helper

from chipsim.errors import ModelError, UnsupportedOperatorError
from chipsim.network.layers import MatrixLayer
from chipsim.network.onnx_reader import read_onnx

ONNX = helper.make_opsetid("", 17)
OWN = helper.make_opsetid("my", 1)


def dense(opset: onnx.OperatorSetIdProto = ONNX) -> onnx.FunctionProto:
    """A product and an activation, whose slope is an attribute of the function."""
    leaky = node("LeakyRelu", "a", "y")
    leaky.attribute.append(onnx.AttributeProto(name="alpha", ref_attr_name="slope", type=onnx.AttributeProto.FLOAT))
    body = [node("MatMul", "x w", "a"), leaky]
    return helper.make_function("my", "Dense", ["x", "w"], ["y"], body, [opset], ["slope"])


def twice() -> onnx.FunctionProto:
    """A function that calls another one, and holds a constant."""
    shift = helper.make_node("Constant", [], ["s"], value=numpy_helper.from_array(np.float32([0.5])))
    calls = [helper.make_node("Dense", [a, "w"], [b], b, domain="my", slope=0.25) for a, b in ("xm", "mn")]
    return helper.make_function("my", "Twice", ["x", "w"], ["y"], [*calls, shift, node("Add", "n s", "y")], [ONNX, OWN])


def model_of(calls: list[onnx.NodeProto], functions: list[onnx.FunctionProto]) -> bytes:
    graph = helper.make_graph(
        calls,
        "test",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 4])],
        [numpy_helper.from_array(normal(4, 4), "w"), numpy_helper.from_array(normal(4, 4, seed=1), "v")],
    )
    model = helper.make_model(graph, opset_imports=[ONNX, OWN], functions=functions, ir_version=8)
    return bytes(model.SerializeToString())


def call(operator: str, inputs: str, output: str, **attributes: float) -> onnx.NodeProto:
    return helper.make_node(operator, inputs.split(), [output], output, domain="my", **attributes)


def test_products_in_functions_stand_on_tiles() -> None:
    content = model_of([call("Dense", "x v", "h", slope=0.1), call("Twice", "h w", "y")], [dense(), twice()])
    network = read_and_check(content)
    layers = [layer for layer in network.layers.values() if isinstance(layer, MatrixLayer)]
    assert len(layers) == 3
    assert network.macs_on_tiles == network.macs == 48
    assert network.sha256 == hashlib.sha256(content).hexdigest()


def test_the_model_that_is_kept_has_no_functions() -> None:
    network = read_onnx(model_of([call("Twice", "x w", "y")], [dense(), twice()]), "net")
    kept = onnx.load_model_from_string(network.model_bytes())
    assert not kept.functions
    assert {item.domain for item in kept.opset_import} == {""}


def test_functions_for_another_opset_than_the_models() -> None:
    content = model_of([call("Dense", "x w", "y", slope=0.1)], [dense(helper.make_opsetid("", 13))])
    with pytest.raises(UnsupportedOperatorError, match=r"net: function my\.Dense .* version 13 .* the model with 17"):
        read_onnx(content, "net")


def test_functions_that_call_themselves() -> None:
    again = helper.make_function("my", "Twice", ["x", "w"], ["y"], [call("Twice", "x w", "y")], [ONNX, OWN])
    with pytest.raises(ModelError, match=r"net: function my\.Twice calls itself"):
        read_onnx(model_of([call("Twice", "x w", "y")], [again]), "net")


def test_functions_that_stand_for_more_nodes_than_memory_holds() -> None:
    functions = [helper.make_function("my", "F0", ["x"], ["y"], [node("Neg", "x", "y")], [ONNX])]
    for depth in range(1, 40):
        calls = [call(f"F{depth - 1}", "x", "a"), call(f"F{depth - 1}", "a", "y")]
        functions.append(helper.make_function("my", f"F{depth}", ["x"], ["y"], calls, [ONNX, OWN]))
    with pytest.raises(ModelError, match=r"net: its functions stand for nodes of 1048576\.0 GiB"):
        read_onnx(model_of([call("F39", "x", "y")], functions), "net")


def test_a_function_whose_body_is_not_sorted() -> None:
    body = [node("Relu", "a", "y"), node("MatMul", "x w", "a")]
    content = model_of([call("F", "x w", "y")], [helper.make_function("my", "F", ["x", "w"], ["y"], body, [ONNX])])
    with pytest.raises(ModelError, match=r"net: .*\(Relu\).*reads .a."):
        read_onnx(content, "net")
