"""The file of rounds says where every block is, once, and is refused as a mapping in words."""

from __future__ import annotations

import json

import pytest
from small_machines import dense, network, source
from test_rounds import small

from chipsim.errors import InputError
from chipsim.mapping.plan_file import read_plan_file
from chipsim.planning.rounds import plan_rounds
from chipsim.planning.rounds_file import rounds_data, write_rounds


@pytest.fixture
def rounds():
    x = source(8)
    layers = [x]
    for number in range(5):
        layers.append(dense(f"d{number}", layers[-1].name, 8, 8))
    return plan_rounds(network(layers), small({}, "[1, 2]"))


def test_every_block_has_a_line_in_the_round_of_its_layer(rounds, tmp_path):
    write_rounds(rounds, tmp_path / "rounds.json")
    data = json.loads((tmp_path / "rounds.json").read_text(encoding="utf-8"))
    assert data == json.loads(json.dumps(rounds_data(rounds)))
    listed = [
        (each["round"], layer["layer"], block["tile"], block["row"], block["column"])
        for each in data["rounds"]
        for layer in each["layers"]
        for block in layer["blocks"]
    ]
    expected = [
        (number, name, placed.tile, placed.block.row, placed.block.column)
        for number, each in enumerate(rounds.rounds, start=1)
        for name, layer in each.plan.layers.items()
        for placed in layer.blocks
    ]
    assert listed == expected
    assert len(listed) == len(rounds.plan.blocks) > 2
    assert {tile for _, _, tile, _, _ in listed} <= {"tile(0,0)", "tile(0,1)"}


def test_what_stays_and_what_goes_over_the_host_is_said(rounds):
    data = rounds_data(rounds)
    stays = [layer["layer"] for each in data["rounds"] for layer in each["layers"] if layer["stays"]]
    assert tuple(stays) == rounds.resident == tuple(data["resident"])
    for before, after in zip(data["rounds"], data["rounds"][1:], strict=False):
        assert set(after["given"]) <= set(before["returns"])
    for each, planned in zip(data["rounds"], rounds.rounds, strict=True):
        assert each["arrays_written"] == sum(not layer["stays"] for layer in each["layers"])
        assert each["arrays_written"] == len({placed.array for placed in planned.loaded.blocks})


def test_the_file_is_refused_as_a_mapping(rounds, tmp_path):
    path = tmp_path / "rounds.json"
    write_rounds(rounds, path)
    with pytest.raises(InputError, match=r"rounds.json:3: kind: rounds, as chipsim map --reload .* give --reload"):
        read_plan_file(path)
