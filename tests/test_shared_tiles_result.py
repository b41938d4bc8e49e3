"""Whole runs on tiles with several arrays: the values of a tile for each block, and tables that add up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chipsim
from chipsim.network.dataset import load_data
from chipsim.result import Result

SUMS = {
    "gather": (("neuron_unit.partial_sums=gather", "neuron_unit.hop_latency=0 ns"), ("neuron_unit.tiles_per_unit=2",)),
    "chain": ((), ()),
}
SHARED = "tile.crossbars=3", "tile.adc.crossbars_per_adc=3"
SMALL = "tile.crossbar.rows=64", "tile.crossbar.columns=64", "grid.shape=[4,4]"


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Path:
    digits = load_data("zoo:digits")
    assert digits.y is not None
    path = tmp_path_factory.mktemp("digits") / "few.npz"
    np.savez(path, x=digits.x[:20], y=digits.y[:20], x_calibration=digits.x[20:40])
    return path


@pytest.fixture(scope="module", params=list(SUMS))
def pair(few: Path, request: pytest.FixtureRequest) -> tuple[Result, Result]:
    """A block on every tile, and three on a tile."""
    sums, more = SUMS[request.param]

    def run(*overrides: str) -> Result:
        options: dict[str, Any] = {"data": few, "programmings": 2, "age": "1 day"}
        return chipsim.run("hermes64", "zoo:digits-mlp", overrides=(*sums, *SMALL, *overrides), **options)

    return run(), run(*SHARED, *more)


def test_values_are_those_of_a_tile_for_each_block(pair: tuple[Result, Result]) -> None:
    apart, together = (result.data for result in pair)
    assert together["accuracy"] == apart["accuracy"]
    for key in ("clipped_inputs", "saturated_outputs", "tile_mvms"):
        assert together["chip"][key] == apart["chip"][key]
    assert together["chip"]["tiles_used"] == -(-apart["chip"]["tiles_used"] // 3)


def test_tables_add_up(pair: tuple[Result, Result]) -> None:
    for result in pair:
        chip, rows = result.data["chip"], [row for row in result.tables["tiles"] if row["layer"]]
        assert sum(row["mvms"] for row in rows) == result.data["settings"]["inputs"] * chip["tile_mvms"]
        assert len({row["tile"] for row in rows}) == chip["tiles_used"]
        assert len({row["tile"] for row in result.tables["tiles"]}) == chip["tiles"]
        cells = sum(row["cells_used"] for row in rows)
        arrays = 3 if result is pair[1] else 1
        assert chip["utilisation_cells"] == pytest.approx(cells / (chip["tiles_used"] * arrays * 64 * 64))
        busy = {(row["tile"], row["crossbar"]): 0.0 for row in rows}
        for row in rows:
            busy[row["tile"], row["crossbar"]] += row["utilisation"]
        assert chip["utilisation_mean"] == pytest.approx(sum(busy.values()) / len(busy))
    apart, together = (sum(row["cells_used"] for row in result.tables["tiles"]) for result in pair)
    assert apart == together


def test_energy_of_arrays_and_converters_is_the_same(pair: tuple[Result, Result]) -> None:
    """What blocks do is the same; static power, links and waiting are not."""

    def joules(result: Result, action: str) -> float:
        return sum(row["energy_j"] for row in result.tables["ledger"] if row["action"] == action)

    for action in ("mvm", "neuron", "read", "issue", "reference mvm"):
        assert joules(pair[1], action) == pytest.approx(joules(pair[0], action), rel=1e-12)
    assert pair[1].data["chip"]["peak_tops"] == pytest.approx(pair[0].data["chip"]["peak_tops"])
