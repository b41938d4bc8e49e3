"""`chipsim.run`: what its numbers are made of, and what it refuses."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

import chipsim
from chipsim import simulate as simulate_module
from chipsim.architecture.chip import build_chip
from chipsim.architecture.loader import load_spec, preset_folder
from chipsim.errors import CapacityError, ConsistencyError, DataError, InputError, SpecError, UnitError
from chipsim.execution.calibration import calibrate
from chipsim.execution.functional import REFERENCE_READS, Fidelity, program_network
from chipsim.execution.split import split_data
from chipsim.mapping.placement import place
from chipsim.network.dataset import fit_data, load_data
from chipsim.network.zoo import load_network
from chipsim.settings import SYNTHETIC_INPUTS, Settings

MACHINE = {
    "name", "latency_first_input_s", "latency_p50_s", "latency_p99_s", "makespan_s", "throughput_inputs_per_s",
    "energy_per_input_j", "energy_per_input_steady_j", "tops", "peak_tops", "tops_per_w", "utilisation_mean",
    "bytes_moved_per_input",
}  # fmt: skip
ACCURACY = {"reference", "ideal", "quantised", "noisy", "noisy_std", "noisy_min", "noisy_uncompensated"}
LEVELS = {"cell_array", "tile_buffer", "link_hop", "global_memory", "host"}


@pytest.fixture(scope="module")
def few(tmp_path_factory):
    digits = load_data("zoo:digits")
    path = tmp_path_factory.mktemp("digits") / "few.npz"
    np.savez(path, x=digits.x[:20], y=digits.y[:20], x_calibration=digits.x[20:30])
    return path


@pytest.fixture(scope="module")
def both(few):
    return chipsim.run(
        "hermes64", "zoo:digits-cnn", data=few, baseline="edge_npu", age="1 day", programmings=3, batch=2
    )


@pytest.fixture(scope="module")
def mlp(few):
    return chipsim.run("hermes64", "zoo:digits-mlp", data=few, programmings=2)


def total_joules(result, machine):
    return sum(row["energy_j"] for row in result.tables["ledger"] if row["machine"] == machine)


def test_result_has_the_promised_keys(both, mlp):
    for result in (both, mlp):
        data = result.data
        assert data["schema_version"] == 1
        assert set(data["chip"]) > MACHINE | {"tiles_used", "tile_mvms", "utilisation_cells"}
        assert set(data["accuracy"]) == ACCURACY
        assert set(data["simulator"]) == {"events", "cpu_s", "wall_s"}
        assert {"settings", "seed", "versions", "input_hashes", "ratio"} <= set(data)
        assert set(data["chip"]["bytes_moved_per_input"]) == LEVELS
    assert set(both.data["baseline"]) > MACHINE
    assert mlp.data["baseline"] is None
    assert mlp.data["ratio"] is None


def test_result_is_plain_json(both):
    assert json.loads(both.json()) == both.data
    assert both.json().isascii()


def test_accuracies_are_numbers(both, mlp):
    accuracy = both.data["accuracy"]
    assert all(0 <= accuracy[name] <= 1 for name in ACCURACY)
    assert accuracy["noisy_min"] <= accuracy["noisy"]
    assert accuracy["ideal"] == accuracy["reference"]
    assert mlp.data["accuracy"]["noisy_uncompensated"] is None


@pytest.mark.parametrize("machine", ["chip", "baseline"])
def test_ledger_adds_up_to_the_energy_per_input(both, machine):
    inputs = both.data["settings"]["inputs"]
    assert total_joules(both, machine) / inputs == pytest.approx(both.data[machine]["energy_per_input_j"], rel=1e-12)


@pytest.mark.parametrize("machine", ["chip", "baseline"])
def test_ledger_adds_up_to_the_bytes_moved(both, machine):
    inputs = both.data["settings"]["inputs"]
    rows = [row for row in both.tables["ledger"] if row["machine"] == machine and row["level"]]
    assert {row["unit"] for row in rows} == {"byte"}
    for level, amount in both.data[machine]["bytes_moved_per_input"].items():
        assert sum(row["amount"] for row in rows if row["level"] == level) / inputs == amount


@pytest.mark.parametrize("machine", ["chip", "baseline"])
def test_every_line_of_the_ledger_is_amount_times_cost(both, machine):
    for row in both.tables["ledger"]:
        assert row["energy_j"] == row["amount"] * row["joules_per_unit"]
        assert row["source"]


def test_written_ledger_adds_up_too(both, tmp_path):
    both.save(tmp_path)
    with (tmp_path / "ledger.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["machine"] == "chip"]
    joules = sum(float(row["energy_j"]) for row in rows) / both.data["settings"]["inputs"]
    assert joules == pytest.approx(both.data["chip"]["energy_per_input_j"], rel=1e-12)


def test_ratio_is_chip_over_baseline(both):
    chip, baseline, ratio = (both.data[key] for key in ("chip", "baseline", "ratio"))
    for key in ("latency_p50_s", "energy_per_input_j", "throughput_inputs_per_s", "tops", "peak_tops"):
        assert ratio[key] == chip[key] / baseline[key]


def test_tops_count_useful_operations_only(both):
    chip, macs = both.data["chip"], both.data["network"]["macs"]
    assert chip["tops"] == pytest.approx(2 * macs * chip["throughput_inputs_per_s"] / 1e12)
    assert chip["tops_per_w"] == pytest.approx(2 * macs / chip["energy_per_input_j"] / 1e12)
    assert chip["tops"] < chip["peak_tops"]


def test_every_scheduled_mvm_is_counted(both):
    inputs = both.data["settings"]["inputs"]
    assert sum(row["mvms"] for row in both.tables["tiles"]) == inputs * both.data["chip"]["tile_mvms"]


def test_without_data_a_few_made_up_inputs_run():
    data = chipsim.run("hermes64", "zoo:digits-mlp", programmings=1).data
    assert set(data["accuracy"].values()) == {None}
    assert data["weights"] == "file"
    assert data["settings"]["inputs"] == SYNTHETIC_INPUTS
    assert all(value > 0 for value in data["signal_to_noise_db"].values())


def test_made_up_weights_have_no_accuracy_and_a_noise_per_layer(tmp_path):
    network = load_network("onnx:squeezenet")
    x = np.random.default_rng(0).standard_normal((1, *network.input_shape), dtype=np.float32)
    np.savez(tmp_path / "one.npz", x=x, y=[3])
    big = ["grid.shape=[16,16]"]
    data = chipsim.run("hermes64", "onnx:squeezenet", data=tmp_path / "one.npz", overrides=big, programmings=1).data
    assert data["weights"] == "synthetic"
    assert set(data["accuracy"].values()) == {None}
    assert set(data["signal_to_noise_db"]) == {layer.name for layer in network.matrix_layers}
    assert all(value > -20 for value in data["signal_to_noise_db"].values())
    assert "scored too" in data["settings"]["calibration"]


def test_timing_only_has_no_values_and_the_same_times(few, mlp):
    data = chipsim.run("hermes64", "zoo:digits-mlp", data=few, timing_only=True).data
    assert set(data["accuracy"].values()) == {None}
    assert data["signal_to_noise_db"] is None
    for key in ("latency_p50_s", "makespan_s", "bytes_moved_per_input", "tile_mvms", "energy_per_input_j"):
        assert data["chip"][key] == mlp.data["chip"][key]


def test_age_is_the_earliest_known_by_default(few, mlp):
    assert mlp.data["settings"]["age_s"] == 0
    assert "earliest" in mlp.data["settings"]["age"]
    words = chipsim.run("hermes64", "zoo:digits-mlp", data=few, age="1 month", programmings=1).data["settings"]
    assert (words["age"], words["age_s"]) == ("1 month", 30 * 86400)


def test_hashes_follow_what_was_read(few, mlp):
    other = chipsim.run("hermes64", "zoo:digits-mlp", data=few, overrides=["link.latency=3 ns"], programmings=2).data
    same, changed = mlp.data["input_hashes"], other["input_hashes"]
    assert (same["model"], same["data"]) == (changed["model"], changed["data"])
    assert same["architecture"] != changed["architecture"]
    assert all(len(value) == 64 for value in changed.values() if value is not None)


def taken_apart(folder: Path) -> Path:
    """Write hermes64 with energies of converters in the place of one energy per MVM."""
    text = (preset_folder() / "hermes64.yaml").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.strip().startswith("mvm_energy:")]
    text = "\n".join(lines)
    text = text.replace("time_per_lsb: 1 ns\n", "time_per_lsb: 1 ns\n    energy_per_conversion: 2 pJ\n")
    text = text.replace("columns_per_adc: 1\n", "columns_per_adc: 1\n    energy_per_conversion: 30 pJ\n")
    path = folder / "taken_apart.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_energy_of_cells_is_voltage_squared_times_conductance_times_time(few, tmp_path):
    path = taken_apart(tmp_path)
    result = chipsim.run(path, "zoo:digits-mlp", data=few, age="1 day", programmings=1)
    rows = {(row["action"], row["component"]): row for row in result.tables["ledger"] if row["kind"] == "tile"}
    # the same network programmed here, and codes worked out from the layers' inputs
    network = load_network("zoo:digits-mlp")
    plan, split = place(network, build_chip(load_spec(str(path)))), split_data(fit_data(load_data(str(few)), network))
    ranges = calibrate(plan, split.calibration)
    analog = program_network(plan, ranges, Fidelity(True, True, 86400.0, compensated=True), seed=0)
    inputs = {layer.name: layer.inputs[0] for layer in network.matrix_layers}
    values = analog.run(split.x, tuple(inputs.values()))
    for name, layer in analog.layers.items():
        (run,) = layer.blocks
        block, tile = run.placed.block, run.placed.tile
        vectors = values[inputs[name]].reshape(len(split.x), -1).astype(np.float64)
        codes = np.clip(np.rint(vectors * 127 / ranges[name].input), -127, 127)
        siemens = run.array.row_conductance_siemens
        wanted = 0.2**2 * 1e-9 * float(np.abs(codes).sum(axis=0) @ siemens)
        assert rows["array", tile]["energy_j"] == pytest.approx(wanted, rel=1e-3)  # ties in rounding
        assert rows["dac", tile]["energy_j"] == pytest.approx(2e-12 * block.rows * len(split.x))
        assert rows["adc", tile]["energy_j"] == pytest.approx(30e-12 * block.columns * len(split.x))
        assert rows["mvm", tile]["energy_j"] == 0
        assert rows["reference mvm", tile]["amount"] == REFERENCE_READS
        assert rows["reference dac", tile]["energy_j"] == pytest.approx(2e-12 * block.rows * REFERENCE_READS)
        assert rows["reference adc", tile]["energy_j"] == pytest.approx(30e-12 * block.columns * REFERENCE_READS)
        most = 0.2**2 * 127e-9 * float(siemens.sum()) * REFERENCE_READS
        assert 0 < rows["reference array", tile]["energy_j"] <= most * (1 + 1e-9)
    reference = sum(row["energy_j"] for (action, _), row in rows.items() if action.startswith("reference "))
    assert result.data["chip"]["drift_compensation"]["energy_j"] == pytest.approx(reference)
    assert total_joules(result, "chip") / 20 == pytest.approx(result.data["chip"]["energy_per_input_j"], rel=1e-12)


def test_known_mvm_energy_contains_the_cells(both):
    rows = [row for row in both.tables["ledger"] if row["action"] in ("array", "reference array")]
    assert rows
    assert all(row["energy_j"] == 0 and row["amount"] > 0 for row in rows)
    compensation = both.data["chip"]["drift_compensation"]
    assert compensation["energy_j"] == pytest.approx(13.44e-9 * REFERENCE_READS * both.data["chip"]["tiles_used"])


@pytest.mark.parametrize("plane", ["values", "times"])
def test_planes_that_disagree_are_an_error(few, monkeypatch, plane):
    if plane == "values":
        original = simulate_module.compute_values

        def miscounted(*arguments, **options):
            found = original(*arguments, **options)
            found.tile_mvms["tile(0,0)"] += 1
            return found

        monkeypatch.setattr(simulate_module, "compute_values", miscounted)
    else:
        original = simulate_module.simulate_chip

        def miscounted(*arguments, **options):
            found = original(*arguments, **options)
            found.tile_mvms["tile(0,0)"] -= 1
            return found

        monkeypatch.setattr(simulate_module, "simulate_chip", miscounted)
    with pytest.raises(ConsistencyError, match=r"tile\(0,0\), layer dense1: \d+ MVMs scheduled, \d+ computed, 20 exp"):
        chipsim.run("hermes64", "zoo:digits-mlp", data=few, programmings=1)


@pytest.mark.parametrize(
    ("name", "value"),
    [("batch", 0), ("batch", 1.5), ("batch", "2"), ("seed", -1), ("programmings", 0), ("trace", -1), ("seed", None)],
)
def test_numbers_out_of_range_are_refused(name, value):
    with pytest.raises(InputError, match=f"{name} must be a whole number of at least"):
        Settings("hermes64", "zoo:digits-mlp", **{name: value})


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"architecture": "edge_npu"}, SpecError, "edge_npu is of kind von-neumann; give it as --baseline"),
        ({"baseline": "hermes64"}, SpecError, "hermes64 is of kind in-memory; a baseline is of kind von-neumann"),
        ({"baseline_overrides": ["dram.latency=1 ns"]}, InputError, "--baseline-set needs --baseline"),
        ({"age": "1e300 years"}, UnitError, "age '1e300 years' must be from 0 s"),
        ({"overrides": ["grid.shape=[1,2]"]}, CapacityError, r"needs 4 tiles, hermes64 has 2"),
        ({"overrides": ["grid.shape=[1000000,1000000]"]}, SpecError, "too many"),
        ({"overrides": ["tile.mvm_energy=1e308 J"]}, InputError, "energy_per_input_j comes out as inf"),
        ({"overrides": ["tile.mvm_latency=1e30 s"]}, InputError, "overflow"),
    ],
)
def test_bad_requests_are_refused(options, error, message):
    arguments = {"architecture": "hermes64", "model": "zoo:digits-mlp", "programmings": 1, **options}
    with pytest.raises(error, match=message):
        chipsim.run(**arguments)


@pytest.mark.parametrize(("label", "message"), [(10, "label 10"), (-1, "label -1")])
def test_labels_that_are_no_class_are_refused(tmp_path, label, message):
    x = np.ones((8, 64), np.float32)
    np.savez(tmp_path / "data.npz", x=x, y=np.full(8, label))
    with pytest.raises(DataError, match=f"{message}, but zoo:digits-mlp has 10 classes, 0 to 9"):
        chipsim.run("hermes64", "zoo:digits-mlp", data=tmp_path / "data.npz")


def test_values_beyond_float32_are_refused(tmp_path):
    np.savez(tmp_path / "data.npz", x=np.full((8, 64), 3e38, np.float32))
    with pytest.raises(DataError, match="leave the range of float32"):
        chipsim.run("hermes64", "zoo:digits-mlp", data=tmp_path / "data.npz")


@pytest.mark.parametrize("value", [0.0, 5.0, 1e-42])
def test_inputs_that_are_all_alike_run(tmp_path, value):
    np.savez(tmp_path / "data.npz", x=np.full((8, 64), value, np.float32))
    data = chipsim.run("hermes64", "zoo:digits-mlp", data=tmp_path / "data.npz", programmings=1).data
    assert data["chip"]["clipped_inputs"] <= 1


def test_progress_is_told(few):
    told = []
    chipsim.run(
        "hermes64", "zoo:digits-mlp", data=few, baseline="edge_npu", programmings=1,
        progress=lambda *what: told.append(what),
    )  # fmt: skip
    assert told[0] == ("reading", 0, 1)
    assert {"reference", "ideal", "timing", "baseline"} <= {what for what, _, _ in told}
    assert ("timing", 20, 20) in told


@pytest.mark.parametrize("name", ["overrides", "baseline_overrides", "replicas", "shapes", "beside"])
@pytest.mark.parametrize(
    ("given", "message"), [("a=1", r"give \['a=1'\]"), (None, "not None"), ([3], r"not \[3\]"), (5, "not 5")]
)
def test_a_list_of_texts_is_asked_for(name, given, message):
    with pytest.raises(InputError, match=f"{name} must be a list of texts, .*{message}"):
        chipsim.run("hermes64", "zoo:digits-mlp", timing_only=True, **{name: given})
