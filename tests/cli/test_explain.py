"""``chipsim explain``: what it prints and writes, and what it refuses."""

import csv
import json
import re
import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
from command_line import here

from chipsim.cli import main

PAGE = Path(__file__).parents[2] / "docs" / "explain.md"
FILES = {"causes.csv", "critical_path.csv", "what_if.csv", "critical_path.png"}
STOPS = [
    word
    for field in ("mvm_latency=null", "mvm_energy=null", "adc.kind=ramp", "adc.early_stop=true", "adc.cycle_time=1 ns")
    for word in ("--set", f"tile.{field}")
]


def timed(folder: Path, name: str) -> Path:
    """Twelve inputs and a network in a file, run for times only."""
    rng = np.random.default_rng(0)
    np.savez(folder / "few.npz", x=rng.random((12, 1, 8, 8), dtype=np.float32), x_calibration=np.ones((2, 1, 8, 8)))
    shutil.copy(Path(__file__).parents[2] / "chipsim" / "network" / "data" / name, folder / "net.onnx")
    words = ["run", "hermes64", folder / "net.onnx", "--data", folder / "few.npz", "--timing-only"]
    assert main([str(word) for word in [*words, "--out", folder / "run"]]) == 0
    return folder


@pytest.fixture(scope="module")
def few(tmp_path_factory) -> Path:
    return timed(tmp_path_factory.mktemp("few"), "digits-cnn.onnx")


@pytest.fixture(scope="module")
def least(tmp_path_factory) -> Path:
    return timed(tmp_path_factory.mktemp("least"), "digits-mlp.onnx")


@pytest.fixture
def changed(least, tmp_path):
    """A copy of the result that a test may change: call it with a function of what result.json holds."""

    def copied(change) -> Path:
        data = json.loads((least / "run" / "result.json").read_text())
        change(data)
        (tmp_path / "result.json").write_text(json.dumps(data))
        return tmp_path

    return copied


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_terminal_sees_what_sets_the_pace(capsys, few):
    outcome = here(capsys, "explain", few / "run")
    assert outcome.code == 0
    assert outcome.error == ""
    for text in ("critical path of input 0", "What sets the pace: tile(0,0)", "register busy", "2 times as fast"):
        assert text in outcome.out
    assert max(map(len, outcome.out.splitlines())) <= 80


def test_the_file_may_be_given_in_place_of_its_folder(capsys, few, monkeypatch):
    words = ["--no-what-if", "--json"]
    expected = here(capsys, "explain", few / "run", *words)
    assert here(capsys, "explain", few / "run" / "result.json", *words) == expected
    monkeypatch.chdir(few / "run")
    assert here(capsys, "explain", "result.json", *words) == expected
    (few / "run" / "result.json").rename(few / "run" / "other.json")
    try:
        for given, named in (("other.json", "other.json/result.json"), ("result.json", "result.json")):
            message = here(capsys, "explain", given).one_message()
            assert re.search(rf"\b{named} cannot be read .* wrote, or the result.json in it", message)
    finally:
        (few / "run" / "other.json").rename(few / "run" / "result.json")


def test_a_folder_may_have_the_name_of_the_file(capsys, few, tmp_path):
    shutil.copytree(few / "run", tmp_path / "result.json")
    assert here(capsys, "explain", tmp_path / "result.json", "--no-what-if", "--json").code == 0


def test_files_are_written_and_json_is_alone(capsys, few, tmp_path):
    outcome = here(capsys, "explain", few / "run", "--out", tmp_path / "why", "--json")
    data = json.loads(outcome.out)
    assert outcome.error == ""
    assert {path.name for path in (tmp_path / "why").iterdir()} == FILES
    path = rows(tmp_path / "why" / "critical_path.csv")
    assert data["path"]["segments"] == len(path)
    length = sum(int(row["end_ps"]) - int(row["start_ps"]) for row in path)
    assert length / 1e12 == data["path"]["latency_s"]
    assert sum(row["share"] for row in data["path"]["composition"]) == pytest.approx(1)
    assert sum(row["time_s"] for row in data["path"]["composition"]) == pytest.approx(length / 1e12)
    assert next(row["what"] for row in rows(tmp_path / "why" / "what_if.csv")) == ""
    assert len(data["causes"]) == len(rows(tmp_path / "why" / "causes.csv"))


def test_without_what_if_an_earlier_table_of_it_is_gone(capsys, few, tmp_path):
    here(capsys, "explain", few / "run", "--out", tmp_path)
    outcome = here(capsys, "explain", few / "run", "--no-what-if", "--out", tmp_path)
    assert outcome.code == 0
    assert {path.name for path in tmp_path.iterdir()} == FILES - {"what_if.csv"}
    assert json.loads(here(capsys, "explain", few / "run", "--no-what-if", "--json").out)["what_if"] is None


def test_equal_questions_have_equal_answers(capsys, few, tmp_path):
    for name in "ab":
        assert here(capsys, "explain", few / "run", "--out", tmp_path / name).code == 0
    assert all((tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes() for name in FILES)


def test_the_path_of_the_last_input_ends_with_the_run(capsys, few, tmp_path):
    here(capsys, "explain", few / "run", "--no-what-if", "--input", 11, "--out", tmp_path)
    makespan = json.loads((few / "run" / "result.json").read_text())["chip"]["makespan_s"]
    assert int(rows(tmp_path / "critical_path.csv")[-1]["end_ps"]) / 1e12 == makespan


def test_the_path_is_that_of_the_whole_run_though_fewer_inputs_are_traced(capsys, few, tmp_path):
    for name, trace in (("a", ()), ("b", ("--trace", 12)), ("c", ("--trace", 5))):  # three are in flight
        outcome = here(capsys, "explain", few / "run", "--no-what-if", "--input", 2, *trace, "--out", tmp_path / name)
        assert "Times are those of" not in outcome.out
    first, *others = ((tmp_path / name / "critical_path.csv").read_bytes() for name in "abc")
    assert all(other == first for other in others)
    too_few = here(capsys, "explain", few / "run", "--no-what-if", "--input", 2, "--trace", 4).out
    assert "Times are those of a run of 4 inputs; for those of the whole run: --trace 5" in too_few


def test_twice_as_fast_is_what_a_run_with_that_field_gives(capsys, few, tmp_path):
    what_if = json.loads(here(capsys, "explain", few / "run", "--json").out)["what_if"]
    [variant] = [row for row in what_if["variants"] if row["what"] == "array and ADC"]
    assert what_if["inputs"] == 12
    half = ["--set", "tile.mvm_latency=66.5 ns"]
    words = ["run", "hermes64", few / "net.onnx", "--data", few / "few.npz", "--timing-only", "--json", *half]
    chip = json.loads(here(capsys, *words).out)["chip"]
    for key in ("throughput_inputs_per_s", "latency_first_input_s"):
        assert variant[key] == chip[key]


@pytest.mark.parametrize(
    "words",
    [
        ["--batch", "3", "--drain"],
        ["--arrivals", "poisson 100000/s"],
        ["--replicas", "balanced"],
        ["--set", "router.arbitration=round-robin", "--set", "router.switching=store-and-forward"],
    ],
)
def test_runs_of_all_kinds_are_explained(capsys, few, tmp_path, words):
    run = ["run", "hermes64", "zoo:digits-mlp", "--data", few / "few.npz", "--timing-only", *words, "--out", tmp_path]
    assert here(capsys, *run).code == 0
    outcome = here(capsys, "explain", tmp_path, "--input", 4, "--json")
    assert outcome.code == 0, outcome.error
    assert json.loads(outcome.out)["path"]["input"] == 4


@pytest.mark.parametrize("site", ["apart", "host"])
def test_a_path_through_the_memory_that_buffers_spill_to(capsys, few, tmp_path, site):
    memory = "global_memory={bandwidth: 1 GB/s, latency: 100 ns, site: " + site + "}"
    buffer = "digital_unit.buffer={capacity: 64 B, spill: global_memory}"
    words = ["run", "hermes64", few / "net.onnx", "--data", few / "few.npz", "--timing-only", "--set", memory]
    assert main([str(word) for word in [*words, "--set", buffer, "--out", tmp_path / "run"]]) == 0
    capsys.readouterr()
    assert main(["explain", str(tmp_path / "run"), "--json", "--out", str(tmp_path / "why")]) == 0
    data = json.loads(capsys.readouterr().out)
    assert {"memory"} < {row["kind"] for row in data["path"]["composition"]}
    assert {"spilled data not there", "memory busy"} < {row["cause"] for row in data["causes"]}
    assert "global memory" in {row["what"] for row in data["what_if"]["variants"]}
    assert (tmp_path / "why" / "critical_path.png").exists()


def test_times_that_depend_on_values_are_computed_again(capsys, few, tmp_path):
    words = ["run", "hermes64", "zoo:digits-mlp", "--data", few / "few.npz", "--programmings", 1, *STOPS]
    assert here(capsys, *words, "--out", tmp_path).code == 0
    outcome = here(capsys, "explain", tmp_path, "--json")
    assert outcome.code == 0, outcome.error
    data, result = json.loads(outcome.out), json.loads((tmp_path / "result.json").read_text())
    [today] = [row for row in data["what_if"]["variants"] if row["what"] == ""]
    assert today["latency_first_input_s"] == result["chip"]["latency_first_input_s"]
    assert today["throughput_inputs_per_s"] == result["chip"]["throughput_inputs_per_s"]
    assert not any(row["what"].startswith("layer") for row in data["what_if"]["variants"])


def test_changed_data_matter_only_where_times_depend_on_them(capsys, few, tmp_path):
    shutil.copy(few / "few.npz", tmp_path / "few.npz")
    words = ["run", "hermes64", "zoo:digits-mlp", "--data", tmp_path / "few.npz", "--programmings", 1]
    here(capsys, *words, "--out", tmp_path / "even")
    here(capsys, *words, *STOPS, "--out", tmp_path / "varying")
    np.savez(tmp_path / "few.npz", x=np.ones((12, 64), np.float32))
    assert here(capsys, "explain", tmp_path / "even", "--no-what-if").code == 0
    message = here(capsys, "explain", tmp_path / "varying", "--no-what-if").one_message()
    assert re.search(r"data .*few.npz has changed since the run in .*varying .*restore it, or run again", message)


def test_a_changed_network_is_noticed(capsys, few, tmp_path):
    shutil.copy(few / "net.onnx", tmp_path / "net.onnx")
    here(capsys, "run", "hermes64", tmp_path / "net.onnx", "--timing-only", "--out", tmp_path / "run")
    model = onnx.load(tmp_path / "net.onnx")
    model.doc_string = "changed"
    onnx.save(model, tmp_path / "net.onnx")
    message = here(capsys, "explain", tmp_path / "run").one_message()
    assert re.search(r"model .*net.onnx has changed since the run in .*run \(sha256 \w+\.\.\., then", message)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda data: data.update(schema_version=99), "has schema_version 99; this chipsim explains results of"),
        (lambda data: data.update(partial={"cut_off": ["timing"]}), "is of a run that was interrupted"),
        (lambda data: data["settings"].update(set=["link.bandwidth=1 GB/s"]), "architecture hermes64 has changed"),
        (lambda data: data["chip"].update(latency_first_input_s=1.0), "it was made by another version of chipsim"),
        (lambda data: data.pop("input_hashes"), "has no 'input_hashes'"),
        (lambda data: data["settings"].pop("replicas"), "has no 'settings.replicas'"),
        (lambda data: data["settings"].update(model="gone.onnx"), "gone.onnx"),
    ],
)
def test_results_that_cannot_be_explained_are_refused(capsys, changed, change, message):
    outcome = here(capsys, "explain", changed(change))
    assert outcome.code == 2
    assert message in outcome.one_message()


WRONG = [None, "x", -1, 0, 1.5, [], ["a", 1], {}, True]
DECIDES = {"batch", "inputs", "max_inputs_in_flight", "set", "replicas", "model", "architecture", "sha256", "seed"}
READ = [
    *((group,) for group in ("chip", "network", "mapping", "settings", "input_hashes", "seed")),
    *(("chip", key) for key in ("name", "latency_first_input_s", "max_inputs_in_flight")),
    *(("input_hashes", key) for key in ("architecture", "data", "model")), ("mapping", "sha256"),
    *(("settings", key) for key in ("age_s", "architecture", "arrivals", "batch", "data", "drain", "inputs")),
    *(("settings", key) for key in ("load_programming", "mapping", "model", "precision", "replicas", "set")),
    ("settings", "timing_only"),
]  # fmt: skip


@pytest.mark.parametrize("path", READ, ids=".".join)
def test_an_edited_result_is_refused_or_explained_as_it_is(capsys, changed, path):
    """Whatever stands in a field that is read: one message, never a fault of the program."""
    for value in WRONG:

        def edit(data, value=value):
            for key in path[:-1]:
                data = data[key]
            data[path[-1]] = value

        outcome = here(capsys, "explain", changed(edit), "--no-what-if")
        if outcome.code:
            assert outcome.code == 2
            assert len(outcome.one_message()) < 2000
        else:
            assert path[-1] not in DECIDES or value in (0, [])


@pytest.mark.parametrize("text", ["", "[1]", "{", "[" * 100_000, "null", '"x"', "NaN"])
def test_files_that_are_no_results_are_refused(capsys, tmp_path, text):
    (tmp_path / "result.json").write_text(text)
    assert "result.json" in here(capsys, "explain", tmp_path).one_message()


def test_a_folder_without_a_result_is_refused(capsys, tmp_path):
    message = here(capsys, "explain", tmp_path / "none", "--out", tmp_path / "why").one_message()
    assert "give the folder that chipsim run --out wrote" in message
    assert not (tmp_path / "why").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--input", "12"], "--input 12: the run has 12 inputs, from 0 to 11"),
        (["--input", "-1"], "--input -1: the run has 12 inputs"),
        (["--input", "4", "--trace", "4"], "--trace 4 leaves out input 4"),
        (["--faster", "0"], "--faster 0 must be a number greater than zero"),
        (["--faster", "inf"], "--faster inf must be"),
        (["--faster", "nan"], "--faster nan must be"),
        (["--faster", "1e-300"], "--faster 1e-300 must be"),
    ],
)
def test_wrong_questions_are_refused(capsys, few, words, message):
    outcome = here(capsys, "explain", few / "run", *words)
    assert outcome.code == 2
    assert message in outcome.one_message()


def test_every_key_and_column_is_documented(capsys, few, tmp_path):
    data = json.loads(here(capsys, "explain", few / "run", "--json", "--out", tmp_path).out)
    documented = set(re.findall(r"^\| `([^`]+)` \|", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE))
    found = {*data, "rounds", "trace_for_exact"}  # these of networks larger than the chip alone
    for group in ("path", "steady", "what_if"):
        found |= {f"{group}.{key}" for key in data[group]}
    for name in FILES - {"critical_path.png"}:
        found |= set(rows(tmp_path / name)[0])
    found |= set(data["path"]["composition"][0])
    assert found == documented
