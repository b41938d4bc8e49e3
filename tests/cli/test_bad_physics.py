"""Cells, converters, tables and ages that cannot be, through every command; and networks with nothing to compute."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from command_line import here
from onnx import TensorProto, helper, numpy_helper

NETWORK = "zoo:digits-mlp"
COMMANDS = {"check": ("check", "hermes64"), "map": ("map", "hermes64", NETWORK), "run": ("run", "hermes64", NETWORK)}
UNSORTED = "time_s,target,mean_shift,spread\n0,0,0,0\n0,1,0,0\n0,0.5,0,0\n"


def dense(folder: Path, *weights: np.ndarray) -> Path:
    """A file with Gemm layers."""
    names = [f"v{index}" for index in range(len(weights) + 1)]
    nodes = [
        helper.make_node("Gemm", [names[i], f"w{i}"], [names[i + 1]], f"dense{i}") for i in range(len(weights))
    ]  # fmt: skip
    graph = helper.make_graph(
        nodes, "dense",
        [helper.make_tensor_value_info(names[0], TensorProto.FLOAT, [None, weights[0].shape[0]])],
        [helper.make_tensor_value_info(names[-1], TensorProto.FLOAT, None)],
        [numpy_helper.from_array(values.astype(np.float32), f"w{i}") for i, values in enumerate(weights)],
    )  # fmt: skip
    path = folder / "dense.onnx"
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    path.write_bytes(model.SerializeToString())
    return path


@pytest.fixture
def refused(capsys):
    def run(*words: str | Path, names: tuple[str, ...]) -> None:
        outcome = here(capsys, *words)
        message = outcome.one_message()
        assert outcome.code == 2
        for name in names:
            assert name in message

    return run


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    ("override", "names"),
    [
        ("tile.adc.bits=0", ("tile.adc.bits", "0: must be at least 2")),
        ("tile.dac.bits=0", ("tile.dac.bits", "0: must be at least 2")),
        (
            "tile.crossbar.device={model: pcm, parameters: {g_min: 30 uS}}",
            ("tile.crossbar.device", "g_min_siemens (3e-05)", "below g_max_siemens (2.5e-05)"),
        ),
        (
            "tile.crossbar.device={model: generic, parameters: {g_max: .nan}}",
            ("tile.crossbar.device", "generic", "g_max"),
        ),
    ],
)
def test_impossible_cells_and_converters(refused, command, override, names):
    refused(*COMMANDS[command], "--set", override, names=names)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_table_with_unsorted_targets(refused, tmp_path, command):
    path = tmp_path / "cell.csv"
    path.write_text(UNSORTED)
    override = f"tile.crossbar.device={{model: table, parameters: {{path: '{path}'}}}}"
    refused(*COMMANDS[command], "--set", override, names=("cell.csv, line 4", "targets must rise, but 0.5 follows 1"))


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (("pcm", "--set", "g_min=30 uS"), ("'pcm'", "g_min_siemens (3e-05)")),
        (("flash", "--ages", "6 days"), ("'flash'", "518400 s", "0 s to 432000 s")),
        (("pcm", "--targets", "inf"), ("inf", "between 0")),
    ],
)
def test_a_device_that_cannot_be(refused, words, names):
    refused("device", *words, names=names)


def test_a_device_from_a_table_with_unsorted_targets(refused, tmp_path):
    path = tmp_path / "cell.csv"
    path.write_text(UNSORTED)
    refused("device", "table", "--set", f"path={path}", names=("cell.csv, line 4", "targets must rise"))


@pytest.mark.parametrize(
    ("device", "age", "allowed"),
    [
        ("rram-wan", "1 year", "at age 3.1536e+07 s (1 year); allowed: from 1 s to 172800 s (2 days)"),
        ("flash", "6 days", "at age 518400 s (6 days); allowed: from 0 s to 432000 s (5 days)"),
    ],
)
def test_ages_outside_the_model(refused, tmp_path, device, age, allowed):
    words = ("--set", f"tile.crossbar.device={device}", "--age", age, "--out", tmp_path / "out")
    refused(*COMMANDS["run"], *words, names=(f"'{device}'", "cannot be evaluated at age", allowed))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("command", ["map", "run"])
def test_weights_that_are_not_finite(refused, tmp_path, command, value):
    weights = np.ones((4, 3))
    weights[2, 1] = value
    refused(command, "hermes64", dense(tmp_path, weights), names=("w0", "NaN or infinite"))


@pytest.mark.parametrize("key", ["x", "x_calibration"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_inputs_that_are_not_finite(refused, tmp_path, key, value):
    arrays = {"x": np.ones((5, 64), np.float32), "x_calibration": np.ones((5, 64), np.float32)}
    arrays[key][3, 7] = value
    np.savez(tmp_path / "data.npz", **arrays)
    refused(*COMMANDS["run"], "--data", tmp_path / "data.npz", names=(f"'{key}'", "NaN"))


@pytest.mark.parametrize(
    "weights",
    [
        [np.array([[0.5, -2.0, 1.0]])],  # one row
        [np.array([[0.5]]), np.array([[1.0, -1.0]])],  # one weight
        [np.array([[0.0, 1.0], [0.0, -3.0], [0.0, 0.5]])],  # a column of zeros
        [np.ones((2, 3)), np.zeros((3, 2))],  # nothing but zeros
    ],
)
def test_zero_columns_and_tiny_shapes_are_classified_as_the_reference_does(capsys, tmp_path, weights):
    """The labels are what NumPy computes, so accuracies without noise are 1."""
    x = np.random.default_rng(1).choice([-1.0, 1.0], (20, len(weights[0]))).astype(np.float32)
    scores = np.linalg.multi_dot([x, *weights]) if len(weights) > 1 else x @ weights[0]
    np.savez(tmp_path / "data.npz", x=x, y=scores.argmax(axis=1))
    words = ("--data", tmp_path / "data.npz", "--programmings", "1", "--out", tmp_path / "out")
    assert here(capsys, "run", "hermes64", dense(tmp_path, *weights), *words).code == 0
    accuracy = json.loads((tmp_path / "out" / "result.json").read_text())["accuracy"]
    assert (accuracy["reference"], accuracy["ideal"], accuracy["quantised"]) == (1.0, 1.0, 1.0)
    assert np.isfinite(accuracy["noisy"])
