"""Tables of runs whose buffers spill."""

from __future__ import annotations

import pandas as pd
import pytest

import chipsim
from chipsim.report.figures import save_figures

SPILLING = "digital_unit.buffer={capacity: 64 B, spill: global_memory}"
MEMORY = "global_memory={{bandwidth: 1 GB/s, latency: 100 ns, energy_per_byte: 2 pJ/B, site: {}}}"


@pytest.mark.parametrize(("site", "place"), [("apart", None), ("host", (0.0, 0.0)), ('"1,2"', (2.0, 1.0))])
def test_the_memory_has_a_row_with_its_layers_and_its_time(tmp_path, site: str, place: tuple[float, float] | None):
    overrides = [SPILLING, MEMORY.format(site)]
    result = chipsim.run("hermes64", "zoo:digits-cnn", data="zoo:digits", timing_only=True, overrides=overrides)
    [row] = result.units[result.units["kind"] == "memory"].to_dict("records")
    assert row["unit"] == "global memory"
    assert row["layers"] == "add pool"
    assert (None if pd.isna(row["x"]) else (row["x"], row["y"])) == place
    moved = result.ledger[result.ledger["level"] == "global_memory"]
    assert row["busy_s"] == pytest.approx(moved["amount"].sum() / 1e9, rel=1e-9)
    assert moved["energy_j"].sum() == pytest.approx(moved["amount"].sum() * 2e-12)
    assert save_figures(result, tmp_path)


def test_several_networks_have_one_row_with_all_their_layers():
    overrides = [SPILLING, MEMORY.format("host")]
    result = chipsim.run(
        "hermes64", "zoo:digits-cnn", data="zoo:digits", timing_only=True, overrides=overrides,
        beside=["zoo:digits-cnn,data=zoo:digits"],
    )  # fmt: skip
    [row] = result.units[result.units["kind"] == "memory"].to_dict("records")
    assert row["network"] == "zoo:digits-cnn, zoo:digits-cnn (2)"
    moved = result.ledger[result.ledger["level"] == "global_memory"]
    assert row["busy_s"] == pytest.approx(moved["amount"].sum() / 1e9, rel=1e-9)
