"""Networks with a loop on data and a size on data, from a file to a result: values, times and the baseline together."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import chipsim
from chipsim.cli import main

WIDTH, TURNS = 8, 6


def node(operator: str, inputs: str, output: str, **attributes: object) -> onnx.NodeProto:
    return helper.make_node(operator, inputs.split(), [output], output, **attributes)  # type: ignore[arg-type]


def model(turns: int) -> onnx.ModelProto:
    """A matrix; a loop that ends when a value is large; the values that are then positive, summed; a matrix."""
    rng = np.random.default_rng(4)
    body = helper.make_graph(
        [
            node("MatMul", "h r", "p"),
            node("Add", "p g", "q"),
            node("ReduceMax", "q", "m", keepdims=0),
            node("Less", "m limit", "on"),
        ],
        "body",
        [
            helper.make_tensor_value_info("i", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
            helper.make_tensor_value_info("h", TensorProto.FLOAT, None),
        ],
        [onnx.ValueInfoProto(name=name) for name in ("on", "q")],
    )
    nodes = [
        node("MatMul", "x w", "g"),
        helper.make_node("Loop", ["turns", "yes", "g"], ["l"], "loop", body=body),
        node("Greater", "l zero", "b"),
        node("Reshape", "b flat", "bits"),
        node("Compress", "l bits", "chosen", axis=1),
        node("ReduceSum", "chosen one", "sum", keepdims=1),
        node("Add", "sum l", "joined"),
        node("MatMul", "joined v", "scores"),
    ]
    weights = {
        "w": rng.standard_normal((5, WIDTH), np.float32), "r": rng.standard_normal((WIDTH, WIDTH), np.float32) / 2,
        "v": rng.standard_normal((WIDTH, 3), np.float32), "limit": np.float32(6), "zero": np.float32(0),
        "turns": np.array(turns), "yes": np.array(True), "flat": np.array([-1]), "one": np.array([1]),
    }  # fmt: skip
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 5])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in weights.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rng, path = np.random.default_rng(2), tmp_path_factory.mktemp("whole")
    for turns in (TURNS, 2 * TURNS):
        onnx.save(model(turns), path / f"turns{turns}.onnx")
    np.savez(path / "data.npz", x=rng.standard_normal((24, 5)), y=rng.integers(0, 3, 24))
    return path


def run(folder: Path, turns: int = TURNS, **more: object) -> chipsim.Result:
    settings = {"data": str(folder / "data.npz"), "programmings": 1} | more
    return chipsim.run("hermes64", str(folder / f"turns{turns}.onnx"), **settings)  # type: ignore[arg-type]


def test_values_are_those_of_onnxruntime_and_both_machines_pay_for_the_same_operations(folder: Path) -> None:
    result = run(folder, baseline="edge_npu")
    accuracy = result.data["accuracy"]
    assert accuracy["ideal"] == accuracy["reference"]
    layers = {row["layer"]: row for row in result.tables["layers"]}
    loop, chosen = layers["loop"], layers["chosen"]
    turn = 2 * WIDTH**2 + WIDTH + WIDTH + 1  # a product, a sum, the largest value, a comparison
    assert (loop["macs_per_input"], loop["operator"]) == (TURNS * WIDTH**2, "Loop")
    assert loop["element_operations_per_input"] == TURNS * turn
    assert (chosen["operator"], "2 nodes run together" in chosen["reason"]) == ("Compress", True)
    assert any("(p, 384 MACs)" in note for note in result.data["network"]["notes"])


def test_more_turns_take_as_much_longer_as_their_operations_do(folder: Path) -> None:
    """One input alone: nothing overlaps, so that the digital unit's time is in the latency (T17, T98)."""
    fields = ("host.max_inputs_in_flight=1", "digital_unit.rate=1 Gop/s")
    short, long = (
        run(folder, turns, overrides=fields, timing_only=True).data["chip"]["latency_first_input_s"]
        for turns in (TURNS, 2 * TURNS)
    )
    assert round((long - short) * 1e9) == TURNS * (2 * WIDTH**2 + 2 * WIDTH + 1)


def test_the_same_with_values_and_without_whatever_the_data(folder: Path, tmp_path: Path) -> None:
    np.savez(tmp_path / "large.npz", x=np.full((24, 5), 100.0))  # ends every loop after a turn
    whole, timed = run(folder), run(folder, timing_only=True)
    large = run(folder, data=str(tmp_path / "large.npz"))
    seconds = {r.data["chip"]["makespan_s"] for r in (whole, timed, large)}
    assert len(seconds) == 1
    assert run(folder, chunk=5, threads=1).tables == whole.tables


def said(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    assert main([str(word) for word in words]) == 0
    return " ".join(capsys.readouterr().out.split())


def test_the_map_lists_what_runs_whole(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    network = folder / f"turns{TURNS}.onnx"
    assert "counted with 6 turns of 'loop' (the most that its trip count allows); its weights are on no tiles" in said(
        capsys, "map", "hermes64", network
    )
    rows = json.loads(said(capsys, "map", "hermes64", network, "--json"))["layers"]
    assert [row["name"] for row in rows] == ["g", "scores"]


def test_explained_from_the_result_alone(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said(capsys, "run", "hermes64", folder / f"turns{TURNS}.onnx", "--data", folder / "data.npz", "--out", tmp_path)
    assert "loop" in said(capsys, "explain", tmp_path)
