import io

import pytest
from rich.console import Console
from rich.text import Text

from chipsim.architecture.chip import build_chip
from chipsim.architecture.loader import load_spec
from chipsim.mapping.placement import place
from chipsim.network.zoo import load_network
from chipsim.report.grid import add_column, keep_names, new_table
from chipsim.report.tables import digital_table, file_table, plan_table


def rendered(table, width) -> str:
    console = Console(width=width, file=io.StringIO())
    console.print(table)
    return console.file.getvalue()


@pytest.fixture(scope="module")
def plan():
    return place(load_network("zoo:digits-cnn", seed=0), build_chip(load_spec("hermes64", [])))


@pytest.mark.parametrize("width", [80, 120])
def test_every_matrix_has_a_row_and_the_end_has_totals(plan, width):
    text = rendered(plan_table(plan), width)
    for row in plan.rows():
        line = next(line for line in text.splitlines() if line.startswith(row.layer))
        assert f"{row.rows} x {row.columns}" in line
        assert f"{row.cells_used:.1%}" in line
        assert row.last_tile.removeprefix("tile") in line
    last = text.rstrip().splitlines()[-1]
    assert last.startswith("total")
    assert f"{plan.tiles_used} of 64" in last
    assert f"{plan.utilisation_cells:.1%}" in last
    assert "…" not in text


def test_names_of_usual_length_stay_whole_on_a_narrow_terminal():
    network = load_network("zoo:vowels-lstm", seed=0)
    text = rendered(plan_table(place(network, build_chip(load_spec("hermes64", [])))), 72)
    assert {name for name in text.split() if name in network.layers} == {each.name for each in network.matrix_layers}


def test_long_names_wrap_and_nothing_is_cut_off():
    table = new_table()
    add_column(table, "layer")
    add_column(table, "tiles")
    names = [40 * "x", "short"]
    for name in names:
        table.add_row(Text(name), "tile(0,1)")
    keep_names(table)
    lines = rendered(table, 30).splitlines()
    assert "".join("".join(lines).split()).count("x") == 40
    assert not any(len(row) > 30 for row in lines)


def test_files_are_listed_with_size_and_meaning(tmp_path):
    inside, outside = tmp_path / "run" / "tiles.csv", tmp_path / "other.txt"
    inside.parent.mkdir()
    inside.write_text("x" * 2500)
    outside.write_text("y")
    text = rendered(file_table([inside, outside], inside.parent), 200)
    assert "tiles.csv    " in text
    assert "2.5 kB  one row per tile" in text
    assert str(outside) in text


def test_reasons_have_a_column_only_where_there_are_any_and_units_stay_whole(plan):
    text = rendered(digital_table(plan), 80)
    assert "why not on tiles" not in text
    assert {"digital(0)", *(name for name in plan.digital_units)} <= set(text.split())
    chip = build_chip(load_spec("hermes64", []))
    transformer = rendered(digital_table(place(load_network("zoo:vowels-transformer", seed=0), chip)), 100)
    assert "why not on tiles" in transformer
    assert "it must be a constant" in " ".join(transformer.split())
