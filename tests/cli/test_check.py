"""``chipsim check`` says how a chip computes, and refuses what a run would refuse."""

from __future__ import annotations

from pathlib import Path

import pytest
from command_line import here

LEVELS = (
    "grid={topology: hierarchical, levels: [{topology: mesh, shape: [2, 2]}, "
    "{topology: ring, shape: [2, 4], link: {bandwidth: 1 GB/s}}]}"
)
WRITING = "tile.programming={pulse_time: 125 ns, verify_time: 768 ns, step: 0.25, tolerance: 0.02, max_iterations: 30"
SLICES = "tile.crossbar.encoding={kind: slices, weight_bits: 8, bits_per_cell: 4, devices_per_polarity: 3}"
SERIAL = "tile.dac={bits: 8, encoding: bit-serial, bits_per_cycle: 2, signs: positive-negative}"


@pytest.fixture
def rows(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    """What `check` prints, by the name of the row."""
    monkeypatch.setenv("COLUMNS", "300")

    def check(architecture: str, *overrides: str) -> dict[str, str]:
        outcome = here(capsys, "check", architecture, *(word for each in overrides for word in ("--set", each)))
        assert (outcome.code, outcome.error) == (0, "")
        lines = [line.split("│") for line in outcome.out.splitlines() if line.count("│") == 3]
        return {cells[1].strip(): cells[2].strip() for cells in lines}

    return check


@pytest.mark.parametrize(
    ("override", "row", "words"),
    [
        (SLICES, "crossbar", "256 x 256 weights of 2 slices in pairs of cells (pcm; 8-bit weights, 4 bits a cell), "
                             "3 devices per polarity"),
        (SERIAL, "DAC", "8 bits, bit-serial, 2 bits a plane, positive-negative, 8 planes"),
        ("tile.adc.kind=ramp", "ADC", "8 bits, ramp, columns per converter: 1"),
        ("tile.crossbar.wires.driver=100 ohm", "wires", "driver 100 ohm"),
        ("tile.crossbar.faults.dead_row_rate=0.01", "faults", "1.00 % of word lines dead"),
        ("tile.compensation.kind=per-column", "compensation", "per-column, 128 reads per tile"),
        ("tile.compensation.reads=16", "compensation", "global, 16 reads per tile"),
        (f"{WRITING}, write_heads: 32}}", "programming",
         "pulse 125 ns, verify 768 ns, at most 30 pulses a cell, 32 write heads"),
        ("tile.crossbars=4", "arrays of a tile", "4, one load port and one output port"),
        (LEVELS, "link of level 1", "mesh 2 x 2, 400 MB/s, 2.5 ns a hop"),
        (LEVELS, "link of level 2", "ring 2 x 4, 1 GB/s, 2.5 ns a hop"),
    ],
)  # fmt: skip
def test_what_differs_from_the_plain_case_has_its_words(rows, override: str, row: str, words: str) -> None:
    plain, changed = rows("hermes64"), rows("hermes64", override)
    assert changed[row] == words
    assert plain.get(row) != words


def test_a_plain_chip_has_no_rows_about_nothing(rows) -> None:
    found = rows("hermes64", "neuron_unit.partial_sums=gather", "neuron_unit.hop_latency=0 s")
    assert found["crossbar"] == "256 x 256 pairs of pcm cells"
    assert (found["DAC"], found["ADC"]) == ("8 bits", "8 bits, columns per converter: 1")
    assert not {"wires", "faults", "programming", "compensation", "partial sums", "link of level 1"} & set(found)


def test_published_chips_say_what_they_are(rows) -> None:
    isaac, hermes = rows("isaac"), rows("hermes64")
    assert isaac["crossbar"].startswith("128 x 128 weights of 8 slices in single cells (ideal; 16-bit weights")
    assert isaac["arrays of a tile"] == "12, one load port, output ports of their own"
    assert isaac["DAC"] == "16 bits, bit-serial, 1 bit a plane, twos-complement, 16 planes"
    assert hermes["partial sums"].startswith("chain, from tile to tile")


def test_what_is_shared_is_said(rows) -> None:
    shared = "tile.crossbars=4", "tile.adc.crossbars_per_adc=2", "tile.output_ports=per-crossbar"
    found = rows("hermes64", *shared, "neuron_unit.partial_sums=gather", "neuron_unit.tiles_per_unit=4")
    assert found["arrays of a tile"] == "4, one load port, output ports of their own, converters for 2 of them"
    assert found["neuron units"] == "one for 4 tiles"
    assert "16 neuron unit" in found["components"]


def test_analog_neuron_units_are_said(rows) -> None:
    found = rows("hermes64", "neuron_unit={rate: 1 Gop/s, activation: analog, latency: 5 ns}")
    assert found["neuron units"] == "analog, before conversion, settled in 5 ns"


def test_where_buffers_spill_to_is_said(rows) -> None:
    spilling = "tile.buffer.capacity=2048 B", "tile.buffer.spill=global_memory", "global_memory.bandwidth=1 GB/s"
    found = rows("hermes64", *spilling)
    assert found["line buffer"] == "2,048 B for each edge; the rest goes to the global memory"
    assert found["global memory"] == "1 GB/s, 0 s an access, on a bus of its own"
    branches = "digital_unit.buffer={capacity: 4096 B, spill: global_memory}", 'global_memory.site="1,2"'
    found = rows("hermes64", "global_memory.bandwidth=1 GB/s", *branches)
    assert found["digital unit buffer"] == "4,096 B for each operand of a layer; the rest goes to the global memory"
    assert found["global memory"] == "1 GB/s, 0 s an access, beside router(1,2)"


def test_a_map_of_faults_is_counted(rows, tmp_path: Path) -> None:
    path = tmp_path / "known.csv"
    path.write_text('tile,row,column,line,fault\n"tile(0,0)",12,7,0,on\n"tile(0,1)",*,3,1,open\n')
    assert rows("hermes64", f"tile.crossbar.faults.map={path}")["faults"] == f"2 known faults in {path}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "cannot be read: No such file"),
        ("tile,row\n", "line 1: the columns must be"),
        ('tile,row,column,line,fault\n"tile(0,0)",256,0,0,on\n', "line 2: row '256' must be 0 to 255"),
        ('tile,row,column,line,fault\n"tile(9,9)",1,0,0,on\n', "line 2: 'tile(9,9)' is no tile of the chip"),
    ],
)
@pytest.mark.parametrize("command", [["check", "hermes64"], ["run", "hermes64", "zoo:digits-mlp"]])
def test_a_wrong_map_is_an_error_as_in_a_run(capsys, tmp_path: Path, text, message: str, command: list[str]) -> None:
    path = tmp_path / "map.csv"
    if text is not None:
        path.write_text(text)
    outcome = here(capsys, *command, "--set", f"tile.crossbar.faults.map={path}")
    assert outcome.code == 2
    assert message in outcome.one_message()


def test_a_mapping_is_said_where_the_file_has_one(capsys):
    words = ("check", "hermes64", "--set", "mapping.strategy=annealed", "--set", "mapping.fuse_parallel=true")
    assert "strategy: annealed, fuse_parallel: true" in here(capsys, *words).out
    assert "mapping" not in here(capsys, "check", "hermes64").out
