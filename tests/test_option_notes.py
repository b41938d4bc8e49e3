"""Notes of a result on options and labels that mean something else than they say."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import chipsim
from chipsim.ageing import AgeingSettings, age_network

MODEL = "zoo:digits-mlp"


def notes(**told):
    return chipsim.run("hermes64", MODEL, **told).data["network"]["notes"]


def test_a_trace_of_more_inputs_than_there_are_is_that_of_all():
    all_of_them = chipsim.run("hermes64", MODEL, timing_only=True, trace=5)
    more = chipsim.run("hermes64", MODEL, timing_only=True, trace=1_000_000_000)
    assert all_of_them.data["settings"]["inputs"] == 5
    assert more.tables["trace"] == all_of_them.tables["trace"]
    assert more.data["network"]["notes"] == ["--trace 1000000000: there are 5 inputs, and all of them are traced"]
    assert all_of_them.data["network"]["notes"] == []


def test_a_file_decides_on_the_number_of_programmings_and_says_so(tmp_path):
    path = tmp_path / "cells.npz"
    assert notes(programmings=1, save_programming=path) == []
    found = chipsim.run("hermes64", MODEL, programmings=3, load_programming=path).data
    assert found["settings"]["programmings"] == 1
    assert found["network"]["notes"] == [
        f"{path} decides on the number of programmings, 1; --programmings (3) has no say"
    ]
    assert notes(programmings=1, load_programming=path) == []


@pytest.fixture
def regressor(tmp_path):
    """A network of one output, and data whose labels are all zero."""
    rng = np.random.default_rng(0)
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"], "value")], "one",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 6])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(rng.standard_normal((6, 1), np.float32), "w")],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, tmp_path / "one.onnx")
    np.savez(tmp_path / "labelled.npz", x=rng.standard_normal((8, 6)), y=np.zeros(8, np.int64))
    np.savez(tmp_path / "plain.npz", x=rng.standard_normal((8, 6)))
    return tmp_path


def test_labels_of_a_network_of_one_output_say_nothing(regressor):
    told = {"programmings": 1, "seed": 1}
    found = chipsim.run("hermes64", str(regressor / "one.onnx"), data=str(regressor / "labelled.npz"), **told).data
    assert found["accuracy"]["noisy"] == 1
    (note,) = found["network"]["notes"]
    assert "gives one value per input, so that every input counts as class 0" in note
    plain = chipsim.run("hermes64", str(regressor / "one.onnx"), data=str(regressor / "plain.npz"), **told).data
    assert plain["network"]["notes"] == []


def test_ageing_says_so_too(regressor):
    settings = AgeingSettings(
        "hermes64", str(regressor / "one.onnx"), data=str(regressor / "labelled.npz"), ages="1 hour", programmings=1,
        compensation="none",
    )  # fmt: skip
    found = age_network(settings, progress=lambda _: None)
    assert "accuracies are 100 % whatever is computed" in found["network"]["notes"][0]
    assert found["network"]["tiles_used"] == 1
