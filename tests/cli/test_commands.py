"""What the commands print when all is well."""

import json

import pytest
from command_line import here

from chipsim import __version__
from chipsim.architecture.loader import list_architectures


def test_version(capsys):
    assert here(capsys, "--version").out == f"chipsim {__version__}\n"


@pytest.mark.parametrize("words", [["--help"], ["run", "--help"], ["map", "--help"], ["list", "--help"]])
def test_help(capsys, words):
    outcome = here(capsys, *words)
    assert outcome.code == 0
    assert outcome.error == ""
    assert "Usage: chipsim" in outcome.out


def test_no_arguments_show_the_commands(capsys):
    outcome = here(capsys)
    assert outcome.code == 2
    assert "Commands:" in outcome.error + outcome.out
    for command in ("run", "map", "check", "schema", "list"):
        assert command in outcome.error + outcome.out


@pytest.mark.parametrize(
    ("what", "some"),
    [
        ("architectures", "hermes64"),
        ("networks", "zoo:digits-cnn"),
        ("networks", "onnx:resnet50"),
        ("data", "zoo:digits"),
        ("devices", "pcm"),
        ("mappings", "in-order"),
    ],
)
def test_list(capsys, what, some):
    lines = here(capsys, "list", what).out.splitlines()
    assert some in lines
    assert {f"  {line}" for line in lines} | {f"{what}:"} <= set(here(capsys, "list").out.splitlines())


@pytest.mark.parametrize("name", list_architectures())
def test_check_accepts_every_architecture_that_comes_along(capsys, name):
    outcome = here(capsys, "check", name)
    assert outcome.code == 0
    assert name in outcome.out
    assert "ok: no errors found" in outcome.out


def test_map_shows_every_layer(capsys):
    outcome = here(capsys, "map", "hermes64", "zoo:digits-mlp")
    assert outcome.code == 0
    for layer in ("dense1", "dense2", "dense3", "dense4"):
        assert layer in outcome.out


def test_schema_is_a_json_schema(capsys):
    schema = json.loads(here(capsys, "schema").out)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    kinds = schema["discriminator"]["mapping"]
    assert set(kinds) == {"in-memory", "von-neumann"}
    assert_references_resolve(schema, schema["$defs"])
    for part in schema["$defs"].values():
        assert part["type"] == "object"
        assert part["additionalProperties"] is False
        assert set(part.get("required", ())) <= set(part["properties"])
    assert {"grid", "tile", "host"} <= set(schema["$defs"]["InMemorySpec"]["required"])


def assert_references_resolve(part, definitions):
    if isinstance(part, dict):
        if "$ref" in part:
            assert part["$ref"].removeprefix("#/$defs/") in definitions
        for value in part.values():
            assert_references_resolve(value, definitions)
    elif isinstance(part, list):
        for value in part:
            assert_references_resolve(value, definitions)


def test_run_prints_accuracy_time_and_energy(capsys):
    outcome = here(capsys, "run", "hermes64", "zoo:digits-mlp", "--programmings", "1", "--baseline", "edge_npu")
    assert outcome.code == 0
    for words in ("Energy per input", "Throughput", "hermes64", "edge_npu"):
        assert words in outcome.out


def test_map_writes_a_file_that_run_takes_and_a_picture(capsys, tmp_path):
    words = ("map", "hermes64", "zoo:digits-cnn", "--mapping", "balanced", "--out", tmp_path / "plan")
    assert here(capsys, *words).code == 0
    file = tmp_path / "plan" / "mapping.json"
    first = file.read_bytes()
    assert (tmp_path / "plan" / "mapping.png").stat().st_size > 10_000
    run = ("run", "hermes64", "zoo:digits-cnn", "--timing-only", "--json")
    by_file = json.loads(here(capsys, *run, "--mapping", file).out)
    by_name = json.loads(here(capsys, *run, "--mapping", "balanced").out)
    assert by_file["mapping"]["strategy"] == by_file["settings"]["mapping"] == str(file)
    assert by_file["mapping"]["sha256"] == by_name["mapping"]["sha256"]
    assert by_file["chip"] == by_name["chip"]
    assert by_name["chip"]["tiles_used"] == 9
    assert {**json.loads(first), "strategy": ""} == {**by_name["mapping"]["plan"], "strategy": ""}
    assert here(capsys, *words).code == 0
    assert file.read_bytes() == first


def test_map_prints_numbers_as_json(capsys):
    numbers = json.loads(here(capsys, "map", "hermes64", "zoo:digits-cnn", "--replicas", "block1=3", "--json").out)
    assert numbers["tiles_used"] == 8
    assert numbers["strategy"] == "in-order"
    rows = {row["name"]: row for row in numbers["layers"]}
    assert (rows["block1"]["rows"], rows["block1"]["columns"]) == (144, 16)
    assert (rows["block1"]["tiles"], rows["block1"]["replicas"], rows["block1"]["positions"]) == (3, 3, 64)
    assert rows["block1"]["cells_used"] == 3 * rows["block1"]["weights"] == 3 * 144 * 16


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--mapping", "inorder"], 2, "unknown mapping 'inorder'"),
        (["--mapping", "none.json"], 2, "none.json cannot be read"),
        (["--set", "mapping.strategy=in-order", "--set", "mapping.stratgy=x"], 2, "mapping.stratgy"),
        (["--set", "grid.shape=[1,2]"], 1, "needs 6 tiles"),
    ],
)
def test_a_mapping_that_cannot_be_is_one_message(capsys, tmp_path, words, code, message):
    for command in (["map", "--out", tmp_path / "out"], ["run", "--timing-only"]):
        outcome = here(capsys, command[0], "hermes64", "zoo:digits-cnn", *command[1:], *words)
        assert outcome.code == code
        assert message in outcome.one_message()
        assert not (tmp_path / "out").exists()


def test_map_compares_mappings_as_they_are_simulated(capsys):
    words = ("map", "hermes64", "zoo:digits-cnn", "--compare", "in-order,annealed")
    numbers = json.loads(here(capsys, *words, "--json").out)
    in_order, annealed = numbers["compared"]
    assert (in_order["mapping"], annealed["mapping"]) == ("in-order", "annealed")
    assert annealed["hop_bytes_per_input"] < in_order["hop_bytes_per_input"]
    assert numbers["estimate"]["limit"].startswith("tile(")
    assert abs(in_order["estimate"]["error"]) < 0.05
    shown = here(capsys, *words).out
    for text in ("limit by the estimate", "hop-bytes per input", "annealed", f"{annealed['hop_bytes_per_input']:,}"):
        assert text in shown
    assert "unknown mapping 'x'" in here(capsys, "map", "hermes64", "zoo:digits-cnn", "--compare", "x").one_message()


def test_map_says_how_many_tiles_sharing_saves(capsys):
    words = ("map", "hermes64", "zoo:digits-cnn", "--mapping", "best-fit")
    assert "tiles: 6 with one block per tile, 1 as mapped, 1 of them with several blocks" in here(capsys, *words).out
    numbers = json.loads(here(capsys, *words, "--json").out)
    assert (numbers["tiles_before_sharing"], numbers["tiles_used"], numbers["blocks"]) == (6, 1, 6)


def test_a_network_that_is_too_large_is_told_of_chips_and_of_reloading(capsys):
    words = ("map", "hermes64", "zoo:digits-cnn", "--set", "grid.shape=[1,3]")
    outcome = here(capsys, *words)
    assert outcome.code == 1
    for text in ("needs 6 tiles, hermes64 has 3", "--chips 2", "--reload"):
        assert text in outcome.one_message()
    numbers = json.loads(here(capsys, *words, "--chips", "2", "--json").out)
    assert (numbers["tiles"], numbers["tiles_used"]) == (6, 6)
    assert "tile(0,1/0,2)" in numbers["layers"][-1]["places"]
    message = here(capsys, *words, "--reload").one_message()
    assert "has no section tile.programming; add one (docs/programming.md" in message


def test_reloading_is_named_with_what_it_takes_and_only_where_it_helps(capsys):
    words = ("map", "hermes64", "zoo:digits-cnn", "--set", "grid.shape=[1,3]")
    lacks = "(--reload, which needs a section tile.programming, and hermes64 has none: docs/mapping.md"
    assert lacks in here(capsys, *words).one_message()
    programmed = (
        "tile.programming={pulse_time: 125 ns, pulse_energy: 28 pJ, verify_time: 768 ns, verify_energy: 52.5 pJ, "
    )
    programmed += "step: 0.25, tolerance: 0.02, max_iterations: 30, write_heads: 32}"
    message = here(capsys, *words, "--set", programmed).one_message()
    assert message.rstrip().endswith("(--reload)")
    message = here(capsys, *words, "--set", programmed, "--mapping", "balanced").one_message()
    assert message.rstrip().endswith("(--reload --mapping in-order)")
    alone = here(capsys, "map", "hermes64", "zoo:digits-cnn", "--set", "grid.shape=[1,1]").one_message()
    assert "--chips 6" in alone  # a layer of two tiles is larger than the chip
    assert "--reload" not in alone


def test_best_fit_names_several_chips_and_reloading_too(capsys):
    words = ("map", "hermes64", "zoo:digits-cnn", "--mapping", "best-fit", "--set", "grid.shape=[1,2]")
    small = ("--set", "tile.crossbar.rows=128", "--set", "tile.crossbar.columns=32")
    message = here(capsys, *words, *small).one_message()
    assert "side by side" in message
    assert "--chips" in message
    assert "--reload" not in message  # classify needs four such arrays by itself
    small = (*small, "--set", "grid.shape=[1,4]")
    message = here(capsys, *words, *small).one_message()
    assert "or 2 chips (--chips 2); or write tiles again between rounds (--reload --mapping in-order" in message
    assert (
        "allow more (mapping.tiles)"
        in here(capsys, *words, *small, "--set", "grid.shape=[3,3]", "--set", "mapping.tiles=2").one_message()
    )


def test_several_chips_have_links_like_the_hosts(capsys):
    words = (
        "run",
        "hermes64",
        "zoo:digits-cnn",
        "--timing-only",
        "--json",
        "--set",
        "grid.shape=[1,3]",
        "--chips",
        "2",
    )
    slow = json.loads(here(capsys, *words, "--set", "host.latency=50 us").out)["chip"]
    fast = json.loads(here(capsys, *words).out)["chip"]
    # the image in, from chip to chip, the result back to the chip beside the host, and out
    assert slow["latency_first_input_s"] - fast["latency_first_input_s"] == pytest.approx(4 * 49.9e-6, rel=0.01)


def test_map_shows_rounds(capsys, tmp_path):
    section = (
        "tile.programming={pulse_time: 125 ns, verify_time: 768 ns, step: 0.25, tolerance: 0.02, max_iterations: 30}"
    )
    words = ("map", "hermes64", "zoo:digits-cnn", "--reload", "--set", "grid.shape=[1,3]", "--set", section)
    outcome = here(capsys, *words, "--out", tmp_path / "plan")
    assert outcome.code == 0
    assert "in 2 rounds" in outcome.out
    assert "(0,1)@2" in outcome.out
    assert sorted(path.name for path in (tmp_path / "plan").iterdir()) == ["mapping.png", "rounds.json"]
    data = json.loads((tmp_path / "plan" / "rounds.json").read_text(encoding="utf-8"))
    assert [[layer["layer"] for layer in each["layers"]] for each in data["rounds"]] == [
        ["stem", "block1", "block2"], ["wide", "classify"],
    ]  # fmt: skip
    refused = here(capsys, "run", *words[1:3], "--mapping", tmp_path / "plan" / "rounds.json", "--timing-only")
    assert refused.code == 2
    assert "give --reload instead" in refused.one_message()
    assert json.loads(here(capsys, *words, "--json").out)["estimate"] is None
