"""The section tile.programming: what it takes and what it refuses, with file, line and path."""

import pytest

from chipsim.architecture.loader import check_spec, load_spec
from chipsim.architecture.spec import InMemorySpec
from chipsim.architecture.yaml_source import parse_yaml
from chipsim.errors import SpecError

FILE = """\
schema_version: 1
kind: in-memory
name: small
grid: {shape: [1, 2]}
tile:
  crossbar: {rows: 16, columns: 8, device: pcm}
  mvm_latency: 100 ns
  programming:
    pulse_time: 125 ns
    pulse_energy: 10 pJ
    verify_time: 768 ns
    verify_energy: 1 pJ
    step: 0.25
    tolerance: 0.02
    max_iterations: 30
    write_heads: 32
    tiles_in_parallel: 4
neuron_unit: {rate: 400 Mop/s}
digital_unit: {rate: 1 Gop/s}
link: {bandwidth: 1 GB/s}
host: {bandwidth: 1 GB/s}
"""


def test_the_section_is_read_into_si_units() -> None:
    spec = check_spec(parse_yaml(FILE, "small.yaml"))
    assert isinstance(spec, InMemorySpec)
    given = spec.tile.programming
    assert given is not None
    assert (given.pulse_time, given.verify_time, given.pulse_energy) == (125e-9, 768e-9, 10e-12)
    assert (given.step, given.max_iterations, given.write_heads, given.tiles_in_parallel) == (0.25, 30, 32, 4)


def test_all_tiles_are_written_together_unless_told_otherwise() -> None:
    spec = check_spec(parse_yaml(FILE.replace("    tiles_in_parallel: 4\n", ""), "small.yaml"))
    assert isinstance(spec, InMemorySpec)
    assert spec.tile.programming is not None
    assert spec.tile.programming.tiles_in_parallel == "all"


@pytest.mark.parametrize(
    ("line", "wrong", "words"),
    [
        ("step: 0.25", "step: 0", "must be greater than 0"),
        ("step: 0.25", "step: 1.1", "must be at most 1"),
        ("tolerance: 0.02", "tolerance: 1", "must be below 1"),
        ("tolerance: 0.02", "tolerance: 0", "must be greater than 0"),
        ("max_iterations: 30", "max_iterations: 0", "must be at least 1"),
        ("max_iterations: 30", "max_iterations: 2.5", "must be a whole number"),
        ("write_heads: 32", "write_heads: 0", "must be at least 1"),
        ("tiles_in_parallel: 4", "tiles_in_parallel: 0", "must be at least 1"),
        ("tiles_in_parallel: 4", "tiles_in_parallel: none", "'all'"),
        ("pulse_energy: 10 pJ", "pulse_energy: -1 pJ", "must be zero or greater"),
        ("verify_energy: 1 pJ", "verify_energy: 1", "has no unit"),
        ("pulse_time: 125 ns", "pulse_time: 0 ns", "must be greater than zero"),
        ("step: 0.25", "stepp: 0.25", "unknown field"),
    ],
)
def test_a_mistake_is_named_with_its_line(line: str, wrong: str, words: str) -> None:
    text = FILE.replace(line, wrong)
    number = next(index for index, each in enumerate(text.splitlines(), 1) if wrong in each)
    with pytest.raises(SpecError) as error:
        check_spec(parse_yaml(text, "small.yaml"))
    assert f"small.yaml:{number}: tile.programming.{wrong.partition(':')[0]}" in str(error.value)
    assert words in str(error.value)


def test_a_field_that_has_no_neutral_value_must_be_given() -> None:
    with pytest.raises(SpecError, match=r"tile\.programming\.tolerance: missing"):
        check_spec(parse_yaml(FILE.replace("    tolerance: 0.02\n", ""), "small.yaml"))


def test_the_preset_says_nothing_of_programming() -> None:
    spec = load_spec("hermes64")
    assert isinstance(spec, InMemorySpec)
    assert spec.tile.programming is None
