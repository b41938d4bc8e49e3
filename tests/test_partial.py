"""Runs that are ended early, in this process: what is left is true, and what is missing is named."""

import numpy as np
import pytest

import chipsim
from chipsim import against as against_module
from chipsim.network.zoo import load_data
from chipsim.settings import Settings
from chipsim.simulate import simulate
from chipsim.stopping import Stop

RAMP = [
    "tile.mvm_latency=null", "tile.mvm_energy=null", "tile.adc.kind=ramp", "tile.adc.early_stop=true",
    "tile.adc.cycle_time=1 ns", "tile.adc.conversion_time=null",
]  # fmt: skip


def data_of(folder, inputs):
    digits = load_data("zoo:digits")
    path = folder / f"{inputs}.npz"
    np.savez(path, x=digits.x[:inputs], y=digits.y[:inputs], x_calibration=digits.x_calibration[:20])
    return path


def run(data, stop=None, at=None, **options):
    """A run that is interrupted when ``at`` (what, done) is told."""
    stop = stop or Stop()

    def progress(what, done, _):
        if at is not None and what.startswith(at[0]) and done >= at[1] and not stop.times:
            stop.interrupt()

    settings = Settings("hermes64", "zoo:digits-mlp", str(data), **{"programmings": 2, **options})
    return simulate(settings, threads=1, chunk=None, progress=progress, stop=stop, exact_all=True)


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({}, id="plain"),
        pytest.param({"timing_only": True, "trace": 3, "drain": True, "batch": 4}, id="times only, drained"),
        pytest.param({"age": "1 day", "arrivals": "poisson 2e6/s", "batch": 3, "baseline": "edge_npu"}, id="arrivals"),
        pytest.param({"overrides": tuple(RAMP)}, id="times that depend on values"),
    ],
)
def test_everything_but_accuracies_is_that_of_a_run_with_the_inputs_so_far(tmp_path, options):
    cut = run(data_of(tmp_path, 80), at=("timing", 20), **options)
    done = cut.data["partial"]["inputs"]
    assert 20 <= done < 80
    whole = run(data_of(tmp_path, done), **options)
    assert cut.data["partial"]["cut_off"] == ["timing"]
    for key in ("chip", "baseline", "ratio"):
        assert cut.data[key] == whole.data[key]
    assert {name: rows for name, rows in cut.tables.items() if name != "layers"} == {
        name: rows
        for name, rows in whole.tables.items()
        if name != "layers"  # has the signal-to-noise of all inputs
    }
    assert cut.data["accuracy"] == run(data_of(tmp_path, 80), **options).data["accuracy"]


def test_finished_programmings_are_kept_and_one_input_is_timed(tmp_path):
    data, stop = data_of(tmp_path, 30), Stop()
    cut = run(data, stop, at=("noisy, programming 3", 0), programmings=9)
    assert cut.data["partial"] == {
        "cut_off": ["noisy programmings", "timing"], "inputs": 1, "inputs_asked": 30, "programmings": 2,
        "programmings_asked": 9,
    }  # fmt: skip
    assert cut.data["accuracy"] == run(data, programmings=2).data["accuracy"]


@pytest.mark.parametrize("moment", ["reading", "reference", "calibration", "ideal", "noisy, programming 1"])
def test_before_anything_is_finished_there_is_nothing(tmp_path, moment):
    with pytest.raises(KeyboardInterrupt):
        run(data_of(tmp_path, 30), at=(moment, 0))


def test_the_second_interrupt_ends_at_once(tmp_path):
    stop = Stop()
    with pytest.raises(KeyboardInterrupt):
        simulate(
            Settings("hermes64", "zoo:digits-mlp", str(data_of(tmp_path, 30)), timing_only=True), threads=1, chunk=None,
            progress=lambda what, done, _: stop.interrupt() if what == "timing" and done else None, stop=stop,
        )  # fmt: skip


def test_an_interrupted_baseline_is_left_out(tmp_path):
    cut = run(data_of(tmp_path, 30), at=("baseline", 5), baseline="edge_npu", timing_only=True)
    assert cut.data["partial"] == {
        "cut_off": ["baseline"], "inputs": 30, "inputs_asked": 30, "programmings": None, "programmings_asked": None,
    }  # fmt: skip
    assert cut.data["baseline"] is None
    assert cut.data["ratio"] is None
    assert cut.data["chip"] == run(data_of(tmp_path, 30), timing_only=True).data["chip"]


def test_from_python_an_interrupt_is_pythons_own(tmp_path, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(against_module, "simulate_baseline", interrupted)
    with pytest.raises(KeyboardInterrupt):
        chipsim.run("hermes64", "zoo:digits-mlp", data=data_of(tmp_path, 9), baseline="edge_npu", timing_only=True)
