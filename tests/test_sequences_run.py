"""Networks with recurrent operators and tokens from a file to a result: values, times and the baseline together."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import chipsim

STEPS, WIDTH, HIDDEN = 6, 5, 12


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bidirectional LSTM and a GRU on top, as PyTorch exports them, and data."""
    rng, path = np.random.default_rng(2), tmp_path_factory.mktemp("sequences")

    def stored(name: str, *shape: int) -> TensorProto:
        return numpy_helper.from_array(0.4 * rng.standard_normal(shape, np.float32), name)

    nodes = [
        helper.make_node("Transpose", ["x"], ["t"], "t", perm=[1, 0, 2]),
        helper.make_node(
            "LSTM", ["t", "w1", "r1", "b1"], ["y1"], "lstm", hidden_size=HIDDEN, direction="bidirectional"
        ),
        helper.make_node("Transpose", ["y1"], ["y2"], "y2", perm=[0, 2, 1, 3]),
        helper.make_node("Reshape", ["y2", "wide"], ["y3"], "y3"),
        helper.make_node("GRU", ["y3", "w2", "r2", "b2"], ["y4", "h"], "gru", hidden_size=HIDDEN),
        helper.make_node("Squeeze", ["h", "zero"], ["end"], "end"),
        helper.make_node("Gemm", ["end", "w3", "b3"], ["scores"], "classes"),
    ]
    weights = [
        *(stored("w1", 2, 4 * HIDDEN, WIDTH), stored("r1", 2, 4 * HIDDEN, HIDDEN), stored("b1", 2, 8 * HIDDEN)),
        *(stored("w2", 1, 3 * HIDDEN, 2 * HIDDEN), stored("r2", 1, 3 * HIDDEN, HIDDEN), stored("b2", 1, 6 * HIDDEN)),
        *(stored("w3", HIDDEN, 4), stored("b3", 4)),
        numpy_helper.from_array(np.array([0, 0, -1]), "wide"),
        numpy_helper.from_array(np.array([0]), "zero"),
    ]
    given = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", STEPS, WIDTH])
    found = helper.make_tensor_value_info("scores", TensorProto.FLOAT, None)
    model = helper.make_model(
        helper.make_graph(nodes, "net", [given], [found], weights), opset_imports=[helper.make_opsetid("", 17)],
        ir_version=9,
    )  # fmt: skip
    onnx.save(model, path / "net.onnx")
    np.savez(path / "data.npz", x=rng.standard_normal((24, STEPS, WIDTH), np.float32), y=rng.integers(0, 4, 24))
    return path


def run(folder: Path, **more: object) -> chipsim.Result:
    settings = {"data": str(folder / "data.npz"), "programmings": 2, "baseline": "edge_npu"} | more
    return chipsim.run("hermes64", str(folder / "net.onnx"), **settings)  # type: ignore[arg-type]


def test_values_and_times_agree_on_every_product(folder: Path) -> None:
    """The run itself compares the counts of both planes; what it counts are steps x blocks."""
    result = run(folder)
    accuracy = result.data["accuracy"]
    assert accuracy["ideal"] == accuracy["reference"]
    layers = {row["layer"]: row for row in result.tables["layers"]}
    gru = 2 * HIDDEN * HIDDEN + HIDDEN * HIDDEN + 2 * HIDDEN * 3 * HIDDEN
    macs = STEPS * (2 * 4 * HIDDEN * (WIDTH + HIDDEN) + gru) + 4 * HIDDEN
    assert sum(row["macs_per_input"] for row in layers.values()) == macs
    assert result.data["chip"]["tile_mvms"] == 7 * STEPS + 1
    assert layers["lstm/forward"]["operator"] == "LSTM state"
    assert layers["gru/reset"]["operator"] == "GRU reset"
    assert layers["gru"]["runs_on"] == layers["gru/reset"]["runs_on"]
    assert layers["gru"]["runs_on"].startswith("neuron")
    assert layers["lstm"]["operator"] == "Concat"
    assert layers["gru/recurrent"]["signal_to_noise_db"] > 5


def test_the_same_bytes_whatever_the_chunk_and_the_threads(folder: Path) -> None:
    first = run(folder, programmings=1, baseline=None)
    second = run(folder, programmings=1, baseline=None, chunk=5, threads=1)
    assert first.data["accuracy"] == second.data["accuracy"]
    assert first.tables == second.tables  # signal-to-noise ratios and joules among them


def test_times_that_depend_on_values(folder: Path) -> None:
    """Conversions that stop early: the counts of every step reach the timing plane in its order."""
    fields = ("tile.mvm_latency=null", "tile.dac.early_stop=true", "tile.adc.kind=ramp", "tile.adc.cycle_time=1 ns")
    fields += ("tile.adc.conversion_time=null", "tile.adc.early_stop=true")
    stops = run(folder, overrides=fields, baseline=None, programmings=1)
    most = run(folder, overrides=fields, baseline=None, timing_only=True)
    assert stops.data["chip"]["latency_first_input_s"] < most.data["chip"]["latency_first_input_s"]


def test_stored_cells_give_the_same_accuracy(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "cells.npz"
    first = run(folder, save_programming=path, age="1 h", baseline=None)
    second = run(folder, load_programming=str(path), baseline=None)
    assert first.data["accuracy"] == second.data["accuracy"]
