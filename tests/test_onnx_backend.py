"""ONNX's own backend tests on chipsim with ideal devices, and the page that says what ran where."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from script_modules import script_module

from chipsim.errors import InputError, ModelError
from chipsim.network.binding import held_inputs, modern
from chipsim.onnx_backend import Backend
from chipsim.prepared_model import PreparedModel

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "onnx_backend.md").read_text(encoding="utf-8")
LINES = {match[1]: match[0] for match in re.finditer(r"^\| `(test_\w+)` \|.*\|$", PAGE, re.MULTILINE)}
RUN = [name for name, line in LINES.items() if line.count("|") == 5]


@pytest.fixture(scope="module")
def script() -> Iterator[ModuleType]:
    with script_module("onnx_backend_table") as module:
        yield module


@pytest.fixture(scope="module")
def cases(script: ModuleType) -> dict[str, Any]:
    found: dict[str, Any] = script.collect()
    return found


@pytest.fixture(scope="module", autouse=True)
def onnx_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A folder for what ONNX's runner writes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ONNX_HOME", str(tmp_path_factory.mktemp("onnx")))
        yield


@pytest.mark.parametrize("name", RUN)
def test_outputs_are_those_of_onnx_and_the_page_says_what_ran_where(
    name: str, script: ModuleType, cases: dict[str, Any]
) -> None:
    assert script.run(cases[name]).line == LINES[name]
    if cases[name].category == "node":
        assert set(script.Recording.latest.held) <= weights_of(script.Recording.latest)


def weights_of(prepared: PreparedModel) -> set[str]:
    """The second input of a node test's operator, of a recurrent one the second and third."""
    (node,) = prepared._model.graph.node
    return set(node.input[1 : 3 if node.op_type in ("RNN", "LSTM", "GRU") else 2])


def test_the_page_lists_every_test_and_excludes_none_without_a_reason(cases: dict[str, Any]) -> None:
    assert set(LINES) == set(cases)
    excluded = {name: case.excluded for name, case in cases.items() if case.excluded}
    assert set(LINES) - set(RUN) == set(excluded)
    for name, reason in excluded.items():
        assert LINES[name] == f"| `{name}` | {reason} |"


def test_at_least_fifty_node_tests_run_on_tiles(cases: dict[str, Any]) -> None:
    shares = [line.split("|")[3].strip() for name, line in LINES.items() if cases[name].category == "node"]
    assert sum(share in ("99 %", "100 %") for share in shares) >= 50


def gemm() -> onnx.ModelProto:
    shapes = {"x": ["N", 3], "w": [3, 2], "b": [2]}
    graph = helper.make_graph(
        [helper.make_node("Gemm", ["x", "w", "b"], ["y"])],
        "one",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shapes.items()],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 2])],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


X, W, B = np.arange(6, dtype=np.float32).reshape(2, 3), np.ones((3, 2), np.float32), np.float32([1, 2])


def test_weights_are_programmed_once_and_again_when_they_change() -> None:
    prepared = Backend.prepare(gemm())
    assert prepared.held == ("w",)
    np.testing.assert_allclose(prepared.run([X, W, B])[0], X @ W + B)
    first = prepared.programmed
    np.testing.assert_allclose(prepared.run({"b": B, "w": W, "x": X + 1})[0], (X + 1) @ W + B)
    assert prepared.programmed is first
    np.testing.assert_allclose(prepared.run([X, 2 * W, B])[0], 2 * X @ W + B, rtol=1e-6)
    assert prepared.programmed is not first
    assert first is not None
    assert first.analog.tile_mvms() == {"tile(0,0)": 4}


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ([X], r"1 inputs are given; the model has \['x', 'w', 'b'\]"),
        ([X, W, B, B], "has 3 inputs, not 4"),
        ({"x": X, "w": W}, r"has the inputs \['x', 'w', 'b'\], not \['x', 'w'\]"),
    ],
)
def test_wrong_inputs(inputs: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Backend.prepare(gemm()).run(inputs)


def test_devices_and_options() -> None:
    assert Backend.supports_device("CPU")
    assert not Backend.supports_device("CUDA")
    with pytest.raises(InputError, match="device 'CUDA' is not there"):
        Backend.prepare(gemm(), "CUDA")
    with pytest.raises(InputError, match="no option 'fast'"):
        Backend.prepare(gemm(), fast=True)
    with pytest.raises(InputError, match="no option 'fast'"):
        Backend.prepare(gemm()).run([X, W, B], fast=True)


def test_shapes_that_do_not_fit() -> None:
    with pytest.raises(ModelError, match="do not fit"):
        Backend.prepare(gemm()).run([X, W[:2], B])


def test_an_input_that_is_data_too_is_data() -> None:
    model = gemm()
    assert held_inputs(model) == ("w",)
    model.graph.node.append(helper.make_node("Relu", ["w"], ["z"]))
    assert held_inputs(model) == ()


def test_one_node_alone() -> None:
    node = helper.make_node("LeakyRelu", ["x"], ["y"], alpha=0.5)
    (found,) = Backend.run_node(node, [np.float32([[-2, 4]])], outputs_info=[(np.float32, (1, 2))])
    assert found.dtype == np.float32
    assert found.tolist() == [[-1, 4]]
    (old,) = Backend.run_node(node, [np.float32([[-2, 4]])], opset_version=11)
    assert old.tolist() == [[-1, 4]]


def test_slopes_of_an_old_prelu_belong_to_channels() -> None:
    graph = helper.make_graph(
        [helper.make_node("PRelu", ["x", "s"], ["y"])],
        "old",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [2, 3, 4]),
         helper.make_tensor_value_info("s", TensorProto.FLOAT, [3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [2, 3, 4])],
        [numpy_helper.from_array(np.float32([1, 2, 3]), "s")],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 6)], ir_version=3)
    (found,) = Backend.run_model(model, [-np.ones((2, 3, 4), np.float32)])
    np.testing.assert_array_equal(found, -np.float32([1, 2, 3])[None, :, None] * np.ones((2, 1, 4)))
    assert modern(gemm()) is not None


def test_outputs_that_follow_from_shapes_beside_others() -> None:
    """Of all that is given, not of an example of a batch: the first axis is part of the shape."""
    model = gemm()
    model.graph.node.append(helper.make_node("Shape", ["y"], ["s"]))
    model.graph.output.insert(0, helper.make_tensor_value_info("s", TensorProto.INT64, [2]))
    prepared = Backend.prepare(model)
    for x in (X, np.concatenate([X, X])):
        shape, y = prepared.run([x, W, B])
        assert shape.tolist() == [len(x), 2]
        np.testing.assert_allclose(y, x @ W + B)


def test_inputs_without_any_values() -> None:
    (y,) = Backend.run_node(helper.make_node("Shape", ["x"], ["y"]), [X[:0]])
    assert y.tolist() == [0, 3]
    with pytest.raises(InputError, match="'x' is given without any values"):
        Backend.run_node(helper.make_node("LeakyRelu", ["x"], ["y"]), [X[:0]])
