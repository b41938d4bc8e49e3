"""Reading architecture files: every kind of mistake is one message with file, line, dotted path and value."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from chipsim.architecture.loader import (
    check_spec,
    find_architecture,
    json_schema,
    list_architectures,
    load_spec,
    preset_folder,
    spec_hash,
)
from chipsim.architecture.spec import InMemorySpec, VonNeumannSpec
from chipsim.architecture.yaml_source import MAX_BYTES, parse_yaml
from chipsim.errors import SpecError

SMALL = """\
schema_version: 1
kind: in-memory
name: small
grid:
  shape: [2, 3]
tile:
  crossbar: {rows: 16, columns: 8, device: pcm}
  mvm_latency: 100 ns
neuron_unit:
  rate: 400 Mop/s
digital_unit:
  rate: 1 Gop/s
link:
  bandwidth: 3.2 Gbit/s
  latency: 2.5 ns
host:
  bandwidth: 1 GB/s
"""


def refused(text: str) -> str:
    with pytest.raises(SpecError) as error:
        check_spec(parse_yaml(text, "small.yaml"))
    assert error.value.exit_code == 2
    return str(error.value)


def line_of(text: str, part: str) -> int:
    return next(number for number, line in enumerate(text.splitlines(), 1) if part in line)


def test_the_small_file_is_read_into_si_units() -> None:
    spec = check_spec(parse_yaml(SMALL, "small.yaml"))
    assert isinstance(spec, InMemorySpec)
    assert spec.link.bandwidth == 4e8
    assert spec.tile.mvm_latency == 1e-7
    assert (spec.grid.shape, spec.grid.sites, spec.tile.register_banks) == ((2, 3), 6, 2)
    assert spec.link.source_of("bandwidth") == "assumption"


@pytest.mark.parametrize(
    ("old", "new", "path", "value", "wanted"),
    [
        ("rate: 400 Mop/s", "rat: 400 Mop/s", "neuron_unit.rat", "unknown field", "did you mean 'rate'?"),
        ("latency: 2.5 ns", "latency: 2.5", "link.latency", "2.5", "such as '8 ns'"),
        ("latency: 2.5 ns", "latency: 1e-9", "link.latency", "'1e-9'", "no unit"),
        ("latency: 2.5 ns", "latency: 2.5 GB", "link.latency", "'2.5 GB'", "unknown unit 'GB'"),
        ("bandwidth: 3.2 Gbit/s", "bandwidth: 3.2 Gbit", "link.bandwidth", "'3.2 Gbit'", "did you mean 'Gbit/s'?"),
        ("latency: 2.5 ns", "latency: -2.5 ns", "link.latency", "'-2.5 ns'", "zero or greater"),
        ("bandwidth: 1 GB/s", "bandwidth: 0 GB/s", "host.bandwidth", "'0 GB/s'", "greater than zero"),
        ("bandwidth: 1 GB/s", "bandwidth: 1e999 GB/s", "host.bandwidth", "'1e999 GB/s'", "not finite"),
        ("bandwidth: 1 GB/s", "bandwidth: fast", "host.bandwidth", "'fast'", "with its unit"),
        ("bandwidth: 1 GB/s", "bandwidth: true", "host.bandwidth", "True", "no unit"),
        ("shape: [2, 3]", "shape: [2, 0]", "grid.shape.1", "0", "at least 1"),
        ("shape: [2, 3]", "shape: [2, x]", "grid.shape.1", "'x'", "whole number"),
        ("shape: [2, 3]", "shape: [2]", "grid.shape.1", "missing", ""),
        ("rows: 16", "rows: 16.5", "tile.crossbar.rows", "16.5", "whole number"),
        ("shape: [2, 3]", "shape: [2, 3]\n  topology: mash", "grid.topology", "'mash'", "did you mean 'mesh'?"),
        (
            "  bandwidth: 1 GB/s",
            "  max_inputs_in_flight: 0\n  bandwidth: 1 GB/s",
            "host.max_inputs_in_flight",
            "0",
            "auto",
        ),
        ("schema_version: 1", "schema_version: 2", "schema_version", "2", "1"),
        ("name: small", "name: ''", "name", "''", "at least 1 character"),
        ("mvm_latency: 100 ns", "digital_scale: true", "tile", "tile.mvm_latency", "tile.adc.conversion_time"),
        ("  latency: 2.5 ns", "  source: {bandwith: a}", "link", "bandwith", "no fields"),
    ],
)
def test_a_wrong_value_is_named_with_file_line_path_and_value(
    old: str, new: str, path: str, value: str, wanted: str
) -> None:
    assert SMALL.count(old) == 1
    text = SMALL.replace(old, new)
    lines = refused(text).splitlines()
    found = [(m, line) for line in lines if (m := re.match(r"small\.yaml:(\d+): ([\w.]+): ", line))]
    where, message = next((m, line) for m, line in found if m[2] == path)
    field, line = path.split("."), text.splitlines()[int(where[1]) - 1]
    assert any(name in line for name in field[-2:])
    assert value in message
    assert wanted in "\n".join(lines)


def test_an_unknown_field_lists_what_is_allowed_there() -> None:
    message = refused(SMALL.replace("rows: 16", "rosw: 16"))
    assert "tile.crossbar.rosw: unknown field; allowed here: columns, device, " in message
    assert "did you mean 'rows'?" in message
    assert "missing" not in message  # it is there, misspelt


def test_all_mistakes_are_reported_together() -> None:
    text = SMALL.replace("100 ns", "100").replace("1 GB/s", "1 s").replace("[2, 3]", "[-2, 3]")
    assert len(refused(text).splitlines()) == 3


def test_a_missing_section_is_named() -> None:
    text = SMALL.replace("host:\n  bandwidth: 1 GB/s\n", "")
    assert refused(text) == "small.yaml:1: host: missing; add this field"


@pytest.mark.parametrize("kind", ["in-memroy", "7", "[a]"])
def test_a_wrong_kind_names_the_kinds(kind: str) -> None:
    message = refused(SMALL.replace("kind: in-memory", f"kind: {kind}"))
    assert message.startswith("small.yaml:2: kind: ")
    assert "allowed: in-memory, von-neumann" in message
    assert ("did you mean 'in-memory'?" in message) == (kind == "in-memroy")


def test_a_missing_kind_is_named() -> None:
    assert "kind: missing; allowed: in-memory, von-neumann" in refused(SMALL.replace("kind: in-memory\n", ""))


def test_a_field_given_twice_is_refused_with_both_lines() -> None:
    text = SMALL.replace("  latency: 2.5 ns", "  latency: 2.5 ns\n  latency: 3 ns")
    first = line_of(text, "latency: 2.5 ns")
    assert refused(text) == f"small.yaml:{first + 1}: link.latency: given twice (first on line {first}); keep one"


def test_aliases_are_refused() -> None:
    text = SMALL.replace("bandwidth: 3.2 Gbit/s", "bandwidth: &fast 3.2 Gbit/s").replace("1 GB/s", "*fast")
    assert "YAML aliases" in refused(text)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("grid: [1, 2", "small.yaml:1: not valid YAML"),
        ("a:\n\t- b", "small.yaml:2: not valid YAML"),
        ("a: 1\n---\nb: 2", "another document"),
        ("", "expected fields"),
        ("- a\n- b", "expected fields"),
        ("just text", "expected fields"),
        ("? [a, b]\n: 1", "name must be text"),
        ("a: !!python/object:os.system {}\nkind: x", "kind"),
        ("a: !!python/name:os.system", "small.yaml:1: "),
        ("name: 2020-13-45", "small.yaml:1: "),
        ("rows: " + "9" * 5000, "small.yaml:1: "),
        ("a: " + "[" * 1000, "not valid YAML"),
        ("a: \x07", "not valid YAML"),
    ],
)
def test_what_is_no_yaml_mapping_is_refused_in_one_message(text: str, part: str) -> None:
    assert part in refused(text)


def test_files_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    binary, large, good = tmp_path / "binary.yaml", tmp_path / "large.yaml", tmp_path / "good.yaml"
    binary.write_bytes(b"\xff\xfe\x00")
    large.write_text("a: " + "x" * MAX_BYTES)
    good.write_text(SMALL)
    with pytest.raises(SpecError, match=r"binary\.yaml: is not a text file"):
        load_spec(binary)
    with pytest.raises(SpecError, match="larger than"):
        load_spec(large)
    assert load_spec(good).name == "small"
    assert load_spec(str(good)) == load_spec(good)


@pytest.mark.parametrize("name", ["hermes46", "no/such/file.yaml", ".", "", "a\0b", "x" * 5000, "../hermes64"])
def test_a_name_that_is_no_architecture_lists_the_presets(name: str) -> None:
    with pytest.raises(SpecError) as error:
        load_spec(name)
    assert "edge_npu, hermes64" in str(error.value)
    assert ("did you mean 'hermes64'?" in str(error.value)) == ("hermes" in name)


def test_presets_are_found_by_name_and_are_of_both_kinds() -> None:
    assert {type(load_spec(name)) for name in list_architectures()} == {InMemorySpec, VonNeumannSpec}
    assert find_architecture("hermes64") == preset_folder() / "hermes64.yaml"


def test_overrides_change_fields_as_the_file_would() -> None:
    spec = load_spec(
        "hermes64",
        [
            "grid.shape=[24,24]",
            "tile.crossbar.device.parameters.t0_s=1.5",
            "link.bandwidth=1 GB/s",
            "host.max_inputs_in_flight=7",
        ],
    )
    assert isinstance(spec, InMemorySpec)
    assert spec.grid.shape == (24, 24)
    assert spec.tile.crossbar.device_name == "pcm"
    assert spec.tile.crossbar.device_parameters == {"t0_s": 1.5}
    assert (spec.link.bandwidth, spec.host.max_inputs_in_flight) == (1e9, 7)


def test_later_overrides_win_and_sections_can_be_replaced() -> None:
    spec = load_spec("hermes64", ["grid.shape=[1,2]", "grid={shape: [3, 4]}", "grid.shape=[5,6]"])
    assert isinstance(spec, InMemorySpec)
    assert spec.grid.shape == (5, 6)
    assert spec.grid.source == ""


@pytest.mark.parametrize(
    ("override", "parts"),
    [
        ("link.bandwidth", ["not of the form path.to.field=value"]),
        ("link..x=1", ["not of the form path.to.field=value"]),
        ("=1", ["not of the form path.to.field=value"]),
        ("link.bandwidth=[1", ["'[1' is not valid YAML"]),
        ("name=!!python/name:os.system", ["is not valid YAML"]),
        ("name=2020-13-45", ["is not valid YAML"]),
        ("name=" + "[" * 1000, ["is not valid YAML"]),
        ("tile.mvm_latency.x=1", ["'x' is below a field that has no fields of its own"]),
        ("grid.shape.0=4", ["'0' is below a field that has no fields of its own"]),
        ("tile.crossbar.colums=3", ["--set tile.crossbar.colums=3", "unknown field", "did you mean 'columns'?"]),
        ("link.bandwidth=3", ["--set link.bandwidth=3", "link.bandwidth: 3 has no unit"]),
        ("grid.shape=[a,2]", ["--set grid.shape=[a,2]", "grid.shape.0: 'a'"]),
        ("link=3", ["--set link=3", "link: 3"]),
    ],
)
def test_a_wrong_override_is_named_itself_not_a_line_of_the_file(override: str, parts: list[str]) -> None:
    with pytest.raises(SpecError) as error:
        load_spec("hermes64", [override])
    message = str(error.value)
    assert all(part in message for part in parts)
    assert "yaml:" not in message


def test_the_hash_covers_overrides_and_nothing_of_the_spelling() -> None:
    base = spec_hash(load_spec("hermes64"))
    assert base == spec_hash(load_spec("hermes64", ["link.bandwidth=400 MB/s"]))
    assert base != spec_hash(load_spec("hermes64", ["link.bandwidth=401 MB/s"]))
    assert base == spec_hash(load_spec("hermes64", ["tile.mvm_latency=0.133 us"]))


def below(schema: dict[str, Any], part: dict[str, Any]) -> list[dict[str, Any]]:
    """What a part of the schema may be, references resolved."""
    if "$ref" in part:
        return below(schema, schema["$defs"][part["$ref"].rsplit("/", 1)[1]])
    choices = [*part.get("anyOf", []), *part.get("oneOf", []), *part.get("allOf", [])]
    return [found for choice in choices for found in below(schema, choice)] or [part]


def mistakes(schema: dict[str, Any], parts: list[dict[str, Any]], value: Any) -> list[str]:
    """Fields of a value that the schema does not know, lacks, or of another type."""
    kinds = {"object": dict, "array": list, "string": str, "integer": int, "number": (int, float), "boolean": bool}
    found = []
    for part in parts:
        wrong = []
        kind = part.get("type")
        if (
            ("const" in part and value != part["const"])
            or (kind in kinds and not isinstance(value, kinds[kind]))
            or ("pattern" in part and not re.search(part["pattern"], value))
        ):
            wrong.append(repr(value))
        elif isinstance(value, dict):
            fields = part.get("properties", {})
            wrong += [key for key in part.get("required", []) if key not in value]
            for key, inner in value.items():
                if key in fields:
                    wrong += [f"{key}.{name}" for name in mistakes(schema, below(schema, fields[key]), inner)]
                elif part.get("additionalProperties") is False:
                    wrong.append(key)
        if not wrong:
            return []
        found = wrong
    return found


@pytest.mark.parametrize("name", list_architectures())
def test_the_json_schema_accepts_the_presets_and_no_unknown_or_bare_field(name: str) -> None:
    schema = json.loads(json.dumps(json_schema()))
    values = parse_yaml(find_architecture(name).read_text(), name).values
    top = below(schema, schema)
    assert len(top) == 2
    mine = [part for part in top if part["properties"]["kind"]["const"] == values["kind"]]
    assert mistakes(schema, mine, values) == []
    assert mistakes(schema, mine, {**values, "unknown": 1}) == ["unknown"]
    assert mistakes(schema, mine, {**values, "host": {**values["host"], "bandwidth": 3}}) == ["host.bandwidth.3"]
    assert mistakes(schema, mine, {k: v for k, v in values.items() if k != "host"}) == ["host"]


def test_every_quantity_in_the_schema_has_an_example_with_a_unit() -> None:
    text = json.dumps(json_schema())
    assert text.count('"pattern"') == text.count('"examples"') > 30


def test_text_that_looks_like_something_else_and_text_that_is_empty() -> None:
    assert "must be text, in quotes where it looks" in refused(SMALL.replace("name: small", "name: 12"))
    assert refused(SMALL.replace("name: small", "name: 12")).endswith('something else, such as "12"')
    assert refused(SMALL.replace("name: small", "name: [7, 7]")).endswith('something else, such as "7,7"')
    assert "did you mean" not in refused(SMALL.replace("name: small", "name: ''"))


def test_what_is_wrong_between_sections_is_not_said_to_be_of_a_field_called_file() -> None:
    with pytest.raises(SpecError) as error:
        load_spec("hermes64", ["digital_unit.buffer.spill=global_memory"])
    assert re.search(r":\d+: digital_unit.buffer.spill: global_memory needs a section", str(error.value))
    assert "file:" not in str(error.value)
