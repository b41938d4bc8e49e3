"""``chipsim age``: what it prints, what it writes, and what it says of bad input."""

import csv
import json

import numpy as np
import onnx
import pytest
from command_line import apart, here, interrupted
from onnx import TensorProto, helper

AGE = "age", "hermes64", "zoo:digits-mlp", "--programmings", "2", "--ages", "1 year,1 hour"
FILES = {"ageing.csv", "ageing.json", "ageing.png"}


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    """A few images with labels, which keep the tests short."""
    from chipsim.network.zoo import load_data

    path, data = tmp_path_factory.mktemp("data") / "few.npz", load_data("zoo:digits")
    np.savez(path, x=data.x[:60], y=data.y[:60], x_calibration=data.x_calibration[:20])
    return path


def names(folder):
    return {path.name for path in folder.iterdir()}


def test_table_files_and_numbers_agree(capsys, tmp_path, digits):
    outcome = here(capsys, *AGE, "--data", digits, "--out", tmp_path / "a" / "b")
    assert (outcome.code, outcome.error) == (0, "")
    folder = tmp_path / "a" / "b"
    assert names(folder) == FILES
    data = json.loads((folder / "ageing.json").read_text())
    with (folder / "ageing.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(float(row["age_s"]), row["compensation"]) for row in rows] == [
        (age_s, kind) for age_s in (3600.0, 31_536_000.0) for kind in ("none", "global", "per-column", "affine")
    ]
    for row, same in zip(rows, data["ageing"], strict=True):
        assert float(row["accuracy_mean"]) == same["accuracy_mean"]
        own = [each for each in data["programmings"] if (each["age_s"], each["compensation"])
               == (same["age_s"], same["compensation"])]  # fmt: skip
        accuracies = [each["accuracy"] for each in own]
        assert same["accuracy_mean"] == pytest.approx(np.mean(accuracies))
        assert same["accuracy_std"] == pytest.approx(np.std(accuracies))
        assert same["accuracy_min"] == min(accuracies)
        assert f"{100 * same['accuracy_mean']:.2f} %" in outcome.out
    for word in ("1 h", "1 year", "per-column", "affine", "ageing.png", "128 per tile"):
        assert word in outcome.out


def test_json_prints_the_file_and_nothing_else(capsys, tmp_path, digits):
    outcome = here(capsys, *AGE, "--data", digits, "--json", "--out", tmp_path)
    assert (outcome.code, outcome.error) == (0, "")
    assert outcome.out.encode() == (tmp_path / "ageing.json").read_bytes()


def test_equal_calls_give_equal_bytes_in_processes_of_their_own(tmp_path, digits):
    for name in "ab":
        ended = apart(*AGE, "--data", digits, "--out", tmp_path / name, "--seed", "3")
        assert ended.returncode == 0, ended.stderr.decode()
        assert ended.stderr == b""
    for name in FILES:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_without_data_and_labels_signal_to_noise_is_shown(capsys, tmp_path):
    outcome = here(capsys, *AGE, "--compensation", "none, affine", "--out", tmp_path)
    assert outcome.code == 0
    assert "no labels" in outcome.out
    assert "dB" in outcome.out
    assert names(tmp_path) == FILES


def test_ages_by_default_stay_inside_what_the_cells_know(capsys):
    words = "--programmings", "1", "--compensation", "none", "--json", "--set", "tile.crossbar.device=rram-cmo"
    data = json.loads(here(capsys, "age", "hermes64", "zoo:digits-mlp", *words).out)
    ages = data["settings"]["ages_s"]
    from chipsim.device import get_device

    device = get_device("rram-cmo")
    assert device.earliest_age_s <= ages[0] <= ages[-1] == device.latest_age_s


def test_what_loops_cannot_have_is_left_out_and_refused_where_it_is_asked_for(capsys):
    words = "age", "hermes64", "zoo:vowels-gru", "--ages", "1 hour", "--programmings", "1", "--json"
    found = json.loads(here(capsys, *words).out)
    assert found["settings"]["compensations"] == ["none", "global", "per-column"]
    asked = here(capsys, *words, "--compensation", "none,affine")
    assert asked.code == 2
    assert "goes round a loop" in asked.one_message()


def test_the_architectures_own_number_of_reads_holds_for_its_kind(capsys):
    words = "--set", "tile.compensation.reads=3", "--programmings", "1", "--ages", "1 day", "--json"
    data = json.loads(here(capsys, "age", "hermes64", "zoo:digits-mlp", *words).out)
    assert data["settings"]["reads_per_tile"] == {"global": 3, "per-column": 128}


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--ages", "old"], ["'old'", "1 year"]),
        (["--ages", "1 day,,1 year"], ["--ages", "empty entry"]),
        (["--ages", ""], ["--ages", "empty entry"]),
        (["--compensation", "globl"], ["'globl'", "did you mean 'global'?"]),
        (["--compensation", "none,"], ["--compensation", "empty entry"]),
        (["--data", "none.npz"], ["none.npz"]),
        (["--set", "tile.crossbar.device=rram-cmo", "--ages", "1 year"], ["rram-cmo"]),
        (["--set", "tile.compensation.kind=globl"], ["tile.compensation.kind"]),
        (["--programmings", "0"], ["programmings"]),
    ],
)
def test_bad_input(capsys, tmp_path, words, expected):
    outcome = here(capsys, "age", "hermes64", "zoo:digits-mlp", *words, "--out", tmp_path / "a" / "b")
    assert outcome.code == 2
    message = outcome.one_message()
    assert all(word in message for word in expected), message
    assert not (tmp_path / "a").exists()


def test_a_processor_has_no_cells_that_age(capsys):
    outcome = here(capsys, "age", "edge_npu", "zoo:digits-mlp")
    assert outcome.code == 2
    assert "edge_npu is of kind von-neumann" in outcome.one_message()


def test_errors_and_blocked_places_leave_older_files_alone(capsys, tmp_path, digits):
    (tmp_path / "ageing.json").write_text("old")
    (tmp_path / "ageing.png").mkdir()
    outcome = here(capsys, *AGE, "--data", digits, "--compensation", "none", "--out", tmp_path)
    assert outcome.code == 2
    assert str(tmp_path / "ageing.png") in outcome.one_message()
    assert names(tmp_path) == {"ageing.json", "ageing.png"}
    assert (tmp_path / "ageing.json").read_text() == "old"


@pytest.mark.parametrize("seconds", [0.0, 1.5])
def test_interrupt_leaves_nothing(tmp_path, seconds):
    words = ["age", "hermes64", "zoo:digits-cnn", "--data", "zoo:digits", "--programmings", "1000"]
    found = interrupted(tmp_path / "a" / "b", seconds, *words)
    assert found == (1, "", "interrupted: no results were written\n")
    assert not (tmp_path / "a").exists()


def test_it_is_said_that_nothing_is_on_tiles(capsys, tmp_path):
    graph = helper.make_graph(
        [helper.make_node("Softsign", ["x"], ["y"], "soft")], "plain",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
    )  # fmt: skip
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), tmp_path / "a.onnx")
    words = ("age", "hermes64", tmp_path / "a.onnx", "--programmings", "1", "--ages", "1 hour")
    outcome = here(capsys, *words)
    assert outcome.code == 0
    assert "Nothing ran in crossbars: no layer is on a tile" in " ".join(outcome.out.split())
    assert json.loads(here(capsys, *words, "--json").out)["network"]["tiles_used"] == 0


def test_arrays_that_nobody_reads_are_named(capsys, tmp_path, digits):
    with np.load(digits) as data:
        np.savez(tmp_path / "more.npz", **data, more=np.zeros(3))
    outcome = here(capsys, *AGE, "--data", tmp_path / "more.npz")
    assert "that no input reads: 'more'" in " ".join(outcome.out.split())


def test_a_network_that_is_too_large_is_told_what_this_command_can_do(capsys):
    words = ("age", "hermes64", "zoo:digits-cnn", "--programmings", "1", "--set", "grid.shape=[1,3]")
    outcome = here(capsys, *words)
    assert outcome.code == 1
    assert outcome.one_message().rstrip().endswith("; or 2 chips (--set mapping.chips=2)")
    assert here(capsys, *words, "--ages", "1 day", "--set", "mapping.chips=2").code == 0
