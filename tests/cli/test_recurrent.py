"""An LSTM from a file on the command line: run beside a baseline, explained, mapped."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from command_line import here
from onnx import TensorProto, helper, numpy_helper

from chipsim.cli import main

STEPS, WIDTH, HIDDEN, INPUTS = 7, 4, 24, 16


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two LSTMs, one above the other, and a classifier of the last state; its result for times only."""
    made, rng = tmp_path_factory.mktemp("lstm"), np.random.default_rng(5)

    def stored(name: str, *shape: int) -> TensorProto:
        return numpy_helper.from_array(0.3 * rng.standard_normal(shape, np.float32), name)

    nodes = [
        helper.make_node("Transpose", ["x"], ["s"], "turn", perm=[1, 0, 2]),
        helper.make_node("LSTM", ["s", "w1", "r1", "b1"], ["y1"], "first", hidden_size=HIDDEN),
        helper.make_node("Squeeze", ["y1", "one"], ["s2"], "drop"),
        helper.make_node("LSTM", ["s2", "w2", "r2", "b2"], ["", "h"], "second", hidden_size=HIDDEN),
        helper.make_node("Squeeze", ["h", "zero"], ["end"], "end"),
        helper.make_node("Gemm", ["end", "w3", "b3"], ["y"], "classes"),
    ]
    weights = [
        *(stored("w1", 1, 4 * HIDDEN, WIDTH), stored("r1", 1, 4 * HIDDEN, HIDDEN), stored("b1", 1, 8 * HIDDEN)),
        *(stored("w2", 1, 4 * HIDDEN, HIDDEN), stored("r2", 1, 4 * HIDDEN, HIDDEN), stored("b2", 1, 8 * HIDDEN)),
        *(stored("w3", HIDDEN, 3), stored("b3", 3)),
        *(numpy_helper.from_array(np.array([value]), name) for value, name in ((0, "zero"), (1, "one"))),
    ]
    given = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", STEPS, WIDTH])
    found = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 3])
    graph = helper.make_graph(nodes, "net", [given], [found], weights)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), made / "lstm.onnx")
    x = rng.standard_normal((INPUTS + 2, STEPS, WIDTH), np.float32)
    np.savez(made / "data.npz", x=x[:INPUTS], x_calibration=x[INPUTS:])
    words = ["run", "hermes64", made / "lstm.onnx", "--data", made / "data.npz", "--baseline", "edge_npu"]
    words += ["--set", "host.max_inputs_in_flight=1", "--timing-only", "--trace", "1", "--out", made / "run"]
    assert main([str(word) for word in words]) == 0
    return made


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_both_machines_ran_every_step(folder: Path) -> None:
    data = json.loads((folder / "run" / "result.json").read_text())
    assert data["chip"]["tile_mvms"] == 4 * STEPS + 1
    assert data["baseline"]["latency_first_input_s"] > 0
    for name in ("pipeline.png", "energy.png", "utilisation.png", "comparison.png"):
        assert (folder / "run" / name).stat().st_size > 10_000
    staged = {(row["machine"], row["layer"]) for row in rows(folder / "run" / "pipeline.csv")}
    layers = {"first/input", "first/recurrent", "first", "second/input", "second/recurrent", "second", "classes"}
    assert staged == {(machine, layer) for machine in ("chip", "baseline") for layer in layers}


def test_a_row_of_the_tables_for_gates_and_their_units(folder: Path) -> None:
    layers = {row["layer"]: row for row in rows(folder / "run" / "layers.csv")}
    units = {row["unit"]: row for row in rows(folder / "run" / "units.csv")}
    ledger = rows(folder / "run" / "ledger.csv")
    for name in ("first", "second"):
        unit = layers[name]["runs_on"]
        assert layers[name]["operator"] == "LSTM state"
        assert units[unit]["layers"].split() == [f"{name}/recurrent", name]
        [gate] = [row for row in ledger if row["action"] == "gate" and row["layer"] == name]
        each = int(layers[name]["element_operations_per_input"])
        assert (gate["component"], float(gate["amount"])) == (unit, INPUTS * each)
        assert float(gate["energy_j"]) == pytest.approx(INPUTS * each * float(gate["joules_per_unit"]))


def test_spans_of_gates_follow_one_another_round_the_loop(folder: Path) -> None:
    spans = [row for row in rows(folder / "run" / "trace.csv") if row["layer"] in ("first", "first/recurrent")]
    gates = {int(row["position"]): row for row in spans if row["activity"] == "gate"}
    mvms = {int(row["position"]): row for row in spans if row["activity"] == "mvm"}
    assert sorted(gates) == sorted(mvms) == list(range(STEPS))
    for step in range(1, STEPS):
        assert int(gates[step - 1]["end_ps"]) < int(mvms[step]["start_ps"])
        assert int(mvms[step]["end_ps"]) < int(gates[step]["start_ps"])


def test_the_critical_path_goes_round_the_loops(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    outcome = here(capsys, "explain", folder / "run", "--no-what-if", "--out", folder / "why")
    assert (outcome.code, outcome.error) == (0, "")
    assert "neuron unit" in outcome.out
    path = rows(folder / "why" / "critical_path.csv")
    last = json.loads((folder / "run" / "result.json").read_text())["chip"]["latency_first_input_s"]
    assert int(path[-1]["end_ps"]) - int(path[0]["start_ps"]) == pytest.approx(last * 1e12)
    turns = [int(row["position"]) for row in path if (row["activity"], row["layer"]) == ("gate", "second")]
    assert turns == sorted(turns)
    assert turns[-1] == STEPS - 1
    assert (folder / "why" / "critical_path.png").stat().st_size > 10_000


def test_the_plan_says_that_the_loop_limits(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    outcome = here(capsys, "map", "hermes64", folder / "lstm.onnx", "--json")
    assert outcome.code == 0
    assert "loop of" in json.loads(outcome.out)["estimate"]["limit"]


def test_ageing_says_why_a_kind_of_compensation_is_left_out(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = "age", "hermes64", folder / "lstm.onnx", "--programmings", "1", "--ages", "1 day", "--json"
    outcome = here(capsys, *words)
    found = json.loads(outcome.out)
    assert [row["compensation"] for row in found["ageing"]] == ["none", "global", "per-column"]
    assert any(note.startswith("Without affine: ") and "go round a loop" in note for note in found["network"]["notes"])
    asked = here(capsys, *words, "--compensation", "global")
    assert not any("affine" in note for note in json.loads(asked.out)["network"]["notes"])
