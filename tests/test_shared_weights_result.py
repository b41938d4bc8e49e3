"""A siamese network from end to end: one set of tiles in every number, and weights written once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from siamese_model import siamese

import chipsim
from chipsim.cli import main
from chipsim.result import Result

PROGRAMMING = (
    "tile.programming={pulse_time: 125 ns, verify_time: 768 ns, pulse_energy: 100 pJ, verify_energy: 10 pJ, "
    "step: 0.25, tolerance: 0.02, max_iterations: 30, write_heads: 32}"
)


def run(folder: Path, *overrides: str) -> Result:
    (folder / "siamese.onnx").write_bytes(siamese())
    rng = np.random.default_rng(1)
    np.savez(
        folder / "pairs.npz", left=rng.standard_normal((12, 2, 10, 10)), right=rng.standard_normal((12, 2, 10, 10))
    )
    return chipsim.run(
        "hermes64", str(folder / "siamese.onnx"), data=folder / "pairs.npz", programmings=2, age="1 day",
        overrides=[PROGRAMMING, *overrides],
    )  # fmt: skip


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[Result, Result]:
    return run(tmp_path_factory.mktemp("a")), run(tmp_path_factory.mktemp("b"), "mapping.share_weights=false")


def test_tiles_cells_and_loading_count_once(both: tuple[Result, Result]) -> None:
    shared, alone = (result.data["chip"] for result in both)
    assert (shared["tiles_used"], alone["tiles_used"]) == (4, 7)
    assert shared["tile_mvms"] == alone["tile_mvms"]
    cells = [2 * (18 * 4 + 400 * 40 + 40 * 5), 2 * (2 * 18 * 4 + 2 * 400 * 40 + 40 * 5)]
    assert [chip["loading"]["cells"] for chip in (shared, alone)] == cells
    assert shared["loading_j"] < 0.6 * alone["loading_j"]
    assert shared["utilisation_cells"] == pytest.approx((18 * 4 + 400 * 40 + 40 * 5) / (4 * 256 * 256))


def test_rows_of_tiles_and_layers_add_up(both: tuple[Result, Result]) -> None:
    result = both[0]
    tiles, layers = result.tables["tiles"], result.tables["layers"]
    rows = [row for row in tiles if row["layer"]]
    inputs = result.data["settings"]["inputs"]
    assert sum(row["mvms"] for row in rows) == result.data["chip"]["tile_mvms"] * inputs
    assert sum(row["cells_used"] for row in rows) == 18 * 4 + 400 * 40 + 40 * 5
    assert sum(row["tiles"] or 0 for row in layers) == 4
    assert sum(row["cells_used"] or 0 for row in layers) == 18 * 4 + 400 * 40 + 40 * 5


def test_notes_say_which(both: tuple[Result, Result]) -> None:
    shared, alone = (result.data["network"]["notes"] for result in both)
    assert "layers left/conv, right/conv share their weights, which stand on tiles once" in shared
    assert any("once for each: mapping.share_weights is false" in note for note in alone)


def test_a_run_is_explained(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "siamese.onnx").write_bytes(siamese())
    words = ["run", "hermes64", str(tmp_path / "siamese.onnx"), "--timing-only"]
    assert main([*words, "--out", str(tmp_path / "run")]) == 0
    assert main(["explain", str(tmp_path / "run")]) == 0
    assert "left/conv" in capsys.readouterr().out
