"""What loading a network costs, in results: nothing without the section, the hand-computed time with it."""

from __future__ import annotations

import copy
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chipsim
from chipsim.architecture.chip import build_chip
from chipsim.architecture.loader import load_spec
from chipsim.architecture.spec import InMemorySpec
from chipsim.mapping.placement import place
from chipsim.network.dataset import load_data
from chipsim.network.zoo import load_network
from chipsim.report.summary import result_table
from chipsim.result import Result

PAGE = Path(__file__).parents[1] / "docs" / "result.md"
STEP, TOLERANCE, MOST, HEADS = 0.25, 0.02, 30, 32
TIMES = "pulse_time: 125 ns, verify_time: 768 ns, pulse_energy: 100 pJ, verify_energy: 10 pJ"


def section(most: int = MOST, more: str = "") -> str:
    how = f"step: {STEP}, tolerance: {TOLERANCE}, max_iterations: {most}, write_heads: {HEADS}"
    return f"tile.programming={{{TIMES}, {how}{more}}}"


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Path:
    digits = load_data("zoo:digits")
    path = tmp_path_factory.mktemp("digits") / "few.npz"
    assert digits.y is not None
    np.savez(path, x=digits.x[:40], y=digits.y[:40], x_calibration=digits.x[40:60])
    return path


def run(few: Path, *overrides: str, **options: Any) -> Result:
    return chipsim.run("hermes64", "zoo:digits-cnn", data=few, programmings=2, overrides=overrides, **options)


@pytest.fixture(scope="module")
def plain(few: Path) -> Result:
    return run(few, baseline="edge_npu", age="1 day")


@pytest.fixture(scope="module")
def written(few: Path) -> Result:
    return run(few, section(), baseline="edge_npu", age="1 day")


def hand_computed_s(places: InMemorySpec, together: bool) -> float:
    """Ideal cells: each needs as many pulses as its weight, relative to the largest of its column and block."""
    network = load_network("zoo:digits-cnn")
    chip = build_chip(places)
    plan = place(network, chip)
    sent = ends = free = 0.0
    for layer in plan.layers.values():
        for placed in layer.blocks:
            block = placed.block
            rows, columns = slice(block.first_row, block.first_row + block.rows), slice(block.first_column, None)
            weights = plan.layers[layer.layer.name].matrices[placed.matrix].weights[rows, columns][:, : block.columns]
            largest = np.abs(weights).max(axis=0)
            share = np.abs(weights) / np.where(largest > 0, largest, 1)
            with np.errstate(divide="ignore"):
                needed = np.ceil(np.log(TOLERANCE / share) / np.log(1 - STEP) - 1e-9)
            pulses = np.minimum(np.maximum(needed, 0), MOST)
            seconds = 0.0
            for sign in (weights > 0, weights < 0):  # G+, then G-: the other of the two is only verified
                for column in np.where(sign, pulses, 0).T:
                    for first in range(0, block.rows, HEADS):
                        seconds += 768e-9 + max(column[first : first + HEADS]) * (125e-9 + 512e-9 + 256e-9)
            sent += weights.size / 400e6  # 8 bits each, 3.2 Gbit/s
            there = sent + 100e-9 + chip.hops("host", placed.tile) * 5e-9
            free = max(there, 0 if together else free) + seconds
            ends = max(ends, free)
    return ends


@pytest.mark.parametrize("together", [True, False])
def test_loading_takes_the_hand_computed_time(few: Path, together: bool) -> None:
    """With the times and write heads that are published of the chip; step and tolerance are assumptions."""
    most = "" if together else ", tiles_in_parallel: 1"
    found = run(few, section(more=most), "tile.crossbar.device=ideal")
    spec = load_spec("hermes64")
    assert isinstance(spec, InMemorySpec)
    assert found.data["chip"]["loading_s"] == pytest.approx(hand_computed_s(spec, together), rel=1e-9)


def test_without_the_section_loading_is_not_known(plain: Result) -> None:
    chip = plain.data["chip"]
    assert (chip["loading"], chip["loading_s"], chip["loading_j"]) == (None, None, None)
    assert plain.data["ratio"]["loading_s"] is None
    assert plain.data["baseline"]["loading_s"] > 0


def test_where_every_cell_gets_there_nothing_else_changes(plain: Result, written: Result) -> None:
    first, second = copy.deepcopy(plain.data), copy.deepcopy(written.data)
    for data in (first, second):
        for key in ("loading", "loading_s", "loading_j"):
            del data["chip"][key]
        for key in ("loading_s", "loading_j"):
            del data["ratio"][key]
        del data["simulator"], data["settings"]["set"], data["input_hashes"]["architecture"]
    assert written.data["chip"]["loading"]["unconverged"] == 0
    assert first == second
    assert plain.tables == written.tables


def test_the_parts_add_up(written: Result) -> None:
    chip, ratio = written.data["chip"], written.data["ratio"]
    found = chip["loading"]
    cells = 2 * sum(row["rows_used"] * row["columns_used"] for row in written.tables["tiles"])
    assert found["cells"] == cells
    assert found["bytes"] == cells // 2
    assert found["verifies"] == cells + found["pulses"]
    assert found["iterations_mean"] == found["pulses"] / cells
    assert found["pulse_j"] == pytest.approx(found["pulses"] * 100e-12)
    assert found["verify_j"] == pytest.approx(found["verifies"] * 10e-12)
    assert chip["loading_j"] == pytest.approx(found["pulse_j"] + found["verify_j"] + found["transfer_j"])
    assert found["longest_tile_s"] < chip["loading_s"] < found["longest_tile_s"] + found["transfer_s"]
    assert ratio["loading_s"] == chip["loading_s"] / written.data["baseline"]["loading_s"]


def test_too_few_iterations_cost_less_and_change_what_is_computed(few: Path, plain: Result, written: Result) -> None:
    found = run(few, section(most=4), baseline="edge_npu", age="1 day")
    assert found.data["chip"]["loading_s"] < written.data["chip"]["loading_s"]
    assert found.data["chip"]["loading"]["unconverged"] > 0.1
    for key in ("ideal", "quantised", "reference"):
        assert found.data["accuracy"][key] == plain.data["accuracy"][key]
    before, after = plain.data["signal_to_noise_db"], found.data["signal_to_noise_db"]
    assert all(after[name] < before[name] - 3 for name in before)
    assert found.data["chip"]["makespan_s"] == plain.data["chip"]["makespan_s"]


@pytest.mark.parametrize("encoding", ["slices", "offset"])
def test_slices_of_weights_are_loaded_too(few: Path, encoding: str) -> None:
    cells = f"tile.crossbar.encoding={{kind: {encoding}, weight_bits: 6, bits_per_cell: 2, devices_per_polarity: 2}}"
    found = run(few, section(), cells)
    used = sum(row["rows_used"] * row["columns_used"] for row in found.tables["tiles"])
    units = sum(row["rows_used"] for row in found.tables["tiles"])
    each = 2 * 3 * used * 2 if encoding == "slices" else 2 * (3 * used + units)
    assert found.data["chip"]["loading"]["cells"] == each
    assert found.data["chip"]["loading"]["weight_bits"] == 6


def test_timing_alone_cannot_say_how_many_pulses_there_are(few: Path) -> None:
    assert run(few, section(), timing_only=True).data["chip"]["loading"] is None


def test_the_table_has_lines_for_loading_only_where_it_is_known(plain: Result, written: Result) -> None:
    from rich.console import Console

    def text(result: Result) -> str:
        console = Console(width=120)
        with console.capture() as capture:
            console.print(result_table(result))
        return capture.get()

    assert "Loading the weights" not in text(plain)
    assert re.search(r"Loading the weights, once +[\d.]+ ms +[\d.]+ µs +[\d,]+x more, worse", text(written))


def test_every_key_of_loading_is_documented(written: Result) -> None:
    part = PAGE.read_text(encoding="utf-8").split("### Loading the chip\n")[1].split("\n##")[0]
    assert set(re.findall(r"^\| `([^`]+)` \|", part, flags=re.MULTILINE)) == set(written.data["chip"]["loading"])
