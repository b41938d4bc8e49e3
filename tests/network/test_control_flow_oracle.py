"""ONNX's own node tests of control flow and of operators that give as many values as their data says.

Where an output's size depends on data, all its values are put into a row of a fixed length, zeros behind them, which is
compared: that is how a model fixes sizes.
"""

from __future__ import annotations

import warnings
from functools import cache
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from chipsim.network.layers import DigitalLayer
from chipsim.onnx_backend import Backend

ROOM = 128
RUN = ("if", "scan_sum", "scan9_sum", "scan9_scalar", "scan9_multi_state")
SIZED = (
    *("compress_0", "compress_1", "compress_default_axis", "compress_negative_axis", "nonzero_example", "loop11"),
    *("range_float_type_positive_delta_expanded", "range_int32_type_negative_delta_expanded"),
    *("unique_length_1", "unique_not_sorted_without_axis", "unique_sorted_with_axis", "unique_sorted_with_axis_3d"),
    *("unique_sorted_with_negative_axis", "unique_sorted_without_axis"),
    *("nonmaxsuppression_center_point_box_format", "nonmaxsuppression_flipped_coordinates"),
    *("nonmaxsuppression_identical_boxes", "nonmaxsuppression_limit_output_size", "nonmaxsuppression_single_box"),
    *("nonmaxsuppression_suppress_by_IOU", "nonmaxsuppression_suppress_by_IOU_and_scores"),
    *("nonmaxsuppression_two_batches", "nonmaxsuppression_two_classes"),
)


@cache
def node_tests() -> dict[str, Any]:
    with warnings.catch_warnings():  # making the inputs of some overflows
        warnings.simplefilter("ignore")
        from onnx.backend.test.loader import load_model_tests

        return {test.name: test for test in load_model_tests(kind="node")}


def in_a_row(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same model, whose outputs are rows of a fixed length."""
    graph = model.graph
    fixed = {
        "row/flat": np.array([-1]), "row/zeros": np.zeros(ROOM, np.float32), "row/from": np.array([0]),
        "row/to": np.array([ROOM]), "row/shape": np.array([1, ROOM]),
    }  # fmt: skip
    graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in fixed.items())
    outputs = [value.name for value in graph.output]
    del graph.output[:]
    for name in outputs:
        made = [f"{name}/{step}" for step in ("float", "flat", "long", "cut", "row")]
        graph.node.extend([
            helper.make_node("Cast", [name], made[:1], to=TensorProto.FLOAT),
            helper.make_node("Reshape", [made[0], "row/flat"], made[1:2]),
            helper.make_node("Concat", [made[1], "row/zeros"], made[2:3], axis=0),
            helper.make_node("Slice", [made[2], "row/from", "row/to"], made[3:4]),
            helper.make_node("Reshape", [made[3], "row/shape"], made[4:]),
        ])  # fmt: skip
        graph.output.append(helper.make_tensor_value_info(made[4], TensorProto.FLOAT, [1, ROOM]))
    return model


def row(values: NDArray[Any]) -> NDArray[np.float32]:
    found = np.zeros((1, ROOM), np.float32)
    found[0, : values.size] = values.reshape(-1)
    return found


@pytest.mark.parametrize("name", RUN)
def test_control_flow_gives_what_onnx_says(name: str) -> None:
    test = node_tests()[f"test_{name}"]
    for inputs, outputs in test.data_sets:
        for found, expected in zip(Backend.prepare(test.model).run(list(inputs)), outputs, strict=True):
            np.testing.assert_allclose(found, expected, rtol=test.rtol, atol=test.atol)


@pytest.mark.parametrize("name", SIZED)
def test_as_many_values_as_the_data_says(name: str) -> None:
    test = node_tests()[f"test_{name}"]
    model = onnx.ModelProto()
    model.CopyFrom(test.model)
    prepared = Backend.prepare(in_a_row(model))
    for inputs, outputs in test.data_sets:
        for found, expected in zip(prepared.run(list(inputs)), outputs, strict=True):
            np.testing.assert_allclose(found, row(np.asarray(expected)), rtol=test.rtol, atol=test.atol)
    assert prepared.programmed is not None
    assert prepared.programmed.network is not None
    layers = prepared.programmed.network.layers.values()
    assert any(isinstance(layer, DigitalLayer) and layer.function is not None for layer in layers)
