"""A result is written and read back without loss."""

import csv
import json

import pytest

from chipsim.errors import OutputError
from chipsim.result import Result


@pytest.fixture
def result():
    tables = {
        "layers": [
            {"layer": "a", "energy_j": 1e-9, "rows": None},
            {"layer": "b, \u00b5 'q'\n\"line\"", "energy_j": 0.1 + 0.2, "rows": 3},
        ],
        "tiles": [{"tile": "tile(0,0)", "mvms": 3}],
        "links": [], "ledger": [{"energy_j": 1 / 3}], "pipeline": [], "trace": [],
    }  # fmt: skip
    return Result({"schema_version": 1, "name": "r\u00e9sult \udcff", "x": 0.1 + 0.2, "none": None}, tables)


def test_frames_hold_the_tables(result):
    assert list(result.tiles["mvms"]) == [3]
    assert len(result.layers) == 2
    assert list(result.ledger["energy_j"]) == [1 / 3]
    assert result.links.empty
    assert result.pipeline.empty


def test_json_text_reads_back_exactly(result):
    assert json.loads(result.json()) == result.data
    assert result.json().endswith("}\n")


def test_json_refuses_what_is_not_json():
    with pytest.raises(ValueError, match="JSON"):
        Result({"x": float("nan")}, {}).json()


def test_saved_files_hold_the_same(result, tmp_path):
    written = result.save(tmp_path)
    assert {path.name for path in written} == {path.name for path in tmp_path.iterdir()}
    assert {path.name for path in written} == {"layers.csv", "tiles.csv", "ledger.csv", "result.json"}
    assert (tmp_path / "result.json").read_text(encoding="utf-8") == result.json()
    with (tmp_path / "layers.csv").open(encoding="utf-8", newline="") as file:
        back = list(csv.DictReader(file))
    assert [row["layer"] for row in back] == [row["layer"] for row in result.tables["layers"]]
    assert [row["rows"] for row in back] == ["", "3"]  # whole numbers as such, also beside a layer without any
    assert [float(row["energy_j"]) for row in back] == [row["energy_j"] for row in result.tables["layers"]]


def test_a_folder_is_made_where_there_is_none(result, tmp_path):
    result.save(str(tmp_path / "new" / "folder"))
    assert (tmp_path / "new" / "folder" / "result.json").is_file()


def test_a_folder_that_cannot_be_made_is_an_output_error(result, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match="file"):
        result.save(tmp_path / "file" / "folder")
