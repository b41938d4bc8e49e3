"""``chipsim explain`` of a network in rounds: from a result to what its time went by."""

from __future__ import annotations

import io
import json
import re
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

import chipsim
from chipsim.cli import main
from chipsim.errors import InputError
from chipsim.explain.explain import Question, explain
from chipsim.explain.explanation import Explanation
from chipsim.report.explanation import explanation_table
from chipsim.report.figures.critical_path import save_critical_path

FIELDS = ("grid.shape=[1,3]", "mapping.reload=true", "tile.programming={pulse_time: 125 ns, verify_time: 768 ns, "
          "step: 0.25, tolerance: 0.02, max_iterations: 30, write_heads: 32}")  # fmt: skip


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten inputs, the first two of which calibrate."""
    path = tmp_path_factory.mktemp("few") / "few.npz"
    rng = np.random.default_rng(0)
    np.savez(path, x=rng.random((10, 1, 8, 8), dtype=np.float32), x_calibration=np.ones((2, 1, 8, 8), np.float32))
    return path


def explained(folder: Path, **question) -> Explanation:
    return explain(Question(folder, **question), lambda *_: None)


def ran(few: Path, folder: Path, **more) -> dict:
    told = {"data": few, "timing_only": True, "batch": 4, "overrides": FIELDS, **more}
    result = chipsim.run("hermes64", "zoo:digits-cnn", **told)
    result.save(folder)
    return result.data


@pytest.mark.parametrize("timing_only", [True, False])
def test_a_run_in_rounds_is_explained(few: Path, tmp_path: Path, timing_only: bool) -> None:
    more = {} if timing_only else {"programmings": 1}
    data = ran(few, tmp_path, timing_only=timing_only, **more)
    latencies = []
    for input in range(10):
        found = explained(tmp_path, input=input, what_if=False)
        path = found.tables["critical_path"]
        assert all(first["end_ps"] == second["start_ps"] for first, second in pairwise(path))
        latencies.append(found.data["path"]["latency_s"])
        assert found.data["path"]["exact"]
        assert {row["round"] for row in path} == {1, 2}
        assert {row["input"] for row in path if row["activity"] in ("program", "weights")} == {input}
        assert path[-1]["input"] == input
    assert max(latencies) == data["chip"]["latency_p99_s"]
    assert max(row["end_ps"] for row in path) / 1e12 == data["chip"]["makespan_s"]
    writing = [row for row in path if row["activity"] == "program"]
    last = path[path.index(writing[-1]) + 1]
    assert writing[-1]["next_waits_for"] == "tiles not written"
    assert last["round"] == 2
    begun = next(row for row in path if row["round"] == 2)
    took = (writing[-1]["end_ps"] - begun["start_ps"]) / 1e12
    assert took == pytest.approx(data["chip"]["reloading"]["round_s"][1], rel=1e-9)
    steady = explained(tmp_path, input=1, what_if=False).data["steady"]
    assert steady["inputs"] == 4
    assert 1 / steady["interval_s"] == pytest.approx(4 / (4 * steady["interval_s"]))
    assert steady["composition"][0]["activity"] == "program"
    assert explained(tmp_path, input=9, what_if=False).data["steady"] is None  # of the last, smaller batch


def test_the_pace_is_the_throughput_of_whole_batches(few: Path, tmp_path: Path) -> None:
    data = ran(few, tmp_path, batch=5)
    found = explained(tmp_path)
    assert found.data["steady"]["interval_s"] == pytest.approx(1 / data["chip"]["throughput_inputs_per_s"], rel=1e-9)
    today, best = found.tables["what_if"][:2]
    assert today["throughput_inputs_per_s"] == data["chip"]["throughput_inputs_per_s"]
    assert today["latency_first_input_s"] == data["chip"]["latency_first_input_s"]
    assert today["busiest"] == "writing of tiles"
    assert best["what"] == "programming"
    assert best["fields"] == "tile.programming.pulse_time tile.programming.verify_time"
    half = ("tile.programming.pulse_time=62.5 ns", "tile.programming.verify_time=384 ns")
    again = chipsim.run("hermes64", "zoo:digits-cnn", data=few, timing_only=True, batch=5, overrides=(*FIELDS, *half))
    assert best["throughput_inputs_per_s"] == again.data["chip"]["throughput_inputs_per_s"]
    assert best["latency_first_input_s"] == again.data["chip"]["latency_first_input_s"]


def test_it_is_printed_drawn_and_written(
    few: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    ran(few, tmp_path / "run")
    assert main(["explain", str(tmp_path / "run"), "--out", str(tmp_path / "why")]) == 0
    assert {path.name for path in (tmp_path / "why").iterdir()} == {
        "causes.csv", "critical_path.csv", "what_if.csv", "critical_path.png"
    }  # fmt: skip
    text = capsys.readouterr().out
    for words in ("tiles not written", "program", "host@2", "What sets the pace: tile(0,0)@2", "programming"):
        assert words in text
    assert main(["explain", str(tmp_path / "run"), "--no-what-if", "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert (data["rounds"], data["trace_for_exact"]) == (2, 4)
    assert data["what_if"] is None
    assert {row["cause"] for row in data["causes"]} >= {"tiles not written", "admission", "input not there"}


def test_fewer_inputs_of_a_batch_are_another_run(few: Path, tmp_path: Path) -> None:
    ran(few, tmp_path)
    part, whole = explained(tmp_path, trace=2, what_if=False), explained(tmp_path, what_if=False)
    assert not part.data["path"]["exact"]
    assert part.data["inputs_traced"] == 2
    assert part.data["path"]["latency_s"] < whole.data["path"]["latency_s"]
    shown = Console(width=100, record=True, file=io.StringIO())
    shown.print(explanation_table(part))
    assert "for those of the whole run: --trace 4" in shown.export_text()
    assert save_critical_path(part, tmp_path).stat().st_size > 0
    with pytest.raises(InputError, match=re.escape("--trace 2 leaves out input 7, which is number 4 of its batch")):
        explained(tmp_path, trace=2, input=7)


def test_what_has_changed_is_refused(few: Path, tmp_path: Path) -> None:
    ran(few, tmp_path)
    path = tmp_path / "result.json"
    data = json.loads(path.read_text())
    data["chip"]["latency_first_input_s"] *= 2
    path.write_text(json.dumps(data))
    with pytest.raises(InputError, match="was made by another version of chipsim"):
        explained(tmp_path)
