"""Same seed, same bytes: only the seed, the data and the architecture's physics change a value.

Runs are compared with each other, in one process and across processes, never with stored bytes.
"""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import chipsim
from chipsim.architecture.chip import build_chip
from chipsim.architecture.loader import load_spec
from chipsim.execution.accuracy import compute_values
from chipsim.execution.calibration import calibrate
from chipsim.execution.functional import Fidelity, program_network
from chipsim.execution.split import split_data
from chipsim.mapping.placement import place
from chipsim.network.dataset import Dataset, fit_data, load_data
from chipsim.network.zoo import load_network

DAY_S = 86400.0
SMALL = "tile.crossbar.rows=40", "tile.crossbar.columns=24", "grid.shape=[16,16]"


@pytest.fixture(scope="module")
def few(tmp_path_factory):
    """The first 30 digits, 20 of them scored."""
    digits = load_data("zoo:digits")
    path = tmp_path_factory.mktemp("digits") / "few.npz"
    np.savez(path, x=digits.x[:20], y=digits.y[:20], x_calibration=digits.x[20:30])
    return path


def plan_of(model, *overrides):
    return place(load_network(model), build_chip(load_spec("hermes64", overrides)))


def values_of(plan, count=50, *, seed=0, age_s=DAY_S, threads=2, chunk=None):
    data = fit_data(load_data("zoo:digits"), plan.network)
    split = split_data(Dataset(data.name, data.x[:count], data.y[:count], data.x_calibration, data.sha256))
    return compute_values(plan, split, seed, age_s, 2, progress=lambda text: None, threads=threads, chunk=chunk)


def fingerprint(found):
    """Hash of everything that a run computes from values."""
    parts = [repr(sorted(found.accuracy.items())), repr(sorted(found.signal_to_noise_db.items()))]
    parts += [repr(found.clipped_inputs), repr(found.saturated_outputs), repr(sorted(found.tile_mvms.items()))]
    parts += [repr(sorted(found.integrated_conductance.items())), repr(sorted(found.reference_conductance.items()))]
    digest = hashlib.sha256("".join(parts).encode())
    for name in sorted(found.outputs):
        digest.update(np.ascontiguousarray(found.outputs[name]).tobytes())
    return digest.hexdigest()


def comparable(result):
    """The text of result.json without what the simulation took, and all tables."""
    data = {key: value for key, value in result.data.items() if key != "simulator"}
    return json.dumps(data), result.tables


@pytest.fixture(scope="module", params=["zoo:digits-mlp", "zoo:digits-cnn"])
def plan(request):
    return plan_of(request.param, *SMALL)


@pytest.fixture(scope="module")
def whole(plan):
    return values_of(plan)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("chunk", [1, 7, 64, None])
def test_chunks_and_threads_change_no_byte(plan, whole, chunk, threads):
    found = values_of(plan, threads=threads, chunk=chunk)
    for name, values in whole.outputs.items():
        assert found.outputs[name].tobytes() == values.tobytes(), name
    assert fingerprint(found) == fingerprint(whole)


def test_more_inputs_do_not_change_the_first_ones(plan, whole):
    found = values_of(plan, count=83)
    for name in ("ideal", "quantised", "noisy"):
        assert found.outputs[name][:50].tobytes() == whole.outputs[name].tobytes(), name


def test_another_seed_gives_other_values(plan, whole):
    found = values_of(plan, seed=1)
    assert found.outputs["ideal"].tobytes() == whole.outputs["ideal"].tobytes()
    assert not (found.outputs["noisy"] == whole.outputs["noisy"]).any()


def test_where_tiles_stand_changes_no_value(plan, whole):
    taller = plan_of(plan.network.name, *SMALL[:2], "grid.shape=[60,5]")
    assert {b.tile for p in taller.layers.values() for b in p.blocks} != {
        b.tile for p in plan.layers.values() for b in p.blocks
    }
    found = values_of(taller)
    for name, values in whole.outputs.items():
        assert found.outputs[name].tobytes() == values.tobytes(), name
    assert found.accuracy == whole.accuracy


def test_programming_of_a_layer_does_not_depend_on_other_layers():
    whole = plan_of("zoo:digits-cnn", *SMALL)
    data = fit_data(load_data("zoo:digits"), whole.network)
    ranges = calibrate(whole, data.x[:20])
    fidelity = Fidelity(True, True, DAY_S, compensated=True)
    everything = program_network(whole, ranges, fidelity, seed=0)
    for name, layer_plan in whole.layers.items():
        alone = type(whole)(whole.network, whole.chip, {name: layer_plan}, whole.digital_units)
        (layer,) = program_network(alone, ranges, fidelity, seed=0).layers.values()
        for block, other in zip(layer.blocks, everything.layers[name].blocks, strict=True):
            assert block.path.matrix.tobytes() == other.path.matrix.tobytes()
            assert block.path.scale.tobytes() == other.path.scale.tobytes()
            assert block.path.variance.tobytes() == other.path.variance.tobytes()


def test_blocks_of_equal_weights_are_programmed_differently():
    plan = plan_of("zoo:digits-cnn", *SMALL)
    ranges = calibrate(plan, fit_data(load_data("zoo:digits"), plan.network).x[:20])
    layers = program_network(plan, ranges, Fidelity(True, True), seed=0).layers
    errors = [
        (block.array.weights - weights_of(plan, name, block)).tobytes()
        for name, layer in layers.items()
        for block in layer.blocks
    ]
    assert len(set(errors)) == len(errors) > 10
    again = program_network(plan, ranges, Fidelity(True, True), seed=0, programming=1).layers
    for name, layer in layers.items():
        for block, other in zip(layer.blocks, again[name].blocks, strict=True):
            assert (block.array.difference != other.array.difference).mean() > 0.5


def weights_of(plan, name, run):
    block = run.placed.block
    rows = slice(block.first_row, block.first_row + block.rows)
    columns = slice(block.first_column, block.first_column + block.columns)
    return plan.layers[name].matrices[run.placed.matrix].weights[rows, columns]


def test_batch_changes_times_and_no_value(few):
    found = [
        chipsim.run("hermes64", "zoo:digits-cnn", data=few, batch=batch, programmings=2).data for batch in (1, 3, 100)
    ]
    for key in ("accuracy", "signal_to_noise_db"):
        assert found[0][key] == found[1][key] == found[2][key]
    for key in ("clipped_inputs", "saturated_outputs", "tile_mvms", "bytes_moved_per_input"):
        assert found[0]["chip"][key] == found[1]["chip"][key] == found[2]["chip"][key]
    assert found[0]["chip"]["latency_p50_s"] < found[2]["chip"]["latency_p50_s"]


def test_trace_adds_a_table_and_nothing_else(few):
    plain, traced = (chipsim.run("hermes64", "zoo:digits-mlp", data=few, programmings=1, trace=n) for n in (0, 2))
    assert traced.tables["trace"]
    assert not plain.tables["trace"]
    assert traced.data["settings"].pop("trace") == 2
    assert plain.data["settings"].pop("trace") == 0
    for result in (plain, traced):
        result.tables.pop("trace")
        del result.data["simulator"]
    assert comparable(plain) == comparable(traced)


def test_runs_in_one_process_repeat(few):
    first, second = (
        comparable(
            chipsim.run("hermes64", "zoo:digits-cnn", data=few, baseline="edge_npu", age="1 day", programmings=1)
        )
        for _ in range(2)
    )
    assert first == second


PROGRAM = """
import hashlib, json, sys
import chipsim
data, chunk, threads, *overrides = sys.argv[1:]
result = chipsim.run(
    "hermes64", "zoo:digits-cnn", data=data, age="1 day", programmings=2, overrides=overrides,
    chunk=int(chunk) or None, threads=int(threads),
)
del result.data["simulator"]
print(hashlib.sha256((result.json() + json.dumps(dict(result.tables))).encode()).hexdigest())
"""


def in_process(few, chunk, threads, **variables):
    environment = {**os.environ, "PYTHONHASHSEED": "random", **variables}
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, str(few), str(chunk), str(threads), *SMALL],
        env=environment, check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip


def test_two_processes_give_the_same_bytes(few):
    assert in_process(few, 0, 2) == in_process(few, 7, 1)


def test_number_of_blas_threads_changes_no_byte(few):
    one, two = (in_process(few, 0, 2, OPENBLAS_NUM_THREADS=n, OMP_NUM_THREADS=n, MKL_NUM_THREADS=n) for n in ("1", "2"))
    assert one == two


def test_chunks_change_no_byte_on_another_kernel_family(few):
    kernel = {"OPENBLAS_CORETYPE": "Haswell"}
    assert in_process(few, 0, 2, **kernel) == in_process(few, 7, 1, **kernel)


def test_calibration_uses_one_blas_thread():
    """How a product rounds depends on how many threads share it (measured), so ranges would depend on the machine."""
    code = (
        "from chipsim.network.zoo import *\nfrom chipsim.architecture.chip import build_chip\n"
        "from chipsim.architecture.loader import load_spec\nfrom chipsim.mapping.placement import place\n"
        "from chipsim.execution.calibration import calibrate\n"
        "network = load_network('onnx:squeezenet')\n"
        "plan = place(network, build_chip(load_spec('hermes64', ['grid.shape=[16,16]'])))\n"
        "print(calibrate(plan, synthetic_data(network, 1, 0).x))"
    )
    found = [
        subprocess.run(
            [sys.executable, "-c", code], check=True, capture_output=True, cwd=Path(__file__).parent,
            env={**os.environ, "OPENBLAS_NUM_THREADS": n, "OMP_NUM_THREADS": n, "OPENBLAS_CORETYPE": "Haswell"},
        ).stdout
        for n in ("1", "2")
    ]  # fmt: skip
    assert found[0] == found[1]
