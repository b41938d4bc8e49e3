"""Where results go: an output folder, a pipe, a terminal that has no µ."""

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from command_line import apart, here, interrupted

RUN = "run", "hermes64", "zoo:digits-mlp", "--programmings", "1"
TABLES = {"layers.csv", "tiles.csv", "units.csv", "links.csv", "ledger.csv", "pipeline.csv", "result.json"}
FIGURES = {"utilisation.png", "pipeline.png", "energy.png"}


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def without_simulator(text: str) -> dict[str, object]:
    return {key: value for key, value in json.loads(text).items() if key != "simulator"}


def test_json_is_what_the_file_holds(capsys, tmp_path):
    outcome = here(capsys, *RUN, "--json", "--out", tmp_path / "out")
    assert outcome.code == 0
    assert outcome.error == ""
    assert outcome.out.encode() == (tmp_path / "out" / "result.json").read_bytes()
    assert names(tmp_path / "out") == TABLES | FIGURES


def test_json_without_a_folder_holds_the_same(capsys, tmp_path):
    first, second = (here(capsys, *RUN, "--json").out for _ in range(2))
    assert without_simulator(first) == without_simulator(second)
    assert not list(tmp_path.iterdir())


def test_where_results_go_is_not_in_them(capsys, tmp_path):
    for name in ("a", "b"):
        here(capsys, *RUN, "--out", tmp_path / name)
    first, second = ((tmp_path / name / "result.json").read_text(encoding="utf-8") for name in "ab")
    assert without_simulator(first) == without_simulator(second)
    for name in (TABLES | FIGURES) - {"result.json"}:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_files_of_others_stay_and_results_are_replaced(capsys, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "result.json").write_text("old")
    here(capsys, *RUN, "--out", tmp_path, "--trace", "1", "--baseline", "edge_npu")
    assert names(tmp_path) == TABLES | FIGURES | {"notes.txt", "trace.csv", "comparison.png"}
    here(capsys, *RUN, "--out", tmp_path)  # has neither a trace nor a comparison
    assert names(tmp_path) == TABLES | FIGURES | {"notes.txt"}
    assert (tmp_path / "notes.txt").read_text() == "mine"
    assert json.loads((tmp_path / "result.json").read_text())["settings"]["trace"] == 0


def test_names_with_spaces_and_other_scripts(capsys, tmp_path):
    folder = tmp_path / "my r\u00e9sults \u6f22 [bold]x[/bold]"
    outcome = here(capsys, *RUN, "--out", folder / "inner")
    assert outcome.code == 0
    assert names(folder / "inner") == TABLES | FIGURES


@pytest.mark.parametrize("name", ["file", "file/below", "a" * 300])
def test_folder_that_cannot_be_made(capsys, tmp_path, name):
    (tmp_path / "file").write_text("mine")
    outcome = here(capsys, *RUN, "--out", tmp_path / name)
    assert outcome.code == 2
    assert str(tmp_path / name) in outcome.one_message()
    assert names(tmp_path) == {"file"}


@pytest.mark.parametrize("path", ["/dev/null/x", "/proc/x"])
def test_folder_where_none_can_be(capsys, path):
    outcome = here(capsys, *RUN, "--out", path)
    assert outcome.code == 2
    assert path in outcome.one_message()


def test_folder_in_the_place_of_a_result(capsys, tmp_path):
    (tmp_path / "tiles.csv").mkdir()
    outcome = here(capsys, *RUN, "--out", tmp_path)
    assert outcome.code == 2
    assert str(tmp_path / "tiles.csv") in outcome.one_message()
    assert names(tmp_path) == {"tiles.csv"}


def test_errors_leave_an_existing_folder_as_it_was(capsys, tmp_path):
    (tmp_path / "result.json").write_text("old")
    outcome = here(capsys, *RUN, "--out", tmp_path, "--age", "old")
    assert outcome.code == 2
    assert names(tmp_path) == {"result.json"}
    assert (tmp_path / "result.json").read_text() == "old"


@pytest.mark.parametrize("existing", [True, False])
@pytest.mark.parametrize("most", [0, 3000, 40_000])
def test_full_disk(capsys, tmp_path, existing, most):
    """A limit on the size of files fails like a full disk, in a table or in a figure."""
    folder = tmp_path / "out"
    if existing:
        folder.mkdir()
        (folder / "result.json").write_text("old")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, limits[1]))
    try:
        ended = here(capsys, *RUN, "--timing-only", "--out", folder)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert ended.code == 2
    assert ended.out == ""
    assert ended.error.count("\n") == 1, ended.error
    assert "cannot be" in ended.error
    assert str(folder) in ended.error
    assert folder.exists() == existing
    if existing:
        assert names(folder) == {"result.json"}
        assert (folder / "result.json").read_text() == "old"


@pytest.mark.parametrize("seconds", [0.0, 2.0])
def test_interrupt_ends_promptly_and_leaves_nothing(tmp_path, seconds):
    words = ["run", "hermes64", "onnx:resnet50", "--set", "grid.shape=[21,21]", "--programmings", "1000"]
    found = interrupted(tmp_path / "a" / "b", seconds, *words)
    assert found == (1, "", "interrupted: no results were written\n")
    assert not (tmp_path / "a").exists()


def test_interrupt_before_the_work_begins(capsys, monkeypatch):
    """While options are read, typer has the interrupt first."""

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("chipsim.settings.Settings", interrupted)
    outcome = here(capsys, *RUN)
    assert (outcome.code, outcome.out, outcome.error) == (1, "", "interrupted: no results were written\n")


@pytest.mark.parametrize("words", [["list"], ["schema"], ["check", "hermes64"], [*RUN], [*RUN, "--json"], ["--help"]])
def test_reader_that_leaves_early(words):
    process = subprocess.Popen(
        [sys.executable, "-m", "chipsim", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    error = process.stderr.read()
    process.stderr.close()
    assert process.wait() == 0
    assert error == b""


def test_output_that_cannot_be_written():
    with Path("/dev/full").open("wb") as full:
        ended = subprocess.run(
            [sys.executable, "-m", "chipsim", "schema"], stdout=full, stderr=subprocess.PIPE, check=False
        )
    assert ended.returncode == 1
    assert ended.stderr.decode().count("\n") == 1
    assert b"the output cannot be written: [Errno 28] No space left" in ended.stderr


@pytest.mark.parametrize(
    "words",
    [["run", "hermes64", "zoo:digits-mlp"], ["map", "hermes64", "zoo:digits-mlp"], ["device", "pcm"], ["explain", "x"]],
)
def test_an_output_folder_without_a_name_is_not_this_one(words, tmp_path, monkeypatch, capsys):
    """As of a variable that is not set in a script."""
    monkeypatch.chdir(tmp_path)
    ended = here(capsys, *words, "--out", "")
    assert ended.code == 2
    assert "name a folder, or . for this one" in ended.one_message()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "variables",
    [
        {"PYTHONIOENCODING": "ascii"},
        {"PYTHONIOENCODING": "cp1252"},
        {"LANG": "C", "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    ],
)
@pytest.mark.parametrize("words", [["check", "hermes64"], [*RUN, "--baseline", "edge_npu"]])
def test_terminals_without_unicode(words, variables):
    ended = apart(*words, **variables)
    assert ended.returncode == 0, ended.stderr.decode()
    assert ended.stderr == b""
    assert b"hermes64" in ended.stdout


def test_json_is_the_same_bytes_in_any_encoding(tmp_path):
    folder = tmp_path / "r\u00e9sults"
    ended = apart(*RUN, "--json", "--out", folder, PYTHONIOENCODING="ascii", PYTHONUTF8="1")
    assert ended.returncode == 0, ended.stderr.decode()
    assert ended.stdout == (folder / "result.json").read_bytes()


def test_modules_run_as_the_command_does():
    ended = apart("--version")
    assert ended.returncode == 0
    assert ended.stdout.decode().startswith("chipsim ")


def test_nothing_is_written_without_an_output_folder(tmp_path):
    ended = apart(*RUN, cwd=tmp_path, MPLCONFIGDIR=os.environ.get("MPLCONFIGDIR", ""))
    assert ended.returncode == 0, ended.stderr.decode()
    assert not list(tmp_path.iterdir())


def test_long_names_leave_room_for_why_a_layer_is_on_no_tile(capsys, tmp_path, monkeypatch):
    long = "/model/layer.11/attention/query"
    nodes = [
        onnx.helper.make_node("DynamicQuantizeLinear", ["x"], ["q", "s", "z"], f"{long}/quantize"),
        onnx.helper.make_node("MatMulInteger", ["q", "w", "z"], ["i"], f"{long}/MatMul"),
        onnx.helper.make_node("Cast", ["i"], ["y"], "cast", to=1),
    ]
    given, made = (onnx.helper.make_tensor_value_info(name, 1, ["N", size]) for name, size in (("x", 32), ("y", 8)))
    weights = [onnx.numpy_helper.from_array(np.ones((32, 8), np.int8), "w")]
    graph = onnx.helper.make_graph(nodes, "g", [given], [made], weights)
    path = tmp_path / "long.onnx"
    onnx.save(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)]), path)
    monkeypatch.setenv("COLUMNS", "80")
    lines = here(capsys, "map", "hermes64", path).out.splitlines()
    assert max(map(len, lines)) <= 80
    assert sum("has no form of" in line for line in lines) == 4  # of the operators, one with two outputs
    assert sum(line.rstrip().endswith("its own") for line in lines) == 4
