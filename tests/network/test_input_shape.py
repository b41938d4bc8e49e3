"""Sizes that a file leaves open are bound by the caller, by the data, or by the first guess that works."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from network_models import model_bytes, node, normal

from chipsim.errors import InputError, ModelError
from chipsim.network.input_shape import parse_shapes
from chipsim.network.onnx_reader import read_onnx

NODES = [
    node("Conv", "x k", "c", strides=[2, 2]),
    node("GlobalAveragePool", "c", "g"),
    node("Flatten", "g", "f"),
    node("Gemm", "f w", "y"),
]
WEIGHTS = {"k": normal(4, 3, 8, 8), "w": normal(4, 2)}
OPEN = model_bytes(NODES, ("N", 3, "H", "W"), WEIGHTS)


def test_a_shape_that_the_caller_gives() -> None:
    network = read_onnx(OPEN, "net", shapes={"x": (1, 3, 20, 10)})
    assert network.input_shape == (3, 20, 10)
    assert network.layers["c"].output_shape == (4, 7, 2)
    assert network.notes == ()


def test_the_shape_of_the_data() -> None:
    assert read_onnx(OPEN, "net", data_shape=(3, 9, 11)).input_shape == (3, 9, 11)


def test_the_callers_shape_comes_before_that_of_the_data() -> None:
    assert read_onnx(OPEN, "net", shapes={"x": (1, 3, 8, 8)}, data_shape=(3, 9, 9)).input_shape == (3, 8, 8)


def test_the_smallest_size_that_works_is_taken_and_said() -> None:
    network = read_onnx(OPEN, "net")  # a kernel of 8 x 8 does not fit on 1 x 1
    assert network.input_shape == (3, 32, 32)
    (note,) = network.notes
    assert note == (
        "input 'x' is Nx3xHxW: H, W taken as 32, the smallest size tried that works; --shape x=1x3x32x32 sets another"
    )


def test_size_one_is_tried_first() -> None:
    assert read_onnx(model_bytes([node("Relu", "x", "y")], ("N", 3, "L")), "net").input_shape == (3, 1)


def test_a_size_that_only_a_run_tells() -> None:
    nodes = [node("Flatten", "x", "f"), node("Gemm", "f w", "y")]
    content = model_bytes(nodes, ("N", 2, "L"), {"w": normal(2 * 64, 3)})
    assert read_onnx(content, "net").input_shape == (2, 64)


def test_no_size_that_works() -> None:
    nodes = [node("Flatten", "x", "f"), node("Gemm", "f w", "y")]
    content = model_bytes(nodes, ("N", 2, "L"), {"w": normal(14, 3)})
    with pytest.raises(ModelError, match=r"'x' is Nx2xL, and no size of 1, 32.*--shape x="):
        read_onnx(content, "net")
    assert read_onnx(content, "net", shapes={"x": (1, 2, 7)}).input_shape == (2, 7)


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"shapes": {"x": (1, 4, 8, 8)}}, r"--shape x: an input of 4x8x8 does not fit 'x', which is Nx3xHxW"),
    ({"shapes": {"x": (1, 3, 8)}}, "does not fit 'x'"),
    ({"shapes": {"image": (1, 3, 8, 8)}}, r"--shape image: net has no such input; it is called 'x'"),
    ({"data_shape": (4, 9, 9)}, r"--data: an input of 4x9x9 does not fit 'x'"),
]


@pytest.mark.parametrize(("options", "message"), REFUSED)
def test_a_shape_that_does_not_fit(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_onnx(OPEN, "net", **options)


def test_a_file_that_does_not_say_how_many_axes() -> None:
    model = onnx.load_model_from_string(OPEN)
    model.graph.input[0].type.tensor_type.ClearField("shape")
    content = model.SerializeToString()
    with pytest.raises(ModelError, match="does not say what shape its input 'x' has; give --shape"):
        read_onnx(content, "net")
    assert read_onnx(content, "net", shapes={"x": (1, 3, 8, 8)}).input_shape == (3, 8, 8)
    assert read_onnx(content, "net", data_shape=(3, 9, 9)).input_shape == (3, 9, 9)


@pytest.mark.parametrize("text", ["x", "x=", "=1x2", "x=1xA", "x=1", "x=1x0", "x=1x-3", "x=2x3"])
def test_a_shape_that_cannot_be_read(text: str) -> None:
    with pytest.raises(InputError, match="--shape"):
        parse_shapes([text])


def test_shapes_by_name() -> None:
    assert parse_shapes(["a=b=1x2", "x=1x3x4"]) == {"a=b": (1, 2), "x": (1, 3, 4)}


def test_sizes_that_follow_from_the_input_are_computed() -> None:
    nodes = [
        node("Shape", "x", "s"),
        node("Slice", "s zero two", "front"),
        node("Concat", "front rest", "target", axis=0),
        node("Reshape", "x target", "y"),
    ]
    weights = {"zero": np.array([0]), "two": np.array([2]), "rest": np.array([-1])}
    content = model_bytes(nodes, ("N", 3, "H", "W"), weights)
    assert read_onnx(content, "net", shapes={"x": (1, 3, 4, 5)}).layers["y"].output_shape == (3, 20)
