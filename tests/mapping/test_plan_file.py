"""A mapping as a file: written, edited and read again; what is wrong with one is said with line and path."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from chipsim.architecture.chip import build_chip
from chipsim.architecture.loader import load_spec
from chipsim.errors import ChipsimError, InputError
from chipsim.mapping.plan_file import network_sha256, plan_data, plan_sha256, write_plan
from chipsim.network.zoo import load_network
from chipsim.planning.choose import make_plan, with_strategy


def chip(path: Path | None = None, *overrides: str):
    spec = load_spec("hermes64", overrides)
    return build_chip(with_strategy(spec, None if path is None else str(path)))


@pytest.fixture(scope="module")
def network():
    return load_network("zoo:digits-cnn")


@pytest.mark.parametrize("ending", ["json", "yaml", "yml"])
@pytest.mark.parametrize("copies", [(), ("block1=3",), ("balanced",)])
def test_a_file_gives_the_plan_that_was_written(tmp_path, network, ending, copies):
    plan = make_plan(network, chip(), copies)
    path = tmp_path / f"plan.{ending}"
    write_plan(plan, path, "in-order")
    again = make_plan(network, chip(path))
    assert plan_data(again) == plan_data(plan)
    assert plan_sha256(again) == plan_sha256(plan)
    write_plan(again, tmp_path / f"again.{ending}", "in-order")
    assert (tmp_path / f"again.{ending}").read_bytes() == path.read_bytes()


def test_json_and_yaml_hold_the_same(tmp_path, network):
    plan = make_plan(network, chip())
    for ending in ("json", "yaml"):
        write_plan(plan, tmp_path / f"plan.{ending}")
    assert json.loads((tmp_path / "plan.json").read_text()) == yaml.safe_load((tmp_path / "plan.yaml").read_text())
    assert json.loads((tmp_path / "plan.json").read_text()) == plan_data(plan)


def test_an_edited_place_is_where_the_block_goes(tmp_path, network):
    path = tmp_path / "plan.json"
    write_plan(make_plan(network, chip()), path)
    path.write_text(path.read_text().replace('"tile(0,1)"', '"tile(7,7)"').replace('"digital(0)"', '"digital(5)"'))
    plan = make_plan(network, chip(path))
    assert plan.layers["block1"].blocks[0].tile == "tile(7,7)"
    assert plan.layers["block1"].slices[0].neuron_unit == "neuron(7,7)"
    assert plan.digital_units["add"] == "digital(5)"


def test_blocks_may_share_a_tile(tmp_path, network):
    path = tmp_path / "plan.json"
    plan = make_plan(network, chip())
    data = plan_data(plan)
    data["layers"][0]["blocks"][0] |= {"tile": "tile(0,1)", "first_row": 150, "first_column": 16}
    path.write_text(json.dumps(data))
    shared = make_plan(network, chip(path))
    assert (shared.tiles_used, len(shared.blocks)) == (plan.tiles_used - 1, len(plan.blocks))
    assert plan_data(shared) == data


def test_the_hash_is_of_sizes_and_edges_not_of_weights(network):
    assert network_sha256(load_network("onnx:squeezenet", seed=1)) == network_sha256(
        load_network("onnx:squeezenet", seed=2)
    )
    assert network_sha256(network) != network_sha256(load_network("zoo:digits-mlp"))


def edited(path: Path, network, change) -> Path:
    data = plan_data(make_plan(network, chip()))
    change(data)
    path.write_text(json.dumps(data, indent=1))
    return path


def _set(data, *path_and_value):
    *path, last, value = path_and_value
    for key in path:
        data = data[key]
    data[last] = value


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: _set(d, "schema_version", 2), r"plan.json:2: schema_version: input should be 1, got 2"),
        (lambda d: _set(d, "layer", []), r"plan.json:\d+: layer: unknown field"),
        (lambda d: d.pop("kind"), "plan.json:1: kind: is missing"),
        (lambda d: _set(d, "network", "sha256", "0" * 64), r"network.sha256: the mapping is of another network"),
        (lambda d: _set(d, "chip", "crossbar", [512, 512]), r"chip.crossbar: .*of 512 x 512, hermes64 has 256 x 256"),
        (lambda d: _set(d, "layers", 1, "layer", "blok1"), r"layers.1.layer: .*no layer 'blok1'.*mean 'block1'"),
        (lambda d: _set(d, "layers", 1, "layer", "stem"), r"layers.1.layer: layer 'stem' is given twice"),
        (lambda d: d["layers"].pop(2), r"layer 'block2' is missing"),
        (lambda d: _set(d, "layers", 0, "replicas", 65), r"layers.0.replicas: layer stem has 64 positions: at most 64"),
        (lambda d: _set(d, "layers", 0, "blocks", 0, "tile", "tile(8,8)"),
         r"plan.json:\d+: layers.0.blocks.0.tile: hermes64 has no 'tile\(8,8\)'; did you mean"),
        (lambda d: _set(d, "layers", 0, "blocks", 0, "tile", "tile(0,1)"),
         r"plan.json: tile\(0,1\): layer stem, rows 0 to 8, .* and layer block1, .* lie over each other"),
        (lambda d: _set(d, "layers", 0, "blocks", 0, "crossbar", 1), "a tile of hermes64 has 1 "),
        (lambda d: _set(d, "layers", 0, "blocks", 0, "first_row", 250), "reaches beyond the array of 256 x 256"),
        (lambda d: _set(d, "layers", 0, "blocks", 0, "row", 1), r"layer 'stem' has no line for block in row 0"),
        (lambda d: _set(d, "layers", 0, "blocks", 0, "row", -1), r"greater than or equal to 0, got -1"),
        (lambda d: d["layers"][0]["blocks"].append(
            {"matrix": 0, "replica": 1, "row": 0, "column": 0, "tile": "tile(5,5)"}),
         r"layer 'stem' has no block in row 0, column 0 of matrix 0, replica 1; remove"),
        (lambda d: _set(d, "digital_units", "ad", "digital(0)"), r"digital_units.ad: .*no digital layer 'ad'.*'add'"),
        (lambda d: _set(d, "digital_units", "add", "digital(9)"), r"digital_units.add: hermes64 has no 'digital\(9\)'"),
        (lambda d: d["digital_units"].pop("add"), r"digital_units: layer 'add' is missing"),
    ],
)  # fmt: skip
def test_mistakes_are_said_with_line_and_path(tmp_path, network, change, message):
    path = edited(tmp_path / "plan.json", network, change)
    with pytest.raises(InputError, match=message):
        make_plan(network, chip(path))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.json", b'{"schema_version": 1,\n "kind": }', r"a.json:2: not valid JSON"),
        ("a.yaml", b"kind: [", "a.yaml:1: not valid YAML"),
        ("a.json", b"[1]", "expected a mapping"),
        ("a.yaml", b"kind: mapping\nkind: mapping\n", "given twice"),
        ("a.json", b"\xff\xfe\x00", "not a text file"),
        (
            "a.json",
            b'{"schema_version": 1, "kind": "mapping", "kind": "mapping"}',
            "kind is given twice in one section",
        ),
        ("a.json", b"[" * 100_000, "a.json: too many lists inside each other"),
        ("a.json", b'{"schema_version": 1' + b"0" * 5000 + b"}", "a.json: not valid JSON: .*digits"),
        ("a.yaml", b"kind: " + b"[" * 20_000, "a.yaml:1: not valid YAML for chipsim: more than 100"),
        ("b.json", None, "b.json cannot be read"),
    ],
)
def test_what_is_no_mapping_is_refused(tmp_path, network, name, content, message):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(ChipsimError, match=message) as refused:
        make_plan(network, chip(tmp_path / name))
    assert refused.value.exit_code == 2


def test_copies_that_differ_from_the_file_and_a_smaller_chip_are_refused(tmp_path, network):
    path = tmp_path / "plan.yaml"
    write_plan(make_plan(network, chip(), ["block1=2"]), path)
    with pytest.raises(InputError, match="--replicas block1=3: the file of the mapping has 2"):
        make_plan(network, chip(path), ["block1=3"])
    assert make_plan(network, chip(path), ["block1=2"]).layers["block1"].replicas == 2
    with pytest.raises(InputError, match=r"has no 'tile\(1,2\)'|has no 'tile\(0,2\)'"):
        make_plan(network, chip(path, "grid.shape=[2,2]"))
