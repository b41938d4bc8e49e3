"""Affine drift compensation in a file of programmings: scale, shift and cost are those of the run that wrote it."""

from __future__ import annotations

import numpy as np
import pytest

import chipsim
from chipsim.errors import InputError
from chipsim.network.dataset import load_data

AFFINE = "tile.compensation.kind=affine"
FIELDS = {
    "one energy": (),
    "apart": ("tile.mvm_energy=null", "tile.adc.energy_per_conversion=30 pJ"),
    "counter": ("tile.mvm_latency=null", "tile.mvm_energy=null", "tile.adc.kind=counter",
                "tile.adc.energy_per_cycle=2 fJ"),
    "early stops": ("tile.mvm_latency=null", "tile.mvm_energy=null", "tile.adc.kind=ramp", "tile.adc.early_stop=true",
                    "tile.adc.cycle_time=1 ns", "tile.dac.early_stop=true", "tile.adc.energy_per_cycle=2 fJ"),
    "many blocks": ("tile.crossbar.rows=40", "tile.crossbar.columns=24"),
}  # fmt: skip


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """The same scored inputs beside three sets of calibration inputs."""
    digits, folder = load_data("zoo:digits"), tmp_path_factory.mktemp("digits")
    for name, calibration in (("one", slice(20, 60)), ("other", slice(100, 107)), ("scaled", slice(20, 60))):
        factor = np.float32(0.2 if name == "scaled" else 1)
        np.savez(folder / name, x=digits.x[:12], y=digits.y[:12], x_calibration=factor * digits.x[calibration])
    return folder


def run(path, *overrides, **options):
    return chipsim.run("hermes64", "zoo:digits-mlp", data=path, overrides=(AFFINE, *overrides), **options)


def found(result):
    return {key: result.data[key] for key in ("accuracy", "signal_to_noise_db", "chip")}


@pytest.mark.parametrize("name", FIELDS)
def test_other_calibration_inputs_change_nothing_of_a_run_from_a_file(data, tmp_path, name):
    cells, fields = tmp_path / "cells.npz", FIELDS[name]
    written = run(data / "one.npz", *fields, age="1 year", programmings=2, save_programming=cells)
    assert written.data["chip"]["drift_compensation"]["inputs"] == 40
    for calibration in ("one", "other", "scaled"):
        read = run(data / f"{calibration}.npz", *fields, load_programming=cells)
        assert found(read) == found(written)
        assert read.tables["ledger"] == written.tables["ledger"]
    anew = run(data / "other.npz", *fields, age="1 year", programmings=2)
    assert anew.data["signal_to_noise_db"] != written.data["signal_to_noise_db"]


def test_a_refit_follows_its_blocks_to_other_tiles(data, tmp_path):
    cells, fields = tmp_path / "cells.npz", FIELDS["counter"]
    written = run(data / "one.npz", *fields, age="1 year", programmings=1, save_programming=cells)
    read = run(data / "other.npz", *fields, "grid.shape=[1, 9]", load_programming=cells)

    def of_blocks(result, *names):
        rows = [row for row in result.tables["ledger"] if row["action"] in names]
        return [(row["layer"], row["action"], row["amount"]) for row in rows]

    names = ("refit array", "refit adc cycle", "array", "adc cycle")
    assert sorted(of_blocks(read, *names)) == sorted(of_blocks(written, *names))
    assert {name for _, name, _ in of_blocks(read, *names)} == set(names)
    assert read.data["accuracy"] == written.data["accuracy"]


def test_at_the_earliest_age_there_is_nothing_to_store(data, tmp_path):
    cells = tmp_path / "cells.npz"
    written = run(data / "one.npz", programmings=1, save_programming=cells)
    with np.load(cells) as arrays:
        assert not [name for name in arrays if name.endswith(("/affine", "/refit"))]
    assert found(run(data / "other.npz", load_programming=cells)) == found(written)


def test_a_file_without_its_refit_is_one_clear_message(data, tmp_path):
    cells, gap = tmp_path / "cells.npz", tmp_path / "gap.npz"
    run(data / "one.npz", age="1 year", programmings=1, save_programming=cells)
    with np.load(cells) as arrays:
        np.savez(gap, **{name: arrays[name] for name in arrays if not name.endswith("/affine")})
    with pytest.raises(InputError, match=r"programmings .*gap.npz are damaged"):
        run(data / "one.npz", load_programming=gap)
